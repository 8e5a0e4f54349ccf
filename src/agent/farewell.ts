// The end of an agent: the last containers released or let go, the last calls answered, its checkpoint kept or not.
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { AgentState } from './core/state.ts'
import type { Keeper } from './keeper.ts'
import type { ShellEnd } from './shell.ts'
import type { Supervisor } from './supervisor.ts'

/** What runs is let go in any case: after a failure of ours the next life finds it, and no task dies of a bug. */
export async function finish(
  end: ShellEnd,
  parts: {
    readonly keeper: Keeper
    readonly link: { flush(): Promise<void> }
    readonly supervisor: Supervisor
  },
): Promise<OperatingError | undefined> {
  const { keeper, link, supervisor } = parts
  try {
    await supervisor.leave()
    if (end.trouble !== undefined) return end.trouble
    await link.flush()
    if (end.forget) keeper.forget()
    return undefined
  } catch (error) {
    if (end.trouble !== undefined) return end.trouble
    return new OperatingError('STOPPED', `The agent did not end well: ${reasonOf(error)}`, { cause: error })
  }
}

/** Names of the tasks that have not ended, in the order of their launch within an executor. */
export function unendedTasks(state: Readonly<AgentState>): readonly string[] {
  return [...state.frameworks.values()].flatMap(({ executors }) =>
    [...executors.values()].flatMap(({ tasks }) =>
      [...tasks.values()].filter(({ life }) => life.kind !== 'terminated').map(({ info }) => info.name),
    ),
  )
}
