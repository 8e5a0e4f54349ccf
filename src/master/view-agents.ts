// Agents as the pages of Mesos show them (spec/mesos.md 4.4), and what each of them lends.
import type { Resources } from '../resources/resources.ts'
import { type Agent, type Cluster, usedBy } from './core/cluster.ts'
import { lendingOf, lendLine, lendTotal } from './lend-line.ts'
import { seconds } from '../http/pages/number.ts'
import { KeptRuns } from '../http/pages/kept-runs.ts'
import { type LazyList, lazily } from '../http/pages/page-text.ts'
import { frameworksOn, tallyOf, type Tally, type TaskCounts } from './tally.ts'
import {
  attributeMap,
  quantityMap,
  reservedMap,
  resourceList,
  resourceMap,
  type Page,
} from '../http/pages/resources.ts'

/** The object that `/state` has of an agent. */
export function agentPage(agent: Agent, tally: Tally): Page {
  const { info, address, total } = agent
  return {
    id: agent.id,
    hostname: info.hostname,
    port: address.port,
    attributes: attributeMap(info.attributes ?? []),
    ...(info.domain !== undefined && { domain: info.domain }),
    pid: agentPid(agent),
    registered_time: seconds(agent.registeredAt),
    ...(agent.reregisteredAt !== undefined && { reregistered_time: seconds(agent.reregisteredAt) }),
    resources: resourceMap(total),
    used_resources: resourceMap(tally.used.of(agent.id)),
    offered_resources: resourceMap(tally.offered.of(agent.id)),
    reserved_resources: reservedMap(total, resourceMap),
    unreserved_resources: resourceMap(total.unreserved()),
    active: isActive(agent),
    deactivated: agent.deactivated,
    version: agent.version,
    capabilities: agent.capabilities,
    ...(agent.drain !== undefined && {
      drain_info: { state: agent.drain.state, config: agent.drain.config },
      estimated_drain_start_time_seconds: seconds(agent.drain.since),
    }),
    lending: lendingPart(agent, tally.used.of(agent.id)),
  }
}

/** Each agent tells something of its estimate now and then. */
const AGENTS_TOGETHER = 4
const kept = new KeptRuns<Agent>(AGENTS_TOGETHER)

/** Agents for `/state`, of which those are written anew that changed. */
export function agentList(agents: Iterable<Agent>, tally: Tally): LazyList {
  const write = (agent: Agent): string => JSON.stringify(agentPage(agent, tally))
  return kept.list(agents, { write, marks: (agent) => agentMarks(agent, tally) })
}

/** All that `agentPage` reads: each is replaced when it changes, and never changed in place. */
function agentMarks(agent: Agent, { offered, used }: Tally): readonly unknown[] {
  const { address, capabilities, deactivated, drain, info, lending } = agent
  const { lentToldAt, oversubscribed, registeredAt, reregisteredAt, state, total, version } = agent
  const own = [info, address, total, oversubscribed, capabilities, version, state, deactivated, drain]
  const sums = [used.of(agent.id), offered.of(agent.id)]
  return [...own, ...sums, lending, lentToldAt, registeredAt, reregisteredAt]
}

/** Connected and offered to frameworks. */
export function isActive(agent: Agent): boolean {
  return agent.state.kind === 'connected' && !agent.deactivated
}

/**
 * What the agent lends (of Tepui): `lent` was told to be lent, `used` is held by borrowers, `lendable` is what its
 * estimator would lend in addition, with the `sum` that leads there, or `unknown` with the reason. Times in seconds.
 */
function lendingPart(agent: Agent, used: Resources): Page {
  const { lending, lentToldAt, oversubscribed } = agent
  return {
    mode: lending?.mode ?? 'not told',
    lent: quantityMap(oversubscribed),
    used: quantityMap(used.revocable()),
    lent_told_time: seconds(lentToldAt),
    ...(lending !== undefined && {
      lendable: lending.unknown === undefined ? quantityMap(lending.lendable) : 'unknown',
      ...(lending.unknown !== undefined && { unknown: lending.unknown }),
      ...(lending.sum !== '' && { sum: lending.sum }),
      ...(lending.closed !== undefined && { why_not: lending.closed }),
      estimate_told_time: seconds(lending.toldAt),
    }),
  }
}

/** `slave(1)@10.0.0.3:5051`, which clients take apart (spec/clients.md 3). */
export function agentPid({ address }: Agent): string {
  return `slave(1)@${address.ip}:${address.port}`
}

/** `/slaves`. */
export function agentsPage(cluster: Cluster, wanted: string | undefined): Page {
  const tally = tallyOf(cluster)
  const agents = [...cluster.agents.values()].filter(({ id }) => wanted === undefined || id === wanted)
  return {
    slaves: lazily(agents, (agent) => ({
      ...agentPage(agent, tally),
      reserved_resources_full: reservedMap(agent.total, resourceList),
      unreserved_resources_full: resourceList(agent.total.unreserved()),
      used_resources_full: resourceList(tally.used.of(agent.id)),
      offered_resources_full: resourceList(tally.offered.of(agent.id)),
    })),
    // Agents that a registry remembers and that have not come back yet: there is no durable registry so far.
    recovered_slaves: [],
  }
}

/** An agent in `/state-summary`. */
export function agentSummary(agent: Agent, tally: Tally, counts: TaskCounts): Page {
  return { ...agentPage(agent, tally), ...counts.of(agent.id), framework_ids: counts.partners(agent.id) }
}

/**
 * `/api/x1/lend` (of Tepui): per agent what is its own, what of that is allocated, what it lends of what lies idle
 * (revocable), what of that is used, and by whom, with the estimate in a line; then the same of the whole cluster.
 * Amounts as plain numbers by name.
 */
export function lendPage(cluster: Cluster): Page {
  const tally = tallyOf(cluster)
  const agents = [...cluster.agents.values()]
  return {
    total: lendTotal(agents.map((agent) => lendingOf(agent, tally.used.of(agent.id)))),
    agents: agents.map((agent) => {
      const used = tally.used.of(agent.id)
      const offered = tally.offered.of(agent.id)
      return {
        id: agent.id,
        hostname: agent.info.hostname,
        pid: agentPid(agent),
        connected: agent.state.kind === 'connected',
        total: quantityMap(agent.own),
        allocated: quantityMap(used.nonRevocable()),
        offered: quantityMap(offered.nonRevocable()),
        lent_total: quantityMap(agent.oversubscribed),
        lent_used: quantityMap(used.revocable()),
        lent_offered: quantityMap(offered.revocable()),
        lending: lendingPart(agent, used),
        line: lendLine(lendingOf(agent, used)),
        frameworks: [...frameworksOn(agent)].map((id) => holderPage(cluster, agent, id)),
      }
    }),
  }
}

function holderPage(cluster: Cluster, agent: Agent, frameworkId: string): Page {
  const used = usedBy(agent, frameworkId)
  return {
    id: frameworkId,
    name: cluster.frameworks.get(frameworkId)?.info.name ?? '',
    tasks: agent.tasks.get(frameworkId)?.size ?? 0,
    allocated: quantityMap(used.nonRevocable()),
    lent_used: quantityMap(used.revocable()),
  }
}
