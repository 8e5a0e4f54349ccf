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
    if (isData(common))
      await showData(
        context,
        tasks.map((found) => taskJson(found, state)),
      )
    else {
      if (tasks.length === 0) screen.note('No task runs. Start one: tepui run -- echo hello')
      for (const line of taskTable(tasks, state, clock.now(), common.output === 'wide')) screen.print(line)
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
  const rows = tasks.map(({ framework, task }) => [
    task.id,
    task.name,
    stateWord(task.state),
    agentOf(task.agentId, state),
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

function taskJson({ framework, isLive, task }: FoundTask, state: ClusterState): object {
  return { ...task, framework: framework.name, agent: agentOf(task.agentId, state), live: isLive }
}

function agentOf(id: string, state: ClusterState): string {
  return state.agents.find((agent) => agent.id === id)?.name ?? `${id} (gone)`
}
