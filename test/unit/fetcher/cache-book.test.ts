// The figures of the cache against a small model: whatever the order of uses, room is kept and nobody in use goes.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'vitest'
import { type BookEntry, CacheBook } from '../../../src/fetcher/cache-book.ts'

const MAX = 20

interface ModelEntry {
  readonly key: string
  readonly real: BookEntry
  bytes: number
  ready: boolean
  references: number
}

/** The entries in the order of their last use, the longest ago first. */
interface Model {
  order: ModelEntry[]
  /** Dropped while in use. */
  readonly gone: ModelEntry[]
}

const used = ({ order }: Model): number => order.reduce((sum, { bytes }) => sum + bytes, 0)

class Open implements fc.Command<Model, CacheBook> {
  readonly key: string
  readonly bytes: number
  constructor(key: string, bytes: number) {
    this.key = key
    this.bytes = bytes
  }
  check(model: Readonly<Model>): boolean {
    return model.order.every(({ key }) => key !== this.key)
  }
  run(model: Model, book: CacheBook): void {
    const real = book.open(this.key)
    const entry: ModelEntry = { key: this.key, real, bytes: 0, ready: false, references: 1 }
    model.order.push(entry)
    const leaving: ModelEntry[] = []
    let room = MAX - used(model)
    for (const one of model.order.filter(({ ready, references }) => ready && references === 0)) {
      if (room >= this.bytes) break
      leaving.push(one)
      room += one.bytes
    }
    const gone = book.reserve(real, this.bytes)
    if (room < this.bytes) {
      strictEqual(gone, undefined)
      book.drop(real)
      model.order = model.order.filter((one) => one !== entry)
      model.gone.push(entry)
      return
    }
    deepStrictEqual(
      gone?.map(({ key }) => key),
      leaving.map(({ key }) => key),
    )
    model.order = model.order.filter((one) => !leaving.includes(one))
    entry.bytes = this.bytes
  }
  toString(): string {
    return `open ${this.key} with ${this.bytes}`
  }
}

type Act = 'settle' | 'acquire' | 'release' | 'drop'

class Change implements fc.Command<Model, CacheBook> {
  readonly act: Act
  readonly index: number
  readonly less: number
  constructor(act: Act, index: number, less: number) {
    this.act = act
    this.index = index
    this.less = less
  }
  check(model: Readonly<Model>): boolean {
    const entry = this.#chosen(model)
    if (entry === undefined) return false
    if (this.act === 'settle') return !entry.ready
    return this.act !== 'release' || entry.references > 0
  }
  run(model: Model, book: CacheBook): void {
    const entry = this.#chosen(model)
    if (entry === undefined) return
    switch (this.act) {
      case 'settle':
        entry.bytes = Math.max(0, entry.bytes - this.less)
        entry.ready = true
        return book.settle(entry.real, entry.bytes)
      case 'acquire':
        entry.references++
        model.order = [...model.order.filter((one) => one !== entry), entry]
        return book.acquire(entry.real)
      case 'release':
        entry.references--
        return book.release(entry.real)
      case 'drop':
        model.order = model.order.filter((one) => one !== entry)
        return book.drop(entry.real)
    }
  }
  toString(): string {
    return `${this.act} ${this.index} ${this.less}`
  }
  #chosen({ order }: Readonly<Model>): ModelEntry | undefined {
    return order[this.index % Math.max(1, order.length)]
  }
}

class Check implements fc.Command<Model, CacheBook> {
  check(): boolean {
    return true
  }
  run(model: Model, book: CacheBook): void {
    strictEqual(book.usedBytes, used(model))
    ok(book.usedBytes <= MAX)
    deepStrictEqual(book.entries.map(({ key }) => key).sort(), model.order.map(({ key }) => key).sort())
    for (const { key, real, references, bytes } of model.order) {
      strictEqual(book.find(key), real)
      deepStrictEqual([real.references, real.bytes], [references, bytes])
    }
  }
  toString(): string {
    return 'check'
  }
}

test('the book of the cache does what its model does, in whatever order', () => {
  const acts = fc.constantFrom<Act>('settle', 'acquire', 'release', 'drop')
  const commands = fc.commands(
    [
      fc
        .tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat(24))
        .map(([key, bytes]) => new Open(key, bytes)),
      fc.tuple(acts, fc.nat(9), fc.nat(3)).map(([act, index, less]) => new Change(act, index, less)),
      fc.constant(new Check()),
    ],
    { maxCommands: 60 },
  )
  fc.assert(
    fc.property(commands, (all) =>
      fc.modelRun(
        () => ({ model: { order: [], gone: [] }, real: new CacheBook(MAX) }),
        [...all, new Check()],
      ),
    ),
    { numRuns: 500 },
  )
}, 60_000)
