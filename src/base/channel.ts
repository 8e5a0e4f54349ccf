// A bounded queue between one writer and one reader: the only way in which events leave a daemon's turn.

export type Overflow = 'drop-oldest' | 'close'

/** Writers push without waiting; when the reader falls `limit` behind, the policy decides. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #items: T[] = []
  readonly #limit: number
  readonly #overflow: Overflow
  #wake: (() => void) | undefined
  #closed = false
  #failure: Error | undefined
  /** How many items the policy has dropped. */
  dropped = 0

  constructor(limit: number, overflow: Overflow) {
    this.#limit = limit
    this.#overflow = overflow
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Returns false when the channel is closed, or closes now because its reader is too slow. */
  push(item: T): boolean {
    if (this.#closed) return false
    if (this.#items.length >= this.#limit) {
      if (this.#overflow === 'close') {
        this.close(new Error(`The reader is ${this.#limit} items behind`))
        return false
      }
      this.#items.shift()
      this.dropped++
    }
    this.#items.push(item)
    this.#wake?.()
    return true
  }

  /** Ends the iteration after what is queued; with an error, the reader gets it at the end. */
  close(failure?: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#failure = failure
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (;;) {
        while (this.#items.length > 0) yield this.#items.shift() as T
        if (this.#closed) break
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = undefined
      }
      if (this.#failure !== undefined) throw this.#failure
    } finally {
      this.close()
      this.#items.length = 0
    }
  }
}
