/**
 * `tepui why TASK|AGENT|EVENT`: which decisions of lending were about it, the newest opened into its figures; of an
 * agent also why it lends as much as it does now.
 */
import { OperatingError } from '../../base/errors.ts'
import type { Command, Context } from '../command.ts'
import { eventLines, historyLines } from '../event-view.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks, findTask, type FoundTask } from '../find-task.ts'
import { type EventRow, eventsOf } from '../lend-api.ts'
import { type AgentRow, type ClusterState, MasterApi } from '../master-api.ts'
import { stateWord } from '../words.ts'
import { lendLines, lendRows } from './lend.ts'
import { isData, showData } from '../output.ts'

export const whyCommand: Command = {
  name: 'why',
  arguments: ['<what>'],
  summary: 'Say why something was lent or taken back: TASK, AGENT, or the number of an EVENT (AGENT:EVENT)',
  run: async (context, [what = '']) => {
    const { clock, common, screen } = context
    const { about, agent, events, missing } = await find(context, what)
    if (isData(common)) await showData(context, events)
    else {
      if (agent !== undefined) for (const line of await presentOf(context, agent)) screen.print(line)
      const newest = events.at(-1)
      if (newest === undefined) screen.print(`${about}; lending decided nothing about it that is remembered`)
      if (events.length > 1)
        for (const line of historyLines(events.slice(0, -1), clock.now())) screen.print(line)
      if (newest !== undefined) for (const line of eventLines(newest)) screen.print(line)
    }
    for (const line of missing) screen.note(`tepui why: ${line}`)
    return missing.length === 0 ? EXIT.done : EXIT.partly
  },
}

interface Found {
  readonly events: readonly EventRow[]
  /** Agents that did not answer, a sentence each. */
  readonly missing: readonly string[]
  /** What is meant, as the beginning of a sentence. */
  readonly about: string
  /** Set when an agent as a whole is meant. */
  readonly agent?: AgentRow
}

/** @throws OperatingError REFUSED when there is no such thing */
async function find({ clock, common, signal }: Context, what: string): Promise<Found> {
  using api = new MasterApi(common.master, clock, signal)
  const state = await api.state()
  const { agents } = state
  const [first = '', second] = what.split(':')
  const named = agents.find(({ id, name }) => name === first || id === first)
  if (named !== undefined && second !== undefined) {
    const found = await eventsOf(api, agents, named, 'why', { event: second })
    if (found.events.length === 0) throw noSuch(`There is no event ${second} on ${named.name}`)
    return { ...found, about: what }
  }
  const agent = agents.find(({ id, name }) => name === what || id === what)
  if (agent !== undefined) {
    const found = await eventsOf(api, agents, agent, 'why', {})
    return { ...found, about: `${agent.name} lends as above`, agent }
  }
  if (/^\d+$/.test(what)) {
    const found = await eventsOf(api, agents, undefined, 'why', { event: what })
    if (found.events.length > 0) return { ...found, about: what }
  }
  // A task that the master has forgotten may still be in the log under its full id.
  const byId = await eventsOf(api, agents, undefined, 'why', { task: what })
  if (byId.events.length > 0) return { ...byId, about: what }
  const found = taskNamed(state, what)
  const events = await eventsOf(api, agents, undefined, 'why', { task: found.task.id })
  return { ...events, about: taskText(found, agents) }
}

function taskText({ task }: FoundTask, agents: readonly AgentRow[]): string {
  const where = agents.find(({ id }) => id === task.agentId)?.name ?? task.agentId
  const part = task.lentCpus > 0 ? `${task.lentCpus} lent cpus` : `${task.cpus} cpus of its own`
  return `${task.id} is ${stateWord(task.state)} on ${where} with ${part}`
}

/** Why the agent lends as much as it does now. */
async function presentOf(context: Context, agent: AgentRow): Promise<readonly string[]> {
  const { missing, rows } = await lendRows(context, agent.id)
  return [...rows.flatMap((row) => lendLines(row, context.clock.now())), ...missing]
}

function taskNamed(state: ClusterState, what: string): FoundTask {
  try {
    return findTask(allTasks(state), what)
  } catch (error) {
    if (!(error instanceof OperatingError) || error.code !== 'REFUSED') throw error
    throw noSuch(`There is no task, agent or event '${what}'`, error.hint)
  }
}

const noSuch = (message: string, hint = '`tepui lend history` lists events'): OperatingError =>
  new OperatingError('REFUSED', message, { hint })
