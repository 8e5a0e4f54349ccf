/**
 * What agents say about lending and fetching, their sandboxes and disks, through the master: one agent's pages below
 * `/api/x1/agents/ID`, the histories of all agents as one, and their files below `/files`. ID is an agent's id, its
 * attribute `agent`, or its host name when no other agent has it.
 */
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { HttpClient, type IncomingBytes, PeerRefusal } from '../http/client.ts'
import type { HttpRequest } from '../http/request.ts'
import { json, jsonText, text, type Answer } from '../http/response.ts'
import type { Route } from '../http/routes.ts'
import { SessionsApi } from './api-sessions.ts'
import type { Agent, Cluster } from './core/cluster.ts'
import { agentName } from './history/entries.ts'
import type { History } from './history/history.ts'

export interface AgentsApiDeps {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly history: History
}

/** What of an agent is reachable, and how. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  lend: ['GET', 'POST'],
  'lend/history': ['GET'],
  why: ['GET'],
  usage: ['GET'],
  fetch: ['GET'],
  'fetch/purge': ['POST'],
  gc: ['GET', 'POST'],
  config: ['GET'],
  self: ['GET'],
  session: ['POST'],
  'files/browse': ['GET'],
  'files/read': ['GET'],
  'files/download': ['GET'],
  'files/debug': ['GET'],
}
/** Those of an agent that stand in its own right, as in Mesos. */
const FILES = Object.keys(PAGES).filter((page) => page.startsWith('files/'))
const TIMEOUT_MS = 3000
const MAX_ANSWER_BYTES = 8 * 1024 * 1024
const MAX_BODY_BYTES = 64 * 1024
/** Requests to agents at once; more are refused, so that slow agents do not fill the master. */
const MAX_UNDER_WAY = 64
/** Agents that are asked at the same time for one page. */
const ABREAST = 8
const MOST_EVENTS = 1000
/** Of what an operator sends, so much is in the log of events. */
const MOST_TOLD_BYTES = 500

/** What is asked of an agent's page, and for how long. A request of HTTP has both. */
export interface Asked {
  readonly query: ReadonlyMap<string, string>
  readonly signal: AbortSignal
}

export interface Merged {
  readonly events: readonly Readonly<Record<string, unknown>>[]
  readonly unanswered: readonly {
    readonly agent_id: string
    readonly hostname: string
    readonly reason: string
  }[]
}

export class AgentsApi implements Disposable {
  readonly #deps: AgentsApiDeps
  readonly #http: HttpClient
  readonly #sessions: SessionsApi
  #underWay = 0

  constructor(deps: AgentsApiDeps) {
    this.#deps = deps
    this.#http = new HttpClient(deps.clock)
    this.#sessions = new SessionsApi(deps)
  }

  get routes(): readonly Route[] {
    const all =
      (page: string): Route['handle'] =>
      (request) =>
        this.#merged(page, request)
    return [
      { path: '/api/x1/agents', methods: ['GET', 'POST'], handle: (request) => this.#one(request) },
      { path: '/api/x1/lend/history', methods: ['GET'], handle: all('lend/history') },
      ...FILES.map(
        (page): Route => ({
          path: `/${page}`,
          methods: ['GET'],
          handle: (request) => this.#files(page, request),
        }),
      ),
    ]
  }

  /**
   * Gives a call of the operator API to the agent in whose work folder a path lies, which has the same call.
   *
   * @returns undefined when the path names no agent that is known
   */
  async operatorCall(path: string, call: Uint8Array, request: HttpRequest): Promise<Answer | undefined> {
    const agent = this.#deps.cluster.agents.get(AGENT_IN_PATH.exec(path)?.[1] ?? '')
    return agent === undefined ? undefined : this.#through(agent, 'api/v1', request, call)
  }

  [Symbol.dispose](): void {
    this.#sessions[Symbol.dispose]()
    this.#http[Symbol.dispose]()
  }

  async #one(request: HttpRequest): Promise<Answer> {
    const [name = '', ...rest] = request.rest.split('/')
    const page = rest.join('/')
    const methods = Object.hasOwn(PAGES, page) ? PAGES[page] : undefined
    if (methods === undefined)
      return text(404, `Expected /api/x1/agents/ID/ and one of ${Object.keys(PAGES).join(', ')}`)
    if (!methods.includes(request.method) && request.method !== 'HEAD')
      return text(405, `Expected ${methods.join(' or ')}, but received ${request.method}`, {
        Allow: methods.join(', '),
      })
    const agent = this.#find(name)
    if (typeof agent === 'string') return text(404, agent)
    if (page === 'session') return this.#sessions.handle(agent, addressOf(agent), request)
    const body = request.method === 'POST' ? await request.body(MAX_BODY_BYTES) : undefined
    if (body?.ok === false) return body.answer
    if (body !== undefined) this.#tell(agent, page, request, body.bytes)
    return this.#through(agent, page, request, body?.bytes)
  }

  #tell(agent: Agent, page: string, request: HttpRequest, body: Uint8Array): void {
    const words = Buffer.from(body.subarray(0, MOST_TOLD_BYTES)).toString()
    const text = `An operator asks ${agentName(agent)} for ${page}${words === '' ? '' : `: ${words}`}`
    this.#deps.history.operator({ agentId: agent.id, text }, request.remote.address)
  }

  /** The agent is named by `agent_id`, else by the path on its machine, which has its id. */
  async #files(page: string, request: HttpRequest): Promise<Answer> {
    const path = request.query.get('path') ?? ''
    const named = request.query.get('agent_id') ?? AGENT_IN_PATH.exec(path)?.[1]
    if (named === undefined)
      return text(400, "Expecting 'agent_id=ID' in query, or a path that has the id of an agent")
    const agent = this.#find(named)
    if (typeof agent === 'string') return text(404, agent)
    return this.#through(agent, page, request, undefined)
  }

  /** What the agent answers, in its own words also where it refuses. */
  async #through(
    agent: Agent,
    page: string,
    request: HttpRequest,
    body: Uint8Array | undefined,
  ): Promise<Answer> {
    try {
      if (page === 'files/download') return await this.#download(agent, page, request)
      const { bytes, status } = await this.#ask(agent, page, request, body)
      return jsonText(bytes.toString(), status)
    } catch (error) {
      if (error instanceof PeerRefusal) return text(error.status, error.text)
      if (error instanceof OperatingError && error.code === 'LIMIT') return text(503, error.message)
      return text(502, `Agent ${agent.info.hostname} (${agent.id}) did not answer: ${reasonOf(error)}`)
    }
  }

  /** The agent, or the sentence that says why it is not clear which. */
  #find(name: string): Agent | string {
    const agents = [...this.#deps.cluster.agents.values()]
    const exact =
      this.#deps.cluster.agents.get(name) ??
      agents.find(({ info }) =>
        (info.attributes ?? []).some((one) => one.name === 'agent' && one.text?.value === name),
      )
    if (exact !== undefined) return exact
    const named = agents.filter(({ info }) => info.hostname === name)
    const [found] = named
    if (found === undefined) return `There is no agent '${name.slice(0, 200)}'`
    return named.length === 1 ? found : `${named.length} agents have the host name '${name}': give an id`
  }

  async #merged(page: string, request: HttpRequest): Promise<Answer> {
    const merged = await this.merged(page, request)
    return typeof merged === 'string' ? text(400, merged) : json(merged)
  }

  /** A page of an agent as JSON. @throws OperatingError UNREACHABLE, REFUSED, LIMIT */
  async read(agent: Agent, page: string, asked: Asked): Promise<unknown> {
    return JSON.parse((await this.#ask(agent, page, asked, undefined)).bytes.toString())
  }

  /**
   * Every connected agent's events, or those of these, merged by time; of too many the newest. Who does not answer is
   * named. A sentence when the parameters are wrong.
   */
  async merged(page: string, asked: Asked, agents?: readonly Agent[]): Promise<Merged | string> {
    const events: Record<string, unknown>[] = []
    const unanswered: Merged['unanswered'][number][] = []
    const all = agents ?? [...this.#deps.cluster.agents.values()]
    const waiting = all.filter(({ state }) => state.kind === 'connected')
    let refusal: PeerRefusal | undefined
    const askOne = async (agent: Agent): Promise<void> => {
      const { hostname } = agent.info
      try {
        const { bytes } = await this.#ask(agent, page, asked, undefined)
        for (const event of eventsIn(bytes.toString()))
          events.push({ ...event, agent_id: agent.id, hostname })
      } catch (error) {
        if (error instanceof PeerRefusal && error.status === 400) refusal = error
        unanswered.push({ agent_id: agent.id, hostname, reason: reasonOf(error) })
      }
    }
    const worker = async (): Promise<void> => {
      for (let agent = waiting.shift(); agent !== undefined; agent = waiting.shift()) await askOne(agent)
    }
    await Promise.all(Array.from({ length: ABREAST }, worker))
    // A wrong parameter is wrong for all of them.
    if (refusal !== undefined) return refusal.text
    events.sort((a, b) => Number(a['at']) - Number(b['at']))
    const limit = Number(asked.query.get('limit') ?? MOST_EVENTS)
    return { events: events.slice(-Math.min(limit, MOST_EVENTS)), unanswered }
  }

  async #ask(
    agent: Agent,
    page: string,
    { query: params, signal }: Asked,
    body: Uint8Array | undefined,
  ): Promise<IncomingBytes> {
    const url = this.#begin(agent, page, params)
    const limits = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES }
    try {
      const headers = { 'Content-Type': 'application/json' }
      return await this.#http.requestBytes(
        body === undefined ? { url, ...limits } : { method: 'POST', url, headers, body, ...limits },
        signal,
      )
    } finally {
      this.#underWay--
    }
  }

  /** A file of any size: it goes through piece by piece, and counts as under way until it is over. */
  async #download(agent: Agent, page: string, { query: params, signal }: Asked): Promise<Answer> {
    const url = this.#begin(agent, page, params)
    try {
      const { close, headers, pieces, status } = await this.#http.openBody(
        { url, timeoutMs: TIMEOUT_MS },
        signal,
      )
      const [disposition, length] = [headers.get('content-disposition'), headers.get('content-length')]
      return {
        kind: 'body',
        status,
        contentType: headers.get('content-type') ?? 'application/octet-stream',
        length: length === undefined ? undefined : Number(length),
        ...(disposition !== undefined && { headers: { 'Content-Disposition': disposition } }),
        pieces,
        close: () => {
          this.#underWay--
          close()
          return Promise.resolve()
        },
      }
    } catch (error) {
      this.#underWay--
      throw error
    }
  }

  /** Counts a request to an agent, and says where it goes. @throws OperatingError LIMIT */
  #begin(agent: Agent, page: string, params: Asked['query']): string {
    if (this.#underWay >= MAX_UNDER_WAY)
      throw new OperatingError('LIMIT', `${MAX_UNDER_WAY} requests to agents are under way already`)
    this.#underWay++
    const query = new URLSearchParams([...params]).toString()
    const where = page.startsWith('files/') || page === 'api/v1' ? page : `api/x1/${page}`
    return `http://${addressOf(agent)}/${where}${query === '' ? '' : `?${query}`}`
  }
}

function addressOf({ address: { ip, port } }: Agent): string {
  return `${ip.includes(':') ? `[${ip}]` : ip}:${port}`
}

// Sandboxes lie in the folder that Mesos gives to an agent; clients build these paths themselves.
const AGENT_IN_PATH = /\/slaves\/([^/]+)\//

function eventsIn(written: string): readonly Record<string, unknown>[] {
  const page = JSON.parse(written) as { readonly events?: unknown }
  return Array.isArray(page.events) ? (page.events as Record<string, unknown>[]) : []
}
