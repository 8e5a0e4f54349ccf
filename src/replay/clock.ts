// The clock of a replay: it stands still while somebody decides, and goes on with the recording.
import type { Clock } from '../base/clock.ts'

/** Ran before its end: nobody waits in a replay for what the recording does not reach. */
export class ReplayClock implements Clock {
  #now = 0
  #monotonic = 0
  readonly #timers = new Set<{ readonly at: number; readonly fn: () => void }>()

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#monotonic
  }

  after(ms: number, fn: () => void): Disposable {
    const timer = { at: this.#monotonic + Math.max(0, ms), fn }
    this.#timers.add(timer)
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error)
      const timer = this.after(ms, resolve)
      signal?.addEventListener('abort', () => {
        timer[Symbol.dispose]()
        reject(signal.reason as Error)
      })
    })
  }

  /** Goes on to a moment; what is due until then runs first, in order of time. */
  moveTo(now: number, monotonic: number): void {
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= monotonic).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#now = now - (monotonic - due.at)
      this.#monotonic = due.at
      due.fn()
    }
    this.#now = now
    this.#monotonic = monotonic
  }
}
