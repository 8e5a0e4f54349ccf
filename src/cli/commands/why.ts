/**
 * `tepui why TASK|AGENT|FRAMEWORK|EVENT`: why a task waits, why it ended, why an agent lends so little: the master's
 * sentence with its figures, the decisions of lending behind it, what happened lately, and what to do next.
 */
import { OperatingError } from '../../base/errors.ts'
import type { Command, Context } from '../command.ts'
import { eventLines, historyLines } from '../event-view.ts'
import { EXIT } from '../exit-codes.ts'
import { findFramework } from '../find-framework.ts'
import { allTasks, findTask } from '../find-task.ts'
import { agentsNamed, eventsOf, eventsIn } from '../lend-api.ts'
import { type ClusterState, type Json, MasterApi, MasterRefusal, object, text } from '../master-api.ts'
import { isData, showData } from '../output.ts'
import { harmless } from '../screen.ts'
import { cardLines, historyOf } from '../why-view.ts'
import { lendLines, lendRows } from './lend.ts'

export const whyCommand: Command = {
  name: 'why',
  arguments: ['<what>'],
  summary:
    'Say why a TASK waits or ended, why an AGENT lends so little, what a FRAMEWORK misses, what an EVENT was',
  run: why,
}

async function why(context: Context, [what = '']: readonly string[]): Promise<number> {
  const { clock, common, screen, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  const state = await api.state()
  const { card, kind } = await cardOf(api, state, what)
  const { events, missing } = eventsIn(card, state.agents)
  if (isData(common)) await showData(context, card)
  else {
    for (const line of cardLines(card, clock.now())) screen.print(harmless(line))
    if (kind === 'agent')
      for (const line of await presentOf(context, text(object(card['about'])['id'])))
        screen.print(harmless(line))
    const newest = events.at(-1)
    if (events.length > 1)
      for (const line of historyLines(events.slice(0, -1), clock.now())) screen.print(harmless(line))
    if (newest !== undefined) for (const line of eventLines(newest)) screen.print(harmless(line))
    for (const line of historyOf(card, clock.now())) screen.print(harmless(line))
  }
  for (const line of missing) screen.note(`tepui why: ${line}`)
  return missing.length === 0 ? EXIT.done : EXIT.partly
}

interface Found {
  readonly card: Json
  readonly kind: string
}

/** @throws OperatingError REFUSED when there is no such thing */
async function cardOf(api: MasterApi, state: ClusterState, what: string): Promise<Found> {
  const [first = '', event] = what.split(':')
  const named = state.agents.find(({ id, name }) => name === first || id === first)
  if (named !== undefined && event !== undefined) return ofAgentsEvent(api, state, named, event)
  for (const [kind, find] of asked(state, what)) {
    const id = known(find)
    const card = id === undefined ? undefined : await askFor(api, kind, id)
    if (card !== undefined) return { card, kind }
  }
  throw missing(state, what)
}

/** In this order: numbers are events, then who is exactly named, then the beginnings of names and ids. */
function asked(state: ClusterState, what: string): readonly (readonly [string, () => string | undefined])[] {
  const exactly = state.agents.find(({ id, name }) => name === what || id === what)?.id
  return [
    ['event', () => (/^\d{1,15}$/.test(what) ? what : undefined)],
    ['agent', () => exactly],
    ['task', () => what],
    ['task', () => findTask(allTasks(state), what).task.id],
    ['framework', () => findFramework(state, what).id],
    ['agent', () => agentsNamed(state.agents, what)[0]?.id],
  ]
}

function known(find: () => string | undefined): string | undefined {
  try {
    return find()
  } catch (error) {
    // Several that are meant have to be told apart by who asks.
    if (error instanceof OperatingError && error.code === 'REFUSED') return undefined
    throw error
  }
}

async function askFor(api: MasterApi, kind: string, id: string): Promise<Json | undefined> {
  try {
    return await api.get(`/api/x1/why?${new URLSearchParams({ [kind]: id }).toString()}`)
  } catch (error) {
    if (error instanceof MasterRefusal && error.status === 404) return undefined
    throw error
  }
}

async function ofAgentsEvent(
  api: MasterApi,
  state: ClusterState,
  agent: ClusterState['agents'][number],
  event: string,
): Promise<Found> {
  const found = await eventsOf(api, state.agents, agent, 'why', { event })
  if (found.events.length === 0) throw noSuch(`There is no event ${event} on ${agent.name}`)
  const about = { kind: 'event', id: event, name: `${agent.name}:${event}` }
  const events = found.events.map((one) => ({ ...one, agent_id: agent.id }))
  return { card: { about, sentence: '', events, unanswered: [] }, kind: 'event' }
}

/** Why the agent lends as much as it does now, term by term. */
async function presentOf(context: Context, agentId: string): Promise<readonly string[]> {
  const { missing: silent, rows } = await lendRows(context, agentId)
  return [...rows.flatMap((row) => lendLines(row, context.clock.now())), ...silent]
}

function missing(state: ClusterState, what: string): OperatingError {
  let hint: string | undefined
  try {
    findTask(allTasks(state), what)
  } catch (error) {
    if (error instanceof OperatingError) ({ hint } = error)
  }
  return noSuch(`There is no task, agent, framework or event '${what}'`, hint)
}

const noSuch = (message: string, hint = '`tepui events` lists events, `tepui ps -a` tasks'): OperatingError =>
  new OperatingError('REFUSED', message, { hint })
