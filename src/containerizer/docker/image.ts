// Images: pulled once for all tasks that wait for the same one, with progress, given up when nothing moves any more.
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import { EngineError } from './engine-errors.ts'
import type { Engine } from './engine.ts'
import type { RegistryAuth } from './engine-answers.ts'
import { PullProgress } from './pull-progress.ts'

export interface ImageOptions {
  readonly engine: Pick<Engine, 'pull'>
  readonly clock: Clock
  /** A pull in which nothing moves for so long fails. There is no limit on the whole: images are large. */
  readonly stallMs: number
}

export interface PullRequest {
  readonly reference: string
  readonly auth: RegistryAuth | undefined
  readonly progress: (sentence: string) => void
}

interface Pull {
  readonly done: Promise<void>
  readonly abort: AbortController
  readonly watchers: Set<(sentence: string) => void>
}

const PROGRESS_EVERY_MS = 1000

export class Images {
  readonly #options: ImageOptions
  readonly #pulls = new Map<string, Pull>()

  constructor(options: ImageOptions) {
    this.#options = options
  }

  /**
   * Resolves when the image is here. Who asks for the same image with the same credentials meanwhile shares the pull,
   * which ends early only when nobody wants it any more.
   *
   * @throws OperatingError IMAGE with the engine's words; the signal's reason when that aborts
   */
  async pull(request: PullRequest, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const key = JSON.stringify([request.reference, request.auth ?? null])
    const pull = this.#pulls.get(key) ?? this.#begin(key, request)
    const watcher = (sentence: string): void => request.progress(sentence)
    pull.watchers.add(watcher)
    let stop: (() => void) | undefined
    const stopped = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason as Error)
      signal.addEventListener('abort', stop, { once: true })
    })
    try {
      await Promise.race([pull.done, stopped])
    } finally {
      if (stop !== undefined) signal.removeEventListener('abort', stop)
      pull.watchers.delete(watcher)
      if (pull.watchers.size === 0) {
        if (this.#pulls.get(key) === pull) this.#pulls.delete(key)
        pull.abort.abort(
          new OperatingError('STOPPED', `Nobody waits for the image ${request.reference} any more`),
        )
      }
    }
  }

  #begin(key: string, request: PullRequest): Pull {
    const abort = new AbortController()
    const watchers = new Set<(sentence: string) => void>()
    const done = this.#run(request, abort, watchers).finally(() => {
      if (this.#pulls.get(key) === pull) this.#pulls.delete(key)
    })
    done.catch(() => {
      // Its failure reaches everybody who waits; when the last one has left, nobody does.
    })
    const pull: Pull = { done, abort, watchers }
    this.#pulls.set(key, pull)
    return pull
  }

  async #run(
    { reference, auth }: PullRequest,
    abort: AbortController,
    watchers: ReadonlySet<(sentence: string) => void>,
  ): Promise<void> {
    const { clock, engine, stallMs } = this.#options
    const progress = new PullProgress()
    const stalled = (): void =>
      abort.abort(
        new OperatingError(
          'IMAGE',
          `${progress.sentence(reference)}: nothing moved for ${stallMs / 1000} s`,
          {
            hint: 'Check the registry and the network of the engine; the time is set with --docker_pull_stall_timeout.',
          },
        ),
      )
    let timer = clock.after(stallMs, stalled)
    let told = Number.NEGATIVE_INFINITY
    try {
      for await (const line of engine.pull(reference, auth, abort.signal)) {
        if (line.error !== undefined) throw cannotHave(reference, line.error)
        if (progress.take(line)) {
          timer[Symbol.dispose]()
          timer = clock.after(stallMs, stalled)
        }
        if (clock.monotonic() - told < PROGRESS_EVERY_MS) continue
        told = clock.monotonic()
        for (const watcher of watchers) watcher(progress.sentence(reference))
      }
    } catch (error) {
      if (error instanceof EngineError && error.status !== undefined) throw cannotHave(reference, error.words)
      if (error instanceof OperatingError) throw error
      throw new OperatingError('IMAGE', `Cannot pull the image ${reference}: ${reasonOf(error)}`, {
        cause: error,
      })
    } finally {
      timer[Symbol.dispose]()
    }
  }
}

function cannotHave(reference: string, words: string): OperatingError {
  return new OperatingError('IMAGE', `Cannot pull the image ${reference}: ${words}`, {
    hint: 'Check the name, and the credentials in --docker_config.',
  })
}
