// Reads the few counters of a group that a decision in 100 ms needs: one pread each, no more than are needed.
import type { CgroupPulse, PulseWish } from '../cgroups.ts'
import { field, pressureSeconds } from './fields.ts'
import type { KernelFile } from './files.ts'

/** The files of one group, kept open. */
export interface OpenFiles {
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

/** Undefined when the group is gone. */
export function readPulse(open: OpenFiles, wish: PulseWish): CgroupPulse | undefined {
  // A v2 tree has the time used in the same file as the throttling.
  const isApart = (open.cpuUsage ?? open.unifiedCpuStat) !== undefined
  const stat = wish.waiting || !isApart ? open.cpuStat?.read() : undefined
  const cpuSeconds = cpuSecondsOf(open, stat)
  const memory = wish.memory ? open.memoryUse?.read() : undefined
  const isBlind = wish.memory && open.memoryUse !== undefined && memory === undefined
  if (cpuSeconds === undefined || isBlind) return undefined
  return {
    cpuSeconds,
    cpuPressureSomeSeconds: wish.waiting ? pressureSeconds(open.cpuPressure?.read(), 'some') : undefined,
    cpuThrottledSeconds: wish.waiting ? throttledSeconds(stat) : undefined,
    memoryBytes: memory === undefined ? undefined : Number(memory),
    memoryPressureFullSeconds: wish.memory ? pressureSeconds(open.memoryPressure?.read(), 'full') : undefined,
  }
}

function cpuSecondsOf(open: OpenFiles, stat: string | undefined): number | undefined {
  const nanoseconds = open.cpuUsage?.read()
  if (open.cpuUsage !== undefined) return nanoseconds === undefined ? undefined : Number(nanoseconds) / 1e9
  const microseconds = field(
    open.unifiedCpuStat === undefined ? stat : open.unifiedCpuStat.read(),
    'usage_usec',
  )
  return microseconds === undefined ? undefined : microseconds / 1e6
}

/** Seconds that the group's own quota stopped it: nanoseconds in v1, microseconds in v2. */
export function throttledSeconds(stat: string | undefined): number | undefined {
  const nanoseconds = field(stat, 'throttled_time')
  if (nanoseconds !== undefined) return nanoseconds / 1e9
  const microseconds = field(stat, 'throttled_usec')
  return microseconds === undefined ? undefined : microseconds / 1e6
}
