// Notices that a peer has fallen silent: its connection may look alive long after it is dead.
import type { Clock } from '../base/clock.ts'

/** Calls `onSilence` once when `heard` was not called for `ms`; disposing it ends the watch. */
export class SilenceWatch implements Disposable {
  readonly #clock: Clock
  readonly #onSilence: () => void
  #ms: number
  #last: number
  #timer: Disposable

  constructor(clock: Clock, ms: number, onSilence: () => void) {
    this.#clock = clock
    this.#ms = ms
    this.#onSilence = onSilence
    this.#last = clock.monotonic()
    this.#timer = clock.after(ms, () => this.#look())
  }

  heard(): void {
    this.#last = this.#clock.monotonic()
  }

  /** Changes the longest silence, once the peer has said how often it speaks. */
  expect(ms: number): void {
    this.#ms = ms
    this.heard()
    this.#timer[Symbol.dispose]()
    this.#timer = this.#clock.after(ms, () => this.#look())
  }

  // One timer per silence instead of one per record: busy streams cost nothing.
  #look(): void {
    const left = this.#last + this.#ms - this.#clock.monotonic()
    if (left <= 0) this.#onSilence()
    else this.#timer = this.#clock.after(left, () => this.#look())
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }
}
