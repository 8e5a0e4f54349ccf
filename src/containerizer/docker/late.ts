// An engine that is not there when the agent starts: waited for if it has containers of ours, else taken in later.
import { type Clock, every } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { humanDuration } from '../../base/units.ts'
import { counted } from '../../base/words.ts'
import type { Container, Containerizer, ContainerSpec, LaunchObserver, Recovered } from '../containerizer.ts'
import type { ImageUse, Keeping, KeptContainer, StoredImage } from '../keeping.ts'
import { shortReference } from './reference.ts'

export interface LateOptions<C extends Containerizer> {
  /** Throws `OperatingError` (ENGINE) while the engine cannot be used. */
  readonly open: () => Promise<C>
  readonly clock: Clock
  readonly log: Logger
}

const RETRY_MS = 500
/** Where nothing waits for the engine. */
const LOOK_MS = 5000

/**
 * Opens it as soon as the engine can be used: until the engine has told which of so many containers live on, nobody
 * must take them for lost.
 *
 * @throws OperatingError ENGINE after the limit; or the signal's reason
 */
export async function openInTime<C extends Containerizer>(
  { open, clock, log }: LateOptions<C>,
  {
    kept,
    limitMs,
    signal,
  }: { readonly kept: number; readonly limitMs: number; readonly signal: AbortSignal },
): Promise<C> {
  const end = clock.monotonic() + limitMs
  for (let isNoted = false; ; isNoted = true) {
    try {
      const opened = await open()
      if (isNoted) log.info({}, 'the Docker Engine is there')
      return opened
    } catch (error) {
      if (!isEngineTrouble(error)) throw error
      const whose = `${counted(kept, 'container')} of an earlier life of this agent`
      const limit = humanDuration(limitMs)
      if (clock.monotonic() >= end)
        throw new OperatingError(
          'ENGINE',
          `${whose} may run, and for ${limit} nobody could say: ${reasonOf(error)}`,
          {
            cause: error,
            hint:
              'Start the Docker Engine, then the agent. --docker_engine_timeout has it wait longer; ' +
              '--containerizers=mesos gives the containers up and tells their tasks lost.',
          },
        )
      if (!isNoted)
        log.warn(
          { reason: reasonOf(error), hint: error.hint },
          `waiting for the Docker Engine, at most ${limit} (--docker_engine_timeout): it has ${whose}`,
        )
    }
    await clock.sleep(RETRY_MS, signal)
  }
}

function isEngineTrouble(error: unknown): error is OperatingError {
  return error instanceof OperatingError && error.code === 'ENGINE'
}

/** Refuses tasks until the engine is there; what an earlier life left on it is ended then. */
export class LateDocker<C extends Containerizer> implements Containerizer {
  readonly name = 'docker'
  readonly keeping: LateKeeping
  /** Resolves when the engine has come; what has not come by the end never does. */
  readonly comes: Promise<C>
  readonly #options: LateOptions<C>
  readonly #closing = new AbortController()
  readonly #come: (opened: C) => void
  #opened: C | undefined
  #trouble: OperatingError

  constructor(options: LateOptions<C>, trouble: OperatingError) {
    this.#options = options
    this.#trouble = trouble
    const { promise, resolve } = Promise.withResolvers<C>()
    this.comes = promise
    this.#come = resolve
    this.keeping = new LateKeeping(() => this.#refusal())
  }

  supports(spec: ContainerSpec): boolean {
    return spec.container?.type === 'DOCKER'
  }

  async launch(spec: ContainerSpec, observer: LaunchObserver, signal: AbortSignal): Promise<Container> {
    if (this.#opened !== undefined) return this.#opened.launch(spec, observer, signal)
    throw this.#refusal()
  }

  #refusal(): OperatingError {
    const { message, hint } = this.#trouble
    const options = hint === undefined ? {} : { hint }
    return new OperatingError('ENGINE', `No Docker tasks on this agent for now: ${message}`, options)
  }

  /** Of known ones there are none: for those the engine was waited for. */
  recover(): Promise<Recovered> {
    const { clock } = this.#options
    void every(clock, { ms: LOOK_MS, name: 'docker' }, () => this.#look(), this.#closing.signal)
    return Promise.resolve({ containers: new Map(), removed: 0 })
  }

  async close(): Promise<void> {
    this.#closing.abort(new OperatingError('STOPPED', 'The docker containerizer is closed'))
    await this.#opened?.close()
  }

  async #look(): Promise<void> {
    if (this.#opened !== undefined) return
    const { open, log } = this.#options
    let found: C | undefined
    try {
      found = await open()
      const { removed } = await found.recover([])
      if (removed > 0)
        log.warn({ ended: removed }, 'unknown containers of an earlier life of this agent ended')
    } catch (error) {
      await found?.close()
      if (!isEngineTrouble(error)) throw error
      this.#trouble = error
      return
    }
    if (this.#closing.signal.aborted) return found.close()
    this.keeping.comeTrue(found.keeping)
    this.#opened = found
    log.info({}, 'the Docker Engine is there: this agent runs Docker tasks from now on')
    this.#come(found)
  }
}

/** What is on an engine that is not there: nothing that is known of, and nothing that can be asked. */
class LateKeeping implements Keeping {
  readonly #refusal: () => OperatingError
  #real: Keeping | undefined
  #onImage: (use: ImageUse) => void = () => undefined

  constructor(refusal: () => OperatingError) {
    this.#refusal = refusal
  }

  comeTrue(real: Keeping | undefined): void {
    this.#real = real
    this.onImage = this.#onImage
  }

  get folder(): string | undefined {
    return this.#real?.folder
  }

  get containers(): readonly KeptContainer[] {
    return this.#real?.containers ?? []
  }

  get onImage(): (use: ImageUse) => void {
    return this.#onImage
  }

  set onImage(hear: (use: ImageUse) => void) {
    this.#onImage = hear
    if (this.#real !== undefined) this.#real.onImage = hear
  }

  async measure(signal: AbortSignal): Promise<void> {
    await this.#real?.measure(signal)
  }

  async removeContainers(olderThanMs: number): Promise<void> {
    await this.#real?.removeContainers(olderThanMs)
  }

  async list(): Promise<readonly StoredImage[]> {
    return this.#there.list()
  }

  async find(reference: string): Promise<StoredImage | undefined> {
    return this.#there.find(reference)
  }

  async inUse(): Promise<ReadonlyMap<string, number>> {
    return this.#there.inUse()
  }

  async remove(name: string): Promise<{ readonly refused: string } | undefined> {
    return this.#there.remove(name)
  }

  shortName(reference: string): string {
    return shortReference(reference)
  }

  /** @throws OperatingError ENGINE */
  get #there(): Keeping {
    if (this.#real === undefined) throw this.#refusal()
    return this.#real
  }
}
