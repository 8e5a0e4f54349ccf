// `tepui why TASK|AGENT|EVENT`: which decisions of lending were about it, the newest opened into its figures.
import { OperatingError } from '../../base/errors.ts'
import type { Command, Context } from '../command.ts'
import { eventLines, historyLines } from '../event-view.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks, findTask } from '../find-task.ts'
import { type EventRow, eventsOf } from '../lend-api.ts'
import { type ClusterState, MasterApi } from '../master-api.ts'

export const whyCommand: Command = {
  name: 'why',
  arguments: ['<what>'],
  summary: 'Say why something was lent or taken back: TASK, AGENT, or the number of an EVENT (AGENT:EVENT)',
  run: async (context, [what = '']) => {
    const { clock, common, screen } = context
    const events = await find(context, what)
    if (common.output === 'json') {
      screen.print(JSON.stringify(events))
      return EXIT.done
    }
    const newest = events.at(-1)
    if (newest === undefined) {
      screen.print(`lending decided nothing about '${what}' that is still remembered`)
      return EXIT.done
    }
    if (events.length > 1)
      for (const line of historyLines(events.slice(0, -1), clock.now())) screen.print(line)
    for (const line of eventLines(newest)) screen.print(line)
    return EXIT.done
  },
}

async function find({ clock, common, signal }: Context, what: string): Promise<EventRow[]> {
  using api = new MasterApi(common.master, clock, signal)
  const state = await api.state()
  const { agents } = state
  const [first = '', second] = what.split(':')
  const named = agents.find(({ id, name }) => name === first || id === first)
  if (named !== undefined && second !== undefined)
    return await eventsOf(api, agents, named, 'why', { event: second })
  const agent = agents.find(({ id, name }) => name === what || id === what)
  if (agent !== undefined) return await eventsOf(api, agents, agent, 'why', {})
  if (/^\d+$/.test(what)) {
    const found = await eventsOf(api, agents, undefined, 'why', { event: what })
    if (found.length > 0) return found
  }
  // A task that the master has forgotten may still be in the log under its full id.
  const byId = await eventsOf(api, agents, undefined, 'why', { task: what })
  return byId.length > 0 ? byId : await eventsOf(api, agents, undefined, 'why', { task: taskId(state, what) })
}

function taskId(state: ClusterState, what: string): string {
  try {
    return findTask(allTasks(state), what).task.id
  } catch (error) {
    if (!(error instanceof OperatingError) || error.code !== 'REFUSED') throw error
    throw new OperatingError('REFUSED', `There is no task, agent or event '${what}'`, {
      hint: error.hint ?? '`tepui lend history` lists events',
    })
  }
}
