// Images go when the engine's disk is full: the longest unused first, never those of containers, never those of others.
import { rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import type { DiskUse } from '../../../src/gc/disk.ts'
import { type ImageRules, type KnownImage, nextImage, whyKept } from '../../../src/gc/image-plan.ts'
import { Images, type ImageStore, type StoredImage } from '../../../src/gc/images.ts'
import { Database } from '../../../src/store/database.ts'
import { KeptImages } from '../../../src/store/kept-images.ts'
import { COLLECTION_MIGRATIONS } from '../../../src/store/scheduled-paths.ts'
import { ManualClock } from '../../support/clock.ts'

const HOUR_MS = 3_600_000
const MB = 1024 ** 2
const RULES: ImageRules = { isOn: true, headroom: 0.1, includesUsed: false, excluded: [] }

let folder: string
let clock: ManualClock
let metrics: Metrics
let database: Database
let usage: number | undefined
let engine: FakeStore

/** An engine with images and containers by what a test puts there; it refuses what the real one refuses. */
class FakeStore implements ImageStore {
  readonly images = new Map<string, string[]>()
  readonly containers: string[] = []
  readonly removed: string[] = []
  isAway = false
  /** Of the disk, for each image. */
  share = 0

  async list(): Promise<readonly StoredImage[]> {
    this.#answer()
    return [...this.images].map(([id, names]) => ({ id, names, bytes: MB }))
  }
  async find(reference: string): Promise<StoredImage | undefined> {
    const all = await this.list()
    return all.find(({ names }) => names.includes(this.shortName(reference)))
  }
  async inUse(): Promise<ReadonlyMap<string, number>> {
    this.#answer()
    return new Map(this.containers.map((id) => [id, this.containers.filter((one) => one === id).length]))
  }
  async remove(name: string): Promise<{ readonly refused: string } | undefined> {
    this.#answer()
    const [id, names] = [...this.images].find(([one, all]) => one === name || all.includes(name)) ?? ['', []]
    const isLast = names.length <= 1
    if (isLast && this.containers.includes(id)) return { refused: 'a container is using it' }
    this.removed.push(name)
    if (isLast) {
      this.images.delete(id)
      if (usage !== undefined) usage -= this.share
    } else names.splice(names.indexOf(name), 1)
    return undefined
  }
  shortName(reference: string): string {
    return reference.includes(':') ? reference : `${reference}:latest`
  }
  #answer(): void {
    if (this.isAway) throw new OperatingError('ENGINE', 'The engine is away')
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-images-'))
  clock = new ManualClock()
  usage = 0.5
  engine = new FakeStore()
  database = open()
})
afterEach(() => {
  database[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

const open = (): Database =>
  Database.open(join(folder, 'gc.db'), { migrations: COLLECTION_MIGRATIONS, onDamaged: () => undefined })

const disk = (): DiskUse | undefined =>
  usage === undefined
    ? undefined
    : { totalBytes: 1e9, usedBytes: 1e9 * usage, freeBytes: 1e9 * (1 - usage), usage }

/** On the same database and engine, as the next life of an agent. */
function images(rules: Partial<ImageRules> = {}): Images {
  metrics = new Metrics()
  const kept = new KeptImages(database)
  return new Images({ clock, log: silentLogger, metrics, store: engine, kept, disk }, { ...RULES, ...rules })
}

/** Pulled for a task so many hours ago, whose container is gone. */
async function pulled(on: Images, name: string, hours: number): Promise<void> {
  engine.images.set(`sha256:${name}`, [engine.shortName(name)])
  clock.jump(-hours * HOUR_MS)
  await on.heard({ reference: name, pulled: true })
  clock.jump(hours * HOUR_MS)
}

test('on a full disk the longest unused go, one at a time, until there is room', async () => {
  const all = images()
  await pulled(all, 'middle', 2)
  await pulled(all, 'oldest', 3)
  await pulled(all, 'newest', 1)
  await all.collect()
  expect(engine.removed).toEqual([])
  usage = 0.95
  engine.share = 0.03
  await all.collect()
  expect(engine.removed).toEqual(['oldest:latest', 'middle:latest'])
  expect(all.removed).toMatchObject([
    { name: 'oldest:latest', why: 'space', bytes: MB },
    { name: 'middle:latest', why: 'space' },
  ])
  expect(metrics.snapshot()).toMatchObject({
    'tepui/image_removals_succeeded': 2,
    'tepui/image_removals_failed': 0,
    'tepui/images_known': 1,
    'tepui/image_disk_used_ratio': expect.closeTo(0.89),
  })
})

test('images of containers stay, whether these run or not, and their use lasts as long as the container', async () => {
  const all = images()
  await pulled(all, 'service', 9)
  await pulled(all, 'other', 1)
  usage = 1
  engine.containers.push('sha256:service')
  await all.collect()
  expect(engine.removed).toEqual(['other:latest'])
  const [service] = all.known
  expect(service).toMatchObject({ containers: 1, usedAt: clock.now() })
  expect(whyKept(service as KnownImage, all.rules)).toBe('in use by 1 container')
  engine.containers.length = 0
  await clock.advance(HOUR_MS)
  await all.collect()
  expect(engine.removed).toEqual(['other:latest', 'service:latest'])
})

test('images that no task named stay; those that were there before one did go when that is asked for', async () => {
  engine.images.set('sha256:foreign', ['foreign:1'])
  engine.images.set('sha256:loaded', ['loaded:1'])
  const all = images()
  await all.heard({ reference: 'loaded:1', pulled: false })
  usage = 1
  await clock.advance(HOUR_MS)
  await all.collect()
  await all.collect(0)
  expect(engine.removed).toEqual([])
  expect([...all.known].map((one) => whyKept(one, all.rules))).toEqual(['not pulled by this agent'])
  await images({ includesUsed: true }).collect()
  expect(engine.removed).toEqual(['loaded:1'])
  expect([...engine.images.keys()]).toEqual(['sha256:foreign'])
})

test('an image to which somebody gave another name stays, and so does an excluded one', async () => {
  const all = images({ excluded: ['base'] })
  await pulled(all, 'ours', 2)
  await pulled(all, 'base', 2)
  engine.images.set('sha256:ours', ['ours:latest', 'mine:v1'])
  usage = 1
  await all.collect()
  expect(engine.removed).toEqual([])
  expect([...all.known].map((one) => whyKept(one, all.rules))).toEqual(['also named mine:v1', 'excluded'])
})

test('without the flag nothing goes, and it is remembered what would', async () => {
  const off = images({ isOn: false })
  await pulled(off, 'a', 2)
  usage = 1
  await off.collect(0)
  expect(engine.removed).toEqual([])
  expect([...off.known].map((one) => whyKept(one, off.rules))).toEqual(['--image_gc_config is not set'])
  await images().collect()
  expect(engine.removed).toEqual(['a:latest'])
})

test('who prunes needs no flag and no full disk: what was pulled and nobody has goes, but what he names', async () => {
  const off = images({ isOn: false })
  await pulled(off, 'gone', 2)
  await pulled(off, 'named', 2)
  await pulled(off, 'fresh', 0)
  await pulled(off, 'used', 2)
  engine.containers.push('sha256:used')
  engine.images.set('sha256:theirs', ['theirs:latest'])
  await off.heard({ reference: 'theirs', pulled: false })
  await off.prune(['named'])
  expect(engine.removed).toEqual(['gone:latest'])
  expect(off.rules).toMatchObject({ isOn: false, excluded: [] })
})

test('what was used when, and that it was pulled, is known after a restart', async () => {
  const first = images()
  await pulled(first, 'a', 5)
  await pulled(first, 'b', 4)
  await first.heard({ reference: 'a', pulled: false })
  database[Symbol.dispose]()
  database = open()
  const second = images()
  expect(Array.from(second.known, ({ names, pulled: was, usedAt }) => [names, was, usedAt])).toEqual([
    [['a:latest'], true, clock.now()],
    [['b:latest'], true, clock.now() - 4 * HOUR_MS],
  ])
  usage = 1
  await clock.advance(HOUR_MS)
  await second.collect()
  expect(engine.removed).toEqual(['b:latest', 'a:latest'])
})

test('an image whose name moved to a newer one goes by its id; the newer one has the name', async () => {
  const all = images()
  await pulled(all, 'app', 2)
  engine.images.set('sha256:app', [])
  engine.images.set('sha256:newer', ['app:latest'])
  await all.heard({ reference: 'app', pulled: true })
  usage = 1
  await all.collect()
  expect(engine.removed).toEqual(['sha256:app'])
  await clock.advance(HOUR_MS)
  await all.collect()
  expect(engine.removed).toEqual(['sha256:app', 'app:latest'])
})

test('what was used a moment ago stays on a full disk; what the engine refuses is told and tried later', async () => {
  const all = images()
  await pulled(all, 'fresh', 0)
  await pulled(all, 'stuck', 3)
  usage = 1
  // It comes between the look and the removal.
  const inUse = engine.inUse.bind(engine)
  engine.inUse = async () => {
    const before = await inUse()
    if (engine.containers.length === 0) engine.containers.push('sha256:stuck')
    return before
  }
  await all.collect()
  expect(engine.removed).toEqual([])
  expect(all.removed).toMatchObject([{ name: 'stuck:latest', failure: 'a container is using it' }])
  expect(metrics.value('tepui/image_removals_failed')).toBe(1)
  engine.inUse = async () => new Map()
  engine.containers.length = 0
  await all.collect()
  expect(engine.removed).toEqual([])
  await clock.advance(6 * 60_000)
  await all.collect()
  // Seen in use, it was used after the other.
  expect(engine.removed).toEqual(['fresh:latest', 'stuck:latest'])
})

test('while the engine is away, or its disk cannot be asked, nothing goes and nothing fails', async () => {
  const all = images()
  await pulled(all, 'a', 2)
  usage = 1
  engine.isAway = true
  await all.heard({ reference: 'b', pulled: true })
  await all.collect()
  await all.prepare()
  expect(all.oldest).toBeUndefined()
  expect(metrics.value('tepui/images_known')).toBe(1)
  engine.isAway = false
  usage = undefined
  await all.collect()
  expect(engine.removed).toEqual([])
})

test('the engine is asked once about an image that tasks use again and again, whatever they call it', async () => {
  const all = images()
  const digest = `a@sha256:${'0'.repeat(64)}`
  engine.images.set('sha256:a', ['a:latest', digest])
  let asked = 0
  const list = engine.list.bind(engine)
  engine.list = () => {
    asked += 1
    return list()
  }
  await all.heard({ reference: digest, pulled: true })
  engine.images.set('sha256:a', ['a:latest'])
  for (const reference of [digest, 'a', digest, 'a']) await all.heard({ reference, pulled: false })
  expect(asked).toBe(1)
  expect([...all.known]).toMatchObject([{ names: [digest, 'a:latest'], pulled: true }])
})

test('an image that others removed is forgotten', async () => {
  const all = images()
  await pulled(all, 'a', 2)
  engine.images.clear()
  await all.look()
  expect([...all.known]).toEqual([])
  expect(new KeptImages(database).all()).toEqual([])
})

test('law: what goes next is nobody’s but ours and unused, and nothing that may go was unused for longer', () => {
  const name = fc.constantFrom('a:1', 'b:1', 'c:1')
  const image = fc.record({
    id: fc.uuid(),
    names: fc.array(name),
    present: fc.array(name),
    pulled: fc.boolean(),
    usedAt: fc.integer({ min: 0, max: 1000 }).map((minutes) => minutes * 60_000),
    bytes: fc.nat(),
    containers: fc.nat({ max: 1 }),
  })
  const rules = fc.record({
    isOn: fc.boolean(),
    headroom: fc.constant(0.1),
    includesUsed: fc.boolean(),
    excluded: fc.array(name, { maxLength: 1 }),
  })
  fc.assert(
    fc.property(fc.array(image), rules, (all, some) => {
      const now = 1000 * 60_000
      const choice = nextImage(all, some, { now, isTight: true, olderThanMs: undefined })
      const mayGo = all.filter(
        (one) =>
          some.isOn &&
          one.containers === 0 &&
          (one.pulled || some.includesUsed) &&
          one.present.every((each) => one.names.includes(each)) &&
          ![...one.names, ...one.present].some((each) => some.excluded.includes(each)) &&
          now - one.usedAt >= 60_000,
      )
      expect(choice === undefined).toBe(mayGo.length === 0)
      if (choice === undefined) return
      expect(mayGo).toContain(choice.image)
      expect(choice.image.usedAt).toBe(Math.min(...mayGo.map(({ usedAt }) => usedAt)))
    }),
  )
})
