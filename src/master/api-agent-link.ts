/**
 * The master's end of the agent link, our own protocol in the manner of the scheduler API: `POST /api/x1/agent` with
 * SUBSCRIBE opens a stream of events and names it in `Mesos-Stream-Id`; all other calls carry that header, each in a
 * request of its own or, as our agents send them, as the records of one endless request.
 */
import { isIP, isIPv4 } from 'node:net'
import type { Metrics } from '../base/metrics.ts'
import type { Random } from '../base/random.ts'
import { passGate, type Gate } from '../http/gate.ts'
import { hasRecords, takeCalls } from '../http/records.ts'
import { countRefusal } from '../http/refused.ts'
import type { HttpRequest } from '../http/request.ts'
import { accepted, stream, text, type Answer } from '../http/response.ts'
import { MAX_ATTRIBUTES } from '../resources/attributes.ts'
import { uuidError } from '../wire/identifiers.ts'
import { LinkCall, type LinkCallSubscribe } from '../wire/link.ts'
import { agentIp } from '../http/address.ts'
import type { Agent, Cluster } from './core/cluster.ts'
import type { CallBacks } from './call-backs.ts'
import type { Shell } from './shell.ts'

export interface AgentLinkDeps {
  readonly cluster: Cluster
  readonly shell: Shell
  readonly random: Random
  readonly metrics: Metrics
  /** The address that this master tells others. */
  readonly ownIp: string
  /** Sees to it that agents can be reached. */
  readonly callBacks: CallBacks
}

/** Of one agent, so that a broken one cannot fill the master: far beyond what runs on any machine. */
const LINK_LIMITS = {
  tasks: 100_000,
  executors: 100_000,
  frameworks: 10_000,
  hostname: 255,
  version: 64,
}

const STREAM_ID = 'Mesos-Stream-Id'
const CALLS = 'master/agent_calls'
const REFUSED = 'master/agent_calls_refused'

export class AgentLinkApi {
  readonly #deps: AgentLinkDeps

  constructor(deps: AgentLinkDeps) {
    this.#deps = deps
    deps.metrics.declare(REFUSED, CALLS)
  }

  /** Answers one call: a stream for SUBSCRIBE, 202 for others, 4xx with a sentence for what is wrong. */
  async handle(request: HttpRequest): Promise<Answer> {
    const answer = hasRecords(request) ? await this.#takeAll(request) : await this.#answer(request)
    return countRefusal(answer, this.#deps.metrics, REFUSED)
  }

  #takeAll(request: HttpRequest): Promise<Answer> {
    const streamId = request.header(STREAM_ID)
    const onRecord = (): void => this.#deps.metrics.count(CALLS)
    return takeCalls(request, GATE, onRecord, (call) => {
      if (call.type === 'SUBSCRIBE')
        return text(400, `A SUBSCRIBE call opens a link: expecting it in a request of type application/json`)
      return this.#take(call, streamId)
    })
  }

  async #answer(request: HttpRequest): Promise<Answer> {
    this.#deps.metrics.count(CALLS)
    const passed = await passGate(request, GATE)
    if (!passed.ok) return passed.answer
    const { call } = passed
    const streamId = request.header(STREAM_ID)
    if (call.type === 'SUBSCRIBE') return this.#subscribe(call, streamId, request.remote.address)
    return this.#take(call, streamId)
  }

  #take(call: LinkCall, streamId: string | undefined): Answer {
    const agent = this.#agentOf(call, streamId)
    if ('kind' in agent) return agent
    this.#deps.shell.dispatch({ type: 'agent-call', agentId: agent.id, call })
    return accepted()
  }

  #subscribe(call: LinkCall, streamId: string | undefined, peer: string): Answer {
    if (streamId !== undefined)
      return text(400, `Subscribe calls should not include the '${STREAM_ID}' header`)
    const { callBacks, cluster, random, shell, ownIp } = this.#deps
    const connection = random.uuid()
    const { hostname = '', port = 5051 } = call.subscribe?.agent_info ?? {}
    const address = { ip: agentIp(call.subscribe?.ip ?? hostname, peer, ownIp), port }
    return stream({
      contentType: 'application/json',
      headers: { [STREAM_ID]: connection },
      open: (sink) => {
        shell.openAgent(connection, sink, call, address)
        const agentId = cluster.agentConnections.get(connection)
        if (agentId === undefined) return
        callBacks.watch(connection, { agentId, ...address })
        sink.onClose(() => callBacks.forget(connection))
      },
    })
  }

  #agentOf(call: LinkCall, streamId: string | undefined): Agent | Answer {
    const id = call.agent_id?.value ?? ''
    const agent = this.#deps.cluster.agents.get(id)
    if (agent === undefined) return text(400, 'Agent cannot be found')
    if (agent.state.kind !== 'connected') return text(403, 'Agent is not subscribed')
    if (streamId === undefined)
      return text(400, `All non-subscribe calls should include the '${STREAM_ID}' header`)
    if (streamId === agent.state.connection) return agent
    return text(400, `The stream ID '${streamId}' is not that of the current stream of agent ${id}`)
  }
}

const GATE: Gate<LinkCall> = {
  message: LinkCall,
  label: 'link::Call',
  validate: problemWithLinkCall,
  answered: ({ type }) => type === 'SUBSCRIBE',
}

/** @returns what is wrong, naming the field; undefined when nothing is */
function problemWithLinkCall(call: LinkCall): string | undefined {
  if (call.type === 'SUBSCRIBE')
    return call.subscribe === undefined ? expecting('subscribe') : problemWithSubscribe(call.subscribe)
  if (call.agent_id === undefined) return expecting('agent_id')
  switch (call.type) {
    case 'UPDATE':
      if (call.update === undefined) return expecting('update')
      return call.update.status.uuid === undefined ? undefined : problemWithUuid(call.update.status.uuid)
    case 'MESSAGE':
      return call.message === undefined ? expecting('message') : undefined
    case 'EXITED_EXECUTOR':
      return call.exited_executor === undefined ? expecting('exited_executor') : undefined
    case 'OVERSUBSCRIBED':
      return call.oversubscribed === undefined ? expecting('oversubscribed') : undefined
    case 'LENDING':
      return call.lending === undefined ? expecting('lending') : undefined
    case 'PONG':
    case 'UNREGISTER':
      return undefined
    case 'UNKNOWN':
      return "'type' is UNKNOWN, expected a call such as SUBSCRIBE, UPDATE or PONG"
  }
}

const expecting = (field: string): string => `Expecting '${field}' to be present`

function problemWithUuid(uuid: string): string | undefined {
  const problem = uuidError(uuid)
  return problem === undefined ? undefined : `'update.status.uuid': ${problem}`
}

const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/

function problemWithSubscribe(asked: LinkCallSubscribe): string | undefined {
  const { agent_info: info, version } = asked
  const { hostname, port = 5051, attributes = [] } = info
  if (asked.ip !== undefined && !isIPv4(asked.ip))
    return `'ip' is ${JSON.stringify(asked.ip.slice(0, LINK_LIMITS.hostname))}, expected an IPv4 address`
  if (hostname.length > LINK_LIMITS.hostname || !(HOST_NAME.test(hostname) || isIP(hostname) > 0)) {
    const shown = JSON.stringify(hostname.slice(0, LINK_LIMITS.hostname))
    return `'agent_info.hostname' is ${shown}, expected a host name or an IP address`
  }
  if (port < 1 || port > 65_535) return `'agent_info.port' is ${port}, expected a port from 1 to 65535`
  if (version.length > LINK_LIMITS.version || !/^\d+\.\d+\.\d+/.test(version))
    return `'version' is ${JSON.stringify(version.slice(0, LINK_LIMITS.version))}, expected one such as 1.12.0`
  if (attributes.length > MAX_ATTRIBUTES)
    return `'agent_info.attributes' has ${attributes.length} entries, expected at most ${MAX_ATTRIBUTES}`
  for (const list of ['tasks', 'executors', 'frameworks'] as const) {
    const count = asked[list]?.length ?? 0
    if (count > LINK_LIMITS[list])
      return `'${list}' has ${count} entries, expected at most ${LINK_LIMITS[list]}`
  }
  return undefined
}
