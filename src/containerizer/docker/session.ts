// A command beside the first process of an engine container, with streams or a terminal: `docker exec -i`.
import type { Duplex } from 'node:stream'
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import {
  killSession,
  type OutputName,
  type Session,
  SESSION_MARK,
  type SessionWish,
  statusOfCode,
  type WindowSize,
  writeTo,
} from '../session.ts'
import type { ExecBody } from './body.ts'
import { EngineError } from './engine-errors.ts'
import type { Engine } from './engine.ts'
import { NewestSize } from '../newest-size.ts'
import { Frames } from './output.ts'

interface Place {
  readonly engine: Engine
  readonly dockerId: string
  readonly clock: Clock
  /** The processes of the container, where its control group is known. */
  readonly inside: (() => readonly number[]) | undefined
}

/** Between two questions whether it has ended. */
const LOOK_MS = 20
/** The end of the connection comes a moment before the engine knows the end of the command. */
const LAST_LOOKS = 500
const LOST = statusOfCode(255)
/** What the engine says in place of a command that it cannot run; older ones count both kinds as 126. */
const NOT_THERE = /^OCI runtime exec failed: .*(executable file not found|no such file or directory)/
const CANNOT_RUN = 126
const NOT_FOUND = 127
const WORDS_BYTES = 1024

/** @throws OperatingError LAUNCH (the engine refused it), ENGINE (the engine is away) */
export async function openDockerSession(place: Place, wish: SessionWish): Promise<Session> {
  const { dockerId, engine } = place
  try {
    const exec = await engine.execs.prepare(dockerId, bodyOf(wish))
    const connection = await engine.execs.join(exec, wish.terminal !== undefined)
    const session = new DockerSession(place, wish, exec, connection)
    if (wish.terminal !== undefined) session.resize(wish.terminal)
    return session
  } catch (error) {
    if (error instanceof EngineError && error.status !== undefined)
      throw new OperatingError('LAUNCH', error.message, { cause: error })
    throw error
  }
}

function bodyOf({ command, id, terminal }: SessionWish): ExecBody {
  const { arguments: args = [], environment, shell, user, value = '' } = command
  const variables = (environment?.variables ?? []).map((one) => `${one.name}=${one.value ?? ''}`)
  return {
    Cmd: shell === false ? [value, ...args.slice(1)] : ['sh', '-c', value],
    Env: [...(terminal === undefined ? [] : ['TERM=xterm']), ...variables, `${SESSION_MARK}=${id}`],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: terminal !== undefined,
    ...(user === undefined ? {} : { User: user }),
  }
}

class DockerSession implements Session {
  readonly exited: Promise<number>
  readonly #place: Place
  readonly #wish: SessionWish
  readonly #exec: string
  readonly #connection: Duplex
  readonly #size: NewestSize
  #firstWords = ''
  readonly #closed = Promise.withResolvers<void>()

  constructor(place: Place, wish: SessionWish, exec: string, connection: Duplex) {
    this.#place = place
    this.#wish = wish
    this.#exec = exec
    this.#connection = connection
    let isOver = false
    const closed = (): void => {
      isOver = true
      this.#closed.resolve()
    }
    connection.on('close', closed).on('end', closed)
    this.exited = this.#watch()
    // The engine refuses it until the command runs.
    const set = (size: WindowSize): Promise<boolean> => orAway(place.engine.execs.resize(exec, size), false)
    this.#size = new NewestSize({ clock: place.clock, set, isOver: () => isOver || connection.destroyed })
  }

  async follow(take: (stream: OutputName, piece: Buffer) => Promise<void>): Promise<void> {
    const frames = new Frames()
    try {
      for await (const chunk of this.#connection as AsyncIterable<Buffer>) {
        if (this.#firstWords === '') this.#firstWords = chunk.toString('latin1', 0, WORDS_BYTES)
        if (this.#wish.terminal !== undefined) {
          await take('STDOUT', chunk)
          continue
        }
        const { stderr, stdout } = frames.take(chunk)
        for (const piece of stdout) await take('STDOUT', piece)
        for (const piece of stderr) await take('STDERR', piece)
      }
    } catch (error) {
      // The engine's end, or ours: how the command ended is told by `exited`.
      if (!this.#connection.destroyed) throw error
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return writeTo(this.#connection, bytes)
  }

  endInput(): void {
    this.#connection.end()
  }

  resize(size: WindowSize): void {
    if (this.#wish.terminal !== undefined) this.#size.want(size)
  }

  async signal(number: number): Promise<void> {
    const pid = await this.#pid()
    if (pid === undefined) return
    try {
      process.kill(pid, number)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPERM')
        throw new OperatingError('LAUNCH', `The agent may not signal process ${pid}`, {
          hint: 'Run the agent as root',
          cause: error,
        })
      if (code !== 'ESRCH') throw error
    }
  }

  async end(): Promise<void> {
    killSession(await this.#pid(), this.#wish.id, this.#place.inside)
    this.#connection.destroy()
  }

  #codeOf(code: number): number {
    // Without a terminal the words are in a frame.
    const words = this.#firstWords.slice(Math.max(0, this.#firstWords.indexOf('OCI')))
    return code === CANNOT_RUN && NOT_THERE.test(words) ? NOT_FOUND : code
  }

  async #pid(): Promise<number | undefined> {
    const state = await orAway(this.#place.engine.execs.inspect(this.#exec), undefined)
    return state?.Running === true && state.Pid > 0 ? state.Pid : undefined
  }

  /** The engine does not tell the end by itself, but closes the connection then. */
  async #watch(): Promise<number> {
    const { clock, engine } = this.#place
    await this.#closed.promise
    let status: number | undefined
    for (let look = 0; look < LAST_LOOKS && status === undefined; look++) {
      const state = await orAway(engine.execs.inspect(this.#exec), undefined)
      if (state === undefined) break
      if (!state.Running && state.ExitCode !== null) status = statusOfCode(this.#codeOf(state.ExitCode))
      else await clock.sleep(LOOK_MS)
    }
    killSession(undefined, this.#wish.id, this.#place.inside)
    return status ?? LOST
  }
}

/** What an engine that is away, or knows nothing of it any more, cannot tell. */
async function orAway<T, D>(asked: Promise<T>, otherwise: D): Promise<T | D> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof EngineError) return otherwise
    throw new Error(`Asking the engine failed: ${reasonOf(error)}`, { cause: error })
  }
}
