// The agent's own recording: what it writes is what `lend replay` reads, and it stays within its limit.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Recorder } from '../../../../src/agent/lending/recorder.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { type Moment, RecordingReader } from '../../../../src/replay/rows.ts'
import { Machine, START_MS } from '../../../support/usage.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-recorder-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const filesIn = (): string[] => readdirSync(folder).sort()

function momentsIn(): Moment[] {
  let reader: RecordingReader | undefined
  return filesIn().flatMap((name) => {
    reader = new RecordingReader(name, reader)
    return [...reader.push(readFileSync(join(folder, name))), ...reader.end()]
  })
}

describe('The recorder', () => {
  test('writes each ten seconds the mean and the highest second of everybody, as the replay reads them', () => {
    const recorder = new Recorder(folder, silentLogger)
    const machine = new Machine().add({ id: 'web', cpus: 1, mem: 64 })
    machine.add({ id: 'batch', cpus: 0.5, revocable: true })
    for (let second = 0; second <= 20; second++) {
      const cpus = second === 5 ? 0.9 : 0.1
      recorder.add(machine.tick({ web: { cpus, waiting: 0.2 }, batch: { cpus: 0.4 } }, 0.05))
    }
    const [first, last, ...more] = momentsIn()
    expect(more).toEqual([])
    expect([first?.at, last?.at]).toEqual([START_MS + 11_000, START_MS + 21_000])
    const [host, web, batch] = first?.rows ?? []
    expect(host).toMatchObject({ kind: 'machine', cpu: 0.63, limit: 2, memLimitMb: 8000 })
    expect(web).toMatchObject({
      kind: 'owner',
      cpu: 0.18,
      cpuPeak: 0.9,
      limit: 1,
      memLimitMb: 64,
      waiting: 0.2,
    })
    expect(batch).toMatchObject({ kind: 'borrower', cpu: 0.4, cpuPeak: 0.4, limit: 0.5 })
    expect(last?.rows[1]).toMatchObject({ cpu: 0.1, cpuPeak: 0.1 })
  })

  test('leaves empty what could not be read', () => {
    const recorder = new Recorder(folder, silentLogger)
    const machine = new Machine().add({ id: 'web', cpus: 1 })
    for (let second = 0; second <= 10; second++)
      recorder.add(machine.tick({ web: { cpus: 0.1, blind: second === 10 } }))
    expect(momentsIn()[0]?.rows[1]).toMatchObject({
      kind: 'owner',
      cpu: undefined,
      memMb: undefined,
      limit: 1,
    })
  })

  test('keeps all files together below the limit: the oldest go', () => {
    const limits = { fileBytes: 2000, totalBytes: 8000 }
    const recorder = new Recorder(folder, silentLogger, limits)
    const machine = new Machine().add({ id: 'web', cpus: 1 })
    let most = 0
    for (let second = 0; second < 3000; second++) {
      recorder.add(machine.tick({ web: { cpus: 0.1 } }))
      const bytes = filesIn().reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
      most = Math.max(most, bytes)
    }
    expect(most).toBeLessThanOrEqual(8500)
    expect(most).toBeGreaterThan(6000)
    // What is left is the end, in one piece.
    const times = momentsIn().map(({ at }) => at)
    expect(times.at(-1)).toBe(START_MS + 2_991_000)
    expect(times.every((at, index) => index === 0 || at - (times[index - 1] ?? 0) === 10_000)).toBe(true)
  })

  test('writes no row that goes back in time when somebody turns the clock back', () => {
    const recorder = new Recorder(folder, silentLogger)
    const machine = new Machine().add({ id: 'web', cpus: 1 })
    for (let second = 0; second <= 60; second++) {
      const usage = machine.tick({ web: { cpus: 0.1 } })
      recorder.add(second < 25 ? usage : { ...usage, at: usage.at - 15_000 })
    }
    const times = momentsIn().map(({ at }) => at)
    expect(times).toEqual([11_000, 21_000, 26_000, 36_000, 46_000].map((ms) => START_MS + ms))
  })

  test('tells once that it cannot write, and goes on when it can', () => {
    const path = join(folder, 'usage')
    writeFileSync(path, 'a file where the folder should be')
    const told: string[] = []
    const log = { ...silentLogger, warn: (_: unknown, words: string) => void told.push(words) }
    const recorder = new Recorder(path, log)
    const machine = new Machine().add({ id: 'web', cpus: 1 })
    for (let second = 0; second < 60; second++) recorder.add(machine.tick())
    expect(told).toEqual(['usage could not be recorded'])
    rmSync(path)
    for (let second = 0; second < 15; second++) recorder.add(machine.tick())
    expect(readdirSync(path)).toHaveLength(1)
  })
})
