/**
 * What a machine has, an offer holds or a task wants: an immutable set of entries in canonical order.
 * No entry is ever empty or negative, so equal sets have equal entries and print the same text.
 */
import { type Rejection, assert, rejection } from '../base/errors.ts'
import type { Resource } from '../wire/resources.ts'
import { parseResources } from './parse.ts'
import type { Quantities } from './quantities.ts'
import { type Entry, type Identity, entryOf, entryText } from './resource.ts'
import { type ResourceSummary, flagTextOf, summaryOf } from './summary.ts'
import { validateResources } from './validate.ts'
import {
  type Amount,
  type Range,
  addAmounts,
  amountContains,
  amountsEqual,
  byCodeUnits,
  commonAmount,
  firstOfRanges,
  isNothing,
  joinRanges,
  rangesContain,
  rangesSize,
  scalarAmount,
  subtractAmounts,
} from './value.ts'
import { type WireForm, entryFromWire, entryToWire } from './wire-form.ts'

export class Resources {
  static readonly empty = new Resources([])

  /** In canonical order, with unique keys, none empty. */
  readonly entries: readonly Entry[]
  #quantities: Quantities | undefined

  private constructor(entries: readonly Entry[]) {
    this.entries = entries
  }

  /** Trusted messages: those that `validateResources` has passed. Equal entries are summed, zeros are dropped. */
  static from(wire: readonly Resource[] | undefined): Resources {
    return Resources.of((wire ?? []).map(entryFromWire))
  }

  /** Any entries, in any order. */
  static of(entries: readonly Entry[]): Resources {
    if (isCanonical(entries)) return Resources.#sorted(entries)
    const byKey = new Map<string, Entry>()
    for (const entry of entries) {
      if (isNothing(entry.amount)) continue
      const same = byKey.get(entry.key)
      byKey.set(entry.key, same === undefined ? entry : joined(same, entry))
    }
    if (byKey.size === 0) return Resources.empty
    return new Resources([...byKey.values()].toSorted((a, b) => byCodeUnits(a.key, b.key)))
  }

  static #sorted(entries: readonly Entry[]): Resources {
    return entries.length === 0 ? Resources.empty : new Resources(entries)
  }

  static sum(all: Iterable<Resources>): Resources {
    const entries: Entry[] = []
    for (const one of all) entries.push(...one.entries)
    return Resources.of(entries)
  }

  /**
   * Reads what people write in `--resources` and like flags: `cpus:4;mem:1024;ports:[31000-32000];zones(web):{a,b}`
   * or a JSON array of Resource messages. What cannot be read is refused with a sentence that says what was expected.
   *
   * @param defaultRole reserved statically to this role where the text names none (`--default_role`).
   */
  static parse(text: string, defaultRole = '*'): Resources | Rejection {
    const wire = parseResources(text, defaultRole)
    if ('rejected' in wire) return wire
    const problem = validateResources(wire)
    return problem === undefined ? Resources.from(wire) : rejection(problem)
  }

  get isEmpty(): boolean {
    return this.entries.length === 0
  }

  plus(other: Resources): Resources {
    if (this.isEmpty) return other
    if (other.isEmpty) return this
    const sum: Entry[] = []
    walkBoth(this.entries, other.entries, (mine, its) => {
      sum.push(mine !== undefined && its !== undefined ? joined(mine, its) : ((mine ?? its) as Entry))
    })
    return new Resources(sum)
  }

  /** The difference; `other` must be contained. */
  minus(other: Resources): Resources {
    // The sentence is only put together when it is needed: this is done for every offer.
    if (!this.contains(other)) assert(false, `${other.toText()} is not contained in ${this.toText()}`)
    return this.minusAtMost(other)
  }

  /** The difference where it can be had: what `other` holds beyond this is ignored, nothing becomes negative. */
  minusAtMost(other: Resources): Resources {
    if (other.isEmpty || this.isEmpty) return this
    const rest: Entry[] = []
    walkBoth(this.entries, other.entries, (mine, its) => {
      if (mine === undefined) return
      const left = its === undefined ? mine : without(mine, its)
      if (left !== undefined) rest.push(left)
    })
    return Resources.#sorted(rest)
  }

  contains(other: Resources): boolean {
    if (this === other) return true
    // Written out: filters ask this for every framework on every agent.
    let index = 0
    for (const its of other.entries) {
      let mine = this.entries[index]
      while (mine !== undefined && mine.key < its.key) mine = this.entries[++index]
      if (mine === undefined || mine.key !== its.key) return false
      if (mine.copies < its.copies || !amountContains(mine.amount, its.amount)) return false
    }
    return true
  }

  equals(other: Resources): boolean {
    if (this === other) return true
    if (this.entries.length !== other.entries.length) return false
    return this.entries.every((mine, index) => {
      const its = other.entries[index] as Entry
      return mine.key === its.key && mine.copies === its.copies && amountsEqual(mine.amount, its.amount)
    })
  }

  filter(keep: (identity: Identity, entry: Entry) => boolean): Resources {
    const kept = this.entries.filter((entry) => keep(entry.identity, entry))
    return kept.length === this.entries.length ? this : Resources.#sorted(kept)
  }

  revocable(): Resources {
    return this.filter((identity) => identity.revocable)
  }

  nonRevocable(): Resources {
    return this.filter((identity) => !identity.revocable)
  }

  markRevocable(): Resources {
    return this.#mapIdentity((identity) =>
      identity.revocable ? identity : identity.with({ revocable: true }),
    )
  }

  allocateTo(role: string): Resources {
    return this.#mapIdentity((identity) => identity.allocateTo(role))
  }

  unallocated(): Resources {
    return this.#mapIdentity((identity) => identity.allocateTo(undefined))
  }

  /** What is allocated to each role; what is not allocated at all is left out. */
  byAllocation(): ReadonlyMap<string, Resources> {
    const roles = new Set(this.entries.map((entry) => entry.identity.allocatedTo))
    const parts = new Map<string, Resources>()
    for (const role of roles) {
      if (role !== undefined)
        parts.set(
          role,
          this.filter((identity) => identity.allocatedTo === role),
        )
    }
    return parts
  }

  /** Reserved to anybody, or to one role exactly (the role of the last reservation counts). */
  reserved(role?: string): Resources {
    return this.filter((identity) =>
      role === undefined ? identity.reservations.length > 0 : identity.role === role && role !== '*',
    )
  }

  unreserved(): Resources {
    return this.filter((identity) => identity.reservations.length === 0)
  }

  /** What may be offered to a role: unreserved, or reserved to it or to a role above (spec/mesos.md 12.3). */
  allocatableTo(role: string): Resources {
    return this.filter(
      (identity) =>
        identity.reservations.length === 0 || identity.role === role || role.startsWith(`${identity.role}/`),
    )
  }

  /** All scalars of a name together, in units; 0 when there are none. */
  scalar(name: string): number {
    return this.milli(name) / 1000
  }

  /** All scalars of a name together, in thousandths. */
  milli(name: string): number {
    return this.quantities().get(name) ?? 0
  }

  /** All ranges of a name, joined. */
  ranges(name: string): readonly Range[] {
    const found: Range[] = []
    for (const { identity, amount } of this.entries) {
      if (identity.name === name && amount.kind === 'ranges') found.push(...amount.ranges)
    }
    return joinRanges(found)
  }

  /** Sums of the scalars by name; ranges and sets are left out, a shared volume counts once. */
  quantities(): Quantities {
    if (this.#quantities === undefined) {
      const sums = new Map<string, number>()
      for (const { identity, amount, copies } of this.entries) {
        if (amount.kind !== 'scalar') continue
        const milli = identity.shared ? amount.milli : amount.milli * copies
        sums.set(identity.name, (sums.get(identity.name) ?? 0) + milli)
      }
      this.#quantities = sums
    }
    return this.#quantities
  }

  /**
   * The part that fits into quantities: scalars are cut, whole entries are taken only where they fit, names that are
   * not asked for and everything that is not a scalar are dropped (spec/mesos.md 12.5, but in canonical order).
   */
  shrinkTo(quantities: Quantities): Resources {
    const open = new Map(quantities)
    const taken: Entry[] = []
    for (const entry of this.entries) {
      const left = open.get(entry.identity.name) ?? 0
      const part = left > 0 ? fitting(entry, left) : undefined
      if (part === undefined || part.amount.kind !== 'scalar') continue
      open.set(entry.identity.name, left - part.amount.milli * part.copies)
      taken.push(part)
    }
    return Resources.#sorted(taken)
  }

  /**
   * The part of this that serves a wish which says only names and amounts (`cpus:1;mem:64;ports:[31001-31001]`):
   * what is reserved to the wish's role first, then what is unreserved, then the rest.
   * Undefined unless all of it is there.
   */
  find(wish: Resources): Resources | undefined {
    return findIn(this, wish)
  }

  /** The first `count` ports; undefined when there are not so many. */
  takePorts(count: number): Resources | undefined {
    let missing = count
    const taken: Entry[] = []
    for (const { identity, amount } of this.entries) {
      if (identity.name !== 'ports' || amount.kind !== 'ranges' || missing <= 0) continue
      const part = firstOfRanges(amount.ranges, missing)
      missing -= rangesSize(part)
      taken.push(entryOf(identity, { kind: 'ranges', ranges: part }))
    }
    return missing > 0 ? undefined : Resources.#sorted(taken)
  }

  /** Whether all these ports are among the resources. */
  hasPorts(ports: readonly Range[]): boolean {
    return rangesContain(this.ranges('ports'), joinRanges(ports))
  }

  toWire(form: WireForm = 'post-refinement'): Resource[] {
    return this.entries.flatMap((entry) =>
      Array.from({ length: entry.copies }, () => entryToWire(entry, form)),
    )
  }

  /** `cpus(allocated: *):7.9; mem(allocated: *):16320`: the form of Mesos' messages, for people. */
  toText(): string {
    return this.entries.map(entryText).join('; ')
  }

  /** What `parse` reads back: the short text where it can say everything, else the JSON array. */
  toFlag(): string {
    return flagTextOf(this.entries) ?? JSON.stringify(this.toWire())
  }

  /** The map that `/state` and its like show (spec/mesos.md 4.4). */
  toSummary(): ResourceSummary {
    return summaryOf(this.entries)
  }

  #mapIdentity(change: (identity: Identity) => Identity): Resources {
    return Resources.of(this.entries.map((entry) => changed(entry, change(entry.identity))))
  }
}

/** Calls with the entries of both sides by key, in canonical order. */
function walkBoth(
  a: readonly Entry[],
  b: readonly Entry[],
  visit: (mine: Entry | undefined, its: Entry | undefined) => void,
): void {
  let left = 0
  let right = 0
  while (left < a.length || right < b.length) {
    const mine = a[left]
    const its = b[right]
    const order = mine === undefined ? 1 : its === undefined ? -1 : byCodeUnits(mine.key, its.key)
    visit(order <= 0 ? mine : undefined, order >= 0 ? its : undefined)
    if (order <= 0) left++
    if (order >= 0) right++
  }
}

function isCanonical(entries: readonly Entry[]): boolean {
  return entries.every((entry, index) => {
    const before = entries[index - 1]
    return (before === undefined || before.key < entry.key) && !isNothing(entry.amount)
  })
}

/** Two entries of one key as one. */
function joined(a: Entry, b: Entry): Entry {
  if (a.identity.whole) return { ...a, copies: a.copies + b.copies }
  return { ...a, amount: addAmounts(a.amount, b.amount) }
}

function without(a: Entry, b: Entry): Entry | undefined {
  if (a.identity.whole) return a.copies > b.copies ? { ...a, copies: a.copies - b.copies } : undefined
  const amount = subtractAmounts(a.amount, b.amount)
  return isNothing(amount) ? undefined : { ...a, amount }
}

function changed(entry: Entry, identity: Identity): Entry {
  return identity === entry.identity ? entry : entryOf(identity, entry.amount, entry.copies)
}

/** As much of a scalar entry as fits into `milli`. */
function fitting(entry: Entry, milli: number): Entry | undefined {
  if (entry.amount.kind !== 'scalar') return undefined
  if (!entry.identity.whole) {
    return { ...entry, amount: scalarAmount(Math.min(entry.amount.milli, milli)) }
  }
  const copies = Math.min(entry.copies, Math.floor(milli / entry.amount.milli))
  return copies > 0 ? { ...entry, copies } : undefined
}

function findIn(all: Resources, wish: Resources): Resources | undefined {
  let rest = all
  const found: Entry[] = []
  for (const wanted of wish.entries) {
    let missing: Amount = wanted.amount
    for (const entry of byPreference(rest.entries, wanted)) {
      if (isNothing(missing)) break
      const part = commonAmount(entry.amount, missing)
      missing = subtractAmounts(missing, part)
      if (!isNothing(part)) found.push({ ...entry, amount: part })
    }
    if (!isNothing(missing)) return undefined
    rest = all.minus(Resources.of(found))
  }
  return Resources.of(found)
}

/** The entries that can serve a wish: its own role's, then unreserved ones, then the rest. */
function byPreference(entries: readonly Entry[], wanted: Entry): readonly Entry[] {
  const rank = ({ identity }: Entry): number => {
    if (identity.role === wanted.identity.role) return 0
    return identity.reservations.length === 0 ? 1 : 2
  }
  return entries
    .filter((entry) => serves(entry.identity, wanted.identity))
    .toSorted((a, b) => rank(a) - rank(b))
}

function serves(identity: Identity, wanted: Identity): boolean {
  return (
    identity.name === wanted.name &&
    identity.kind === wanted.kind &&
    identity.revocable === wanted.revocable &&
    identity.disk === undefined &&
    !identity.shared
  )
}
