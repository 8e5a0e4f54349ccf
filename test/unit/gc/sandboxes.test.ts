// Old sandboxes go, young and live ones stay, and nothing is removed that only a link leads to.
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import { SandboxCollector } from '../../../src/gc/sandboxes.ts'
import { isCronExpression, onSchedule } from '../../../src/gc/schedule.ts'
import { ManualClock } from '../../support/clock.ts'

const HOUR_MS = 3_600_000
let root: string
let clock: ManualClock
let metrics: Metrics
const live = new Set<string>()

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tepui-gc-'))
  clock = new ManualClock()
  metrics = new Metrics()
  live.clear()
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const runs = (executor: string): string => join(root, 'S0/frameworks/F/executors', executor, 'runs')

/** A sandbox with output, last touched so many hours ago. */
function sandbox(executor: string, id: string, hours: number, outputHours = hours): string {
  const path = join(runs(executor), id)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'stdout'), 'x')
  const at = (ago: number): number => (clock.now() - ago * HOUR_MS) / 1000
  utimesSync(join(path, 'stdout'), at(outputHours), at(outputHours))
  utimesSync(path, at(hours), at(hours))
  return path
}

const collector = (): SandboxCollector =>
  new SandboxCollector(
    { clock, log: silentLogger, metrics, isLive: (id) => live.has(id) },
    root,
    10 * HOUR_MS,
  )

test('older ones than the delay are removed; young, live and lately written ones are kept', async () => {
  const old = sandbox('a', 'old', 11)
  const young = sandbox('a', 'young', 9)
  const alive = sandbox('b', 'alive', 1000)
  const wrote = sandbox('c', 'wrote', 1000, 2)
  live.add('alive')
  expect(await collector().sweep()).toEqual({ removed: 1, failed: 0, kept: 2 })
  expect([old, young, alive, wrote].map((path) => existsSync(path))).toEqual([false, true, true, true])
  expect(metrics.snapshot()).toEqual({
    'gc/path_removals_failed': 0,
    'gc/path_removals_pending': 2,
    'gc/path_removals_succeeded': 1,
  })
  await clock.advance(9 * HOUR_MS)
  expect(await collector().sweep()).toMatchObject({ removed: 2 })
})

test('links in a sandbox are removed, what they lead to is not', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'tepui-outside-'))
  writeFileSync(join(outside, 'precious'), '')
  const path = sandbox('a', 'old', 11)
  symlinkSync(outside, join(path, 'link'))
  symlinkSync(outside, join(runs('a'), '.latest-of-a-crash'))
  utimesSync(path, 0, 0)
  await clock.advance(11 * HOUR_MS)
  await collector().sweep()
  expect(existsSync(path)).toBe(false)
  expect(existsSync(join(outside, 'precious'))).toBe(true)
  rmSync(outside, { recursive: true })
})

test('folders that became empty go with the last sandbox, up to the agent; others stay', async () => {
  const path = sandbox('a', 'old', 11)
  symlinkSync('old', join(runs('a'), 'latest'))
  sandbox('b', 'young', 1)
  await collector().sweep()
  expect(existsSync(dirname(runs('a')))).toBe(false)
  expect(existsSync(runs('b'))).toBe(true)
  await clock.advance(10 * HOUR_MS)
  await collector().sweep()
  expect(existsSync(join(root, 'S0'))).toBe(false)
  expect(existsSync(path)).toBe(false)
})

test('a work folder in which nothing ever ran is fine', async () => {
  rmSync(root, { recursive: true })
  expect(await collector().sweep()).toEqual({ removed: 0, failed: 0, kept: 0 })
})

test('one that cannot be looked at is counted, and the others are removed all the same', async () => {
  const old = sandbox('a', 'old', 11)
  // A folder in the place of the output whose own entry cannot be looked at: a name through a file.
  const odd = join(runs('b'), 'odd')
  mkdirSync(runs('b'), { recursive: true })
  symlinkSync('odd', odd)
  utimesSync(runs('b'), 0, 0)
  // The link itself is of today, whatever the clock of the test says.
  await clock.advance(100 * 365 * 24 * HOUR_MS)
  const { removed, failed } = await collector().sweep()
  expect(removed + failed).toBe(2)
  expect(existsSync(old)).toBe(false)
})

test('the calendar really calls, never twice at once, and tells failures', { timeout: 10_000 }, async () => {
  expect(['17 * * * *', '* * * * * *', 'often', '99 * * * *'].map(isCronExpression)).toEqual([
    true,
    true,
    false,
    false,
  ])
  const called = Promise.withResolvers<unknown>()
  await using _ = onSchedule(
    '* * * * * *',
    () => Promise.reject(new Error('the disk is gone')),
    (error) => called.resolve(error),
  )
  expect(await called.promise).toEqual(new Error('the disk is gone'))
  expect(() =>
    onSchedule(
      'often',
      () => Promise.resolve(),
      () => undefined,
    ),
  ).toThrow("'often' is no cron")
})
