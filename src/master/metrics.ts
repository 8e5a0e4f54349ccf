// The master's metrics under Mesos' names (spec/mesos.md 17.1), as far as they are real here.
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os'
import type { Clock } from '../base/clock.ts'
import type { Metrics } from '../base/metrics.ts'
import { LEND_COUNTERS, percentileGauges } from '../resources/lend-counters.ts'
import { Resources } from '../resources/resources.ts'
import type { TaskState } from '../wire/tasks.ts'
import { type Cluster, isActive } from './core/cluster.ts'
import { holdingsOn } from './tally.ts'

export interface MasterMetricsDeps {
  readonly cluster: Cluster
  readonly clock: Clock
  /** Changes whenever the cluster may have changed: sums are kept as long as it stays. */
  readonly version: () => number
}

const SCALARS = ['cpus', 'gpus', 'mem', 'disk'] as const

/** Counted by the core; declared here so that they are there before the first event. */
const COUNTERS = [
  'master/dropped_messages',
  ...['finished', 'failed', 'killed', 'lost', 'error', 'dropped', 'gone', 'gone_by_operator'].map(
    (state) => `master/tasks_${state}`,
  ),
  ...[
    'decline_offers',
    'executor_to_framework',
    'exited_executor',
    'framework_to_executor',
    'kill_task',
    'launch_tasks',
    'reconcile_operations',
    'reconcile_tasks',
    'register_framework',
    'register_slave',
    'reregister_framework',
    'reregister_slave',
    'resource_request',
    'revive_offers',
    'status_update',
    'status_update_acknowledgement',
    'suppress_offers',
    'unregister_framework',
    'unregister_slave',
    'update_slave',
  ].map((message) => `master/messages_${message}`),
  ...['valid', 'invalid'].flatMap((word) =>
    [
      'framework_to_executor_messages',
      'executor_to_framework_messages',
      'status_updates',
      'status_update_acknowledgements',
    ].map((what) => `master/${word}_${what}`),
  ),
  'master/slave_registrations',
  'master/slave_reregistrations',
  'master/slave_removals',
  ...['registered', 'unhealthy', 'unregistered'].map((why) => `master/slave_removals/reason_${why}`),
  ...['scheduled', 'completed', 'canceled'].map((word) => `master/slave_unreachable_${word}`),
]

const LIVE_STATES: readonly TaskState[] = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
  'TASK_UNREACHABLE',
]

/** Declares the counters and shows the gauges of a master that has just become the leader. */
export function registerMetrics(metrics: Metrics, deps: MasterMetricsDeps): void {
  const { cluster, clock } = deps
  const began = clock.monotonic()
  metrics.declare(...COUNTERS)
  metrics.gauge('master/elected', () => 1)
  metrics.gauge('master/uptime_secs', () => (clock.monotonic() - began) / 1000)
  metrics.gauge('master/outstanding_offers', () => cluster.offers.size)
  metrics.gauge('master/slaves_unreachable', () => cluster.unreachableAgents.size)
  const sums = remembered(deps.version, () => sumsOf(cluster))
  for (const [gauge, count] of Object.entries(sums().counts))
    metrics.gauge(gauge, () => sums().counts[gauge] ?? count)
  for (const name of SCALARS) {
    resourceGauges(metrics, `master/${name}`, name, () => ({ total: sums().own, used: sums().used }))
    resourceGauges(metrics, `master/${name}_revocable`, name, () => ({
      total: sums().lent,
      used: sums().usedOfLent,
    }))
  }
  lendGauges(metrics, sums)
  metrics.gauge('system/cpus_total', availableParallelism)
  ;(['1min', '5min', '15min'] as const).forEach((span, index) => {
    metrics.gauge(`system/load_${span}`, () => loadavg()[index] ?? 0)
  })
  metrics.gauge('system/mem_total_bytes', totalmem)
  metrics.gauge('system/mem_free_bytes', freemem)
  metrics.gauge('tepui/self_rss_bytes', () => process.memoryUsage.rss())
  metrics.gauge('tepui/self_cpu_seconds', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
}

/** Of Tepui: what all agents lend; what they count of it themselves is added up as they tell it. */
function lendGauges(metrics: Metrics, sums: () => ClusterSums): void {
  metrics.declare(...LEND_COUNTERS)
  for (const { name, read } of percentileGauges((counter) => metrics.value(counter)))
    metrics.gauge(name, read)
  metrics.gauge('tepui/lend_lent_cpus', () => sums().lent.scalar('cpus'))
  metrics.gauge('tepui/lend_lent_mem_mbs', () => sums().lent.scalar('mem'))
  metrics.gauge('tepui/lend_lent_used_cpus', () => sums().usedOfLent.scalar('cpus'))
  metrics.gauge('tepui/lend_lendable_cpus', () => sums().lendable)
  metrics.gauge('tepui/lend_agents_unknown', () => sums().unknown)
  metrics.gauge('tepui/lend_agents_off', () => sums().off)
}

function resourceGauges(
  metrics: Metrics,
  prefix: string,
  name: string,
  read: () => { readonly total: Resources; readonly used: Resources },
): void {
  metrics.gauge(`${prefix}_total`, () => read().total.scalar(name))
  metrics.gauge(`${prefix}_used`, () => read().used.scalar(name))
  metrics.gauge(`${prefix}_percent`, () => {
    const { total, used } = read()
    return total.scalar(name) === 0 ? 0 : used.scalar(name) / total.scalar(name)
  })
}

/** One computation for all gauges of one look, and for all looks between two events. */
function remembered<T>(version: () => number, compute: () => T): () => T {
  let known: { readonly version: number; readonly value: T } | undefined
  return () => {
    if (known?.version !== version()) known = { version: version(), value: compute() }
    return known.value
  }
}

interface ClusterSums {
  readonly own: Resources
  readonly used: Resources
  readonly lent: Resources
  readonly usedOfLent: Resources
  /** CPUs that could be lent in addition. */
  readonly lendable: number
  /** Agents without an estimate, and with lending switched off. */
  readonly unknown: number
  readonly off: number
  readonly counts: Readonly<Record<string, number>>
}

function sumsOf(cluster: Cluster): ClusterSums {
  const agents = [...cluster.agents.values()]
  const used = Resources.sum(agents.map((agent) => holdingsOn(agent).used))
  return {
    own: Resources.sum(agents.map((agent) => agent.own)),
    lent: Resources.sum(agents.map((agent) => agent.oversubscribed)),
    used: used.nonRevocable(),
    usedOfLent: used.revocable(),
    lendable: Resources.sum(agents.map(({ lending }) => lending?.lendable ?? Resources.empty)).scalar('cpus'),
    unknown: agents.filter(({ lending }) => lending?.unknown !== undefined).length,
    off: agents.filter(({ lending }) => lending?.mode === 'off').length,
    counts: countsOf(cluster),
  }
}

function countsOf(cluster: Cluster): Record<string, number> {
  const frameworks = [...cluster.frameworks.values()]
  const connected = frameworks.filter(({ state }) => state.kind === 'connected').length
  const active = frameworks.filter(isActive).length
  const agents = [...cluster.agents.values()].filter(({ state }) => state.kind === 'connected').length
  const tasks = new Map<TaskState, number>(LIVE_STATES.map((state) => [state, 0]))
  for (const framework of frameworks) {
    for (const { state } of framework.tasks.values()) tasks.set(state, (tasks.get(state) ?? 0) + 1)
    tasks.set('TASK_UNREACHABLE', (tasks.get('TASK_UNREACHABLE') ?? 0) + framework.unreachableTasks.size)
  }
  return {
    'master/frameworks_connected': connected,
    'master/frameworks_disconnected': frameworks.length - connected,
    'master/frameworks_active': active,
    'master/frameworks_inactive': frameworks.length - active,
    'master/slaves_connected': agents,
    'master/slaves_disconnected': cluster.agents.size - agents,
    'master/slaves_active': agents,
    'master/slaves_inactive': cluster.agents.size - agents,
    ...Object.fromEntries(
      LIVE_STATES.map((state) => [
        `master/${state.toLowerCase().replace('task_', 'tasks_')}`,
        tasks.get(state) ?? 0,
      ]),
    ),
  }
}

/** Everything that is counted, by name. */
export function allMetrics(metrics: Metrics, cluster: Cluster): Readonly<Record<string, number>> {
  const all = Object.entries({ ...metrics.snapshot(), ...allocatorMetrics(cluster) })
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Metrics whose names come and go with roles; added to what `Metrics` has when somebody looks. */
function allocatorMetrics(cluster: Cluster): Record<string, number> {
  const { allocator } = cluster
  const found: Record<string, number> = {}
  const total = Resources.sum(Array.from(cluster.agents.values(), (agent) => agent.total))
  const shares = allocator.shares()
  const isThere = (name: string): boolean => name !== 'gpus' || total.scalar(name) > 0
  for (const name of SCALARS.filter(isThere)) {
    const booked = shares.reduce((sum, share) => sum + (share.booked.get(name) ?? 0), 0)
    found[`allocator/mesos/resources/${name}/total`] = total.scalar(name)
    found[`allocator/mesos/resources/${name}/offered_or_allocated`] = booked / 1000
  }
  for (const { role, share } of shares) found[`allocator/mesos/roles/${role}/shares/dominant`] = share
  for (const [role, count] of allocator.filterCounts())
    found[`allocator/mesos/offer_filters/roles/${role}/active`] = count
  return found
}
