// Agents, frameworks and roles as the v1 operator API tells them (spec/mesos.md 4.1, recorded answers).
import { Resources } from '../../resources/resources.ts'
import { AgentInfoCapabilityType, type AgentInfoCapability, type DrainInfo } from '../../wire/agents.ts'
import { encodeMessage } from '../../wire/json.ts'
import {
  MasterResponseGetAgentsAgent,
  MasterResponseGetExecutorsExecutor,
  MasterResponseGetFrameworksFramework,
} from '../../wire/master-response.ts'
import type { Role } from '../../wire/frameworks.ts'
import type { Offer } from '../../wire/offers.ts'
import type { Resource } from '../../wire/resources.ts'
import type { TimeInfo } from '../../wire/times.ts'
import {
  type Agent,
  type Cluster,
  type Executor,
  type Framework,
  isActive,
  type OutstandingOffer,
} from '../core/cluster.ts'
import { tallyOf, type Tally } from '../tally.ts'
import { agentPid, isActive as isAgentActive } from '../view-agents.ts'

const time = (ms: number): TimeInfo => ({ nanoseconds: ms * 1e6 })

/** Both forms of a reservation, as for pages. */
const shown = (resources: Resources): Resource[] => resources.toWire('endpoint')

export function agentText(agent: Agent, tally: Pick<Tally, 'used' | 'offered'>): string {
  return encodeMessage(MasterResponseGetAgentsAgent, agentMessage(agent, tally))
}

/** An agent as GET_AGENTS and AGENT_ADDED tell it. */
export function agentMessage(
  agent: Agent,
  { used, offered }: Pick<Tally, 'used' | 'offered'>,
): MasterResponseGetAgentsAgent {
  const { drain, reregisteredAt } = agent
  return {
    agent_info: agent.info,
    active: isAgentActive(agent),
    deactivated: agent.deactivated,
    version: agent.version,
    pid: agentPid(agent),
    registered_time: time(agent.registeredAt),
    ...(reregisteredAt !== undefined && { reregistered_time: time(reregisteredAt) }),
    total_resources: shown(agent.total),
    allocated_resources: shown(used.of(agent.id)),
    offered_resources: shown(offered.of(agent.id)),
    capabilities: agent.capabilities.flatMap(capability),
    ...(drain !== undefined && {
      drain_info: { state: drain.state, config: drain.config } satisfies DrainInfo,
      estimated_drain_start_time: time(drain.since),
    }),
  }
}

/** An agent may tell of one that the API has no name for. */
function capability(name: string): AgentInfoCapability[] {
  return name in AgentInfoCapabilityType.numbers ? [{ type: name as AgentInfoCapabilityType }] : []
}

export function frameworkText(
  cluster: Cluster,
  framework: Framework,
  tally: Pick<Tally, 'used' | 'offered'>,
): string {
  return encodeMessage(MasterResponseGetFrameworksFramework, frameworkMessage(cluster, framework, tally))
}

/** A framework as GET_FRAMEWORKS and the events tell it. */
export function frameworkMessage(
  cluster: Cluster,
  framework: Framework,
  { used, offered }: Pick<Tally, 'used' | 'offered'>,
): MasterResponseGetFrameworksFramework {
  const { id, info, registeredAt, reregisteredAt, state, unregisteredAt } = framework
  const subscribedAt = reregisteredAt ?? registeredAt
  return {
    framework_info: info,
    active: isActive(framework),
    connected: state.kind === 'connected',
    recovered: state.kind === 'recovered',
    ...(registeredAt !== undefined && { registered_time: time(registeredAt) }),
    // As Mesos has it: the first subscription counts as one.
    ...(subscribedAt !== undefined && { reregistered_time: time(subscribedAt) }),
    ...(unregisteredAt !== undefined && { unregistered_time: time(unregisteredAt) }),
    offers: [...framework.offers].flatMap((offer) => cluster.offers.get(offer) ?? []).map(offerMessage),
    allocated_resources: shown(used.of(id)),
    offered_resources: shown(offered.of(id)),
    offer_constraints: framework.offerConstraints ?? {},
  }
}

/** Not as it was sent: that follows what the framework can read. */
function offerMessage({ message, resources, role }: OutstandingOffer): Offer {
  return { ...message, resources: resources.toWire(), allocation_info: { role } }
}

export function executorText({ info, agentId }: Executor): string {
  return encodeMessage(MasterResponseGetExecutorsExecutor, {
    executor_info: info,
    agent_id: { value: agentId },
  })
}

/** What is allocated or offered to each role, without saying to whom. */
export function roleMessages(cluster: Cluster): Role[] {
  const tally = tallyOf(cluster)
  const weights = new Map(cluster.allocator.shares().map(({ role, weight }) => [role, weight]))
  const members = new Map<string, { value: string }[]>()
  for (const { id, roles } of cluster.frameworks.values())
    for (const role of roles) members.set(role, [...(members.get(role) ?? []), { value: id }])
  const names = new Set([...members.keys(), ...tally.usedByRole.ids(), ...tally.offeredByRole.ids()])
  return [...names].toSorted().map((name) => ({
    name,
    weight: weights.get(name) ?? 1,
    frameworks: members.get(name) ?? [],
    resources: Resources.sum([tally.usedByRole.of(name), tally.offeredByRole.of(name)])
      .unallocated()
      .toWire(),
  }))
}
