// A clock that tests move by hand: due timers run in order of time and registration, promises settle in between.
import type { Clock } from '../../src/base/clock.ts'

interface Timer {
  readonly at: number
  readonly order: number
  readonly fn: () => void
}

export class ManualClock implements Clock {
  #now: number
  #order = 0
  #wrongByMs = 0
  readonly #start: number
  readonly #timers = new Set<Timer>()

  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs
    this.#start = startMs
  }

  now(): number {
    return this.#now + this.#wrongByMs
  }

  monotonic(): number {
    return this.#now - this.#start
  }

  after(ms: number, fn: () => void): Disposable {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, fn }
    this.#timers.add(timer)
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error)
        return
      }
      const timer = this.after(ms, () => {
        signal?.removeEventListener('abort', stop)
        resolve()
      })
      const stop = (): void => {
        timer[Symbol.dispose]()
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', stop, { once: true })
    })
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size
  }

  /** Moves time forward, running what becomes due, letting promise work finish after each timer. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await this.settle()
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= end)
      due.sort((a, b) => a.at - b.at || a.order - b.order)
      const next = due[0]
      if (next === undefined) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.fn()
      await this.settle()
    }
    this.#now = end
    await this.settle()
  }

  /** Time goes on and nothing runs, as for a stopped process; what became due runs with the next `advance`. */
  skip(ms: number): void {
    this.#now += ms
  }

  /** Somebody sets the wall clock: no time passes. */
  jump(ms: number): void {
    this.#wrongByMs += ms
  }

  /** Lets all promise work that can run, run. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}
