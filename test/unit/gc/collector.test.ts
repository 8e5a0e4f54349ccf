// What ended waits, goes in its turn and leaves a tombstone; live and young stay; nothing is forgotten over a restart.
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import { Collector } from '../../../src/gc/collector.ts'
import type { DiskUse } from '../../../src/gc/disk.ts'
import type { Ending } from '../../../src/gc/plan.ts'
import { type RemovalOutcome, removeTree } from '../../../src/gc/removal.ts'
import type { Tombstone } from '../../../src/gc/tombstone.ts'
import type { Spares } from '../../../src/gc/spares.ts'
import { Database } from '../../../src/store/database.ts'
import { COLLECTION_MIGRATIONS, ScheduledPaths, Tombstones } from '../../../src/store/scheduled-paths.ts'
import { ManualClock } from '../../support/clock.ts'

const HOUR_MS = 3_600_000
let root: string
let clock: ManualClock
let metrics: Metrics
let database: Database
let tombstones: Tombstones
let usage: number
let removal: (path: string) => Promise<RemovalOutcome>
const order: string[] = []
/** Files of the fetcher's cache that nobody uses, the longest unused first, and images. */
let files: { name: string; usedAt: number; bytes: number }[]
let pictures: { name: string; usedAt: number; bytes: number }[]
const live = new Set<string>()

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tepui-gc-'))
  clock = new ManualClock()
  usage = 0.2
  removal = async (path) => removeTree(path)
  order.length = 0
  files = []
  pictures = []
  live.clear()
  database = open()
})
afterEach(() => {
  database[Symbol.dispose]()
  rmSync(root, { recursive: true, force: true })
})

const open = (): Database =>
  Database.open(join(root, 'gc.db'), { migrations: COLLECTION_MIGRATIONS, onDamaged: () => undefined })

const disk = (): DiskUse => ({ totalBytes: 1e9, freeBytes: 1e9 * (1 - usage), usedBytes: 1e9 * usage, usage })

/** On the same database and disk, as the next life of an agent. */
function collector(agentId = 'S0'): Collector {
  metrics = new Metrics()
  tombstones = new Tombstones(database, { entries: 100, bytes: 1e6 })
  const paths = new ScheduledPaths(database)
  const remover = {
    remove: (path: string): Promise<RemovalOutcome> => {
      order.push(path.split('/').at(-1) ?? '')
      return removal(path)
    },
  }
  return new Collector(
    {
      clock,
      log: silentLogger,
      metrics,
      paths,
      tombstones,
      remover,
      disk,
      measure: async () => 4096,
      isLive: (id) => live.has(id),
      agentId: () => agentId,
      spares: () => [sparesOf('file', files), sparesOf('image', pictures)],
    },
    { workDir: root, agents: 'slaves', meta: 'meta/slaves', delayMs: 10 * HOUR_MS, headroom: 0.1 },
  )
}

function sparesOf(price: Spares['price'], all: typeof files): Spares {
  return {
    price,
    get oldest() {
      return all[0]
    },
    dropOldest: async () => {
      order.push(all.shift()?.name ?? '')
      usage -= 0.01
      return undefined
    },
  }
}

const hoursAgo = (name: string, hours: number): (typeof files)[number] => ({
  name,
  usedAt: clock.now() - hours * HOUR_MS,
  bytes: 10,
})

const runs = (executor: string, agent = 'S0'): string =>
  join(root, 'slaves', agent, 'frameworks/F/executors', executor, 'runs')

/** A sandbox with output, last touched so many hours ago. */
function sandbox(executor: string, id: string, hours: number, outputHours = hours, agent = 'S0'): string {
  const path = join(runs(executor, agent), id)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'stdout'), `output of ${id}`)
  const at = (ago: number): number => (clock.now() - ago * HOUR_MS) / 1000
  utimesSync(join(path, 'stdout'), at(outputHours), at(outputHours))
  utimesSync(path, at(hours), at(hours))
  return path
}

/** One whose end was seen. */
function ended(on: Collector, id: string, hours: number, ending: Ending): string {
  const path = sandbox('e', id, hours)
  const facts = { agentId: 'S0', frameworkId: 'F', executorId: 'e', containerId: id, taskIds: [id] }
  on.schedule({ ...facts, endedAt: clock.now() - hours * HOUR_MS, cause: 'exited with status 3' }, ending)
  return path
}

const scan = (on: Collector): ReturnType<Collector['sweep']> => on.sweep()

test('older ones than the delay are removed; young, live and lately written ones are kept', async () => {
  usage = 0
  const old = sandbox('a', 'old', 11)
  const young = sandbox('a', 'young', 8)
  const alive = sandbox('b', 'alive', 1000)
  const wrote = sandbox('c', 'wrote', 1000, 2)
  live.add('alive')
  const gc = collector()
  expect((await scan(gc)).removed.map(({ path, why }) => [path, why])).toEqual([
    ['slaves/S0/frameworks/F/executors/a/runs/old', 'age'],
  ])
  expect([old, young, alive, wrote].map((path) => existsSync(path))).toEqual([false, true, true, true])
  expect(metrics.snapshot()).toMatchObject({
    'gc/path_removals_failed': 0,
    'gc/path_removals_pending': 2,
    'gc/path_removals_succeeded': 1,
    'slave/executor_directory_max_allowed_age_secs': 9 * 3600,
  })
  await clock.advance(9 * HOUR_MS)
  expect((await scan(gc)).removed).toHaveLength(2)
  expect(existsSync(alive)).toBe(true)
})

test('is under way from the first look on until all that is older than asked for is gone', async () => {
  usage = 0
  const path = ended(collector(), 'young', 1, 'failed')
  const gc = collector()
  const swept = gc.sweep(0)
  expect(gc.isRunning).toBe(true)
  expect((await swept).removed).toHaveLength(1)
  expect([gc.isRunning, existsSync(path)]).toEqual([false, false])
})

test('what ended while the clock was ahead waits no longer than the delay once the clock is right again', async () => {
  usage = 0
  const path = ended(collector(), 'ahead', -1000, 'succeeded')
  const gc = collector()
  expect((await gc.collect()).removed).toEqual([])
  await clock.advance(10 * HOUR_MS)
  expect((await gc.collect()).removed).toHaveLength(1)
  expect(existsSync(path)).toBe(false)
})

test('a clock that is set leaves every age as it is, and what goes is what was due before', async () => {
  usage = 0
  const gc = collector()
  const young = ended(gc, 'young', 1, 'failed')
  const old = ended(gc, 'old', 8.5, 'failed')
  for (const byHours of [2000, -4000]) {
    clock.jump(byHours * HOUR_MS)
    expect((await gc.collect()).removed).toEqual([])
  }
  await clock.advance(HOUR_MS)
  expect((await gc.collect()).removed).toHaveLength(1)
  expect([existsSync(young), existsSync(old)]).toEqual([true, false])
  // Ended after the jump: by the clock as it is now.
  const late = ended(gc, 'late', 0, 'succeeded')
  expect([...collector().scheduled].find(({ facts }) => facts?.containerId === 'late')?.since).toBe(
    clock.now(),
  )
  await clock.advance(8.9 * HOUR_MS)
  expect((await gc.collect()).removed).toHaveLength(1)
  expect([existsSync(young), existsSync(late)]).toEqual([false, true])
})

test('a full disk takes files, then succeeded, killed, images and warm files, then failed', async () => {
  const gc = collector()
  ended(gc, 'failed', 2, 'failed')
  ended(gc, 'good', 1, 'succeeded')
  ended(gc, 'killed', 3, 'killed')
  files = [hoursAgo('cold', 1), hoursAgo('cool', 0.5), hoursAgo('warm', 0.1)]
  pictures = [hoursAgo('image', 50)]
  usage = 0.89
  await gc.collect()
  // Of the sandboxes some are too old by now; what can be had again waits for a disk that is full.
  expect(order).toEqual(['good', 'killed', 'failed'])
  ended(gc, 'failed', 2, 'failed')
  ended(gc, 'good', 1, 'succeeded')
  ended(gc, 'killed', 3, 'killed')
  usage = 1
  order.length = 0
  const { removed } = await gc.collect()
  expect(order).toEqual(['cold', 'cool', 'good', 'killed', 'warm', 'image', 'failed'])
  expect(removed[0]).toMatchObject({ path: 'cold', kind: 'file', why: 'space', bytes: 10 })
  expect(metrics.value('gc/bytes_removed')).toBeGreaterThanOrEqual(40)
})

test('of what can be had again goes what is needed, and nothing while old sandboxes go anyway', async () => {
  const gc = collector()
  ended(gc, 'old', 11, 'failed')
  files = [hoursAgo('a', 3), hoursAgo('b', 2), hoursAgo('c', 1)]
  usage = 0.915
  removal = async (path) => removeTree(path)
  await gc.collect()
  expect(order).toEqual(['old', 'a', 'b'])
  order.length = 0
  usage = 0.3
  await gc.collect(HOUR_MS / 2)
  expect(order).toEqual(['c'])
})

test('a full disk takes succeeded ones first, one at a time, and stops when there is room', async () => {
  const gc = collector()
  ended(gc, 'failed', 5 / 60, 'failed')
  ended(gc, 'good-new', 1 / 60, 'succeeded')
  ended(gc, 'good-old', 2 / 60, 'succeeded')
  ended(gc, 'killed', 3 / 60, 'killed')
  usage = 0.95
  removal = async (path) => {
    usage -= 0.06
    return removeTree(path)
  }
  await gc.collect()
  expect(order).toEqual(['good-old'])
  usage = 0.99
  await gc.collect()
  expect(order).toEqual(['good-old', 'good-new', 'killed'])
  expect([...gc.scheduled].map(({ facts }) => facts?.containerId)).toEqual(['failed'])
})

test('what waits and how it ended is known after a restart; what was removed meanwhile is not waited for', async () => {
  const first = collector()
  ended(first, 'good', 1, 'succeeded')
  const gone = ended(first, 'gone', 1, 'failed')
  database[Symbol.dispose]()
  database = open()
  rmSync(gone, { recursive: true })
  const second = collector()
  await second.scan()
  expect([...second.scheduled]).toMatchObject([
    { ending: 'succeeded', facts: { containerId: 'good', cause: 'exited with status 3' } },
  ])
  usage = 1
  await second.collect()
  expect(order).toEqual(['good'])
  database[Symbol.dispose]()
  database = open()
  expect([...collector().scheduled]).toEqual([])
})

test('of a sandbox that goes the ends of both streams, its cause and why it went are kept', async () => {
  const gc = collector()
  const path = ended(gc, 'c1', 1, 'failed')
  writeFileSync(join(path, 'stdout.1'), 'a'.repeat(100_000))
  writeFileSync(join(path, 'stdout'), `${'b'.repeat(10)}END`)
  symlinkSync('/etc/hostname', join(path, 'stderr'))
  await gc.collect(HOUR_MS / 2)
  expect(existsSync(path)).toBe(false)
  const { record } = tombstones.of('c1') ?? {}
  const { stdout, ...stone } = record as Tombstone
  expect(stone).toMatchObject({
    cause: 'exited with status 3',
    ending: 'failed',
    taskIds: ['c1'],
    why: 'asked',
  })
  expect(stone).not.toHaveProperty('stderr')
  expect(stdout?.text).toBe(`${'a'.repeat(65_536 - 13)}${'b'.repeat(10)}END`)
  expect(stdout).toMatchObject({ bytes: 100_013, kept: 65_536 })
  expect(tombstones.newestOf('F', 'e')?.containerId).toBe('c1')
})

test('what cannot be removed is told, left alone for a while, and holds up nothing else', async () => {
  const gc = collector()
  ended(gc, 'stuck', 3, 'succeeded')
  ended(gc, 'good', 2, 'succeeded')
  usage = 1
  removal = async (path) =>
    path.endsWith('stuck') ? { removed: 0, bytes: 0, failed: 1, failures: ['busy'] } : removeTree(path)
  expect(await gc.collect()).toMatchObject({ removed: [{ why: 'space' }], failed: [{ failures: ['busy'] }] })
  expect(metrics.value('gc/path_removals_failed')).toBe(1)
  await gc.collect()
  expect(order).toEqual(['stuck', 'good'])
  await clock.advance(6 * 60_000)
  await gc.collect()
  expect(order).toEqual(['stuck', 'good', 'stuck'])
  // Somebody who asks may have mended it; once in a collection.
  await gc.collect(0)
  expect(order).toEqual(['stuck', 'good', 'stuck', 'stuck'])
  removal = async (path) => removeTree(path)
  expect((await gc.collect(0)).removed).toHaveLength(1)
})

test('a database that takes nothing any more does not keep the disk full', async () => {
  const gc = collector()
  const path = ended(gc, 'c1', 1, 'succeeded')
  database[Symbol.dispose]()
  usage = 1
  await gc.collect()
  expect(existsSync(path)).toBe(false)
  database = open()
})

test('a row that names something else than a sandbox is not believed', async () => {
  const paths = new ScheduledPaths(database)
  const row = { kind: 'sandbox', ending: 'succeeded', since: 0, bytes: undefined, facts: null }
  mkdirSync(join(root, 'precious/runs'), { recursive: true })
  for (const path of ['precious', '../outside/runs/x', '/etc/runs/x', 'a/../../runs/x', ''])
    paths.put({ ...row, path })
  paths.put({ ...row, path: 'precious/runs', kind: 'sandbox' })
  expect([...collector().scheduled]).toEqual([])
})

describe('folders', () => {
  test('an executor without runs goes with everything above that holds nothing else', async () => {
    sandbox('a', 'old', 11)
    symlinkSync('old', join(runs('a'), 'latest'))
    await scan(collector())
    expect(existsSync(join(root, 'slaves'))).toBe(true)
    expect(existsSync(join(root, 'slaves/S0'))).toBe(false)
  })

  test('a folder whose newest run lives stays', async () => {
    const path = sandbox('a', 'alive', 11)
    live.add('alive')
    symlinkSync('alive', join(runs('a'), 'latest'))
    await scan(collector())
    expect(existsSync(path)).toBe(true)
    expect(existsSync(dirname(path))).toBe(true)
  })

  test('what agents with other ids left goes too: their sandboxes, then the rest, and their state', async () => {
    usage = 0
    const other = sandbox('a', 'theirs', 8, 8, 'S-old')
    writeFileSync(join(root, 'slaves/S-old/note'), 'x')
    mkdirSync(join(root, 'meta/slaves/S-old'), { recursive: true })
    const mine = sandbox('a', 'mine', 8)
    symlinkSync('S0', join(root, 'meta/slaves/latest'))
    const gc = collector()
    await gc.scan()
    expect([...gc.scheduled].map(({ kind, path }) => [kind, path])).toEqual([
      ['sandbox', 'slaves/S-old/frameworks/F/executors/a/runs/theirs'],
      ['sandbox', 'slaves/S0/frameworks/F/executors/a/runs/mine'],
      ['meta', 'meta/slaves/S-old'],
    ])
    live.add('mine')
    await clock.advance(3 * HOUR_MS)
    await scan(gc)
    expect([existsSync(other), existsSync(join(root, 'slaves/S-old/note'))]).toEqual([false, true])
    const now = clock.now() / 1000
    for (const path of ['slaves/S-old', 'meta/slaves/S-old']) utimesSync(join(root, path), now, now)
    await clock.advance(11 * HOUR_MS)
    // A new look: the times of what it knew were those of the real clock.
    const paths = new ScheduledPaths(database)
    for (const { path } of paths.all()) paths.remove(path)
    await scan(collector())
    expect(existsSync(join(root, 'slaves/S-old'))).toBe(false)
    expect(existsSync(join(root, 'meta/slaves/S-old'))).toBe(false)
    expect(existsSync(mine)).toBe(true)
  })
})
