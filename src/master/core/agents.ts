// Agents subscribe: new ones, ones that come back, ones that only they themselves remember (spec/mesos.md 5.2, 5.3).
import { Resources } from '../../resources/resources.ts'
import { validateResources } from '../../resources/validate.ts'
import { identifierError } from '../../wire/identifiers.ts'
import type { LinkCallSubscribe, LinkEvent, LinkReconcileTask } from '../../wire/link.ts'
import { GONE, ping, removeAgent } from './agent-loss.ts'
import { type Agent, type Cluster, type UnreachableAgent, newAgentId, usedBy } from './cluster.ts'
import { sendStanding, standingTold, takeStanding } from './draining.ts'
import type { MasterEvent } from './events.ts'
import { type Adoption, adopt } from './adoption.ts'
import { happened } from './occurrences.ts'
import { endOffer, offersOf } from './offers.ts'
import { type Turn, count, log, sendToAgent } from './turn.ts'

type SubscribeEvent = Extract<MasterEvent, { type: 'agent-subscribe' }>

export function agentSubscribes(turn: Turn, event: SubscribeEvent): void {
  const asked = event.call.subscribe
  if (asked === undefined) return refuse(turn, event.connection, "Expecting 'subscribe' to be present")
  const problem = problemWithAgent(asked)
  if (problem !== undefined) return refuse(turn, event.connection, problem)
  const id = asked.agent_id?.value
  count(turn, id === undefined ? 'master/messages_register_slave' : 'master/messages_reregister_slave')
  if (id === undefined) return register(turn, event, asked)
  if (turn.cluster.goneAgents.has(id)) return shutDown(turn, event.connection, GONE)
  const known = turn.cluster.agents.get(id)
  if (known === undefined) return comeBack(turn, event, asked, id)
  const { hostname } = asked.agent_info
  if (known.info.hostname !== hostname || known.address.ip !== event.address.ip) {
    return shutDown(
      turn,
      event.connection,
      `Agent ${id} was ${known.info.hostname} at ${known.address.ip} before`,
    )
  }
  subscribeAgain(turn, event, asked, known)
}

function problemWithAgent(asked: LinkCallSubscribe): string | undefined {
  const { agent_info: info, agent_id: id } = asked
  if (info.hostname === '') return 'agent_info.hostname must not be empty'
  const own = info.resources ?? []
  if (own.some((resource) => resource.revocable !== undefined || resource.allocation_info !== undefined)) {
    return 'agent_info.resources must be neither revocable nor allocated'
  }
  const lists = [
    own,
    asked.oversubscribed_resources,
    ...(asked.executors ?? []).map((executor) => executor.executor_info.resources),
    ...(asked.tasks ?? []).map((task) => task.task.resources),
  ]
  for (const list of lists) {
    const problem = validateResources(list)
    if (problem !== undefined) return problem
  }
  return id === undefined ? undefined : identifierError(id.value, 'Agent ID')
}

function refuse(turn: Turn, connection: string, message: string): void {
  log(turn, 'warn', `Refused the registration of an agent: ${message}`)
  turn.effects.push(
    { type: 'to-agent', connection, event: { type: 'ERROR', error: { message } } },
    { type: 'close-agent', connection },
  )
}

function shutDown(turn: Turn, connection: string, message: string): void {
  log(turn, 'warn', `Told an agent to shut down: ${message}`)
  turn.effects.push(
    { type: 'to-agent', connection, event: { type: 'SHUTDOWN', shutdown: { message } } },
    { type: 'close-agent', connection },
  )
}

/** A first registration. Whoever was at its address before is replaced (spec/mesos.md 5.3). */
function register(turn: Turn, event: SubscribeEvent, asked: LinkCallSubscribe): void {
  const { cluster } = turn
  const before = agentAt(cluster, event.address)
  if (before !== undefined && isIdle(before)) {
    // Our answer to it was lost: it gets the same answer once more.
    return subscribeAgain(turn, event, asked, before)
  }
  if (before !== undefined) removeAgent(turn, before, 'registered')
  const agent = addAgent(turn, event, asked, newAgentId(cluster))
  count(turn, 'master/slave_registrations')
  happened(turn, { kind: 'agent-registered', agent, how: 'new' })
  welcome(turn, agent, event, asked, adopt(turn, agent, asked, 'new'))
}

function agentAt(cluster: Cluster, address: Agent['address']): Agent | undefined {
  return cluster.agents
    .values()
    .find((agent) => agent.address.ip === address.ip && agent.address.port === address.port)
}

function isIdle(agent: Agent): boolean {
  return agent.state.kind === 'connected' && agent.tasks.size === 0 && agent.executors.size === 0
}

/** Unreachable, or known to an earlier master only: with it come back its frameworks, executors and tasks. */
function comeBack(turn: Turn, event: SubscribeEvent, asked: LinkCallSubscribe, id: string): void {
  const { cluster } = turn
  const record: UnreachableAgent | undefined = cluster.unreachableAgents.get(id)
  cluster.unreachableAgents.delete(id)
  const agent = addAgent(turn, event, asked, id)
  takeStanding(turn, agent, record ?? standingTold(asked))
  for (const [frameworkId, ids] of record?.disowned ?? []) agent.disowned.set(frameworkId, ids)
  count(turn, 'master/slave_reregistrations')
  happened(turn, { kind: 'agent-registered', agent, how: 'returned' })
  welcome(
    turn,
    agent,
    event,
    asked,
    adopt(turn, agent, asked, record === undefined ? 'unknown' : 'unreachable'),
  )
}

/** Also when the end of its old stream was not noticed: then what runs there was never in doubt. */
function subscribeAgain(turn: Turn, event: SubscribeEvent, asked: LinkCallSubscribe, agent: Agent): void {
  const { cluster } = turn
  if (agent.state.kind === 'connected') {
    turn.effects.push({ type: 'close-agent', connection: agent.state.connection })
    cluster.agentConnections.delete(agent.state.connection)
    for (const offer of offersOf(turn, agent)) endOffer(turn, offer, { rescind: true })
  }
  // Its books are made anew below, from what both sides still know; what is given back until then goes nowhere.
  cluster.allocator.removeAgent(agent.id)
  describe(agent, event, asked)
  agent.lentToldAt = turn.now
  agent.reregisteredAt = turn.now
  count(turn, 'master/slave_reregistrations')
  happened(turn, { kind: 'agent-registered', agent, how: 'returned' })
  welcome(turn, agent, event, asked, adopt(turn, agent, asked, 'known'))
}

function addAgent(turn: Turn, event: SubscribeEvent, asked: LinkCallSubscribe, id: string): Agent {
  const agent: Agent = {
    id,
    info: { ...asked.agent_info, id: { value: id } },
    version: asked.version,
    capabilities: [],
    address: event.address,
    state: { kind: 'disconnected', since: turn.now },
    disconnection: 0,
    own: Resources.empty,
    oversubscribed: Resources.empty,
    lentToldAt: turn.now,
    lending: undefined,
    lendCounted: new Map(),
    total: Resources.empty,
    registeredAt: turn.now,
    reregisteredAt: undefined,
    deactivated: false,
    drain: undefined,
    missedPongs: 0,
    tasks: new Map(),
    executors: new Map(),
    offers: new Set(),
    killed: new Map(),
    disowned: new Map(),
  }
  describe(agent, event, asked)
  turn.cluster.agents.set(id, agent)
  return agent
}

/** What an agent says of itself may differ from what it said before. */
function describe(agent: Agent, event: SubscribeEvent, asked: LinkCallSubscribe): void {
  agent.info = { ...asked.agent_info, id: { value: agent.id } }
  agent.version = asked.version
  agent.capabilities = (asked.capabilities ?? []).flatMap(({ type }) => type ?? [])
  agent.address = event.address
  agent.own = Resources.from(asked.agent_info.resources)
  agent.oversubscribed = Resources.from(asked.oversubscribed_resources).unallocated().markRevocable()
  agent.total = agent.own.plus(agent.oversubscribed)
}

/** REGISTERED first, then what the agent has to do about what it missed. */
function welcome(
  turn: Turn,
  agent: Agent,
  { connection }: SubscribeEvent,
  asked: LinkCallSubscribe,
  adoption: Adoption,
): void {
  const { cluster } = turn
  agent.state = { kind: 'connected', connection }
  agent.missedPongs = 0
  cluster.agentConnections.set(connection, agent.id)
  const used = new Map<string, Resources>()
  for (const id of new Set([...agent.tasks.keys(), ...agent.executors.keys()]))
    used.set(id, usedBy(agent, id))
  cluster.allocator.addAgent(
    agent.id,
    {
      hostname: agent.info.hostname,
      attributes: agent.info.attributes ?? [],
      total: agent.total,
      active: !agent.deactivated,
    },
    used,
  )
  sendToAgent(turn, agent, registered(cluster, agent, adoption.reconcile))
  for (const event of adoption.events) sendToAgent(turn, agent, event)
  if (agent.deactivated || asked.standing !== undefined) sendStanding(turn, agent)
  ping(turn, agent)
  log(turn, 'info', `Agent ${agent.info.hostname} is registered`, {
    agent: agent.id,
    resources: agent.total.toText(),
  })
  turn.effects.push({ type: 'allocate-soon' })
}

function registered(cluster: Cluster, agent: Agent, reconcile: LinkReconcileTask[]): LinkEvent {
  const { agentPingTimeoutMs, cluster: name, maxAgentPingTimeouts, masterInfo } = cluster.options
  return {
    type: 'REGISTERED',
    registered: {
      agent_id: { value: agent.id },
      master_info: masterInfo,
      total_ping_timeout_seconds: (agentPingTimeoutMs * maxAgentPingTimeouts) / 1000,
      ...(reconcile.length === 0 ? {} : { reconcile_tasks: reconcile }),
      ...(name === undefined ? {} : { cluster: name }),
    },
  }
}
