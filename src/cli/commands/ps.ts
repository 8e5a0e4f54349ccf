// `tepui ps`: the tasks that run, or all that the master remembers.
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks, type FoundTask } from '../find-task.ts'
import { type ClusterState, MasterApi } from '../master-api.ts'
import { table } from '../screen.ts'
import { ageText, amountText, memoryText, stateWord } from '../words.ts'
import { isData, showData } from '../output.ts'

export const psCommand: Command = {
  name: 'ps',
  summary: 'List tasks',
  options: [{ flags: '-a, --all', help: 'Also tasks that have ended' }],
  run: async (context, _, options) => {
    const { clock, common, screen, signal } = context
    using api = new MasterApi(common.master, clock, signal)
    const state = await api.state()
    const tasks = allTasks(state).filter(({ isLive }) => isLive || options['all'] === true)
    if (isData(common)) {
      const nameOf = agentNames(state)
      const rows = tasks.map(({ framework, isLive, task }) => ({
        ...task,
        framework: framework.name,
        agent: nameOf(task.agentId),
        live: isLive,
      }))
      await showData(context, rows)
    } else {
      if (tasks.length === 0) screen.note('No task runs. Start one: tepui run -- echo hello')
      else screen.print(taskTable(tasks, state, clock.now(), common.output === 'wide').join('\n'))
    }
    return EXIT.done
  },
}

/** Pure, for its test. */
export function taskTable(
  tasks: readonly FoundTask[],
  state: ClusterState,
  now: number,
  wide = false,
): string[] {
  const nameOf = agentNames(state)
  const rows = tasks.map(({ framework, task }) => [
    task.id,
    task.name,
    stateWord(task.state),
    nameOf(task.agentId),
    amountText(task.cpus),
    task.lentCpus > 0 ? 'lent' : '',
    memoryText(task.mem),
    ageText(task.changed, now),
    framework.name,
    ...(wide ? [task.role, task.image ?? '', task.containerId ?? '', framework.id] : []),
  ])
  const head = ['TASK', 'NAME', 'STATE', 'AGENT', 'CPUS', 'LENT', 'MEMORY', 'SINCE', 'FRAMEWORK']
  if (wide) head.push('ROLE', 'IMAGE', 'CONTAINER', 'FRAMEWORK ID')
  return tasks.length === 0 ? [] : table(head, rows)
}

/** What people call the agent with an id. */
function agentNames(state: ClusterState): (id: string) => string {
  const names = new Map(state.agents.map(({ id, name }) => [id, name]))
  return (id) => names.get(id) ?? `${id} (gone)`
}
