// The background measuring of sandboxes: whose size is known when, and how long it rests.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Clock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import { SandboxMeter } from '../../../src/gc/sandbox-meter.ts'
import { ManualClock } from '../../support/clock.ts'

let root: string
let stop: AbortController

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tepui-meter-'))
  stop = new AbortController()
})

afterEach(() => {
  stop.abort()
  rmSync(root, { recursive: true, force: true })
})

function sandbox(name: string, bytes: number): void {
  mkdirSync(join(root, name), { recursive: true })
  writeFileSync(join(root, name, 'file'), Buffer.alloc(bytes))
}

function meterOf(names: readonly string[], clock: Clock) {
  const metrics = new Metrics()
  const measured: string[] = []
  const sandboxes = () => names.map((name) => ({ containerId: name, directory: join(root, name) }))
  const onMeasured = (containerId: string): void => void measured.push(containerId)
  const meter = new SandboxMeter({ clock, log: silentLogger, metrics, sandboxes, onMeasured }, 15_000)
  return { meter, metrics, measured }
}

test('each round measures every sandbox, and forgets those whose container ended', async () => {
  sandbox('a', 100_000)
  sandbox('b', 1)
  const names = ['a', 'b']
  const clock = new ManualClock()
  const { meter, metrics, measured } = meterOf(names, clock)
  expect(meter.usageOf('a')).toBeUndefined()
  const running = meter.run(stop.signal)
  await clock.advance(1)
  expect(meter.usageOf('a')?.bytes).toBeGreaterThanOrEqual(100_000)
  expect(metrics.value('tepui/sandboxes_used_bytes')).toBeGreaterThan(100_000)
  names.shift()
  sandbox('b', 500_000)
  expect(meter.usageOf('b')?.bytes).toBeLessThan(100_000)
  await clock.advance(15_000)
  expect(meter.usageOf('a')).toBeUndefined()
  expect(meter.usageOf('b')?.bytes).toBeGreaterThanOrEqual(500_000)
  expect(measured).toEqual(['a', 'b', 'b'])
  expect(metrics.value('tepui/sandboxes_measured')).toBe(3)
  stop.abort()
  await running
})

test('a sandbox that took long is followed by a rest of nineteen times as long', async () => {
  sandbox('a', 1)
  const manual = new ManualClock()
  const rests: number[] = []
  let looks = 0
  const clock: Clock = {
    now: () => manual.now(),
    // A look is 3 ms after the last, so that this sandbox of two entries takes a few of them.
    monotonic: () => (looks += 3),
    after: (ms, fn) => manual.after(ms, fn),
    sleep: (ms, signal) => {
      rests.push(Math.round(ms))
      return manual.sleep(ms, signal)
    },
  }
  const { meter, metrics } = meterOf(['a'], clock)
  const running = meter.run(stop.signal)
  await manual.advance(1)
  const took = metrics.value('tepui/sandboxes_measure_secs') * 1000
  expect(took).toBeGreaterThan(3)
  expect(rests).toContain(Math.round(took * 19))
  stop.abort()
  await running
})

test('a sandbox that cannot be had takes the size of no other', async () => {
  sandbox('b', 1)
  const clock = new ManualClock()
  const { meter } = meterOf(['absent', 'b'], clock)
  const running = meter.run(stop.signal)
  await clock.advance(1)
  expect(meter.usageOf('absent')).toEqual({ bytes: 0, entries: 0, unreadable: 0 })
  expect(meter.usageOf('b')?.entries).toBe(2)
  stop.abort()
  await running
})
