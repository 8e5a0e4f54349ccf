// Statistics as the engine tells them, for machines whose cgroup files cannot be read.
import type { ContainerStatistics } from '../../resources/usage.ts'
import type { EngineStatistics } from './engine-answers.ts'

/** An engine without a limit answers with a number near 2^63, or with the memory of the machine. */
const UNLIMITED_BYTES = 2 ** 60

/** `at` is the wall time of the answer, in milliseconds. */
export function usageOf(answer: EngineStatistics, at: number): ContainerStatistics {
  const { cpu_usage: cpu, throttling_data: throttling } = answer.cpu_stats
  const { usage, max_usage: peak, limit, stats = {} } = answer.memory_stats
  return {
    at,
    cpuUserSeconds: cpu.usage_in_usermode / 1e9,
    cpuSystemSeconds: cpu.usage_in_kernelmode / 1e9,
    cpuSeconds: cpu.total_usage / 1e9,
    cpuPeriods: throttling?.periods,
    cpuThrottledPeriods: throttling?.throttled_periods,
    cpuThrottledSeconds: throttling === undefined ? undefined : throttling.throttled_time / 1e9,
    memoryBytes: usage ?? 0,
    // Names of cgroup v1 first, then those of v2.
    memoryInactiveFileBytes: stats['total_inactive_file'] ?? stats['inactive_file'],
    memoryRssBytes: stats['total_rss'] ?? stats['anon'],
    memoryCacheBytes: stats['total_cache'] ?? stats['file'],
    memoryPeakBytes: peak,
    memoryLimitBytes: limit !== undefined && limit < UNLIMITED_BYTES ? limit : undefined,
    processes: answer.pids_stats?.current,
    oomKills: undefined,
    cpuPressureSomeSeconds: undefined,
    memoryPressureFullSeconds: undefined,
  }
}
