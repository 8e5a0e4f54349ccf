/**
 * Which images the agent brought to its engine or used there, and takes away again when the engine's disk is full:
 * those first that no task used for longest, never one of a container, never one that nobody told it about
 * (spec/mesos.md 10, docs/decisions/0007).
 */
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { KeptImages } from '../store/kept-images.ts'
import type { DiskUse } from './disk.ts'
import { type ImageChoice, type ImageRules, type KnownImage, nameOf, nextImage } from './image-plan.ts'

/** As it lies on the engine. */
export interface StoredImage {
  readonly id: string
  /** With tags, in the engine's short form. */
  readonly names: readonly string[]
  /** What it takes, with what it shares with others. */
  readonly bytes: number
}

/** A task named an image that is on the engine. */
export interface ImageUse {
  readonly reference: string
  /** It was not there before: the agent had it pulled for this task. */
  readonly pulled: boolean
}

/** All of them may throw `OperatingError` (ENGINE). */
export interface ImageStore {
  list(): Promise<readonly StoredImage[]>
  find(reference: string): Promise<StoredImage | undefined>
  /** The ids of the images of all containers, whoever made them, with how many there are. */
  inUse(): Promise<ReadonlyMap<string, number>>
  /** Takes a name, or a nameless image by its id, away; the engine's words when it refuses. */
  remove(name: string): Promise<{ readonly refused: string } | undefined>
  /** The name in the form in which the engine lists it. */
  shortName(reference: string): string
}

export interface ImagesDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly store: ImageStore
  readonly kept: KeptImages
  /** Where the engine keeps its images; undefined when that cannot be asked from here. */
  readonly disk: () => DiskUse | undefined
}

export interface RemovedImage {
  readonly name: string
  readonly bytes: number
  readonly usedAt: number
  /** Wall time, ms. */
  readonly removedAt: number
  readonly why: ImageChoice['why']
  /** The engine's words when it did not do it. */
  readonly failure?: string
}

const SUCCEEDED = 'tepui/image_removals_succeeded'
const FAILED = 'tepui/image_removals_failed'
/** Times of use are written down no finer than this: the order of days matters, not of seconds. */
const USE_GRAIN_MS = 60_000
/** What was used a moment ago stays: a task may be about to get its container. */
const PRUNED_MS = 60_000
const RETRY_MS = 5 * 60_000
const MAX_LINES = 100
/** Known images; of more the oldest are forgotten, which keeps them. */
const MAX_KNOWN = 10_000

export class Images {
  readonly price = 'image'
  readonly #deps: ImagesDeps
  readonly rules: ImageRules
  readonly #known = new Map<string, KnownImage>()
  #removed: readonly RemovedImage[] = []
  /** The last look found the engine there: without one nothing goes. */
  #isSeen = false
  #running: Promise<void> = Promise.resolve()
  #pending = 0
  #closed = false

  constructor(deps: ImagesDeps, rules: ImageRules) {
    this.#deps = deps
    this.rules = { ...rules, excluded: rules.excluded.map((name) => deps.store.shortName(name)) }
    const { metrics } = deps
    metrics.declare(SUCCEEDED, FAILED)
    metrics.gauge('tepui/images_known', () => this.#known.size)
    metrics.gauge('tepui/image_disk_used_ratio', () => deps.disk()?.usage ?? 0)
    for (const image of deps.kept.all()) this.#known.set(image.id, { ...image, present: [], containers: 0 })
  }

  get known(): Iterable<KnownImage> {
    return this.#known.values()
  }

  /** What was removed last, or could not be; the newest last. */
  get removed(): readonly RemovedImage[] {
    return this.#removed
  }

  get isRunning(): boolean {
    return this.#pending > 0
  }

  /** A task uses an image now. Never rejects: the engine may be away. */
  async heard({ pulled, reference }: ImageUse): Promise<void> {
    const { clock, store } = this.#deps
    const name = store.shortName(reference)
    // What names its contents moves to no other image.
    const isFixed = reference.includes('@') || reference.startsWith('sha256:')
    const one = this.#known
      .values()
      .find(({ names, present }) => present.includes(name) || (isFixed && names.includes(name)))
    if (one !== undefined && !pulled) {
      const isKnown = one.names.includes(name) && clock.now() - one.usedAt < USE_GRAIN_MS
      if (!isKnown) this.#learn({ ...one, names: one.present }, name, false)
      return
    }
    await this.#tried('an image could not be looked up', async () => {
      const found = await store.find(reference)
      if (found !== undefined) this.#learn(found, name, pulled)
    })
  }

  /** Compares with what is there: uses that go on, names that moved, images that others removed. Never rejects. */
  async look(): Promise<void> {
    this.#isSeen = false
    await this.#tried('the images could not be looked at', () => this.#look())
  }

  async #look(): Promise<void> {
    const { clock, store } = this.#deps
    if (this.#known.size === 0) return
    const [there, inUse] = [await store.list(), await store.inUse()]
    this.#isSeen = true
    const stored = new Map(there.map((one) => [one.id, one]))
    const now = clock.now()
    for (const one of this.#known.values()) {
      const found = stored.get(one.id)
      if (found === undefined) {
        this.#forget(one.id)
        continue
      }
      const containers = inUse.get(one.id) ?? 0
      const isUse = containers > 0 && now - one.usedAt >= USE_GRAIN_MS
      // A time in the future was told by a clock that was ahead.
      const usedAt = isUse ? now : Math.min(one.usedAt, now)
      this.#keep({ ...one, containers, usedAt, bytes: found.bytes, present: found.names })
    }
  }

  /** The one that goes next while the disk of the engine is as full as it is, by the last look. */
  get oldest(): { readonly name: string; readonly usedAt: number; readonly bytes: number } | undefined {
    const choice = this.#next(undefined)
    if (choice === undefined) return undefined
    const { bytes, usedAt } = choice.image
    return { name: nameOf(choice.image), usedAt, bytes }
  }

  /** Before what is oldest is asked for. */
  async prepare(): Promise<void> {
    if (this.rules.isOn && this.isTight) await this.look()
  }

  /** Removes that one; the reason when that failed. Never rejects. */
  async dropOldest(): Promise<string | undefined> {
    const choice = this.#next(undefined)
    return choice === undefined ? undefined : (await this.#remove(choice)).failure
  }

  /**
   * Removes what should go now, one after the other, until the disk has room.
   * @param olderThanMs also those that no task used for so long, whatever the disk says
   */
  collect(olderThanMs?: number): Promise<void> {
    return this.#inTurn(() => this.#collect(olderThanMs, this.rules))
  }

  /**
   * Removes all that no container has, also without rules of its own; what was there before a task used it stays unless
   * the rules say otherwise.
   * @param excluded names that stay besides
   */
  prune(excluded: readonly string[]): Promise<void> {
    const names = excluded.map((name) => this.#deps.store.shortName(name))
    const rules = { ...this.rules, isOn: true, excluded: [...this.rules.excluded, ...names] }
    return this.#inTurn(() => this.#collect(PRUNED_MS, rules))
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#pending++
    this.#running = this.#running.then(work).finally(() => this.#pending--)
    return this.#running
  }

  close(): void {
    this.#closed = true
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#running
  }

  async #collect(olderThanMs: number | undefined, rules: ImageRules): Promise<void> {
    // Who asks may have mended what was in the way.
    if (olderThanMs !== undefined)
      for (const one of this.#known.values()) this.#known.set(one.id, { ...one, notBefore: 0 })
    const isWanted = (): boolean => !this.#closed && rules.isOn && (olderThanMs !== undefined || this.isTight)
    while (isWanted()) {
      // Anew each time: a container may have come meanwhile.
      await this.look()
      const choice = this.#next(olderThanMs, rules)
      if (choice === undefined) return
      await this.#remove(choice)
    }
  }

  #next(olderThanMs: number | undefined, rules = this.rules): ImageChoice | undefined {
    if (!this.#isSeen) return undefined
    const moment = { now: this.#deps.clock.now(), isTight: this.isTight, olderThanMs }
    return nextImage(this.#known.values(), rules, moment)
  }

  async #remove({ image, why }: ImageChoice): Promise<RemovedImage> {
    const { clock, log, metrics } = this.#deps
    const failure = await this.#removeNames(image)
    const { bytes, id, usedAt } = image
    const line = {
      name: nameOf(image),
      bytes,
      usedAt,
      removedAt: clock.now(),
      why,
      ...(failure !== undefined && { failure }),
    }
    if (failure === undefined) this.#forget(id)
    else this.#known.set(id, { ...image, notBefore: clock.now() + RETRY_MS })
    metrics.count(failure === undefined ? SUCCEEDED : FAILED)
    log.info(line, failure === undefined ? 'an image was removed' : 'an image could not be removed')
    this.#removed = [...this.#removed, line].slice(-MAX_LINES)
    return line
  }

  /** Each by itself, as a name of others may have come meanwhile; the reason when the engine does not do it. */
  async #removeNames({ id, present }: KnownImage): Promise<string | undefined> {
    try {
      for (const name of present.length === 0 ? [id] : present) {
        const refusal = await this.#deps.store.remove(name)
        if (refusal !== undefined) return refusal.refused
      }
      return undefined
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      return reasonOf(error)
    }
  }

  /** Mesos' condition, for the disk of the engine. */
  get isTight(): boolean {
    const use = this.#deps.disk()
    return use !== undefined && this.rules.headroom + use.usage > 1
  }

  #learn({ bytes, id, names: present }: StoredImage, name: string, pulled: boolean): void {
    const before = this.#known.get(id)
    const names = [...new Set([...(before?.names ?? []), name])]
    const now = { present, bytes, containers: before?.containers ?? 0, usedAt: this.#deps.clock.now() }
    this.#keep({ id, names, ...now, pulled: pulled || before?.pulled === true })
  }

  #keep(image: KnownImage): void {
    const before = this.#known.get(image.id)
    this.#known.set(image.id, image)
    if (before !== undefined && isSameRow(before, image)) return
    this.#written(() => this.#deps.kept.put(image))
    if (this.#known.size <= MAX_KNOWN) return
    const oldest = [...this.#known.values()].toSorted((a, b) => a.usedAt - b.usedAt)[0]
    if (oldest !== undefined) this.#forget(oldest.id)
  }

  #forget(id: string): void {
    this.#known.delete(id)
    this.#written(() => this.#deps.kept.remove(id))
  }

  /** What is not written down is not known after a restart, and then stays. */
  #written(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#deps.log.warn({ reason: reasonOf(error) }, 'an image was not written down')
    }
  }

  /** The engine may be away, or refuse: then nothing goes. */
  async #tried(trouble: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      this.#deps.log.warn({ reason: reasonOf(error) }, trouble)
    }
  }
}

function isSameRow(a: KnownImage, b: KnownImage): boolean {
  return (
    a.usedAt === b.usedAt && a.bytes === b.bytes && a.pulled === b.pulled && a.names.length === b.names.length
  )
}
