/**
 * Long lists in pages, kept as bytes: neighbours are written together in runs, and a run is written anew only when one
 * of its entries changed, went or came. Most of a large page is tasks, and most tasks have not changed since last time.
 */
import { type LazyList, lazily, WrittenRun } from './page-text.ts'

interface Run<T> {
  readonly entries: readonly T[]
  readonly marks: readonly unknown[]
  readonly bytes: Uint8Array
}

export interface RunWriter<T> {
  /** The entry as JSON. */
  readonly write: (entry: T) => string
  /** All that the JSON is made of and that may change: while each of them is the same value, so is the JSON. */
  readonly marks: (entry: T) => readonly unknown[]
}

export class KeptRuns<T extends object> {
  readonly #size: number
  /** By its first entry, with which it goes. */
  readonly #runs = new WeakMap<T, Run<T>>()
  /** In the order in which they were seen first; runs begin at every so manieth, whatever goes or comes elsewhere. */
  readonly #numbers = new WeakMap<T, number>()
  #next = 0

  /** @param size how many entries are written together: few where many change */
  constructor(size: number) {
    this.#size = size
  }

  /** The entries for a page; which they are is decided now, how they look when their turn comes. */
  list(entries: Iterable<T>, writer: RunWriter<T>): LazyList {
    const runs: T[][] = []
    let run: T[] = []
    for (const entry of entries) {
      if (this.#beginsRun(entry) && run.length > 0) {
        runs.push(run)
        run = []
      }
      run.push(entry)
    }
    if (run.length > 0) runs.push(run)
    return lazily(runs, (own) => this.#written(own, writer))
  }

  #beginsRun(entry: T): boolean {
    let number = this.#numbers.get(entry)
    if (number === undefined) {
      number = this.#next++
      this.#numbers.set(entry, number)
    }
    return number % this.#size === 0
  }

  #written(entries: readonly T[], { marks, write }: RunWriter<T>): WrittenRun {
    const [first] = entries
    const known = first === undefined ? undefined : this.#runs.get(first)
    const found = entries.flatMap(marks)
    if (known !== undefined && isSame(known.entries, entries) && isSame(known.marks, found))
      return new WrittenRun(known.bytes, false)
    const bytes = Buffer.from(entries.map((entry) => `,${write(entry)}`).join(''))
    if (first !== undefined) this.#runs.set(first, { entries, marks: found, bytes })
    return new WrittenRun(bytes, true)
  }
}

function isSame(known: readonly unknown[], found: readonly unknown[]): boolean {
  return known.length === found.length && known.every((one, at) => Object.is(one, found[at]))
}
