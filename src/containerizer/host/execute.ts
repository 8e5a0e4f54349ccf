// A command beside the one that a host container runs, for the checks of its task: inside of its control groups.
import { startGroup } from '../../base/exec.ts'
import { Tail } from '../../base/tail.ts'
import type { CommandInfo } from '../../wire/commands.ts'
import { type ContainerSpec, type Executed, OUTPUT_KEPT } from '../containerizer.ts'
import { prepareCommand } from './command.ts'
import { signalNumberOf } from './exit.ts'
import type { Fence } from './fence.ts'
import { killBelow } from './process-table.ts'

interface Place {
  readonly spec: ContainerSpec
  readonly fence: Fence
}

/** It enters the groups before it becomes the command, so that nothing of it runs outside. */
export const ENTER = `while [ "$1" != -- ]; do
  echo 0 >"$1" || exit 125
  shift
done
shift
exec "$@"`

/** Turns of the event loop that the last of the output gets to arrive: it lies in a pipe already. */
const OUTPUT_TURNS = 10

/**
 * With the task's user, folder and environment. What it leaves in the background ends with it.
 *
 * @throws OperatingError LAUNCH when it cannot be started; or the signal's reason
 */
export async function execute(
  { fence, spec }: Place,
  command: CommandInfo,
  signal: AbortSignal,
): Promise<Executed> {
  const own = (command.environment?.variables ?? []).map(({ name, value = '' }) => [name, value] as const)
  const environment = { ...spec.environment, ...Object.fromEntries(own) }
  const prepared = await prepareCommand({ ...spec, command, environment })
  signal.throwIfAborted()
  const args = ['-c', ENTER, 'check', ...fence.entrances, '--', ...prepared.argv]
  const group = await startGroup('/bin/sh', args, { cwd: spec.sandbox, env: prepared.environment })
  const output = new Tail(OUTPUT_KEPT)
  for (const stream of [group.stdout, group.stderr]) stream.on('data', (chunk: Buffer) => output.take(chunk))
  group.stdin.end()
  const end = (): void => killBelow(group.pid)
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  const ended = await group.exited
  signal.removeEventListener('abort', end)
  group.kill()
  for (let turn = 0; turn < OUTPUT_TURNS && !group.stdout.closed; turn++)
    await new Promise((resolve) => setImmediate(resolve))
  group.stdout.destroy()
  group.stderr.destroy()
  signal.throwIfAborted()
  return { exitCode: ended.exitCode ?? 128 + signalNumberOf(ended.signal), output: output.text }
}
