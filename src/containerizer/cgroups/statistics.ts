// Reads the counters of a group from files that stay open: one pread each, a few microseconds for all.
import { join } from 'node:path'
import type { ContainerStatistics } from '../../resources/usage.ts'
import type { KernelFile, KernelFiles } from './files.ts'
import type { Hierarchies } from './hierarchies.ts'
import { parseLimit } from './limits.ts'

/** Hundredths of a second: what the kernel calls USER_HZ is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100

interface OpenFiles {
  readonly cpuStat: KernelFile | undefined
  /** v1 cpuacct.usage (ns) and cpuacct.stat (ticks); undefined where cpu.stat of a v2 tree has the times. */
  readonly cpuUsage: KernelFile | undefined
  readonly cpuTicks: KernelFile | undefined
  readonly unifiedCpuStat: KernelFile | undefined
  readonly memoryUse: KernelFile | undefined
  readonly memoryStat: KernelFile | undefined
  readonly memoryPeak: KernelFile | undefined
  readonly memoryLimit: KernelFile | undefined
  readonly memoryEvents: KernelFile | undefined
  readonly pids: KernelFile | undefined
  readonly cpuPressure: KernelFile | undefined
  readonly memoryPressure: KernelFile | undefined
}

/** The number after `key` in a `key value` file, or undefined. Keys are whole words at the start of a line. */
export function field(text: string | undefined, key: string): number | undefined {
  if (text === undefined) return undefined
  let at = text.startsWith(`${key} `) ? 0 : text.indexOf(`\n${key} `)
  if (at < 0) return undefined
  if (at > 0) at++
  const start = at + key.length + 1
  const end = text.indexOf('\n', start)
  return Number(end < 0 ? text.slice(start) : text.slice(start, end))
}

/** Seconds of a pressure file's `total=` (µs) on the line `some` or `full`. */
export function pressureSeconds(text: string | undefined, kind: 'some' | 'full'): number | undefined {
  const line = text?.indexOf(`${kind} `) ?? -1
  if (text === undefined || line < 0) return undefined
  const total = text.indexOf('total=', line)
  return total < 0 ? undefined : Number.parseInt(text.slice(total + 6), 10) / 1e6
}

export class StatisticsReader {
  readonly #files: KernelFiles
  readonly #hierarchies: Hierarchies
  readonly #open = new Map<string, OpenFiles>()

  constructor(files: KernelFiles, hierarchies: Hierarchies) {
    this.#files = files
    this.#hierarchies = hierarchies
  }

  /** Counters of the group at wall time `at` (ms), or undefined when it is gone. Costs a dozen short reads. */
  read(path: string, at: number): ContainerStatistics | undefined {
    const open = this.#open.get(path) ?? this.#openGroup(path)
    if (open === undefined) return undefined
    this.#open.set(path, open)
    const cpu = readCpu(open)
    const memory = this.#readMemory(open, path)
    if (cpu === undefined || memory === undefined) {
      this.forget(path)
      return undefined
    }
    const processes = open.pids?.read()
    return {
      at,
      ...cpu,
      ...memory,
      processes: processes === undefined ? undefined : Number(processes),
      cpuPressureSomeSeconds: pressureSeconds(open.cpuPressure?.read(), 'some'),
      memoryPressureFullSeconds: pressureSeconds(open.memoryPressure?.read(), 'full'),
    }
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
    if (readable) return open
    closeAll(open)
    return undefined
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
      memoryLimitBytes: parseLimit(open.memoryLimit?.read()),
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
      memoryLimitBytes: undefined,
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
  | 'memoryLimitBytes'
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
  const throttledNs = field(stat, 'throttled_time')
  const throttledUs = field(stat, 'throttled_usec')
  const throttling = {
    cpuPeriods: field(stat, 'nr_periods'),
    cpuThrottledPeriods: field(stat, 'nr_throttled'),
    cpuThrottledSeconds:
      throttledNs !== undefined
        ? throttledNs / 1e9
        : throttledUs === undefined
          ? undefined
          : throttledUs / 1e6,
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
