/**
 * Commands in containers through the master, `POST /api/x1/agents/ID/session`: the calls of the agent's operator API
 * that `tepui exec` needs, passed on as they are, with an entry in the log of events for each beginning and end.
 */
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { humanDuration } from '../base/units.ts'
import { HttpClient, type IncomingBody, PeerRefusal } from '../http/client.ts'
import { hasRecords } from '../http/records.ts'
import { relayBody } from '../http/relay.ts'
import type { HttpRequest } from '../http/request.ts'
import { text, type Answer } from '../http/response.ts'
import { RECORDS_TYPE } from '../http/upload.ts'
import { AgentCall, type AgentCallLaunchNestedContainerSession } from '../wire/agent-call.ts'
import { AgentResponse } from '../wire/agent-response.ts'
import { decodeMessage, encodeMessage, parseMessage } from '../wire/json.ts'
import type { ContainerID } from '../wire/ids.ts'
import type { Agent, Task } from './core/cluster.ts'
import { agentName } from './history/entries.ts'
import type { History } from './history/history.ts'

export interface SessionsApiDeps {
  readonly clock: Clock
  readonly history: History
}

const CALLS: ReadonlySet<string | undefined> = new Set([
  'LAUNCH_NESTED_CONTAINER_SESSION',
  'ATTACH_CONTAINER_OUTPUT',
  'WAIT_NESTED_CONTAINER',
  'KILL_NESTED_CONTAINER',
])
/** An engine may take its time to begin a command. */
const TIMEOUT_MS = 60_000
const MAX_BODY_BYTES = 256 * 1024
/** Connections for sessions at a time, of all agents; each session has two. */
const MOST_UNDER_WAY = 1000
/** Of what is run, so much is in the log of events. */
const MOST_WORDS = 500
const JSON_TYPE = 'application/json'

export class SessionsApi implements Disposable {
  readonly #deps: SessionsApiDeps
  readonly #http: HttpClient
  #underWay = 0

  constructor(deps: SessionsApiDeps) {
    this.#deps = deps
    this.#http = new HttpClient(deps.clock)
  }

  /** @param address `host:port` of the agent */
  async handle(agent: Agent, address: string, request: HttpRequest): Promise<Answer> {
    if (this.#underWay >= MOST_UNDER_WAY)
      return text(503, `${MOST_UNDER_WAY} connections for commands in containers are open already`)
    const url = `http://${address}/api/v1`
    this.#underWay++
    let isOpen = false
    try {
      if (hasRecords(request)) return await this.#input(url, request)
      const answer = await this.#call(agent, url, request)
      isOpen = answer.kind === 'body'
      return answer
    } catch (error) {
      if (error instanceof PeerRefusal) return text(error.status, error.text)
      if (!(error instanceof OperatingError)) throw error
      return text(502, `Agent ${agent.info.hostname} (${agent.id}) did not answer: ${reasonOf(error)}`)
    } finally {
      if (!isOpen) this.#underWay--
    }
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]()
  }

  async #input(url: string, request: HttpRequest): Promise<Answer> {
    const within = request.header('message-content-type')
    const { status, text: words } = await relayBody(request, url, {
      'Content-Type': RECORDS_TYPE,
      ...(within !== undefined && { 'Message-Content-Type': within }),
    })
    return text(status, words)
  }

  async #call(agent: Agent, url: string, request: HttpRequest): Promise<Answer> {
    const body = await request.body(MAX_BODY_BYTES)
    if (!body.ok) return body.answer
    const call = callIn(body.bytes.toString('utf8'))
    if (typeof call === 'string') return text(400, call)
    if (!CALLS.has(call.type)) return text(400, `Expecting 'type' to be one of ${[...CALLS].join(', ')}`)
    const accept = request.header('accept')
    const within = request.header('message-accept')
    const headers = {
      'Content-Type': JSON_TYPE,
      ...(accept !== undefined && { Accept: accept }),
      ...(within !== undefined && { 'Message-Accept': within }),
    }
    const outgoing = { method: 'POST', url, headers, body: body.bytes, timeoutMs: TIMEOUT_MS } as const
    const opened = await this.#http.openBody(outgoing, request.signal)
    const asked = call.launch_nested_container_session
    const told = asked === undefined ? undefined : this.#begun(agent, asked, request.remote.address)
    return this.#through(opened, () => {
      if (asked !== undefined && told !== undefined) void this.#ended(url, asked.container_id, told)
    })
  }

  #through(opened: IncomingBody, ended: () => void): Answer {
    const { close, headers, pieces, status } = opened
    const [length, within] = [headers.get('content-length'), headers.get('message-content-type')]
    return {
      kind: 'body',
      status,
      contentType: headers.get('content-type') ?? JSON_TYPE,
      length: length === undefined ? undefined : Number(length),
      ...(within !== undefined && { headers: { 'Message-Content-Type': within } }),
      pieces,
      close: () => {
        this.#underWay--
        close()
        ended()
        return Promise.resolve()
      },
    }
  }

  #begun(agent: Agent, asked: AgentCallLaunchNestedContainerSession, from: string): Told {
    const { clock } = this.#deps
    const task = taskIn(agent, asked.container_id.parent?.value)
    const { arguments: args = [], shell, value = '' } = asked.command ?? {}
    const words = (shell === false && args.length > 0 ? args : [value]).join(' ').slice(0, MOST_WORDS)
    const what = task === undefined ? 'a container' : `task ${task.info.name}`
    const told: Told = { agent, at: clock.now(), from, task, words, where: `${what} on ${agentName(agent)}` }
    this.#tell(told, `${from} runs '${words}' in ${told.where}`, {})
    return told
  }

  /** Asks the agent how it was, which knows it a moment after the stream. */
  async #ended(url: string, id: ContainerID, told: Told): Promise<void> {
    const { clock } = this.#deps
    const status = await this.#statusOf(url, id)
    const took = clock.now() - told.at
    const what = `'${told.words}' in ${told.where}, run by ${told.from},`
    const record = { seconds: took / 1000, ...(status !== undefined && { exit_status: status }) }
    this.#tell(told, `${what} ${howOf(status)} after ${humanDuration(took)}`, record)
  }

  async #statusOf(url: string, id: ContainerID): Promise<number | undefined> {
    const call: AgentCall = { type: 'WAIT_NESTED_CONTAINER', wait_nested_container: { container_id: id } }
    const body = encodeMessage(AgentCall, call)
    const headers = { 'Content-Type': JSON_TYPE }
    try {
      const { text: written } = await this.#http.request(
        { method: 'POST', url, headers, body },
        new AbortController().signal,
      )
      const answer = parseMessage(AgentResponse, written)
      return answer.ok ? answer.value.wait_nested_container?.exit_status : undefined
    } catch (error) {
      // An agent that is away has ended it; how is not known.
      if (error instanceof OperatingError) return undefined
      throw error
    }
  }

  #tell({ agent, from, task, words }: Told, sentence: string, record: object): void {
    this.#deps.history.add({
      at: this.#deps.clock.now(),
      kind: 'exec',
      agentId: agent.id,
      ...(task !== undefined && { taskId: task.info.task_id.value, frameworkId: task.frameworkId }),
      text: sentence,
      record: { from, command: words, ...record },
    })
  }
}

interface Told {
  readonly agent: Agent
  readonly at: number
  readonly from: string
  readonly task: Task | undefined
  readonly words: string
  readonly where: string
}

/** @param status as wait(2) tells it */
function howOf(status: number | undefined): string {
  if (status === undefined) return 'ended'
  const signal = status & 0x7f
  return signal === 0 ? `ended with exit code ${status >> 8}` : `was ended by signal ${signal}`
}

function callIn(body: string): AgentCall | string {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (error) {
    return `The body is not JSON: ${reasonOf(error)}`
  }
  const decoded = decodeMessage(AgentCall, value)
  if (decoded.ok) return decoded.value
  return decoded.missing.length > 0 ? `Missing required fields: ${decoded.missing.join(', ')}` : decoded.error
}

function taskIn({ tasks }: Agent, containerId: string | undefined): Task | undefined {
  if (containerId === undefined) return undefined
  for (const task of [...tasks.values()].flatMap((of) => [...of.values()])) {
    if (task.statuses.at(-1)?.container_status?.container_id?.value === containerId) return task
  }
  return undefined
}
