// What holds a container's processes together: control groups, or where there are none its session and process tree.
import type { Clock } from '../../base/clock.ts'
import { OperatingError } from '../../base/errors.ts'
import type { ContainerStatistics } from '../../resources/usage.ts'
import type { CgroupLimits, Cgroups, MemoryDeath, MemoryMarks, Tier } from '../cgroups.ts'
import { errnoOf } from '../cgroups/files.ts'
import type { GroupDetails } from '../cgroups/details.ts'
import { processUsage } from '../process-usage.ts'
import { setOwnLimits } from '../own-quota.ts'
import { processTable, treeOf, type ProcessEntry } from './process-table.ts'

export interface Fence {
  /** Files that a process writes `0` into to come inside. */
  readonly entrances: readonly string[]
  /** Of its group, where there is one. */
  readonly path?: string
  /** Taken before the start. */
  readonly marks: MemoryMarks
  /** The shell that starts the container; it stands outside. */
  started(shimPid: number): void
  processes(): readonly number[]
  statistics(): Promise<ContainerStatistics | undefined>
  details(): GroupDetails | undefined
  /** New limits for what is inside. Throws `OperatingError` (ISOLATION). */
  limit(limits: CgroupLimits): void
  memoryDeath(): MemoryDeath | undefined
  /** Resolves when no process is left. */
  killAll(): Promise<void>
  remove(): Promise<void>
}

/** Sends a signal; a process that ended meanwhile is fine. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/** The kernel keeps the list: nothing inside can leave it, however it forks. */
export class CgroupFence implements Fence {
  readonly entrances: readonly string[]
  readonly #cgroups: Cgroups
  readonly path: string
  readonly #tier: Tier
  readonly marks: MemoryMarks

  /** @param marks those of the start, where an earlier life of the agent took them */
  constructor(cgroups: Cgroups, tier: Tier, path: string, marks = cgroups.memoryMarks(tier)) {
    this.#cgroups = cgroups
    this.#tier = tier
    this.path = path
    this.marks = marks
    this.entrances = cgroups.entrances(path)
  }

  started(): void {
    // The kernel knows the members; nothing to remember.
  }

  processes(): readonly number[] {
    return this.#cgroups.processes(this.path)
  }

  statistics(): Promise<ContainerStatistics | undefined> {
    return Promise.resolve(this.#cgroups.statistics(this.path))
  }

  details(): GroupDetails | undefined {
    return this.#cgroups.details(this.path)
  }

  limit(limits: CgroupLimits): void {
    setOwnLimits(this.#cgroups, this.path, limits)
  }

  memoryDeath(): MemoryDeath | undefined {
    return this.#cgroups.memoryDeath(this.path, this.#tier, this.marks)
  }

  killAll(): Promise<void> {
    return this.#cgroups.kill(this.path)
  }

  remove(): Promise<void> {
    return this.#cgroups.remove(this.path)
  }
}

const KILL_TIMEOUT_MS = 60_000

/**
 * Without control groups: descendants of the shim and members of its session, remembered once seen. Honest about its
 * hole: a process that both left the session and was orphaned between two looks is not found any more.
 */
export class TreeFence implements Fence {
  readonly entrances: readonly string[] = []
  readonly #clock: Clock
  readonly #seen = new Map<number, number>()
  readonly #cpuSeconds = new Map<number, number>()
  #vanishedSeconds = 0
  #peakBytes = 0
  readonly marks: MemoryMarks = { tierHits: 0 }
  #shimPid: number | undefined
  /** Of a shim that is not our child: when it has ended, its pid and session may be somebody else's. */
  #shimStart: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  started(shimPid: number): void {
    this.#shimPid = shimPid
  }

  /** What an earlier life of the agent started: its first process, and the shim where it is still there. */
  found(first: ProcessEntry, shim: ProcessEntry | undefined): void {
    this.#seen.set(first.pid, first.startTicks)
    this.#shimPid = first.session
    this.#shimStart = shim?.startTicks ?? Number.NaN
  }

  processes(): readonly number[] {
    if (this.#shimPid === undefined) return []
    const table = processTable()
    const shim = this.#isShim(table) ? this.#shimPid : undefined
    const roots = new Set(shim === undefined ? [] : [shim])
    for (const entry of table) if (this.#seen.get(entry.pid) === entry.startTicks) roots.add(entry.pid)
    const members = treeOf(table, roots, shim, shim)
    this.#seen.clear()
    for (const entry of members) this.#seen.set(entry.pid, entry.startTicks)
    return members.map((entry) => entry.pid)
  }

  #isShim(table: readonly ProcessEntry[]): boolean {
    if (this.#shimStart === undefined) return true
    return table.some(({ pid, startTicks }) => pid === this.#shimPid && startTicks === this.#shimStart)
  }

  async statistics(): Promise<ContainerStatistics | undefined> {
    const usage = await processUsage(this.processes())
    const alive = new Set(usage.map((one) => one.pid))
    for (const [pid, seconds] of this.#cpuSeconds) {
      if (alive.has(pid)) continue
      // Counters must never fall: what an ended process had used stays in the sum, as far as it was seen.
      this.#vanishedSeconds += seconds
      this.#cpuSeconds.delete(pid)
    }
    let cpuSeconds = this.#vanishedSeconds
    let memoryBytes = 0
    for (const one of usage) {
      this.#cpuSeconds.set(one.pid, one.cpuSeconds)
      cpuSeconds += one.cpuSeconds
      memoryBytes += one.residentBytes
    }
    this.#peakBytes = Math.max(this.#peakBytes, memoryBytes)
    return {
      at: this.#clock.now(),
      cpuSeconds,
      // The parts are not told apart here; all of it stands as user time.
      cpuUserSeconds: cpuSeconds,
      cpuSystemSeconds: 0,
      cpuPeriods: undefined,
      cpuThrottledPeriods: undefined,
      cpuThrottledSeconds: undefined,
      memoryBytes,
      memoryInactiveFileBytes: undefined,
      memoryRssBytes: memoryBytes,
      memoryCacheBytes: undefined,
      memoryPeakBytes: this.#peakBytes,
      memoryLimitBytes: undefined,
      processes: usage.length,
      oomKills: undefined,
      cpuPressureSomeSeconds: undefined,
      memoryPressureFullSeconds: undefined,
    }
  }

  details(): GroupDetails {
    const inside = new Set(this.processes())
    const members = processTable().filter(({ pid }) => inside.has(pid))
    return {
      processes: members.length,
      threads: members.reduce((sum, { threads }) => sum + threads, 0),
      cpuLimit: undefined,
      memoryAndSwapBytes: undefined,
      memorySwapBytes: undefined,
      memoryMappedFileBytes: undefined,
      memoryUnevictableBytes: undefined,
      memoryKernelBytes: undefined,
      memoryKernelTcpBytes: undefined,
    }
  }

  limit(): void {
    // Nothing is limited here, which the agent says at its start.
  }

  memoryDeath(): MemoryDeath | undefined {
    return undefined
  }

  async killAll(): Promise<void> {
    const end = this.#clock.monotonic() + KILL_TIMEOUT_MS
    for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
      const alive = this.processes()
      if (alive.length === 0) return
      if (this.#clock.monotonic() > end) {
        throw new OperatingError('ISOLATION', `Processes ${alive.join(', ')} did not die of SIGKILL`)
      }
      for (const pid of alive) signalProcess(pid, 'SIGKILL')
      await this.#clock.sleep(wait)
    }
  }

  remove(): Promise<void> {
    return Promise.resolve()
  }
}
