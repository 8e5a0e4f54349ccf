// The parameters with which people ask a log of events over HTTP, and an entry as pages show it.
import type { EventQuery, StoredEntry } from './event-log.ts'

const MOST = 1000
const DEFAULT_LIMIT = 100

export type QueryParams = ReadonlyMap<string, string>

/** The query that the parameters mean, or what is wrong with them. `since` and `until` are wall times in ms. */
export function readEventQuery(params: QueryParams, known: readonly string[]): EventQuery | string {
  const query: { -readonly [K in keyof EventQuery]: EventQuery[K] } = { limit: DEFAULT_LIMIT }
  for (const name of ['since', 'until', 'after', 'before', 'limit'] as const) {
    const given = params.get(name)
    if (given === undefined) continue
    const value = Number(given)
    const most = name === 'limit' ? MOST : Number.MAX_SAFE_INTEGER
    if (!/^\d{1,16}$/.test(given) || value > most || (name === 'limit' && value === 0)) {
      const expected =
        name === 'limit'
          ? `a number from 1 to ${MOST}`
          : name === 'after' || name === 'before'
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
  const unknown = kinds?.find((kind) => !known.includes(kind))
  if (unknown !== undefined)
    return `Parameter 'kind' has '${unknown.slice(0, 100)}': expected some of ${known.join(', ')}`
  const taskId = params.get('task')
  const frameworkId = params.get('framework')
  return {
    ...query,
    ...(kinds !== undefined && { kinds }),
    ...(taskId !== undefined && { taskId }),
    ...(frameworkId !== undefined && { frameworkId }),
  }
}

export function eventPage(entry: StoredEntry): Readonly<Record<string, unknown>> {
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
