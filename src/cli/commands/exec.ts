// `tepui exec`: a command in the container of a running task, wherever that is, with its input, output and exit code.
import { OperatingError } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks, findTask } from '../find-task.ts'
import { MasterApi, type StateTask } from '../master-api.ts'
import { isSet, textOf } from '../option-values.ts'
import { RawTerminal, sizeOf } from '../raw-terminal.ts'
import { ClientSession } from '../session.ts'

export const execCommand: Command = {
  name: 'exec',
  arguments: ['<task>', '<command...>'],
  summary: 'Run a command in the container of a running task, through the master: tepui exec -it TASK -- sh',
  options: [
    { flags: '-i, --interactive', help: 'Pass standard input on' },
    { flags: '-t, --tty', help: 'With a terminal, whose keys all go there' },
    {
      flags: '-w, --workdir <folder>',
      help: 'In this folder in place of that of the task (needs a shell there)',
    },
    { flags: '-u, --user <name>', help: 'As this user in place of that of the task' },
  ],
  passThrough: true,
  run: exec,
}

async function exec(context: Context, args: readonly string[], options: OptionValues): Promise<number> {
  const { common, signal } = context
  const [typed = '', ...words] = args
  const argv = words[0] === '--' ? words.slice(1) : words
  if (argv.length === 0) throw usageError('There is no command to run', 'tepui exec TASK -- COMMAND')
  const isTerminal = isSet(options, 'tty')
  const isInteractive = isSet(options, 'interactive')
  if (isTerminal && isInteractive && !process.stdin.isTTY)
    throw usageError('Standard input is no terminal', 'Leave out -t, or type it in a terminal')
  const task = await runningTask(context, typed)
  const terminal = isTerminal ? sizeOf(process.stdout) : undefined
  const folder = textOf(options, 'workdir')
  const whole = folder === undefined ? argv : ['sh', '-c', 'cd "$0" && exec "$@"', folder, ...argv]
  const wish = { argv: whole, user: textOf(options, 'user'), terminal }
  using session = await ClientSession.open(common.master, task, wish, context)
  const sides = { input: process.stdin, output: process.stdout }
  using _ =
    terminal === undefined
      ? undefined
      : await RawTerminal.open(sides, terminal, (size) => session.resize(size))
  if (isInteractive) void passOn(session)
  else if (!isTerminal) session.endInput()
  try {
    await session.follow(async (stream, bytes) => written(process[stream], bytes))
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
  try {
    return await session.exitCode(signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof OperatingError)) throw error
    context.screen.note(`tepui exec: how the command ended is not known: ${error.message}`)
    return EXIT.ours
  }
}

async function runningTask({ clock, common, signal }: Context, typed: string): Promise<StateTask> {
  using api = new MasterApi(common.master, clock, signal)
  const { isLive, task } = findTask(allTasks(await api.state()), typed)
  if (isLive) return task
  throw new OperatingError('REFUSED', `Task '${task.id}' does not run any more`, {
    hint: '`tepui why TASK` tells how it ended, `tepui logs TASK` what it wrote',
  })
}

/** Standard input, until its end or that of the session. */
async function passOn(session: ClientSession): Promise<void> {
  try {
    for await (const piece of process.stdin as AsyncIterable<Buffer>) await session.write(piece)
  } catch (error) {
    // Input that cannot be read is at its end; the session goes on.
    if (!(error instanceof Error)) throw error
  }
  session.endInput()
}

/** A reader that is slow makes the command wait. */
function written(output: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    output.write(bytes, () => resolve())
  })
}
