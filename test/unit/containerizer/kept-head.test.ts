// However much a container prints, the beginning of each stream stays, and its end is what the tombstone tells.
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SandboxOutput } from '../../../src/containerizer/docker/output.ts'
import { SandboxLog } from '../../../src/containerizer/host/sandbox-log.ts'
import { tailOf } from '../../../src/gc/tombstone.ts'

let sandbox: string
beforeEach(() => {
  sandbox = mkdtempSync(join(tmpdir(), 'tepui-head-'))
})
afterEach(() => rmSync(sandbox, { recursive: true, force: true }))

const read = (name: string): string => readFileSync(join(sandbox, name), 'utf8')
const names = (): string[] =>
  readdirSync(sandbox)
    .filter((name) => name.startsWith('stdout'))
    .toSorted()

/** Prints pieces into files of at most `maxBytes`. @returns what went wrong */
type Print = (pieces: readonly string[], maxBytes: number, headBytes: number) => Promise<unknown[]>

/** The task writes into the file itself, and we cut it between two of its writes. */
const host: Print = async (pieces, maxBytes, headBytes) => {
  const log = new SandboxLog(sandbox, 'stdout', undefined, { limitBytes: maxBytes, headBytes })
  const troubles: unknown[] = []
  for (const piece of pieces) {
    appendFileSync(log.path, piece)
    await log.rotate().catch((error: unknown) => void troubles.push(error))
  }
  log.close()
  return troubles
}

/** We write the file. */
const docker: Print = async (pieces, maxBytes, headBytes) => {
  const troubles: unknown[] = []
  const onTrouble = (error: unknown): void => void troubles.push(error)
  using output = SandboxOutput.open({ sandbox, maxBytes, headBytes, onTrouble })
  for (const piece of pieces) await output.take('stdout', [Buffer.from(piece)])
  return troubles
}

describe.each<[string, Print]>([
  ['host process', host],
  ['Docker container', docker],
])('of a %s', (_, print) => {
  test('law: the head is how the stream began, and the newest files are how it goes on', async () => {
    const pieces = fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 30 }), {
      maxLength: 12,
    })
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 40 }), async (all, headBytes) => {
        const whole = all.join('')
        expect(await print(all, 25, headBytes)).toEqual([])
        const older = existsSync(join(sandbox, 'stdout.1')) ? read('stdout.1') : ''
        expect(whole.endsWith(older + read('stdout'))).toBe(true)
        expect(existsSync(join(sandbox, 'stdout.head'))).toBe(existsSync(join(sandbox, 'stdout.1')))
        if (existsSync(join(sandbox, 'stdout.head'))) {
          const head = read('stdout.head')
          expect(head.length).toBeGreaterThan(0)
          expect(head.length).toBeLessThanOrEqual(headBytes)
          expect(whole.startsWith(head)).toBe(true)
        }
        for (const name of names()) rmSync(join(sandbox, name))
      }),
    )
  })

  test('the head is kept once, and has the first bytes up to its size', async () => {
    await print(
      ['it began like this, ', 'and then', ' went on', ' for long', ' and long', ' and ended'],
      16,
      8,
    )
    expect(read('stdout.head')).toBe('it began')
    expect(names()).toEqual(['stdout', 'stdout.1', 'stdout.head'])
  })

  test('with a size of nothing none is kept', async () => {
    await print(['it began like this', 'and then went on'], 10, 0)
    expect(names()).toEqual(['stdout', 'stdout.1'])
  })

  test('what was rotated before, by an agent that kept none, is not taken for the beginning', async () => {
    writeFileSync(join(sandbox, 'stdout.1'), 'the beginning\n')
    await print(['the middle, which is long', 'the end, as long as that'], 20, 10)
    expect(existsSync(join(sandbox, 'stdout.head'))).toBe(false)
  })

  test('a link that the task put in its place is not followed', async () => {
    const precious = join(sandbox, 'precious')
    writeFileSync(precious, 'untouched')
    symlinkSync(precious, join(sandbox, 'stdout.head'))
    await print(['it began like this', 'and then went on'], 10, 10)
    expect(read('precious')).toBe('untouched')
  })

  test('a task that cuts its output while it is put aside holds up nothing', async () => {
    const path = join(sandbox, 'stdout')
    const log = new SandboxLog(sandbox, 'stdout', undefined, { limitBytes: 1000, headBytes: 0 })
    truncateSync(path, 256 * 1024 ** 2)
    const rotated = log.rotate()
    while ((statSync(`${path}.1`, { throwIfNoEntry: false })?.size ?? 0) === 0)
      await new Promise((resolve) => setImmediate(resolve))
    truncateSync(path, 0)
    await rotated
    log.close()
    expect(statSync(path).size).toBe(0)
    expect(statSync(`${path}.1`).size).toBeLessThan(256 * 1024 ** 2)
  })

  test('the tombstone tells the last 64 KiB, over the rotation and without the head', async () => {
    const lines = Array.from({ length: 30_000 }, (__, line) => `line ${line}\n`)
    await print(lines, 50_000, 1000)
    const tail = await tailOf(sandbox, 'stdout')
    expect(lines.join('').endsWith(tail?.text ?? 'nothing')).toBe(true)
    expect(tail?.kept).toBe(tail?.text.length)
    expect(tail?.kept).toBe(Math.min(64 * 1024, tail?.bytes ?? 0))
    expect(read('stdout.head')).toBe(lines.join('').slice(0, 1000))
  })
})
