// What a power cut takes of a checkpoint: transactions from the end, none that was brought to the disk, never a part.
import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Checkpoint } from '../../../src/store/checkpoint.ts'
import { copyCut, SlowDisk } from '../../support/power-cut.ts'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-power-'))
  path = join(folder, 'agent.db')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const put = (key: string, value: string | undefined) => ({ kind: 'task', key, value })

function rowsIn(file: string): string[] {
  using checkpoint = Checkpoint.open(file)
  return checkpoint.read().map(({ key, value }) => `${key}=${value}`)
}

let copies = 0
function afterCut(logBytes: number, torn = Buffer.alloc(0)): string[] {
  copies += 1
  const copy = join(folder, `cut-${copies}`, 'agent.db')
  copyCut(path, copy, logBytes)
  appendFileSync(`${copy}-wal`, torn)
  return rowsIn(copy)
}

/** Twenty transactions of several rows; the rows after each, with the bytes that the log had then. */
function history(checkpoint: Checkpoint): { readonly bytes: number; readonly rows: string[] }[] {
  const rows = new Map<string, string>()
  const states = [{ bytes: statSync(`${path}-wal`).size, rows: [] as string[] }]
  for (let at = 0; at < 20; at++) {
    const changes = [`a${at % 3}`, `b${at % 5}`, `c${at}`].map((key, nth) =>
      put(key, nth === 0 && at % 4 === 3 ? undefined : `${at}`.repeat(1 + 300 * nth)),
    )
    checkpoint.write(changes)
    for (const { key, value } of changes) {
      if (value === undefined) rows.delete(key)
      else rows.set(key, value)
    }
    const sorted = [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`)
    states.push({ bytes: statSync(`${path}-wal`).size, rows: sorted })
  }
  return states
}

test('wherever the log is cut, and whatever stands behind the cut, whole transactions are left', () => {
  using checkpoint = Checkpoint.open(path)
  const states = history(checkpoint)
  const whole = statSync(`${path}-wal`).size
  const garbage = fc.uint8Array({ maxLength: 9000 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.nat(whole), garbage, (logBytes, torn) => {
      const complete = states.findLast(({ bytes }) => bytes <= logBytes)
      // Before the first transaction there is the schema, which is made anew when it was cut off.
      expect(afterCut(logBytes, torn)).toEqual(complete?.rows ?? [])
    }),
    { numRuns: 60 },
  )
})

test('what was flushed is there after a power cut, and what was written later may not be', async () => {
  const disk = new SlowDisk()
  using checkpoint = Checkpoint.open(path, { sync: disk.sync })
  checkpoint.write([put('a', '1'), put('b', '1')])
  expect(checkpoint.unsynced).toBe(true)
  await checkpoint.flush()
  expect(checkpoint.unsynced).toBe(false)
  checkpoint.write([put('a', '2')])
  expect(checkpoint.unsynced).toBe(true)
  expect(afterCut(disk.safeBytes)).toEqual(['a=1', 'b=1'])
})

test('many flushes share one sync, and none is over by a sync that began before its write', async () => {
  const disk = new SlowDisk()
  using checkpoint = Checkpoint.open(path, { sync: disk.sync })
  disk.stall()
  checkpoint.write([put('a', '1')])
  const over: string[] = []
  const first = checkpoint.flush().then(() => over.push('first'))
  checkpoint.write([put('b', '1')])
  const later = [1, 2, 3].map(() => checkpoint.flush().then(() => over.push('later')))
  expect(disk.asked).toBe(1)
  disk.go()
  await first
  expect(over).toEqual(['first'])
  await Promise.all(later)
  expect(disk.asked).toBe(2)
  expect(afterCut(disk.safeBytes)).toEqual(['a=1', 'b=1'])
})

test('a disk that fails to take it is said, and asked again the next time', async () => {
  let broken = true
  const sync = async (): Promise<void> => {
    if (broken) throw new Error('EIO: i/o error')
  }
  using checkpoint = Checkpoint.open(path, { sync })
  checkpoint.write([put('a', '1')])
  const flushes = [checkpoint.flush(), checkpoint.flush()]
  for (const flush of flushes)
    await expect(flush).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(path) as unknown,
    })
  expect(checkpoint.unsynced).toBe(true)
  broken = false
  await checkpoint.flush()
  expect(checkpoint.unsynced).toBe(false)
})
