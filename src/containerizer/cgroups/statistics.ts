// Reads the counters of a group from files that stay open: one pread each, a few microseconds for all.
import { join } from 'node:path'
import type { CgroupPulse, PulseWish } from '../cgroups.ts'
import type { ContainerStatistics } from '../../resources/usage.ts'
import type { KernelFile, KernelFiles } from './files.ts'
import type { Hierarchies } from './hierarchies.ts'
import { parseLimit } from './limits.ts'
import { field, pressureSeconds } from './fields.ts'
import { type OpenFiles, readPulse, throttledSeconds } from './pulse.ts'

/** Hundredths of a second: what the kernel calls USER_HZ is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100
/**
 * What a group without a moment of cpu holds is not read again for so long: it can ask for nothing while it sleeps,
 * only the kernel can take from it. With 50 sleeping containers this is half of the reads.
 */
const ASLEEP_MS = 5000

/** What was read of a group in full, and when. */
interface Held {
  readonly at: number
  readonly cpuSeconds: number
  readonly memory: MemoryPart
  readonly processes: number | undefined
}

export class StatisticsReader {
  readonly #files: KernelFiles
  readonly #hierarchies: Hierarchies
  readonly #open = new Map<string, OpenFiles>()
  /** Goes with the files. */
  readonly #held = new WeakMap<OpenFiles, Held>()

  constructor(files: KernelFiles, hierarchies: Hierarchies) {
    this.#files = files
    this.#hierarchies = hierarchies
  }

  /** Counters of the group at wall time `at` (ms), or undefined when it is gone. Costs a dozen short reads. */
  read(path: string, at: number): ContainerStatistics | undefined {
    const open = this.#open.get(path) ?? this.#openGroup(path)
    if (open === undefined) return undefined
    const cpu = readCpu(open)
    const held = cpu === undefined ? undefined : this.#holding(open, path, at, cpu.cpuSeconds)
    if (cpu === undefined || held === undefined) {
      this.forget(path)
      return undefined
    }
    return {
      at,
      ...cpu,
      ...held.memory,
      memoryLimitBytes: parseLimit(open.memoryLimit?.read()),
      processes: held.processes,
      cpuPressureSomeSeconds: pressureSeconds(open.cpuPressure?.read(), 'some'),
      memoryPressureFullSeconds: pressureSeconds(open.memoryPressure?.read(), 'full'),
    }
  }

  /** Memory and processes: as read before while the group sleeps, undefined when it is gone. */
  #holding(open: OpenFiles, path: string, at: number, cpuSeconds: number): Held | undefined {
    const before = this.#held.get(open)
    const age = at - (before?.at ?? -Infinity)
    if (before?.cpuSeconds === cpuSeconds && age >= 0 && age < ASLEEP_MS) return before
    const memory = this.#readMemory(open, path)
    if (memory === undefined) return undefined
    const processes = open.pids?.read()
    const held = {
      at,
      cpuSeconds,
      memory,
      processes: processes === undefined ? undefined : Number(processes),
    }
    this.#held.set(open, held)
    return held
  }

  /** The counters for a fast decision, or undefined when the group is gone. */
  pulse(path: string, wish: PulseWish): CgroupPulse | undefined {
    const open = this.#open.get(path) ?? this.#openGroup(path)
    if (open === undefined) return undefined
    const pulse = readPulse(open, wish)
    if (pulse === undefined) this.forget(path)
    else if (wish.memory && open.memoryUse === undefined)
      return { ...pulse, memoryBytes: this.#residentMemory(path).memoryBytes }
    return pulse
  }

  forget(path: string): void {
    const open = this.#open.get(path)
    if (open === undefined) return
    this.#open.delete(path)
    closeAll(open)
  }

  close(): void {
    for (const path of this.#open.keys()) this.forget(path)
  }

  #openGroup(path: string): OpenFiles | undefined {
    const { homes, unified } = this.#hierarchies
    const file = (directory: string | undefined, name: string): KernelFile | undefined =>
      directory === undefined ? undefined : this.#files.open(join(directory, path, name))
    const v1 = homes.memory?.version === 1
    const memory = homes.memory?.directory
    const accounting = homes.cpuacct?.directory
    const open: OpenFiles = {
      cpuStat: file(homes.cpu?.directory, 'cpu.stat'),
      cpuUsage: file(accounting, 'cpuacct.usage'),
      cpuTicks: file(accounting, 'cpuacct.stat'),
      unifiedCpuStat:
        accounting === undefined && homes.cpu?.version !== 2 ? file(unified, 'cpu.stat') : undefined,
      memoryUse: file(memory, v1 ? 'memory.usage_in_bytes' : 'memory.current'),
      memoryStat: file(memory, 'memory.stat'),
      memoryPeak: file(memory, v1 ? 'memory.max_usage_in_bytes' : 'memory.peak'),
      memoryLimit: file(memory, v1 ? 'memory.limit_in_bytes' : 'memory.max'),
      memoryEvents: file(memory, v1 ? 'memory.oom_control' : 'memory.events'),
      pids: file(homes.pids?.directory, 'pids.current'),
      cpuPressure: file(unified, 'cpu.pressure'),
      memoryPressure: file(unified, 'memory.pressure'),
    }
    const readable =
      (open.cpuUsage ?? open.unifiedCpuStat ?? open.cpuStat) !== undefined &&
      (memory === undefined || open.memoryUse !== undefined)
    if (!readable) {
      closeAll(open)
      return undefined
    }
    this.#open.set(path, open)
    return open
  }

  #readMemory(open: OpenFiles, path: string): MemoryPart | undefined {
    if (open.memoryUse === undefined) return this.#residentMemory(path)
    const use = open.memoryUse.read()
    const stat = open.memoryStat?.read()
    if (use === undefined || stat === undefined) return undefined
    const v1 = this.#hierarchies.homes.memory?.version === 1
    const peak = open.memoryPeak?.read()
    return {
      memoryBytes: Number(use),
      // v1 counts a group alone and, as `total_`, with all below; v2 always counts all below.
      memoryInactiveFileBytes: field(stat, v1 ? 'total_inactive_file' : 'inactive_file'),
      memoryRssBytes: field(stat, v1 ? 'total_rss' : 'anon'),
      memoryCacheBytes: field(stat, v1 ? 'total_cache' : 'file'),
      memoryPeakBytes: peak === undefined ? undefined : Number(peak),
      oomKills: field(open.memoryEvents?.read(), 'oom_kill'),
    }
  }

  /** Without a memory controller: the sum of what its processes hold resident (shared pages count in each). */
  #residentMemory(path: string): MemoryPart {
    const directory = this.#hierarchies.homes.cpu?.directory ?? this.#hierarchies.unified
    const procs =
      directory === undefined ? undefined : this.#files.read(join(directory, path, 'cgroup.procs'))
    let pages = 0
    for (const pid of procs?.split('\n') ?? []) {
      if (pid !== '') pages += Number(this.#files.read(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0)
    }
    return {
      memoryBytes: pages * 4096,
      memoryRssBytes: pages * 4096,
      memoryInactiveFileBytes: undefined,
      memoryCacheBytes: undefined,
      memoryPeakBytes: undefined,
      oomKills: undefined,
    }
  }
}

type MemoryPart = Pick<
  ContainerStatistics,
  | 'memoryBytes'
  | 'memoryInactiveFileBytes'
  | 'memoryRssBytes'
  | 'memoryCacheBytes'
  | 'memoryPeakBytes'
  | 'oomKills'
>

type CpuPart = Pick<
  ContainerStatistics,
  | 'cpuUserSeconds'
  | 'cpuSystemSeconds'
  | 'cpuSeconds'
  | 'cpuPeriods'
  | 'cpuThrottledPeriods'
  | 'cpuThrottledSeconds'
>

function readCpu(open: OpenFiles): CpuPart | undefined {
  const stat = open.cpuStat?.read()
  const throttling = {
    cpuPeriods: field(stat, 'nr_periods'),
    cpuThrottledPeriods: field(stat, 'nr_throttled'),
    cpuThrottledSeconds: throttledSeconds(stat),
  }
  if (open.cpuUsage !== undefined) {
    const usage = open.cpuUsage.read()
    if (usage === undefined) return undefined
    const ticks = open.cpuTicks?.read()
    return {
      ...throttling,
      cpuSeconds: Number(usage) / 1e9,
      cpuUserSeconds: (field(ticks, 'user') ?? 0) / TICKS_PER_SECOND,
      cpuSystemSeconds: (field(ticks, 'system') ?? 0) / TICKS_PER_SECOND,
    }
  }
  const times = open.unifiedCpuStat === undefined ? stat : open.unifiedCpuStat.read()
  if (times === undefined) return undefined
  return {
    ...throttling,
    cpuSeconds: (field(times, 'usage_usec') ?? 0) / 1e6,
    cpuUserSeconds: (field(times, 'user_usec') ?? 0) / 1e6,
    cpuSystemSeconds: (field(times, 'system_usec') ?? 0) / 1e6,
  }
}

function closeAll(open: OpenFiles): void {
  for (const file of Object.values(open) as (KernelFile | undefined)[]) file?.close()
}
