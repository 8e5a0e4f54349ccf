// Tasks, their statuses and executors as the pages of Mesos show them (spec/mesos.md 4.4).
import type { CommandInfo } from '../wire/commands.ts'
import type { Cluster, Executor, Task } from './core/cluster.ts'
import { KeptRuns } from '../http/pages/kept-runs.ts'
import { type LazyList, lazily } from '../http/pages/page-text.ts'
import { taskPageText } from '../http/pages/tasks.ts'
import { allFrameworks, allTasksOf } from './tally.ts'
import { resourceMap, type Page } from '../http/pages/resources.ts'

const TASKS_TOGETHER = 64
const kept = new KeptRuns<Task>(TASKS_TOGETHER)

/** All that changes in the life of a task. */
export const taskMarks = ({ state, statuses, update }: Task): readonly unknown[] => [
  state,
  update,
  statuses.length,
  statuses.at(-1),
]

export const taskList = (tasks: Iterable<Task>): LazyList =>
  kept.list(tasks, { write: taskPageText, marks: taskMarks })

export function executorPage(executor: Executor): Page {
  const { info, resources } = executor
  const role = resources.entries[0]?.identity.allocatedTo
  return {
    executor_id: info.executor_id.value,
    name: info.name ?? '',
    framework_id: executor.frameworkId,
    command: commandPage(info.command ?? {}),
    resources: resourceMap(resources),
    ...(role !== undefined && { role }),
    ...(info.labels?.labels !== undefined && { labels: info.labels.labels }),
    ...(info.type !== undefined && { type: info.type }),
    slave_id: executor.agentId,
  }
}

function commandPage(command: CommandInfo): Page {
  return {
    ...(command.shell !== undefined && { shell: command.shell }),
    ...(command.value !== undefined && { value: command.value }),
    argv: command.arguments ?? [],
    ...(command.environment !== undefined && { environment: command.environment }),
    uris: (command.uris ?? []).map(({ value, executable }) => ({ value, executable: executable ?? false })),
  }
}

/** What `/tasks` is asked for; numbers as they came, undefined when they did not. */
export interface TasksWish {
  readonly frameworkId?: string | undefined
  readonly taskId?: string | undefined
  readonly limit?: string | undefined
  readonly offset?: string | undefined
  readonly order?: string | undefined
}

/** As in Mesos, where a limit below 0 means all. */
const DEFAULT_LIMIT = 100

/** `/tasks`: the newest first unless `order` is `asc`, reckoned by the first status. */
export function tasksPage(cluster: Cluster, wish: TasksWish): Page {
  const wanted: Task[] = []
  for (const framework of allFrameworks(cluster)) {
    if (wish.frameworkId !== undefined && wish.frameworkId !== framework.id) continue
    for (const task of allTasksOf(framework)) {
      if (wish.taskId === undefined || task.info.task_id.value === wish.taskId) wanted.push(task)
    }
  }
  const sign = wish.order === 'asc' ? 1 : -1
  // A task without any status has just been sent and counts as the oldest, as in Mesos.
  const begin = (task: Task): number => task.statuses[0]?.timestamp ?? 0
  wanted.sort((a, b) => sign * (begin(a) - begin(b)))
  const limit = wholeNumber(wish.limit) ?? DEFAULT_LIMIT
  const offset = Math.max(0, wholeNumber(wish.offset) ?? 0)
  const part = wanted.slice(offset, limit < 0 ? undefined : offset + limit)
  return { tasks: lazily(part, taskPageText) }
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : undefined
}
