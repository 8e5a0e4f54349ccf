/**
 * The three kinds of amounts (scalars, ranges, sets) and their arithmetic.
 * Scalars are whole thousandths from here on: Mesos rounds to three decimals, and integers never drift.
 */
import { assert } from '../base/errors.ts'

export interface Range {
  readonly begin: number
  /** The last one that belongs to the range. */
  readonly end: number
}

/** Ranges are sorted, apart from each other and never empty; items are sorted and unique. */
export type Amount =
  | { readonly kind: 'scalar'; readonly milli: number }
  | { readonly kind: 'ranges'; readonly ranges: readonly Range[] }
  | { readonly kind: 'set'; readonly items: readonly string[] }

/** Thousandths of an amount in units, rounded half up as Mesos does (spec/mesos.md 5.10). */
export function toMilli(units: number): number {
  return Math.round(units * 1000)
}

export function scalarAmount(milli: number): Amount {
  return { kind: 'scalar', milli }
}

export function rangesAmount(ranges: readonly Range[]): Amount {
  return { kind: 'ranges', ranges: joinRanges(ranges) }
}

export function setAmount(items: readonly string[]): Amount {
  return { kind: 'set', items: [...new Set(items)].toSorted(byCodeUnits) }
}

export function isNothing(amount: Amount): boolean {
  switch (amount.kind) {
    case 'scalar':
      return amount.milli <= 0
    case 'ranges':
      return amount.ranges.length === 0
    case 'set':
      return amount.items.length === 0
  }
}

/** The sum; ranges and sets unite, so what both hold is there once. */
export function addAmounts(a: Amount, b: Amount): Amount {
  if (a.kind === 'scalar' && b.kind === 'scalar') return { kind: 'scalar', milli: a.milli + b.milli }
  if (a.kind === 'ranges' && b.kind === 'ranges') return rangesAmount([...a.ranges, ...b.ranges])
  if (a.kind === 'set' && b.kind === 'set') return setAmount([...a.items, ...b.items])
  return mixed(a, b)
}

/** What of `a` remains without `b`; never less than nothing. */
export function subtractAmounts(a: Amount, b: Amount): Amount {
  if (a.kind === 'scalar' && b.kind === 'scalar') {
    return { kind: 'scalar', milli: Math.max(0, a.milli - b.milli) }
  }
  if (a.kind === 'ranges' && b.kind === 'ranges') {
    return { kind: 'ranges', ranges: subtractRanges(a.ranges, b.ranges) }
  }
  if (a.kind === 'set' && b.kind === 'set') {
    const gone = new Set(b.items)
    return { kind: 'set', items: a.items.filter((item) => !gone.has(item)) }
  }
  return mixed(a, b)
}

export function amountContains(a: Amount, b: Amount): boolean {
  if (a === b) return true
  if (a.kind === 'scalar' && b.kind === 'scalar') return a.milli >= b.milli
  if (a.kind === 'ranges' && b.kind === 'ranges') return rangesContain(a.ranges, b.ranges)
  if (a.kind === 'set' && b.kind === 'set') {
    const there = new Set(a.items)
    return b.items.every((item) => there.has(item))
  }
  return false
}

/** What both hold. */
export function commonAmount(a: Amount, b: Amount): Amount {
  if (a.kind === 'scalar' && b.kind === 'scalar') {
    return { kind: 'scalar', milli: Math.min(a.milli, b.milli) }
  }
  return subtractAmounts(a, subtractAmounts(a, b))
}

export function amountsEqual(a: Amount, b: Amount): boolean {
  return a === b || (amountContains(a, b) && amountContains(b, a))
}

/** `2.5`, `[31000-32000, 33000-33000]` or `{a, b}`, as Mesos prints them. */
export function amountText(amount: Amount): string {
  switch (amount.kind) {
    case 'scalar':
      return String(amount.milli / 1000)
    case 'ranges':
      return `[${amount.ranges.map((range) => `${range.begin}-${range.end}`).join(', ')}]`
    case 'set':
      return `{${amount.items.join(', ')}}`
  }
}

/** Sorts ranges and joins those that touch or overlap. */
export function joinRanges(ranges: readonly Range[]): readonly Range[] {
  if (ranges.length < 2) return ranges
  const joined: { begin: number; end: number }[] = []
  for (const range of ranges.toSorted((a, b) => a.begin - b.begin)) {
    const last = joined.at(-1)
    if (last !== undefined && range.begin <= last.end + 1) last.end = Math.max(last.end, range.end)
    else joined.push({ begin: range.begin, end: range.end })
  }
  return joined
}

/** The parts of joined ranges `from` that lie outside the joined ranges `gone`. */
export function subtractRanges(from: readonly Range[], gone: readonly Range[]): readonly Range[] {
  const rest: Range[] = []
  let next = 0
  for (const range of from) {
    let begin = range.begin
    while (next < gone.length && (gone[next] as Range).end < begin) next++
    // The last hole may reach into the following range, so it is looked at again there.
    for (let hole = next; hole < gone.length; hole++) {
      const cut = gone[hole] as Range
      if (cut.begin > range.end) break
      if (cut.begin > begin) rest.push({ begin, end: cut.begin - 1 })
      begin = cut.end + 1
    }
    if (begin <= range.end) rest.push({ begin, end: range.end })
  }
  return rest
}

/** The first `count` numbers of joined ranges; fewer when there are not so many. */
export function firstOfRanges(ranges: readonly Range[], count: number): readonly Range[] {
  const taken: Range[] = []
  let missing = count
  for (const range of ranges) {
    if (missing <= 0) break
    const end = Math.min(range.end, range.begin + missing - 1)
    taken.push({ begin: range.begin, end })
    missing -= end - range.begin + 1
  }
  return taken
}

/** How many numbers lie in ranges. */
export function rangesSize(ranges: readonly Range[]): number {
  return ranges.reduce((sum, range) => sum + range.end - range.begin + 1, 0)
}

/** Orders texts by their UTF-16 code units: the same on every machine, whatever its locale. */
export function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** Whether joined ranges `all` cover joined ranges `some`. */
export function rangesContain(all: readonly Range[], some: readonly Range[]): boolean {
  let index = 0
  for (const range of some) {
    while (index < all.length && (all[index] as Range).end < range.end) index++
    const around = all[index]
    if (around === undefined || around.begin > range.begin) return false
  }
  return true
}

function mixed(a: Amount, b: Amount): never {
  assert(a.kind === b.kind, `a ${a.kind} was reckoned with a ${b.kind} of the same name`)
  throw new Error('Invariant broken: amounts of one kind are reckoned above')
}
