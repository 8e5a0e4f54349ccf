/** Amounts by name alone, in thousandths: what fair shares, minimums and shrinking reckon with. */
import { type Rejection, rejection } from '../base/errors.ts'
import { toMilli } from './value.ts'

/** Thousandths by name of a scalar; a name that is absent counts as 0. */
export type Quantities = ReadonlyMap<string, number>

/** No single amount is larger, so that sums over a whole cluster stay exact in a double. */
export const MAX_SCALAR = 1e11

export function quantitiesContain(all: Quantities, some: Quantities): boolean {
  for (const [name, milli] of some) if ((all.get(name) ?? 0) < milli) return false
  return true
}

export function quantitiesText(quantities: Quantities): string {
  return [...quantities].map(([name, milli]) => `${name}:${milli / 1000}`).join(';')
}

/** Reads `{ cpus: { value: 0.5 } }`, the form of `offer_filters` and quota. */
export function quantitiesFrom(wire: Readonly<Record<string, { readonly value: number }>>): Quantities {
  return new Map(Object.entries(wire).map(([name, scalar]) => [name, toMilli(scalar.value)]))
}

/**
 * Reads the flag `--min_allocatable_resources`: sets of which one must be in an offer, parted by `|`.
 *
 * @example parseMinAllocatable('cpus:0.01|mem:32;disk:10')
 */
export function parseMinAllocatable(text: string): readonly Quantities[] | Rejection {
  const sets: Quantities[] = []
  for (const part of text.split('|')) {
    const set = new Map<string, number>()
    for (const item of part.split(';').map((one) => one.trim())) {
      if (item === '') continue
      const [name, value, ...more] = item.split(':').map((one) => one.trim())
      const amount = value === undefined || value === '' ? Number.NaN : Number(value)
      if (name === undefined || name === '' || more.length > 0 || !(amount >= 0 && amount <= MAX_SCALAR)) {
        return rejection(
          `Cannot read the quantity '${item}': expected NAME:NUMBER, for example cpus:0.01|mem:32`,
        )
      }
      set.set(name, (set.get(name) ?? 0) + toMilli(amount))
    }
    if (set.size > 0) sets.push(set)
  }
  return sets
}
