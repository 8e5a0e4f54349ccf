// Puts the garbage collection together on what an agent stands on: its database, the disk, the loops, the pages.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { every } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Metrics } from '../../base/metrics.ts'
import { Collector, type CollectorDeps } from '../../gc/collector.ts'
import { type DiskUse, watchedDisk } from '../../gc/disk.ts'
import { diskUsage } from '../../gc/disk-usage.ts'
import { DiskGuard } from '../../gc/guard.ts'
import { Remover } from '../../gc/remover.ts'
import { Reserve } from '../../gc/reserve.ts'
import { onSchedule } from '../../gc/schedule.ts'
import { Database } from '../../store/database.ts'
import { COLLECTION_MIGRATIONS, ScheduledPaths, Tombstones } from '../../store/scheduled-paths.ts'
import type { AgentState } from '../core/state.ts'
import type { AgentFlags } from '../flags.ts'
import type { AgentDeps } from '../ground.ts'
import { AGENTS_FOLDER, META_AGENTS_FOLDER, sandboxDirectory } from '../paths.ts'
import type { ContainerNews } from '../supervisor.ts'
import { endOf } from './endings.ts'
import { holdersText } from './holders.ts'

export interface CollectionEdges {
  readonly flags: AgentFlags
  readonly workDir: string
  readonly metrics: Metrics
  readonly state: Readonly<AgentState>
  /** Bytes of the sandbox of a running container, when they were measured. */
  readonly sandboxBytes: (containerId: string) => number | undefined
}

export interface OpenCollection extends AsyncDisposable {
  readonly collector: Collector
  readonly guard: DiskGuard
  readonly tombstones: Tombstones
  readonly reserve: Reserve
  readonly disk: () => DiskUse
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
  parts: Pick<CollectorDeps, 'disk' | 'paths' | 'remover' | 'tombstones'>,
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
  const disk =
    deps.disk ??
    watchedDisk(workDir, (error) => {
      log.error({ path: workDir, reason: reasonOf(error) }, 'the disk of the work folder cannot be asked')
    })
  const { totalBytes } = disk()
  const database = Database.open(join(workDir, 'gc.db'), {
    migrations: COLLECTION_MIGRATIONS,
    onDamaged: (message) => log.warn({}, message),
  })
  const bytes = Math.min(STONES.bytes, totalBytes * STONES.part)
  const tombstones = new Tombstones(database, { entries: STONES.entries, bytes })
  const remover = new Remover(clock)
  const paths = new ScheduledPaths(database)
  const collector = newCollector(edges, deps, { disk, paths, remover, tombstones })
  const wanted = Math.min(flags.disk_reserve, Math.floor(totalBytes * RESERVE_PART))
  const reserve = new Reserve(join(workDir, 'reserve'), wanted)
  const holders = (): string => holdersText(state, edges.sandboxBytes, collector.scheduled)
  const guard = new DiskGuard({ log, metrics, disk, reserve, holders, collect: () => collector.collect() })
  const trouble = (error: unknown): void =>
    log.warn({ reason: reasonOf(error) }, 'sandboxes could not be collected')
  const schedule = onSchedule(flags.gc_schedule, async () => void (await collector.sweep()), trouble)
  const isTight = (): boolean => disk().usage >= 1 - flags.gc_disk_headroom
  return {
    collector,
    guard,
    tombstones,
    reserve,
    disk,
    hear(news) {
      if (news.type !== 'exited' && news.type !== 'launch-failed') return
      const end = endOf(state, news, clock.now())
      if (end === undefined) return
      const { facts, ending } = end
      // Of a launch that was refused early there is no sandbox.
      if (existsSync(sandboxDirectory(workDir, facts, facts.containerId))) collector.schedule(facts, ending)
      // Short tasks fill a small disk between two looks.
      if (isTight()) collector.collect().catch(trouble)
    },
    async admit() {
      if (isTight()) await atMost(clock, ADMIT_MS, collector.collect().catch(trouble))
      const refusal = await guard.refusal()
      if (refusal === undefined) return
      const hint = 'Free some space, or have sandboxes collected earlier (tepui gc, --gc_delay)'
      throw new OperatingError('LIMIT', refusal, { hint })
    },
    run: (signal) => watch({ clock, collector, guard, trouble, watchMs: flags.disk_watch_interval }, signal),
    async [Symbol.asyncDispose]() {
      collector.close()
      await remover[Symbol.asyncDispose]()
      await schedule[Symbol.asyncDispose]()
      await collector.idle()
      database[Symbol.dispose]()
    },
  }
}

/** Waits for the work, but no longer than this; the work goes on. */
async function atMost(clock: AgentDeps['clock'], ms: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>()
  using _ = clock.after(ms, late.resolve)
  await Promise.race([work, late.promise])
}

async function watch(
  parts: {
    readonly clock: AgentDeps['clock']
    readonly collector: Collector
    readonly guard: DiskGuard
    readonly trouble: (error: unknown) => void
    readonly watchMs: number
  },
  signal: AbortSignal,
): Promise<void> {
  const { clock, collector, guard, trouble, watchMs } = parts
  const options = { onFailure: trouble }
  await Promise.all([
    collector.scan().catch(trouble),
    every(
      clock,
      { ...options, ms: GUARD_MS, name: 'disk guard', immediately: true },
      () => guard.look(),
      signal,
    ),
    every(
      clock,
      { ...options, ms: watchMs, name: 'disk watch' },
      async () => void (await collector.collect()),
      signal,
    ),
  ])
}
