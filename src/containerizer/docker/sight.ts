// Keeps a running container in sight until it has ended, whatever the engine does meanwhile: restarts, hangs, forgets.
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { humanDuration } from '../../base/units.ts'
import type { Listening } from './ends.ts'
import type { Inspection } from './engine-answers.ts'
import { EngineError } from './engine-errors.ts'
import type { Engine } from './engine.ts'

export interface SightParts {
  readonly containerId: string
  readonly dockerId: string
  readonly engine: Pick<Engine, 'wait' | 'inspect'>
  readonly clock: Clock
  readonly log: Logger
  /** Tells the end, so that the engine need not be asked for it. */
  readonly listening: Listening | undefined
  /** Ends when the attached stream has been copied to its end. */
  readonly copied: Promise<void>
  /** Attaches again; ends as `copied` does. Never rejects. */
  readonly attachAgain: () => Promise<void>
  /** Whether the kernel still has processes of it; undefined where it cannot be asked. */
  readonly hasProcesses: () => boolean | undefined
  /** Aborts when the containerizer is closed: the container runs on, unwatched. */
  readonly closed: AbortSignal
  /** How long a container that may have ended is waited for while the engine does not answer. */
  readonly engineLossMs: number
}

export interface End {
  /** Undefined when the engine no longer knows the container. */
  readonly exitCode: number | undefined
  /** The engine was away before it told. */
  readonly wasAway: boolean
}

const RETRY_MS = 500
/** The end of its output mostly is its end: of one that is not told soon, the engine has lost the word on its way. */
const SILENCE_MS = 2000
/** How often the kernel is asked whether there is still anything of the container. */
const LOOK_MS = 5000
/** After we killed it ourselves its end is known: the engine only gets the time to agree. */
const AFTER_KILL_MS = 10_000

export class Sight {
  readonly #parts: SightParts
  #copied: Promise<void>
  readonly #killed = Promise.withResolvers<void>()
  #wasAway = false

  constructor(parts: SightParts) {
    this.#parts = parts
    this.#copied = parts.copied
  }

  /** Ends when what it printed has been copied; another one after the engine came back and we attached again. */
  get copied(): Promise<void> {
    return this.#copied
  }

  /** Its processes were killed by us, without the engine. */
  expectEnd(): void {
    const { clock, hasProcesses } = this.#parts
    clock.after(AFTER_KILL_MS, () => (hasProcesses() === true ? this.expectEnd() : this.#killed.resolve()))
  }

  /** @throws OperatingError ENGINE when the engine stays away and the container has ended, or may have */
  end(): Promise<End> {
    const killed = this.#killed.promise.then(() => {
      throw new OperatingError('ENGINE', 'The engine does not say how a container that was killed ended')
    })
    return Promise.race([this.#toldEnd(), killed])
  }

  async #toldEnd(): Promise<End> {
    const told = await this.#told()
    if (told !== undefined) return { exitCode: told, wasAway: false }
    for (;;) {
      const answer = await this.#asked()
      if (answer !== undefined) return { exitCode: answer.exitCode, wasAway: this.#wasAway }
      const found = await this.#foundAgain()
      if (found === undefined) return { exitCode: undefined, wasAway: this.#wasAway }
      const { Running, ExitCode } = found.description.State
      if (!Running) return { exitCode: ExitCode, wasAway: this.#wasAway }
      const before = this.#copied
      this.#copied = before.then(() => this.#parts.attachAgain())
    }
  }

  /** Undefined when the end is not told, and the engine has to be asked. */
  async #told(): Promise<number | undefined> {
    const { listening, clock } = this.#parts
    if (listening === undefined) return undefined
    using emptied = new Emptied(this.#parts)
    const { promise, resolve } = Promise.withResolvers<number | undefined>()
    let silence: Disposable | undefined
    let over = false
    void listening.end.then(resolve)
    void emptied.promise.then(() => resolve(undefined))
    void this.#copied.then(() => {
      if (!over) silence = clock.after(SILENCE_MS, () => resolve(undefined))
    })
    try {
      return await promise
    } finally {
      over = true
      silence?.[Symbol.dispose]()
      listening[Symbol.dispose]()
    }
  }

  /** The engine's word; undefined when it did not give one, or gives none although nothing of the container is left. */
  async #asked(): Promise<{ readonly exitCode: number | undefined } | undefined> {
    using emptied = new Emptied(this.#parts)
    const { engine, dockerId, closed, log, containerId } = this.#parts
    const enough = new AbortController()
    const { promise: given, resolve } = Promise.withResolvers<void>()
    void emptied.promise.then(() => {
      enough.abort(new OperatingError('STOPPED', 'Nothing of the container is left'))
      resolve()
    })
    try {
      const wait = engine.wait(dockerId, AbortSignal.any([closed, enough.signal]))
      const exitCode = await Promise.race([wait.then((code) => ({ exitCode: code })), given])
      return exitCode ?? undefined
    } catch (error) {
      // Closed: nobody listens any more, and the container is not ours to judge. Its exit stays open.
      if (closed.aborted) return await new Promise<never>(() => undefined)
      if (enough.signal.aborted) return undefined
      if (!(error instanceof EngineError)) throw error
      this.#wasAway = true
      log.warn({ container: containerId, reason: reasonOf(error) }, 'Lost sight of a container')
      return undefined
    }
  }

  /** What the engine knows of it, as soon as it answers; undefined when that is nothing. */
  async #foundAgain(): Promise<Inspection | undefined> {
    const { clock, log, containerId, closed } = this.#parts
    const lostAt = clock.monotonic()
    let isNoted = false
    for (;;) {
      await this.#pause()
      if (closed.aborted) return new Promise<never>(() => undefined)
      const found = await this.#inspect()
      const isGone = this.#parts.hasProcesses() === false
      if (!(found instanceof EngineError)) {
        // The engine has not seen yet that nothing is left of it.
        if (found === undefined || !found.description.State.Running || !isGone) return found
      } else this.#wasAway = true
      if (clock.monotonic() - lostAt < this.#parts.engineLossMs) continue
      if (this.#parts.hasProcesses() !== true) throw this.#lostForGood(found, isGone)
      if (!isNoted) log.warn({ container: containerId }, 'The engine stays away; the container runs on')
      isNoted = true
    }
  }

  async #inspect(): Promise<Inspection | undefined | EngineError> {
    try {
      return await this.#parts.engine.inspect(this.#parts.dockerId)
    } catch (error) {
      if (error instanceof EngineError) return error
      throw error
    }
  }

  /** Before another attempt; ends early when the containerizer is closed. */
  async #pause(): Promise<void> {
    try {
      await this.#parts.clock.sleep(RETRY_MS, this.#parts.closed)
    } catch (error) {
      if (!this.#parts.closed.aborted) throw error
    }
  }

  #lostForGood(cause: Inspection | EngineError | undefined, isGone: boolean): OperatingError {
    const time = humanDuration(this.#parts.engineLossMs)
    const silence =
      cause instanceof EngineError
        ? `The Docker Engine has not answered for ${time}: ${reasonOf(cause)}`
        : `For ${time} the Docker Engine has taken the container for running`
    const fate = isGone
      ? 'its processes have ended, with which status is not known'
      : 'the container may still run'
    return new OperatingError('ENGINE', `${silence}; ${fate}`, {
      hint: 'What is left of it is removed when the agent starts again with the engine.',
    })
  }
}

/** Fires when the kernel has had no process of the container for two looks. */
class Emptied implements Disposable {
  readonly promise: Promise<void>
  readonly #resolve: () => void
  readonly #parts: SightParts
  #timer: Disposable | undefined
  #wasEmpty = false

  constructor(parts: SightParts) {
    this.#parts = parts
    const { promise, resolve } = Promise.withResolvers<void>()
    this.promise = promise
    this.#resolve = resolve
    if (parts.hasProcesses() !== undefined) this.#lookLater()
  }

  #lookLater(): void {
    this.#timer = this.#parts.clock.after(LOOK_MS, () => {
      const isEmpty = this.#parts.hasProcesses() === false
      if (isEmpty && this.#wasEmpty) this.#resolve()
      else this.#lookLater()
      this.#wasEmpty = isEmpty
    })
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
  }
}
