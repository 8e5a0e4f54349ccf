// `/api/x1/lend/history` and `/api/x1/why`: what was decided, for one task, one event, a time or a kind.
import { text, json, type Answer } from '../../http/response.ts'
import type { EventQuery, StoredEntry } from '../../store/event-log.ts'
import { eventPage, type QueryParams, readEventQuery } from '../../store/event-query.ts'

const KINDS = ['lend', 'unlend', 'squeeze', 'relax', 'freeze', 'thaw', 'evict', 'not-ours', 'mode'] as const
/** `why` shows the last of what happened, not all of it. */
const WHY_LIMIT = 50

/** The query that the parameters mean, or what is wrong with them. */
export const historyQuery = (params: QueryParams): EventQuery | string => readEventQuery(params, KINDS)

/** What `why` is asked about: exactly one of a task, an event, or the agent as a whole. */
export function whyQuery(params: QueryParams): EventQuery | string {
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
