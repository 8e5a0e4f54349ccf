// `tepui kill`: ends a task and waits until it has ended.
import { OperatingError } from '../../base/errors.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import type { Command, Context } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks, findTask, type FoundTask } from '../find-task.ts'
import { MasterApi } from '../master-api.ts'
import { timeOf } from '../option-values.ts'
import { DETACHED_LABEL } from '../detached.ts'
import { stateWord } from '../words.ts'
import { isData, showData } from '../output.ts'

const WITHIN_MS = 30_000
const LOOK_MS = 200

export const killCommand: Command = {
  name: 'kill',
  arguments: ['<task>'],
  summary: 'End a task, named by the beginning of its id or name',
  options: [{ flags: '--timeout <time>', help: 'How long to wait for its end (default 30s)' }],
  run: async (context, [typed = ''], options) => {
    const { clock, common, screen, signal } = context
    using api = new MasterApi(common.master, clock, signal)
    const found = findTask(allTasks(await api.state()), typed)
    if (!found.isLive) throw over(found)
    const { id, frameworkId } = found.task
    await api.post(
      '/api/x1/kill',
      JSON.stringify({ task_id: id, framework_id: frameworkId }),
      'application/json',
    )
    const state = await ended(context, api, found, timeOf(options, 'timeout') ?? WITHIN_MS)
    await leave(api, found)
    if (isData(common)) await showData(context, { task: id, framework: frameworkId, state })
    else screen.print(`${id} ${stateWord(state)}`)
    return EXIT.done
  },
}

function over({ task }: FoundTask): OperatingError {
  return new OperatingError('REFUSED', `Task '${task.id}' has ended already: ${stateWord(task.state)}`, {
    hint: `tepui why ${task.id} tells how`,
  })
}

/** The state in which the task ended. @throws OperatingError LIMIT when it does not in time */
async function ended(
  { clock, signal }: Context,
  api: MasterApi,
  { task }: FoundTask,
  withinMs: number,
): Promise<string> {
  const until = clock.monotonic() + withinMs
  for (;;) {
    const now = allTasks(await api.state()).find(
      (one) => one.task.id === task.id && one.task.frameworkId === task.frameworkId,
    )
    // The master forgets old ends; then it is over, too.
    if (now === undefined) return 'TASK_UNKNOWN'
    if (isTerminal(now.task.state)) return now.task.state
    if (clock.monotonic() > until) {
      throw new OperatingError(
        'LIMIT',
        `Task '${task.id}' was told to end and has not after ${withinMs / 1000} s`,
        {
          hint: 'Its kill policy may allow more; look again with `tepui ps`',
        },
      )
    }
    await clock.sleep(LOOK_MS, signal)
  }
}

/** A framework of `run -d` has nobody who tells it that its task is over: it goes with the task. */
async function leave(api: MasterApi, { framework }: FoundTask): Promise<void> {
  if (framework.labels[DETACHED_LABEL] === undefined || framework.connected || framework.tasks.length > 1)
    return
  await api.post(
    '/teardown',
    `frameworkId=${encodeURIComponent(framework.id)}`,
    'application/x-www-form-urlencoded',
  )
}
