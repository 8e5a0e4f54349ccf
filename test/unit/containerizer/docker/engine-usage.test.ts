// What the engine says of a container's use where its control groups cannot be read.
import { expect, test } from 'vitest'
import { usageOf } from '../../../../src/containerizer/docker/engine-usage.ts'

const CPU = {
  cpu_usage: {
    total_usage: 3_500_000_000,
    usage_in_usermode: 3_000_000_000,
    usage_in_kernelmode: 500_000_000,
  },
  throttling_data: { periods: 20, throttled_periods: 5, throttled_time: 250_000_000 },
}

test('nanoseconds become seconds, and memory has the names of cgroup v1', () => {
  const stats = { total_inactive_file: 10, total_rss: 20, total_cache: 30 }
  const memory_stats = { usage: 100, max_usage: 200, limit: 300, stats }
  expect(usageOf({ cpu_stats: CPU, memory_stats, pids_stats: { current: 4 } }, 7)).toMatchObject({
    at: 7,
    cpuSeconds: 3.5,
    cpuUserSeconds: 3,
    cpuSystemSeconds: 0.5,
    cpuPeriods: 20,
    cpuThrottledPeriods: 5,
    cpuThrottledSeconds: 0.25,
    memoryBytes: 100,
    memoryInactiveFileBytes: 10,
    memoryRssBytes: 20,
    memoryCacheBytes: 30,
    memoryPeakBytes: 200,
    memoryLimitBytes: 300,
    processes: 4,
  })
})

test('the names of cgroup v2 are read too, and what is not told is not known', () => {
  const memory_stats = { usage: 100, limit: 2 ** 63, stats: { inactive_file: 10, anon: 20, file: 30 } }
  const { cpu_usage } = CPU
  expect(usageOf({ cpu_stats: { cpu_usage }, memory_stats }, 7)).toMatchObject({
    cpuPeriods: undefined,
    cpuThrottledSeconds: undefined,
    memoryInactiveFileBytes: 10,
    memoryRssBytes: 20,
    memoryCacheBytes: 30,
    memoryPeakBytes: undefined,
    // Near 2^63 is how the engine writes that there is none.
    memoryLimitBytes: undefined,
    processes: undefined,
  })
})
