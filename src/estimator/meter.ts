// Turns counters that only grow into rates.

/** Readings closer together than this are joined: their rate would be mostly noise of the two reading times. */
const SHORTEST_MS = 50

/** One growing counter, such as CPU seconds; its rate per second between two readings. */
export class Meter {
  #at: number | undefined
  #count = 0

  /**
   * @param at monotonic ms
   * @returns the mean rate since the last reading; undefined for a first reading, a counter that went back (it began
   * anew), or one that is not a number
   */
  read(count: number, at: number): number | undefined {
    if (!Number.isFinite(count) || count < 0) return undefined
    const since = this.#at
    const grown = count - this.#count
    if (since !== undefined && at - since < SHORTEST_MS && grown >= 0) return undefined
    this.#at = at
    this.#count = count
    return since === undefined || at <= since || grown < 0 ? undefined : (grown * 1000) / (at - since)
  }
}
