/**
 * Two threads at one tree: who of them takes which of its folders, and when the other is done. The folders at the top
 * are halved by their names; the first thread goes through all of it again when the helper has ended, so that whatever
 * the helper left, or could not remove, is nobody's but the first one's.
 */

/** Of the shared cell. A helper may join as long as the first thread has not come to the end. */
const ALONE = 0
const HELPED = 1
const HELPER_DONE = 2
const OVER = 3

export class RemovalShare {
  readonly buffer: SharedArrayBuffer
  readonly #cell: Int32Array

  constructor(buffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer
    this.#cell = new Int32Array(buffer)
  }

  /** Before the helper begins. @returns false when it comes too late */
  join(): boolean {
    return Atomics.compareExchange(this.#cell, 0, ALONE, HELPED) === ALONE
  }

  /** The helper does no more, whatever became of it. */
  leave(): void {
    Atomics.compareExchange(this.#cell, 0, HELPED, HELPER_DONE)
    Atomics.notify(this.#cell, 0)
  }

  /** For the first thread: is this folder at the top to be left to the helper? */
  isHelpers(name: string): boolean {
    return Atomics.load(this.#cell, 0) === HELPED && isSecondHalf(name)
  }

  /** For the first thread, at the end of the tree: waits for the helper; from now on nobody joins. */
  finish(): void {
    if (Atomics.compareExchange(this.#cell, 0, ALONE, OVER) === ALONE) return
    while (Atomics.load(this.#cell, 0) === HELPED) Atomics.wait(this.#cell, 0, HELPED)
  }
}

/** Even for names that differ in a number alone. */
export function isSecondHalf(name: string): boolean {
  let sum = 0
  for (let at = 0; at < name.length; at++) sum += name.charCodeAt(at)
  return sum % 2 === 1
}
