// Puts the garbage collection together on what an agent stands on: its database, the disk, the loops, the pages.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { every } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { Keeping } from '../../containerizer/keeping.ts'
import type { FetchCache } from '../../fetcher/cache.ts'
import { Collector, type CollectorDeps } from '../../gc/collector.ts'
import { type DiskUse, watchedDisk } from '../../gc/disk.ts'
import { diskUsage } from '../../gc/disk-usage.ts'
import { DiskGuard } from '../../gc/guard.ts'
import { Remover } from '../../gc/remover.ts'
import { Reserve } from '../../gc/reserve.ts'
import { onSchedule } from '../../gc/schedule.ts'
import type { Spares } from '../../gc/spares.ts'
import type { ContainerStatistics } from '../../resources/usage.ts'
import { Database } from '../../store/database.ts'
import { COLLECTION_MIGRATIONS, ScheduledPaths, Tombstones } from '../../store/scheduled-paths.ts'
import type { AgentState } from '../core/state.ts'
import type { AgentFlags } from '../flags.ts'
import type { AgentDeps } from '../ground.ts'
import { AGENTS_FOLDER, META_AGENTS_FOLDER, sandboxDirectory } from '../paths.ts'
import type { ContainerNews } from '../supervisor.ts'
import { endOf, type LastMeasured } from './endings.ts'
import { type EngineSide, isSameDisk, openEngineSide, watchImages } from './engine-side.ts'
import { type Holder, holdersOf, holdersText } from './holders.ts'

export interface CollectionEdges {
  readonly flags: AgentFlags
  readonly workDir: string
  readonly metrics: Metrics
  readonly state: Readonly<AgentState>
  /** Bytes of the sandbox of a running container, when they were measured. */
  readonly sandboxBytes: (containerId: string) => number | undefined
  /** What a container used, as it was read last. */
  readonly lastUse: (containerId: string) => ContainerStatistics | undefined
  /** What a containerizer keeps besides; undefined when none does. */
  readonly keeping: Keeping | undefined
  /** Of fetched files; undefined before it is open, and without one. */
  readonly cache: () => FetchCache | undefined
}

export interface OpenCollection extends AsyncDisposable {
  readonly collector: Collector
  readonly engine: EngineSide
  /** Of fetched files, when it lies on this disk. */
  readonly cache: FetchCache | undefined
  readonly isRunning: boolean
  readonly guard: DiskGuard
  readonly tombstones: Tombstones
  readonly reserve: Reserve
  readonly disk: () => DiskUse
  /** The containers that run, with what their sandboxes take. */
  readonly running: () => readonly Holder[]
  /** `--enforce_container_disk_quota`. */
  readonly holdsToQuota: boolean
  /** Looks for what is due, or for all that ended or was not used for so long, and removes it. */
  sweep(olderThanMs?: number): Promise<void>
  /** Of every step in a container's life, before the core hears of it. */
  hear(news: ContainerNews): void
  /** @throws OperatingError LIMIT when the disk is too full for another sandbox */
  admit(): Promise<void>
  /** Scans, watches the disk, and collects, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

/** Of tombstones: at most so many, and so much, and no larger part of the disk. */
const STONES = { entries: 10_000, bytes: 64 * 1024 ** 2, part: 1 / 64 }
/** The reserve is no larger part of the disk. */
const RESERVE_PART = 1 / 50
const GUARD_MS = 1000
/** A launch waits so long for room while the disk is fuller than it should be. */
const ADMIT_MS = 10_000

function newCollector(
  { flags, metrics, state, workDir }: CollectionEdges,
  { clock, log }: AgentDeps,
  parts: Pick<CollectorDeps, 'disk' | 'paths' | 'remover' | 'spares' | 'tombstones'>,
): Collector {
  return new Collector(
    {
      clock,
      log,
      metrics,
      ...parts,
      measure: async (path) => (await diskUsage(path, { clock })).bytes,
      isLive: (containerId) => state.containers.has(containerId),
      agentId: () => state.agentId,
    },
    {
      workDir,
      agents: AGENTS_FOLDER,
      meta: META_AGENTS_FOLDER,
      delayMs: flags.gc_delay,
      headroom: flags.gc_disk_headroom,
    },
  )
}

/** @throws OperatingError FILE when the work folder does not take the database */
export function openCollection(edges: CollectionEdges, deps: AgentDeps): OpenCollection {
  const { flags, metrics, state, workDir } = edges
  const { clock, log } = deps
  const disk = diskOf(workDir, deps)
  const { totalBytes } = disk()
  const database = Database.open(join(workDir, 'gc.db'), {
    migrations: COLLECTION_MIGRATIONS,
    onDamaged: (message) => log.warn({}, message),
  })
  const tombstones = new Tombstones(database, stoneLimits(totalBytes))
  const remover = new Remover(clock)
  const paths = new ScheduledPaths(database)
  const engine = openEngineSide({ ...edges, database }, deps)
  const cache = (): FetchCache | undefined => cacheOn(workDir, edges.cache())
  const shared = (): Spares | undefined => (engine.isSameDisk ? engine.images : undefined)
  const spares = (): Spares[] => [cache(), shared()].filter((one) => one !== undefined)
  const collector = newCollector(edges, deps, { disk, paths, remover, spares, tombstones })
  const wanted = Math.min(flags.disk_reserve, Math.floor(totalBytes * RESERVE_PART))
  const reserve = new Reserve(join(workDir, 'reserve'), wanted)
  const running = (): readonly Holder[] => holdersOf(state, edges.sandboxBytes)
  const holders = (): string => holdersText(running(), collector.scheduled)
  const collect = async (): Promise<void> => void (await collector.collect())
  const guard = new DiskGuard({ log, metrics, disk, reserve, holders, collect })
  const trouble = (error: unknown): void =>
    log.warn({ reason: reasonOf(error) }, 'what is due could not be collected')
  const sweeps = new Sweeps(collector, engine)
  const schedule = onSchedule(flags.gc_schedule, () => sweeps.sweep(undefined), trouble)
  const isTight = (): boolean => disk().usage >= 1 - flags.gc_disk_headroom
  return {
    collector,
    engine,
    get cache() {
      return cache()
    },
    get isRunning() {
      return sweeps.isRunning
    },
    guard,
    tombstones,
    reserve,
    disk,
    running,
    holdsToQuota: flags.enforce_container_disk_quota,
    sweep: (olderThanMs) => sweeps.sweep(olderThanMs),
    hear(news) {
      if (news.type !== 'exited' && news.type !== 'launch-failed') return
      const end = endOf(state, news, clock.now(), lastMeasured(edges, news.containerId))
      if (end === undefined) return
      const { facts, ending } = end
      // Of a launch that was refused early there is no sandbox.
      if (existsSync(sandboxDirectory(workDir, facts, facts.containerId))) collector.schedule(facts, ending)
      // Short tasks fill a small disk between two looks.
      if (isTight()) collect().catch(trouble)
    },
    async admit() {
      if (isTight()) await atMost(clock, ADMIT_MS, collect().catch(trouble))
      await refuseOn(guard)
    },
    run: (signal) => watch({ clock, collect, collector, engine, flags, guard, trouble }, signal),
    async [Symbol.asyncDispose]() {
      collector.close()
      engine.images?.close()
      await remover[Symbol.asyncDispose]()
      await schedule[Symbol.asyncDispose]()
      await collector.idle()
      await engine.images?.idle()
      database[Symbol.dispose]()
    },
  }
}

/** One that lies on another disk is left alone. */
function cacheOn(workDir: string, cache: FetchCache | undefined): FetchCache | undefined {
  return cache !== undefined && isSameDisk(cache.folder, workDir) ? cache : undefined
}

function lastMeasured({ lastUse, sandboxBytes }: CollectionEdges, containerId: string): LastMeasured {
  return { diskBytes: sandboxBytes(containerId), statistics: lastUse(containerId) }
}

function stoneLimits(diskBytes: number): { readonly entries: number; readonly bytes: number } {
  return { entries: STONES.entries, bytes: Math.min(STONES.bytes, diskBytes * STONES.part) }
}

async function refuseOn(guard: DiskGuard): Promise<void> {
  const refusal = await guard.refusal()
  if (refusal === undefined) return
  const hint = 'Free some space, or have sandboxes collected earlier (tepui gc, --gc_delay)'
  throw new OperatingError('LIMIT', refusal, { hint })
}

/** What people and the calendar ask for: a look at everything, and what is due of it. */
class Sweeps {
  readonly #collector: Collector
  readonly #engine: EngineSide
  #underWay = 0

  constructor(collector: Collector, engine: EngineSide) {
    this.#collector = collector
    this.#engine = engine
  }

  get isRunning(): boolean {
    return this.#underWay > 0 || this.#collector.isRunning || this.#engine.images?.isRunning === true
  }

  async sweep(olderThanMs: number | undefined): Promise<void> {
    this.#underWay++
    try {
      await this.#collector.sweep(olderThanMs)
      if (olderThanMs !== undefined) await this.#engine.collect(olderThanMs)
    } finally {
      this.#underWay--
    }
  }
}

function diskOf(workDir: string, { disk, log }: AgentDeps): () => DiskUse {
  const trouble = (error: unknown): void =>
    log.error({ path: workDir, reason: reasonOf(error) }, 'the disk of the work folder cannot be asked')
  return disk ?? watchedDisk(workDir, trouble)
}

/** Waits for the work, but no longer than this; the work goes on. */
async function atMost(clock: AgentDeps['clock'], ms: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>()
  using _ = clock.after(ms, late.resolve)
  await Promise.race([work, late.promise])
}

interface Watched {
  readonly clock: AgentDeps['clock']
  readonly collect: () => Promise<void>
  readonly collector: Collector
  readonly engine: EngineSide
  readonly flags: AgentFlags
  readonly guard: DiskGuard
  readonly trouble: (error: unknown) => void
}

async function watch(parts: Watched, signal: AbortSignal): Promise<void> {
  const { clock, collect, collector, engine, flags, guard, trouble } = parts
  const guarding = { ms: GUARD_MS, name: 'disk guard', immediately: true, onFailure: trouble }
  const watching = { ms: flags.disk_watch_interval, name: 'disk watch', onFailure: trouble }
  await Promise.all([
    collector.scan().catch(trouble),
    every(clock, guarding, () => guard.look(), signal),
    every(clock, watching, collect, signal),
    watchImages(engine, flags, { clock, collect, trouble }, signal),
  ])
}
