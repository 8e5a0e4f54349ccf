// Waits until tasks have ended, and reads how: asked of the master about one task at a time, however many it has.
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import type { TaskStatus } from '../sdk/sdk.ts'
import { isTerminal } from '../wire/terminal-states.ts'
import type { StateTask } from './master-api.ts'
import { list, type MasterApi, MasterRefusal, object, text } from './master-api.ts'

const LOOK_MS = 200
/** What the master no longer knows, because it forgets old ends, has the state that Mesos gives it. */
const FORGOTTEN = 'TASK_UNKNOWN'

type Names = Pick<StateTask, 'id' | 'frameworkId'>

export interface WaitDeps {
  readonly api: MasterApi
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** The state in which a task ended; undefined when it has not until `until` (monotonic ms). */
export async function endOfWait(
  { api, clock, signal }: WaitDeps,
  task: Names,
  until: number,
): Promise<string | undefined> {
  for (;;) {
    const state = await stateOf(api, task)
    if (state === FORGOTTEN || isTerminal(state)) return state
    if (clock.monotonic() >= until) return undefined
    await clock.sleep(LOOK_MS, signal)
  }
}

async function stateOf(api: MasterApi, { frameworkId, id }: Names): Promise<string> {
  const query = new URLSearchParams({ task_id: id, framework_id: frameworkId }).toString()
  const [newest] = list((await api.get(`/tasks?${query}`))['tasks'])
  return newest === undefined ? FORGOTTEN : text(object(newest)['state'])
}

/** The last status of a task that has ended. @throws OperatingError as the master's pages */
export async function howItEnded(api: MasterApi, { frameworkId, id }: Names): Promise<TaskStatus> {
  const query = new URLSearchParams({ task: id, framework_id: frameworkId }).toString()
  try {
    const ended = object((await api.get(`/api/x1/why?${query}`))['ended'])
    const reason = text(ended['reason'])
    return {
      task_id: { value: id },
      state: (text(ended['state']) || FORGOTTEN) as NonNullable<TaskStatus['state']>,
      message: text(ended['sentence']),
      ...(reason !== '' && { reason: reason as NonNullable<TaskStatus['reason']> }),
    }
  } catch (error) {
    if (error instanceof MasterRefusal && error.status === 404)
      throw new OperatingError('REFUSED', `The master has forgotten how '${id}' ended`, { cause: error })
    throw error
  }
}
