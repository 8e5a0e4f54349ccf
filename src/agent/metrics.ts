// The agent's gauges under Mesos' names (spec/mesos.md 17.2), computed when somebody looks.
import type { Clock } from '../base/clock.ts'
import type { Metrics } from '../base/metrics.ts'
import { Resources } from '../resources/resources.ts'
import { liveContainers } from './core/live.ts'
import type { AgentState } from './core/state.ts'
import { readHost } from './usage.ts'

/** Counters that exist from the start, so that a dashboard shows 0 instead of nothing. */
const COUNTERS = [
  ...['failed', 'finished', 'gone', 'killed', 'lost'].map((end) => `slave/tasks_${end}`),
  'slave/container_launch_errors',
  ...['own', 'parent', 'host'].map((level) => `tepui/task_oom_${level}`),
  'slave/executors_preempted',
  'slave/executors_terminated',
  'slave/invalid_status_updates',
  'slave/valid_status_updates',
  'slave/invalid_framework_messages',
  'slave/valid_framework_messages',
  // Records of the earlier life that were left out at the start.
  'slave/recovery_errors',
]

export interface GaugeDeps {
  readonly clock: Clock
  readonly state: Readonly<AgentState>
  readonly total: Resources
  readonly lent: () => Resources
}

export function declareMetrics(metrics: Metrics, deps: GaugeDeps): void {
  const { clock, state } = deps
  const startedAt = clock.monotonic()
  metrics.declare(...COUNTERS)
  metrics.gauge('slave/uptime_secs', () => (clock.monotonic() - startedAt) / 1000)
  metrics.gauge('slave/registered', () => (state.link.kind === 'registered' ? 1 : 0))
  metrics.gauge('slave/frameworks_active', () => state.frameworks.size)
  for (const kind of ['registering', 'running', 'terminating'] as const) {
    metrics.gauge(`slave/executors_${kind}`, () => executorsIn(state, kind))
  }
  for (const name of ['staging', 'starting', 'running', 'killing'] as const) {
    metrics.gauge(`slave/tasks_${name}`, () => tasksIn(state, `TASK_${name.toUpperCase()}`))
  }
  for (const name of ['cpus', 'mem', 'disk', 'gpus']) {
    resourceGauges(
      metrics,
      `slave/${name}`,
      () => deps.total.scalar(name),
      () => used(state, name, false),
    )
    const lent = (): number => deps.lent().scalar(name)
    resourceGauges(metrics, `slave/${name}_revocable`, lent, () => used(state, name, true))
  }
  const host = (): ReturnType<typeof readHost> => readHost('/proc')
  metrics.gauge('system/cpus_total', () => host().cpus)
  metrics.gauge('system/load_1min', () => host().load1)
  metrics.gauge('system/load_5min', () => host().load5)
  metrics.gauge('system/load_15min', () => host().load15)
  metrics.gauge('system/mem_free_bytes', () => host().memoryAvailableBytes)
  metrics.gauge('system/mem_total_bytes', () => host().memoryTotalBytes)
  metrics.gauge('tepui/self_rss_bytes', () => process.memoryUsage.rss())
  metrics.gauge('tepui/self_cpu_seconds', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
}

function resourceGauges(metrics: Metrics, name: string, total: () => number, taken: () => number): void {
  metrics.gauge(`${name}_total`, total)
  metrics.gauge(`${name}_used`, taken)
  metrics.gauge(`${name}_percent`, () => (total() > 0 ? taken() / total() : 0))
}

function used(state: Readonly<AgentState>, name: string, revocable: boolean): number {
  const all = Resources.sum(liveContainers(state).map(({ allocated }) => allocated))
  return (revocable ? all.revocable() : all.nonRevocable()).scalar(name)
}

/** Containers that prepare or wait for their executor count as registering, as in Mesos. */
function executorsIn(state: Readonly<AgentState>, kind: 'registering' | 'running' | 'terminating'): number {
  const states = {
    registering: ['preparing', 'registering', 'awaited'],
    running: ['running', 'disconnected'],
    terminating: ['ending', 'terminating'],
  }[kind]
  let count = 0
  for (const { executors } of state.frameworks.values()) {
    for (const { life } of executors.values()) if (states.includes(life.kind)) count++
  }
  return count
}

function tasksIn(state: Readonly<AgentState>, wanted: string): number {
  let count = 0
  for (const { executors } of state.frameworks.values()) {
    for (const { tasks } of executors.values())
      for (const task of tasks.values()) if (task.state === wanted) count++
  }
  return count
}
