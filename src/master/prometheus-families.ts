// What the master shows to Prometheus: agents, tasks, frameworks, offers, and how much of what is whose.
import type { Metrics } from '../base/metrics.ts'
import { byLabel, lendFamilies, selfFamilies, single, type Family, type Sample } from '../http/prometheus.ts'
import type { Resources } from '../resources/resources.ts'
import type { Agent, Cluster } from './core/cluster.ts'
import type { Occurrence } from './core/occurrences.ts'
import { agentName } from './history/entries.ts'
import { tallyOf } from './tally.ts'

export interface FamilyDeps {
  readonly cluster: Cluster
  readonly metrics: Metrics
  /** Everything that is counted, by name. */
  readonly all: () => Readonly<Record<string, number>>
}

const OFFERS = 'tepui/offers'
const OUTCOMES = ['made', 'accepted', 'declined', 'rescinded', 'expired', 'withdrawn'] as const
const RESOURCES = ['cpus', 'mem', 'disk', 'gpus'] as const
const ENDS = ['finished', 'failed', 'killed', 'lost', 'error', 'dropped', 'gone', 'gone_by_operator'] as const

export function declareOffers(metrics: Metrics): void {
  metrics.declare(...OUTCOMES.map((outcome) => `${OFFERS}/${outcome}`))
}

/** For `Shell.watch`. */
export function countOffer(metrics: Metrics, what: Occurrence): void {
  if (what.kind === 'offer-made') metrics.count(`${OFFERS}/made`)
  if (what.kind === 'offer-ended') metrics.count(`${OFFERS}/${what.how}`)
}

export function masterFamilies({ cluster, metrics, all }: FamilyDeps): Family[] {
  const value = (name: string): number => metrics.value(name)
  const several = (prefix: string, names: readonly string[]): Record<string, number> =>
    Object.fromEntries(names.map((name) => [name, value(prefix + name)]))
  return [
    {
      name: 'tepui_agent_resource',
      type: 'gauge',
      help:
        'Resources of each agent, in cores (cpus, gpus) or MB (mem, disk), by kind: total (its own), allocated (of ' +
        'its own, given to tasks and executors, used or not), offered (of its own, on offer now), lent (told to be ' +
        'lent beside that), lent_used (given to borrowers), lendable (would be lent in addition).',
      read: () => agentResources(cluster),
    },
    {
      name: 'tepui_framework_resource',
      type: 'gauge',
      help:
        'Resources of each framework, in cores (cpus, gpus) or MB (mem, disk), by kind: allocated (its own, used or ' +
        'not), lent (what it borrows), offered (on offer to it now).',
      read: () => frameworkResources(cluster),
    },
    byLabel('gauge', 'tepui_agents', 'Agents that are known, by state.', 'state', () => agentStates(cluster)),
    byLabel('gauge', 'tepui_frameworks', 'Frameworks that are not completed, by state.', 'state', () =>
      several('master/frameworks_', ['connected', 'disconnected']),
    ),
    byLabel('gauge', 'tepui_tasks', 'Tasks that have not ended, by state.', 'state', () =>
      several('master/tasks_', ['staging', 'starting', 'running', 'killing', 'unreachable']),
    ),
    {
      name: 'tepui_task_terminal_total',
      type: 'counter',
      help: 'Tasks that ended since the master started, by state and by reason (empty when none was told).',
      read: () => ends(all()),
    },
    byLabel(
      'counter',
      'tepui_offers_total',
      'Offers since the master started, by outcome: made, and of these accepted, declined, rescinded, expired ' +
        '(--offer_timeout), withdrawn (their framework left, or used them wrongly).',
      'outcome',
      () => several(`${OFFERS}/`, OUTCOMES),
    ),
    ...allocatorFamilies(cluster, value),
    ...lendFamilies(value),
    ...selfFamilies(value, () => value('master/uptime_secs')),
  ]
}

function allocatorFamilies(cluster: Cluster, value: (name: string) => number): Family[] {
  return [
    single(
      'gauge',
      'tepui_outstanding_offers',
      'Offers that wait for an answer now.',
      () => cluster.offers.size,
    ),
    single('counter', 'tepui_allocation_runs_total', 'Runs of the allocator.', () =>
      value('allocator/mesos/allocation_runs'),
    ),
    single(
      'gauge',
      'tepui_allocation_run_seconds',
      'How long the newest run of the allocator took, in seconds.',
      () => value('allocator/mesos/allocation_run_ms') / 1000,
    ),
    byLabel(
      'gauge',
      'tepui_role_dominant_share_ratio',
      'Dominant share of each role, 0 to 1: the largest of its parts of all cpus, all memory, …; the smallest is ' +
        'served first.',
      'role',
      () => Object.fromEntries(cluster.allocator.shares().map(({ role, share }) => [role, share])),
    ),
    byLabel(
      'gauge',
      'tepui_lend_agents',
      'Agents that lend nothing because of their mode, or cannot tell how much.',
      'state',
      () => ({ off: value('tepui/lend_agents_off'), unknown: value('tepui/lend_agents_unknown') }),
    ),
    single('gauge', 'tepui_operator_event_streams', 'Readers of the operator event stream now.', () =>
      value('master/operator_event_stream_subscribers'),
    ),
  ]
}

/** Agents by the names that people know; by their ids where two have one name. */
function labelled(cluster: Cluster): readonly (readonly [label: string, agent: Agent])[] {
  const agents = [...cluster.agents.values()]
  const names = new Map<string, number>()
  for (const agent of agents) names.set(agentName(agent), (names.get(agentName(agent)) ?? 0) + 1)
  return agents.map((agent) => [names.get(agentName(agent)) === 1 ? agentName(agent) : agent.id, agent])
}

function agentResources(cluster: Cluster): Sample[] {
  const tally = tallyOf(cluster)
  return labelled(cluster).flatMap(([agent, { id, lending, oversubscribed, own }]) => {
    const used = tally.used.of(id)
    return amounts(
      { agent },
      {
        total: own,
        allocated: used.nonRevocable(),
        offered: tally.offered.of(id).nonRevocable(),
        lent: oversubscribed,
        lent_used: used.revocable(),
        ...(lending !== undefined && lending.unknown === undefined && { lendable: lending.lendable }),
      },
    )
  })
}

function frameworkResources(cluster: Cluster): Sample[] {
  const tally = tallyOf(cluster)
  return [...cluster.frameworks.keys()].flatMap((framework) => {
    const used = tally.used.of(framework)
    const kinds = { allocated: used.nonRevocable(), lent: used.revocable() }
    return amounts({ framework }, { ...kinds, offered: tally.offered.of(framework) })
  })
}

function amounts(
  labels: Readonly<Record<string, string>>,
  kinds: Readonly<Record<string, Resources>>,
): Sample[] {
  return Object.entries(kinds).flatMap(([kind, resources]) =>
    RESOURCES.map((resource) => ({
      labels: { ...labels, resource, kind },
      value: resources.scalar(resource),
    })),
  )
}

function agentStates({ agents, goneAgents, unreachableAgents }: Cluster): Record<string, number> {
  const all = [...agents.values()]
  const connected = all.filter(({ state }) => state.kind === 'connected')
  return {
    connected: connected.length,
    disconnected: all.length - connected.length,
    deactivated: all.filter(({ deactivated }) => deactivated).length,
    unreachable: unreachableAgents.size,
    gone: goneAgents.size,
  }
}

/** The counters of Mesos: all ends of a state, and of those with a source and a reason each. */
function ends(counted: Readonly<Record<string, number>>): Sample[] {
  return ENDS.flatMap((state) => {
    const reasons = new Map<string, number>()
    for (const [name, times] of Object.entries(counted)) {
      const reason = name.startsWith(`master/task_${state}/`) ? name.split('/reason_')[1] : undefined
      if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + times)
    }
    const told = [...reasons.values()].reduce((sum, times) => sum + times, 0)
    reasons.set('', Math.max(0, (counted[`master/tasks_${state}`] ?? 0) - told))
    return Array.from(reasons, ([reason, times]) => ({ labels: { state, reason }, value: times }))
  })
}
