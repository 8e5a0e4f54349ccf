// What the commands of lending ask of agents, all of it through the master; agents are named as people call them.
import { OperatingError } from '../base/errors.ts'
import { closest } from '../base/words.ts'
import { type StateAgent, type Json, list, type MasterApi, number, object, text } from './master-api.ts'

export interface Events {
  readonly events: readonly EventRow[]
  /** A sentence for each agent that did not answer. */
  readonly missing: readonly string[]
}

/** One decision, as histories have it. */
export interface EventRow {
  readonly event: number
  /** Wall time, ms. */
  readonly at: number
  readonly agent: string
  readonly kind: string
  readonly text: string
  readonly record: Json
}

/**
 * The agents that are meant: all in the order of their names, or the one with this name, or the beginning of this id.
 * @throws OperatingError REFUSED when there is none
 */
export function agentsNamed(
  agents: readonly StateAgent[],
  wanted: string | undefined,
): readonly StateAgent[] {
  if (wanted === undefined) return agents.toSorted((a, b) => a.name.localeCompare(b.name))
  const exact = agents.filter(({ id, name }) => name === wanted || id === wanted)
  const named = exact.length > 0 ? exact : agents.filter(({ id }) => id.startsWith(wanted))
  if (named.length > 0 && wanted !== '') return named
  const near = closest(
    wanted,
    agents.map(({ name }) => name),
  )
  const hint = near === undefined ? '`tepui agents` lists all' : `Did you mean ${near}?`
  throw new OperatingError('REFUSED', `There is no agent '${wanted}'`, { hint })
}

export const lendPath = (agent: StateAgent, page = 'lend'): string =>
  `/api/x1/agents/${encodeURIComponent(agent.id)}/${page}`

/** What an agent tells of its lending and its containers; undefined of one that does not answer. */
export async function lendPageOf(api: MasterApi, agent: StateAgent): Promise<Json | undefined> {
  try {
    return await api.get(lendPath(agent))
  } catch (error) {
    if (error instanceof OperatingError && error.code === 'REFUSED') return undefined
    throw error
  }
}

/**
 * Events of one agent, or of all in the order of time, and a sentence for each agent that did not answer.
 * @param page `lend/history` or `why`
 */
export async function eventsOf(
  api: MasterApi,
  agents: readonly StateAgent[],
  agent: StateAgent | undefined,
  page: string,
  query: Readonly<Record<string, string>>,
): Promise<Events> {
  const path = agent === undefined ? `/api/x1/${page}` : lendPath(agent, page)
  const asked = new URLSearchParams(query).toString()
  const answer = await api.get(asked === '' ? path : `${path}?${asked}`)
  return eventsIn(answer, agents, agent?.name)
}

/** The decisions in a page, and who did not answer. @param one the only agent that was asked */
export function eventsIn(answer: Json, agents: readonly StateAgent[], one = ''): Events {
  const names = new Map(agents.map(({ id, name }) => [id, name]))
  const events = list(answer['events']).map((value) => {
    const event = object(value)
    const id = text(event['agent_id'])
    return {
      event: number(event['event']),
      at: number(event['at']),
      agent: names.get(id) ?? (one === '' ? id : one),
      kind: text(event['kind']),
      text: text(event['text']),
      record: object(event['record']),
    }
  })
  const missing = list(answer['unanswered']).map((value) => {
    const silent = object(value)
    const id = text(silent['agent_id'])
    return `${names.get(id) ?? text(silent['hostname'])} did not answer: ${text(silent['reason'])}`
  })
  return { events, missing }
}
