/**
 * The garbage collector of an agent: remembers the sandboxes of ended containers, removes what is due, leaves a
 * tombstone of each, and can say of everything when and why it goes (spec/mesos.md 10).
 */
import { dirname, join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { ScheduledPaths, Tombstones } from '../store/scheduled-paths.ts'
import type { DiskUse } from './disk.ts'
import { type Collection, type Entry, entryOf, joined, MAX_LINES, type Removed } from './entry.ts'
import { lastChange, namesIn, removeEmptyAbove, runsIn } from './layout.ts'
import { type Ending, maxAllowedAge, type Moment, next, type Rules, type Why } from './plan.ts'
import type { RemovalOutcome } from './removal.ts'
import { dropSpare, type Spares } from './spares.ts'
import { type ContainerFacts, tailOf, type Tombstone } from './tombstone.ts'

export interface CollectorDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly paths: ScheduledPaths
  readonly tombstones: Tombstones
  readonly remover: {
    remove(path: string, onProgress?: (removed: number) => void): Promise<RemovalOutcome>
  }
  readonly disk: () => DiskUse
  /** Bytes that a folder takes on disk. */
  readonly measure: (path: string) => Promise<number>
  /** Containers that are being prepared, run, or are being released. */
  readonly isLive: (containerId: string) => boolean
  /** This agent's id; what other agents left is removed whole. */
  readonly agentId: () => string | undefined
  readonly spares?: () => readonly Spares[]
}

export interface CollectorSettings extends Rules {
  readonly workDir: string
  /** Below the work folder: where the agents' folders are, and where those with their state. */
  readonly agents: string
  readonly meta: string
}

const SUCCEEDED = 'gc/path_removals_succeeded'
const FAILED = 'gc/path_removals_failed'
/** What could not be removed is left alone for so long. */
const RETRY_MS = 5 * 60_000
/** A clock that is off by more was set; less is drift, or the grain of two clocks. */
const JUMP_MS = 30_000
/** Sandboxes that are scheduled; of more the database and the pages would grow without end. */
const MAX_SCHEDULED = 200_000

export class Collector {
  readonly #deps: CollectorDeps
  readonly #settings: CollectorSettings
  readonly #entries = new Map<string, Entry>()
  #running: Promise<Collection> | undefined
  #again: { olderThanMs: number | undefined } | undefined
  /** Sweeps under way, from their look on. */
  #sweeps = 0
  #last: Collection | undefined
  #current: { readonly path: string; removed: number } | undefined
  #closed = false
  /** Of wall time to monotonic time. */
  #clockOffset: number

  constructor(deps: CollectorDeps, settings: CollectorSettings) {
    this.#deps = deps
    this.#settings = settings
    const { clock, metrics } = deps
    this.#clockOffset = clock.now() - clock.monotonic()
    metrics.declare(SUCCEEDED, FAILED, 'gc/bytes_removed')
    metrics.gauge('gc/path_removals_pending', () => this.#entries.size)
    metrics.gauge('slave/executor_directory_max_allowed_age_secs', () => this.maxAgeMs() / 1000)
    for (const row of deps.paths.all()) {
      const entry = entryOf(row)
      if (entry !== undefined) this.#entries.set(entry.path, entry)
    }
  }

  /** Everything that waits, in no order. */
  get scheduled(): Iterable<Entry> {
    return this.#entries.values()
  }

  get rules(): Rules {
    return this.#settings
  }

  /** What is being removed now, and how many entries of it are gone. */
  get current(): { readonly path: string; readonly removed: number } | undefined {
    return this.#current
  }

  /** The last collection that removed anything. */
  get last(): Collection | undefined {
    return this.#last
  }

  get isRunning(): boolean {
    return this.#running !== undefined || this.#sweeps > 0
  }

  maxAgeMs(): number {
    return maxAllowedAge(this.#settings, this.#deps.disk().usage)
  }

  /** The sandbox of a container that ended waits from now on. */
  schedule(facts: ContainerFacts, ending: Ending): void {
    const { agentId, containerId, executorId, frameworkId } = facts
    this.#noticeJump()
    const executor = join(this.#settings.agents, agentId, 'frameworks', frameworkId, 'executors', executorId)
    const since = facts.endedAt ?? this.#deps.clock.now()
    this.#keep({
      path: join(executor, 'runs', containerId),
      kind: 'sandbox',
      ending,
      since,
      facts,
      bytes: undefined,
    })
  }

  /** Compares what is remembered with what is there: a crash forgets the one, people remove the other. */
  async scan(): Promise<void> {
    const { agents, meta, workDir } = this.#settings
    const seen = new Set<string>()
    // What is scheduled meanwhile may not be seen.
    const known = [...this.#entries.keys()]
    for await (const run of runsIn(workDir, agents, removeEmptyAbove)) {
      seen.add(run.path)
      if (this.#entries.has(run.path) || this.#deps.isLive(run.containerId)) continue
      const since = await lastChange(join(workDir, run.path))
      if (since === undefined || this.#entries.size >= MAX_SCHEDULED) continue
      const { path, ...ids } = run
      this.#keep({
        path,
        kind: 'sandbox',
        ending: 'unknown',
        since,
        facts: { ...ids, taskIds: [] },
        bytes: undefined,
      })
    }
    await this.#scanOld(agents, 'agent', seen)
    await this.#scanOld(meta, 'meta', seen)
    for (const path of known) if (!seen.has(path)) this.#forget(path)
  }

  /** What agents with other ids left beside sandboxes. */
  async #scanOld(folder: string, kind: 'agent' | 'meta', seen: Set<string>): Promise<void> {
    const { workDir } = this.#settings
    const own = this.#deps.agentId()
    if (own === undefined) return
    for (const name of await namesIn(join(workDir, folder))) {
      const path = join(folder, name)
      const holdsSandboxes = kind === 'agent' && [...seen].some((one) => one.startsWith(`${path}/`))
      if (name === own || name === 'latest' || holdsSandboxes) continue
      seen.add(path)
      if (this.#entries.has(path)) continue
      const since = await lastChange(join(workDir, path))
      if (since !== undefined)
        this.#keep({ path, kind, ending: 'succeeded', since, facts: undefined, bytes: undefined })
    }
  }

  /**
   * Removes what is due, one path at a time, until nothing is. Asked while a collection runs, another follows it.
   *
   * @param olderThanMs collects everything that ended so long ago, whatever the disk says
   */
  async collect(olderThanMs?: number): Promise<Collection> {
    if (this.#running !== undefined) {
      const soonest = Math.min(this.#again?.olderThanMs ?? Infinity, olderThanMs ?? Infinity)
      this.#again = { olderThanMs: Number.isFinite(soonest) ? soonest : undefined }
      return this.#running
    }
    this.#running = this.#repeat(olderThanMs).finally(() => (this.#running = undefined))
    return this.#running
  }

  /** Looks at what is there before it collects, so that nothing is missed; under way from the first moment on. */
  async sweep(olderThanMs?: number): Promise<Collection> {
    this.#sweeps++
    try {
      await this.scan()
      return await this.collect(olderThanMs)
    } finally {
      this.#sweeps--
    }
  }

  /** Resolves when no collection is under way. Never rejects. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#running])
  }

  /** Nothing new is begun. */
  close(): void {
    this.#closed = true
  }

  /** Measures what was not measured yet, until the signal aborts. */
  async measureAll(signal: AbortSignal): Promise<void> {
    const unmeasured = [...this.#entries.values()].filter(({ bytes }) => bytes === undefined)
    for (const entry of unmeasured) {
      if (signal.aborted) return
      const bytes = await this.#deps.measure(join(this.#settings.workDir, entry.path))
      const now = this.#entries.get(entry.path)
      if (now !== undefined) this.#keep({ ...now, bytes })
    }
  }

  async #repeat(olderThanMs: number | undefined): Promise<Collection> {
    let done = await this.#once(olderThanMs)
    for (let again = this.#takeAgain(); again !== undefined; again = this.#takeAgain()) {
      done = joined(done, await this.#once(again.olderThanMs))
    }
    if (done.removed.length + done.failed.length > 0) this.#last = done
    return done
  }

  #takeAgain(): { olderThanMs: number | undefined } | undefined {
    const again = this.#again
    this.#again = undefined
    return this.#closed ? undefined : again
  }

  async #once(olderThanMs: number | undefined): Promise<Collection> {
    const { clock, disk, log } = this.#deps
    const startedAt = clock.now()
    const removed: Removed[] = []
    const failed: Removed[] = []
    this.#noticeJump()
    this.#pullBack(startedAt)
    if (olderThanMs !== undefined) this.#retryAll()
    for (const one of this.#spares) await one.prepare?.()
    while (!this.#closed) {
      const moment = {
        now: clock.now(),
        usage: disk().usage,
        ...(olderThanMs !== undefined && { olderThanMs }),
      }
      const done = await this.#removeNext(moment)
      if (done === undefined) break
      const lines = done.failures === undefined ? removed : failed
      lines.push(done)
      if (lines.length > MAX_LINES) lines.shift()
    }
    if (removed.length + failed.length > 0)
      log.info(
        { removed: removed.length, failed: failed.length, kept: this.#entries.size },
        'sandboxes collected',
      )
    return { startedAt, endedAt: clock.now(), removed, failed }
  }

  get #spares(): readonly Spares[] {
    return this.#deps.spares?.() ?? []
  }

  /** What is cheapest to lose of what is due; undefined when nothing is. */
  async #removeNext(moment: Moment): Promise<Removed | undefined> {
    const choice = next(this.#ended(), this.#settings, moment)
    const spare = await dropSpare(this.#spares, choice, this.#settings, moment)
    if (spare?.failures === undefined) this.#deps.metrics.count('gc/bytes_removed', spare?.bytes ?? 0)
    return spare ?? (choice === undefined ? undefined : this.#remove(choice.item, choice.why))
  }

  /**
   * Somebody set the wall clock: what waits keeps its age, or a clock that goes wrong would take everything. A machine
   * that slept looks the same; then it waits longer.
   */
  #noticeJump(): void {
    const { clock, log } = this.#deps
    const offset = clock.now() - clock.monotonic()
    const byMs = offset - this.#clockOffset
    if (Math.abs(byMs) < JUMP_MS) return
    this.#clockOffset = offset
    log.warn({ secs: byMs / 1000, kept: this.#entries.size }, 'the clock was set: what is kept keeps its age')
    for (const entry of this.#entries.values()) {
      const { notBefore, since } = entry
      this.#keep({ ...entry, since: since + byMs, ...(notBefore && { notBefore: notBefore + byMs }) })
    }
  }

  /** Who asks may have mended what was in the way. */
  #retryAll(): void {
    for (const entry of this.#entries.values()) this.#entries.set(entry.path, { ...entry, notBefore: 0 })
  }

  /** An end in the future was told by a clock that was ahead: its age counts from now, not from that time on. */
  #pullBack(now: number): void {
    for (const entry of this.#entries.values()) if (entry.since > now) this.#keep({ ...entry, since: now })
  }

  /** Without what lives, whatever the database says. */
  *#ended(): Generator<Entry> {
    for (const entry of this.#entries.values()) {
      const id = entry.facts?.containerId
      if (id === undefined || !this.#deps.isLive(id)) yield entry
    }
  }

  async #remove(entry: Entry, why: Why): Promise<Removed> {
    const { clock, log, metrics, remover } = this.#deps
    const path = join(this.#settings.workDir, entry.path)
    const line = { path: entry.path, kind: entry.kind, ending: entry.ending, why, since: entry.since }
    const stone = await this.#stoneFor(entry, why, path)
    const told = stone === undefined || this.#setStone(stone)
    this.#current = { path: entry.path, removed: 0 }
    const outcome = await remover.remove(path, (removed) => {
      if (this.#current !== undefined) this.#current.removed = removed
    })
    this.#current = undefined
    if (outcome.failed > 0) {
      metrics.count(FAILED)
      log.warn(
        { path, failed: outcome.failed, reasons: outcome.failures },
        'not all of a sandbox could be removed',
      )
      this.#entries.set(entry.path, { ...entry, bytes: undefined, notBefore: clock.now() + RETRY_MS })
      return { ...line, bytes: undefined, failures: outcome.failures }
    }
    metrics.count(SUCCEEDED)
    metrics.count('gc/bytes_removed', outcome.bytes)
    // On a full disk there was no room for it before.
    if (stone !== undefined && !told) this.#setStone(stone)
    this.#forget(entry.path)
    if (entry.kind === 'sandbox') await removeEmptyAbove(dirname(path))
    return { ...line, bytes: outcome.bytes }
  }

  async #stoneFor(entry: Entry, why: Why, path: string): Promise<Tombstone | undefined> {
    if (entry.facts === undefined) return undefined
    const [stdout, stderr] = [await tailOf(path, 'stdout'), await tailOf(path, 'stderr')]
    return {
      ...entry.facts,
      endedAt: entry.facts.endedAt ?? entry.since,
      ending: entry.ending,
      removedAt: this.#deps.clock.now(),
      why,
      ...(entry.bytes !== undefined && { sandboxBytes: entry.bytes }),
      ...(stdout !== undefined && { stdout }),
      ...(stderr !== undefined && { stderr }),
    }
  }

  #setStone(stone: Tombstone): boolean {
    const { containerId, executorId, frameworkId, removedAt } = stone
    return this.#tried('tombstone not kept', () =>
      this.#deps.tombstones.put({ containerId, executorId, frameworkId, removedAt, record: stone }),
    )
  }

  #keep(entry: Entry): void {
    this.#entries.set(entry.path, entry)
    const { bytes, ending, facts, kind, path, since } = entry
    const row = { path, kind, ending, since, bytes, facts: facts ?? null }
    this.#tried('scheduled path not written down', () => this.#deps.paths.put(row))
  }

  #forget(path: string): void {
    this.#entries.delete(path)
    this.#tried('removed path not taken out of the database', () => this.#deps.paths.remove(path))
  }

  /** A database that cannot be written costs what the next scan finds again, and must not stop the removal. */
  #tried(trouble: string, work: () => void): boolean {
    try {
      work()
      return true
    } catch (error) {
      this.#deps.log.warn({ reason: reasonOf(error) }, trouble)
      return false
    }
  }
}
