// A command inside a running engine container, for the checks of its task: to its end, or until we have enough of it.
import type { Readable } from 'node:stream'
import type { Clock } from '../../base/clock.ts'
import { OperatingError } from '../../base/errors.ts'
import { Tail } from '../../base/tail.ts'
import type { CommandInfo } from '../../wire/commands.ts'
import { type Executed, OUTPUT_KEPT } from '../containerizer.ts'
import { killBelow } from '../host/process-table.ts'
import type { ExecBody } from './body.ts'
import { EngineError } from './engine-errors.ts'
import type { Engine } from './engine.ts'
import { Frames } from './output.ts'

interface Place {
  readonly engine: Engine
  readonly dockerId: string
  readonly clock: Clock
}

/** Between two questions whether it has ended. */
const LOOK_MS = 20

/**
 * As `docker exec` does it: with the container's user, folder and environment.
 *
 * @throws OperatingError LAUNCH (the engine refused it), ENGINE (the engine is away); or the signal's reason
 */
export async function execute(place: Place, command: CommandInfo, signal: AbortSignal): Promise<Executed> {
  const { engine, dockerId } = place
  signal.throwIfAborted()
  let exec: string | undefined
  try {
    exec = await engine.execs.prepare(dockerId, bodyOf(command))
    signal.throwIfAborted()
    const output = await lastOutput(await engine.execs.start(exec, signal))
    return { exitCode: await exitCode(place, exec, signal), output }
  } catch (error) {
    if (signal.aborted) {
      if (exec !== undefined) await end(engine, exec)
      throw signal.reason
    }
    if (error instanceof EngineError && error.status !== undefined)
      throw new OperatingError('LAUNCH', error.message, { cause: error })
    throw error
  }
}

function bodyOf({ arguments: args = [], environment, shell, value = '' }: CommandInfo): ExecBody {
  return {
    Cmd: shell === false ? [value, ...args] : ['sh', '-c', value],
    Env: (environment?.variables ?? []).map((one) => `${one.name}=${one.value ?? ''}`),
    AttachStdout: true,
    AttachStderr: true,
  }
}

async function lastOutput(stream: Readable): Promise<string> {
  const frames = new Frames()
  const tail = new Tail(OUTPUT_KEPT)
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const { stderr, stdout } = frames.take(chunk)
    for (const part of [...stdout, ...stderr]) tail.take(part)
  }
  return tail.text
}

/** The end of its output comes a moment before the engine knows its end. */
async function exitCode({ clock, engine }: Place, exec: string, signal: AbortSignal): Promise<number> {
  for (;;) {
    const { ExitCode, Running } = await engine.execs.inspect(exec)
    if (!Running && ExitCode !== null) return ExitCode
    await clock.sleep(LOOK_MS, signal)
  }
}

/** The engine has no request for this: its processes are ended by us, where we may. */
async function end(engine: Engine, exec: string): Promise<void> {
  try {
    const { Pid, Running } = await engine.execs.inspect(exec)
    if (Running && Pid > 0) killBelow(Pid)
  } catch (error) {
    // An engine that is away ends nothing, and one that has forgotten it need not.
    if (!(error instanceof EngineError)) throw error
  }
}
