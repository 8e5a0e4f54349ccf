// Work that takes turns: so many at once, the others wait in the order in which they came.

export class Turns {
  readonly #limit: number
  readonly #queue = new Set<() => void>()
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** How many have a turn. */
  get running(): number {
    return this.#running
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#queue.size
  }

  /** Runs `work` when it is its turn; gives up with the signal's reason when that aborts before. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(signal)
    try {
      signal.throwIfAborted()
      return await work()
    } finally {
      this.#pass()
    }
  }

  /** Resolves holding a turn, or rejects without one. */
  async #take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#running < this.#limit) {
      this.#running += 1
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#queue.add(resolve)
    const giveUp = (): void => {
      // One that has been given its turn passes it on itself.
      if (this.#queue.delete(resolve)) reject(signal.reason)
    }
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

  /** The turn goes from hand to hand, so that nobody can slip in between. */
  #pass(): void {
    const [next] = this.#queue
    if (next === undefined) {
      this.#running -= 1
      return
    }
    this.#queue.delete(next)
    next()
  }
}
