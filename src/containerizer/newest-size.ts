// The size of a session's terminal: the newest that was asked for comes through, however often that has to be tried.
import type { Clock } from '../base/clock.ts'
import type { WindowSize } from './session.ts'

interface Terminal {
  readonly clock: Clock
  /** False when it cannot be done now: the command has not begun, or whoever does it is away. */
  readonly set: (size: WindowSize) => Promise<boolean>
  /** There is nothing left to set. */
  readonly isOver: () => boolean
}

const FIRST_WAIT_MS = 20
const LONGEST_WAIT_MS = 250

export class NewestSize {
  readonly #terminal: Terminal
  #wanted: WindowSize | undefined
  #isTrying = false

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** Takes the place of one that has not come through yet; two are never on their way at a time. */
  want(size: WindowSize): void {
    this.#wanted = size
    if (!this.#isTrying) void this.#try()
  }

  async #try(): Promise<void> {
    const { clock, isOver, set } = this.#terminal
    this.#isTrying = true
    let wait = FIRST_WAIT_MS
    while (this.#wanted !== undefined && !isOver()) {
      const size = this.#wanted
      if (await set(size)) {
        if (this.#wanted === size) this.#wanted = undefined
        wait = FIRST_WAIT_MS
      } else {
        await clock.sleep(wait)
        wait = Math.min(wait * 2, LONGEST_WAIT_MS)
      }
    }
    this.#isTrying = false
  }
}
