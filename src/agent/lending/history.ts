// `/api/x1/lend/history` and `/api/x1/why`: what was decided, for one task, one event, a time or a kind.
import { text, json, type Answer } from '../../http/response.ts'
import type { EventQuery, StoredEntry } from '../../store/event-log.ts'

const KINDS = ['lend', 'unlend', 'squeeze', 'relax', 'freeze', 'thaw', 'evict', 'not-ours', 'mode'] as const
const MOST = 1000
/** `why` shows the last of what happened, not all of it. */
const WHY_LIMIT = 50

type Params = ReadonlyMap<string, string>

/** The query that the parameters mean, or what is wrong with them. `since` and `until` are wall times in ms. */
export function historyQuery(params: Params): EventQuery | string {
  const query: { -readonly [K in keyof EventQuery]: EventQuery[K] } = { limit: 100 }
  for (const name of ['since', 'until', 'after', 'limit'] as const) {
    const given = params.get(name)
    if (given === undefined) continue
    const value = Number(given)
    const most = name === 'limit' ? MOST : Number.MAX_SAFE_INTEGER
    if (!/^\d{1,16}$/.test(given) || value > most || (name === 'limit' && value === 0)) {
      const expected =
        name === 'limit'
          ? `a number from 1 to ${MOST}`
          : name === 'after'
            ? 'the number of an event'
            : 'a time in ms since 1970'
      return `Parameter '${name}' is '${given.slice(0, 100)}': expected ${expected}`
    }
    query[name] = value
  }
  const kinds = params
    .get('kind')
    ?.split(',')
    .map((kind) => kind.trim())
  const unknown = kinds?.find((kind) => !KINDS.some((known) => known === kind))
  if (unknown !== undefined)
    return `Parameter 'kind' has '${unknown.slice(0, 100)}': expected some of ${KINDS.join(', ')}`
  const taskId = params.get('task')
  const frameworkId = params.get('framework')
  return {
    ...query,
    ...(kinds !== undefined && { kinds }),
    ...(taskId !== undefined && { taskId }),
    ...(frameworkId !== undefined && { frameworkId }),
  }
}

/** What `why` is asked about: exactly one of a task, an event, or the agent as a whole. */
export function whyQuery(params: Params): EventQuery | string {
  const [task, event] = [params.get('task'), params.get('event')]
  if (task !== undefined && event !== undefined) return "Give 'task' or 'event', not both"
  if (task !== undefined) return { taskId: task, limit: WHY_LIMIT }
  if (event === undefined) return { limit: WHY_LIMIT }
  return /^\d{1,15}$/.test(event)
    ? { id: Number(event) }
    : `Parameter 'event' is '${event.slice(0, 100)}': expected the number of an event`
}

/** Carries out a query. @param agent whose events these are, for pages that merge several agents' */
export function historyPage(
  query: EventQuery | string,
  find: (wanted: EventQuery) => readonly StoredEntry[],
  agent: { readonly id: string; readonly hostname: string },
): Answer {
  if (typeof query === 'string') return text(400, query)
  return json({ agent_id: agent.id, hostname: agent.hostname, events: find(query).map(eventPage) })
}

function eventPage(entry: StoredEntry): Readonly<Record<string, unknown>> {
  const { agentId, at, frameworkId, id, kind, record, taskId } = entry
  return {
    event: id,
    at,
    kind,
    agent_id: agentId,
    framework_id: frameworkId,
    task_id: taskId,
    text: entry.text,
    record,
  }
}
