// `tepui wait`: until tasks have ended, with their exit code as ours.
import { OperatingError } from '../../base/errors.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks, type FoundTask } from '../find-task.ts'
import { tasksMatching } from '../matching-tasks.ts'
import { MasterApi } from '../master-api.ts'
import { isSet, timeOf } from '../option-values.ts'
import { isData, showData } from '../output.ts'
import { agentNames } from '../task-list.ts'
import { endOfTask } from '../task-end.ts'
import { endOfWait, howItEnded } from '../task-ends.ts'
import { stateWord } from '../words.ts'

export const waitCommand: Command = {
  name: 'wait',
  arguments: ['<task...>'],
  summary: 'Wait until tasks have ended; the exit code is that of the task, of several the highest',
  options: [
    { flags: '--timeout <time>', help: 'Give up after so long, such as 10m (exit code 1)' },
    { flags: '-q, --quiet', help: 'Say nothing but by the exit code' },
  ],
  run: wait,
}

interface Line {
  readonly task: string
  readonly name: string
  readonly framework: string
  readonly state: string
  readonly exitCode: number
  readonly message: string
}

async function wait(context: Context, typed: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, screen, signal } = context
  const timeoutMs = timeOf(options, 'timeout')
  using api = new MasterApi(common.master, clock, signal)
  const state = await api.state()
  const found = tasksMatching(allTasks(state), typed)
  const nameOf = agentNames(state)
  const until = clock.monotonic() + (timeoutMs ?? Number.POSITIVE_INFINITY)
  const lines = await Promise.all(
    found.map(async (one) => {
      const line = await waitFor(context, api, one, nameOf, until)
      if (line !== undefined && !isData(common) && !isSet(options, 'quiet')) screen.print(lineText(line))
      return line
    }),
  )
  const ended = lines.filter((line) => line !== undefined)
  if (isData(common)) await showData(context, ended)
  const late = found.filter((_, index) => lines[index] === undefined)
  if (late.length > 0) throw tooLate(late, timeoutMs ?? 0)
  return Math.max(EXIT.done, ...ended.map(({ exitCode }) => exitCode))
}

async function waitFor(
  { clock, signal }: Context,
  api: MasterApi,
  { framework, task }: FoundTask,
  nameOf: (id: string) => string,
  until: number,
): Promise<Line | undefined> {
  if ((await endOfWait({ api, clock, signal }, task, until)) === undefined) return undefined
  const status = await howItEnded(api, task)
  const { exitCode } = endOfTask('tepui wait', status, nameOf(task.agentId))
  const { message = '', state } = status
  return { task: task.id, name: task.name, framework: framework.name, state, exitCode, message }
}

const lineText = ({ exitCode, message, state, task }: Line): string =>
  `${task} ${stateWord(state)}: ${message} (exit code ${exitCode})`

function tooLate(late: readonly FoundTask[], timeoutMs: number): OperatingError {
  const ids = late.map(({ task }) => task.id).join(', ')
  return new OperatingError('LIMIT', `After ${timeoutMs / 1000} s still not ended: ${ids}`, {
    hint: '`tepui why TASK` tells what a task does; a longer --timeout waits longer',
  })
}
