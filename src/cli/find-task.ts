// Finds the task that somebody means by the beginning of its id or its name.
import { OperatingError } from '../base/errors.ts'
import { closest } from '../base/words.ts'
import { isTerminal } from '../wire/terminal-states.ts'
import type { ClusterState, StateFramework, StateTask } from './master-api.ts'

export interface FoundTask {
  readonly task: StateTask
  readonly framework: StateFramework
  readonly isLive: boolean
}

/** Ids are unique only among the tasks of one framework. */
export const taskKey = ({ frameworkId, id }: Pick<StateTask, 'frameworkId' | 'id'>): string =>
  `${frameworkId}/${id}`

/** All tasks, the living first, the newest first among each. */
export function allTasks(state: ClusterState): readonly FoundTask[] {
  const of = (framework: StateFramework, tasks: readonly StateTask[], isLive: boolean): FoundTask[] =>
    // An end that its framework has not acknowledged is still listed as the framework's.
    tasks.map((task) => ({ task, framework, isLive: isLive && !isTerminal(task.state) }))
  const found = [
    ...state.frameworks.flatMap((one) => [
      ...of(one, one.tasks, true),
      ...of(one, one.completedTasks, false),
    ]),
    ...state.completedFrameworks.flatMap((one) => of(one, [...one.tasks, ...one.completedTasks], false)),
  ]
  return found.toSorted(
    (a, b) => Number(b.isLive) - Number(a.isLive) || (b.task.since ?? 0) - (a.task.since ?? 0),
  )
}

/**
 * The only task whose id or name is `typed` or begins with it; an exact one is preferred, a living one to an ended one,
 * and of ended ones with the same name the newest is meant.
 * @throws OperatingError REFUSED when there is none, USAGE when several are meant
 */
export function findTask(tasks: readonly FoundTask[], typed: string): FoundTask {
  const exact = tasks.filter(({ task }) => task.id === typed || task.name === typed)
  const begun = tasks.filter(({ task }) => task.id.startsWith(typed) || task.name.startsWith(typed))
  const candidates = exact.length > 0 ? exact : typed === '' ? [] : begun
  const live = candidates.filter(({ isLive }) => isLive)
  const meant = live.length > 0 ? live : newestOfEach(candidates)
  const [found, other] = meant
  if (found === undefined) {
    const near = closest(typed, new Set(tasks.flatMap(({ task }) => [task.id, task.name])))
    const hint = near === undefined ? '`tepui ps -a` lists all tasks' : `Did you mean ${near}?`
    throw new OperatingError('REFUSED', `There is no task '${typed}'`, { hint })
  }
  if (other !== undefined) {
    const ids = meant.slice(0, 5).map(({ task }) => task.id)
    throw new OperatingError(
      'USAGE',
      `'${typed}' is the beginning of ${meant.length} tasks: ${ids.join(', ')}`,
      {
        hint: 'Type more of the id',
      },
    )
  }
  return found
}

function newestOfEach(tasks: readonly FoundTask[]): readonly FoundTask[] {
  const byName = new Map<string, FoundTask>()
  for (const one of tasks) if (!byName.has(one.task.name)) byName.set(one.task.name, one)
  return [...byName.values()]
}
