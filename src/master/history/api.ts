/**
 * `GET /api/x1/events`: what happened, by time, kind, agent, framework and task; `follow=true` answers with a stream
 * that goes on, one record an event.
 */
import type { HttpRequest } from '../../http/request.ts'
import { json, text, type Answer } from '../../http/response.ts'
import type { RecordStream } from '../../http/stream.ts'
import { eventPage, readEventQuery } from '../../store/event-query.ts'
import type { EventQuery, StoredEntry } from '../../store/event-log.ts'
import type { Cluster } from '../core/cluster.ts'
import { agentName, EVENT_KINDS } from './entries.ts'
import type { History } from './history.ts'

/** Readers that follow at the same time. */
const MOST_FOLLOWERS = 100

export class EventsApi {
  readonly #history: History
  readonly #cluster: Cluster
  #followers = 0

  constructor(history: History, cluster: Cluster) {
    this.#history = history
    this.#cluster = cluster
  }

  /** The page or the stream; 400 with a sentence for a wrong parameter, 503 for too many readers. */
  handle({ query: params }: HttpRequest): Answer {
    const read = readEventQuery(params, EVENT_KINDS)
    if (typeof read === 'string') return text(400, read)
    const agentId = this.#agentId(params.get('agent'))
    const frameworkId = this.#frameworkId(read.frameworkId)
    const query = {
      ...read,
      ...(agentId !== undefined && { agentId }),
      ...(frameworkId !== undefined && { frameworkId }),
    }
    const follow = params.get('follow') ?? 'false'
    if (follow === 'true') return this.#follow(query)
    if (follow !== 'false')
      return text(400, `Parameter 'follow' is '${follow.slice(0, 100)}': expected true or false`)
    const events = this.#history.query(query)
    const span = this.#history.span()
    return json({
      events: events.map((entry) => this.#page(entry)),
      oldest: span?.oldest ?? 0,
      newest: span?.newest ?? 0,
      since: span?.since ?? null,
    })
  }

  /** First what matches and is there (after `after`, or nothing), then what comes. */
  #follow(query: EventQuery): Answer {
    if (this.#followers >= MOST_FOLLOWERS)
      return text(503, `${MOST_FOLLOWERS} readers follow the events already`)
    return {
      kind: 'stream',
      contentType: 'application/json',
      open: (stream) => this.#open(stream, query),
    }
  }

  #open(stream: RecordStream, query: EventQuery): void {
    this.#followers++
    const send = (entry: StoredEntry): void => void stream.send(JSON.stringify(this.#page(entry)))
    for (const entry of this.#history.query(query)) send(entry)
    const following = this.#history.follow((entries) => {
      for (const entry of entries) if (matches(entry, query)) send(entry)
    })
    stream.onClose(() => {
      this.#followers--
      following[Symbol.dispose]()
    })
  }

  #page(entry: StoredEntry): object {
    const agent = this.#cluster.agents.get(entry.agentId ?? '')
    const { completedFrameworks, frameworks } = this.#cluster
    const id = entry.frameworkId ?? ''
    const framework = frameworks.get(id) ?? completedFrameworks.get(id)
    return {
      ...eventPage(entry),
      ...(agent !== undefined && { agent: agentName(agent) }),
      ...(framework !== undefined && { framework: framework.info.name }),
    }
  }

  /** By id, by name, or by the only id that begins so; what is not known here is asked for as it is. */
  #agentId(typed: string | null | undefined): string | undefined {
    if (typed === null || typed === undefined) return undefined
    const agents = [...this.#cluster.agents.values()]
    const named = agents.filter((agent) => agent.id === typed || agentName(agent) === typed)
    const begun = agents.filter(({ id }) => id.startsWith(typed))
    return (named[0] ?? (begun.length === 1 ? begun[0] : undefined))?.id ?? typed
  }

  #frameworkId(typed: string | undefined): string | undefined {
    if (typed === undefined) return undefined
    const { completedFrameworks, frameworks } = this.#cluster
    const all = [...frameworks.values(), ...completedFrameworks.values()]
    const named = all.filter(({ id, info }) => id === typed || info.name === typed)
    const begun = all.filter(({ id }) => id.startsWith(typed))
    return (named[0] ?? (begun.length === 1 ? begun[0] : undefined))?.id ?? typed
  }
}

function matches(entry: StoredEntry, query: EventQuery): boolean {
  const { agentId, frameworkId, kinds, taskId, until } = query
  return (
    (kinds === undefined || kinds.includes(entry.kind)) &&
    (agentId === undefined || entry.agentId === agentId) &&
    (frameworkId === undefined || entry.frameworkId === frameworkId) &&
    (taskId === undefined || entry.taskId === taskId) &&
    (until === undefined || entry.at < until)
  )
}
