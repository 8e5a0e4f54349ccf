// `tepui kill`: ends tasks and waits until they have ended.
import { OperatingError } from '../../base/errors.ts'
import { counted } from '../../base/words.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { confirm, YES_OPTION } from '../confirm.ts'
import { DETACHED_LABEL } from '../detached.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks, type FoundTask, taskKey } from '../find-task.ts'
import { isPattern, tasksMatching } from '../matching-tasks.ts'
import { MasterApi, MasterRefusal } from '../master-api.ts'
import { textOf, timeOf } from '../option-values.ts'
import { isData, showData } from '../output.ts'
import { endOfWait } from '../task-ends.ts'
import { stateWord } from '../words.ts'

const WITHIN_MS = 30_000

export const killCommand: Command = {
  name: 'kill',
  arguments: ['<task...>'],
  summary: 'End tasks: their names, the beginnings of those, or patterns such as web*',
  options: [
    { flags: '--grace <time>', help: 'Between SIGTERM and SIGKILL (default: what each asks for)' },
    { flags: '--reason <words>', help: 'Why: `tepui events` tells it' },
    { flags: '--timeout <time>', help: 'How long to wait for their end (default 30s, and the grace)' },
    YES_OPTION,
  ],
  run: kill,
}

/** Asks the master to end each of them. */
async function askFor(api: MasterApi, found: readonly FoundTask[], options: OptionValues): Promise<void> {
  const reason = textOf(options, 'reason')
  const path = reason === undefined ? '/api/x1/kill' : `/api/x1/kill?reason=${encodeURIComponent(reason)}`
  for (const { task } of found) {
    const asked = { task_id: task.id, framework_id: task.frameworkId, grace_ms: timeOf(options, 'grace') }
    try {
      await api.post(path, JSON.stringify(asked), 'application/json')
    } catch (error) {
      // It ended by itself meanwhile; what became of it is told all the same.
      if (!(error instanceof MasterRefusal) || error.status !== 404) throw error
    }
  }
}

async function kill(context: Context, typed: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, screen, signal } = context
  const withinMs = timeOf(options, 'timeout') ?? WITHIN_MS + (timeOf(options, 'grace') ?? 0)
  using api = new MasterApi(common.master, clock, signal)
  const found = tasksMatching(allTasks(await api.state()), typed)
  const over = found.find(({ isLive }) => !isLive)
  if (over !== undefined) throw hasEnded(over)
  if (found.length > 1 && typed.some(isPattern))
    await confirm(context, options, `End ${counted(found.length, 'task')} (${namesOf(found)})`)
  await askFor(api, found, options)
  const until = clock.monotonic() + withinMs
  const ends = await Promise.all(
    found.map(async (one) => {
      const { frameworkId, id } = one.task
      const state = await endOfWait({ api, clock, signal }, one.task, until)
      if (state === undefined) return undefined
      if (!isData(common)) screen.print(`${id} ${stateWord(state)}`)
      return { task: id, framework: frameworkId, state }
    }),
  )
  await leave(
    api,
    found.filter((_, index) => ends[index] !== undefined),
  )
  const ended = ends.filter((end) => end !== undefined)
  if (isData(common)) await showData(context, found.length === 1 ? ended[0] : ended)
  const late = found.filter((_, index) => ends[index] === undefined)
  if (late.length > 0) throw tooLate(late, withinMs)
  return EXIT.done
}

function namesOf(found: readonly FoundTask[]): string {
  return found.map(({ task }) => task.id).join(', ')
}

function hasEnded({ task }: FoundTask): OperatingError {
  return new OperatingError('REFUSED', `Task '${task.id}' has ended already: ${stateWord(task.state)}`, {
    hint: `tepui why ${task.id} tells how`,
  })
}

function tooLate(late: readonly FoundTask[], withinMs: number): OperatingError {
  const [first, other] = late
  const who = other === undefined ? `Task '${first?.task.id}' was` : `${late.length} tasks were`
  const which = other === undefined ? '' : `: ${namesOf(late)}`
  const have = other === undefined ? 'has' : 'have'
  const said = `${who} told to end and ${have} not after ${withinMs / 1000} s${which}`
  return new OperatingError('LIMIT', said, {
    hint: 'Kill policies may allow more; look again with `tepui ps`',
  })
}

/** A framework of `run -d` has nobody who tells it that its task is over: it goes with its last task. */
async function leave(api: MasterApi, found: readonly FoundTask[]): Promise<void> {
  const over = new Set(found.map(({ task }) => taskKey(task)))
  const empty = new Set(
    found
      .map(({ framework }) => framework)
      .filter(({ connected, labels }) => labels[DETACHED_LABEL] !== undefined && !connected)
      .filter(({ tasks }) => tasks.every((task) => over.has(taskKey(task))))
      .map(({ id }) => id),
  )
  for (const id of empty)
    await api.post('/teardown', `frameworkId=${encodeURIComponent(id)}`, 'application/x-www-form-urlencoded')
}
