// Ended containers, kept for a while so that people can look at them, then removed (`--docker_remove_delay`).
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { KeptContainer } from '../keeping.ts'
import type { Engine } from './engine.ts'

export interface RemovalOptions {
  readonly engine: Pick<Engine, 'remove' | 'removeUnstarted'>
  readonly clock: Clock
  readonly log: Logger
  readonly delayMs: number
  readonly onRemoved: (id: string) => void
}

/** More ended containers are not kept: the oldest goes at once. */
const KEPT_MAX = 10_000
const RETRY_MS = 30_000
const CONFIRM_MS = 1000
const ATTEMPTS_MAX = 20
const FLUSH_WIDTH = 8

/** What is told of a container that is kept. Wall time, ms. */
export type Ended = Pick<KeptContainer, 'containerId' | 'taskId' | 'endedAt'>

export class Removals {
  readonly #options: RemovalOptions
  readonly #waiting = new Map<string, Disposable>()
  readonly #kept = new Map<string, KeptContainer>()
  readonly #running = new Map<string, Promise<void>>()

  constructor(options: RemovalOptions) {
    this.#options = options
  }

  /** Those that wait for the end of the delay; first those that were scheduled first. */
  get kept(): readonly KeptContainer[] {
    return [...this.#kept.values()]
  }

  measured(id: string, bytes: number | undefined): void {
    const one = this.#kept.get(id)
    if (one !== undefined && bytes !== undefined) this.#kept.set(id, { ...one, bytes })
  }

  /** Removes the container when the delay since its end is over; resolves when that is done if it is over now. */
  async schedule(id: string, ended: Ended): Promise<void> {
    const { clock, delayMs } = this.#options
    const waitMs = Math.min(delayMs, ended.endedAt + delayMs - clock.now())
    if (waitMs <= 0) return this.#remove(id, 1)
    this.#waiting.get(id)?.[Symbol.dispose]()
    this.#waiting.set(
      id,
      clock.after(waitMs, () => void this.#remove(id, 1)),
    )
    this.#kept.set(id, { ...ended, engineId: id, dueAt: clock.now() + waitMs, bytes: undefined })
    const oldest = this.#kept.size > KEPT_MAX ? this.#kept.keys().next().value : undefined
    if (oldest !== undefined) void this.#remove(oldest, 1)
    return undefined
  }

  /** Removes those now that ended so long ago. */
  async removeOlder(olderThanMs: number): Promise<void> {
    const before = this.#options.clock.now() - olderThanMs
    const ids = this.kept.filter(({ endedAt }) => endedAt <= before).map(({ engineId }) => engineId)
    await this.#removeAll(ids, 1)
  }

  /** Removes the container (by id or name) without a delay; resolves also when that must be tried again later. */
  now(id: string): Promise<void> {
    return this.#remove(id, 1)
  }

  /**
   * Removes a container, but not one that runs. False when it runs, or is being removed already.
   *
   * @throws OperatingError ENGINE when the engine does not do it
   */
  async unstarted(id: string): Promise<boolean> {
    const { engine, onRemoved } = this.#options
    const isGone = await engine.removeUnstarted(id)
    if (isGone) onRemoved(id)
    return isGone
  }

  /** Removes what may be there as soon as the engine does it; nobody waits. */
  later(id: string): void {
    this.#again(id, 1)
  }

  /**
   * Removes what an engine that did not answer may have made; resolves with whether the engine has confirmed within the
   * time that it is not there. It is tried on afterwards.
   */
  async confirmed(id: string, limitMs: number): Promise<boolean> {
    const { engine, clock, onRemoved } = this.#options
    const end = clock.monotonic() + limitMs
    let isGone = false
    while (!isGone && clock.monotonic() < end) {
      try {
        const wasThere = await engine.remove(id)
        onRemoved(id)
        if (wasThere) return true
        isGone = true
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error
        await clock.sleep(CONFIRM_MS)
      }
    }
    // A request that the engine has not come to yet may make it later than this.
    this.#again(id, 1)
    return isGone
  }

  #again(id: string, attempt: number): void {
    this.#waiting.get(id)?.[Symbol.dispose]()
    this.#waiting.set(
      id,
      this.#options.clock.after(RETRY_MS, () => void this.#remove(id, attempt)),
    )
  }

  /** Removes all that wait, now. What cannot be removed is left to the sweep of the next start. */
  async flush(): Promise<void> {
    await this.#removeAll([...this.#waiting.keys()], ATTEMPTS_MAX)
    await Promise.all(this.#running.values())
  }

  async #removeAll(ids: string[], attempt: number): Promise<void> {
    const worker = async (): Promise<void> => {
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) await this.#remove(id, attempt)
    }
    await Promise.all(Array.from({ length: FLUSH_WIDTH }, worker))
  }

  #remove(id: string, attempt: number): Promise<void> {
    this.#waiting.get(id)?.[Symbol.dispose]()
    this.#waiting.delete(id)
    this.#kept.delete(id)
    const running = this.#running.get(id)
    if (running !== undefined) return running
    const removal = this.#attempt(id, attempt).finally(() => this.#running.delete(id))
    this.#running.set(id, removal)
    return removal
  }

  async #attempt(id: string, attempt: number): Promise<void> {
    const { engine, log, onRemoved } = this.#options
    try {
      await engine.remove(id)
      onRemoved(id)
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      if (attempt >= ATTEMPTS_MAX) {
        log.error(
          { container: id, reason: reasonOf(error) },
          'Left a container that could not be removed to the next start',
        )
        return
      }
      log.warn(
        { container: id, reason: reasonOf(error), attempt },
        'Could not remove a container, trying again',
      )
      this.#again(id, attempt + 1)
    }
  }
}
