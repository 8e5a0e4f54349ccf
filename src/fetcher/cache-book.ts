// What the cache holds, as figures: reservations, references, and who goes first when room is needed. Pure.
import { assert } from '../base/errors.ts'

/**
 * One entry:
 *
 *   loading ──settle──▶ ready ──reserve of another, purge──▶ gone
 *      └───────drop──────▶ gone ◀──────drop────┘
 */
export interface BookEntry {
  readonly key: string
  /** Names its file, and is never used again. */
  readonly serial: number
  state: 'loading' | 'ready' | 'gone'
  /** While loading: what is reserved for it. */
  bytes: number
  /** Who uses it now, or waits for it. */
  references: number
  /** Grows with each use of any entry. */
  lastUsed: number
}

export class CacheBook {
  readonly maxBytes: number
  readonly #entries = new Map<string, BookEntry>()
  #usedBytes = 0
  #serial = 0
  #uses = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** Reserved and stored, together. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  get entries(): readonly BookEntry[] {
    return [...this.#entries.values()]
  }

  /** Those that nobody uses; first the one that was not used for longest. */
  get idle(): readonly BookEntry[] {
    return this.#entries
      .values()
      .filter(({ references, state }) => state === 'ready' && references === 0)
      .toArray()
      .sort((a, b) => a.lastUsed - b.lastUsed)
  }

  find(key: string): BookEntry | undefined {
    return this.#entries.get(key)
  }

  /** A new entry that nothing is reserved for yet, with one reference. */
  open(key: string): BookEntry {
    assert(!this.#entries.has(key), 'a key has one entry in the cache')
    const serial = ++this.#serial
    const entry: BookEntry = {
      key,
      serial,
      state: 'loading',
      bytes: 0,
      references: 1,
      lastUsed: ++this.#uses,
    }
    this.#entries.set(key, entry)
    return entry
  }

  /**
   * Reserves room for an entry; entries that nobody uses give way to it, those first that were not used for longest.
   *
   * @returns those that gave way, which are out of the book; undefined, and nobody gives way, when it cannot fit
   */
  reserve(entry: BookEntry, bytes: number): readonly BookEntry[] | undefined {
    assert(entry.state === 'loading' && entry.bytes === 0, 'room is reserved once, before loading')
    const leaving: BookEntry[] = []
    let room = this.maxBytes - this.#usedBytes
    for (const one of this.idle) {
      if (room >= bytes) break
      room += one.bytes
      leaving.push(one)
    }
    if (room < bytes) return undefined
    for (const one of leaving) this.drop(one)
    entry.bytes = bytes
    this.#usedBytes += bytes
    return leaving
  }

  /** It is here, with so many bytes: never more than were reserved. */
  settle(entry: BookEntry, bytes: number): void {
    assert(entry.state === 'loading' && bytes <= entry.bytes, 'an entry is no larger than its reservation')
    this.#usedBytes -= entry.bytes - bytes
    entry.bytes = bytes
    entry.state = 'ready'
  }

  acquire(entry: BookEntry): void {
    entry.references++
    entry.lastUsed = ++this.#uses
  }

  release(entry: BookEntry): void {
    assert(entry.references > 0, 'a reference is given back once')
    entry.references--
  }

  /** Takes it out; who uses it may go on, but nobody else finds it. */
  drop(entry: BookEntry): void {
    if (entry.state === 'gone') return
    entry.state = 'gone'
    this.#usedBytes -= entry.bytes
    this.#entries.delete(entry.key)
  }
}
