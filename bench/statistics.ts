// What benches say about many measurements of one thing.
import { assert } from '../src/base/errors.ts'
import type { Random } from '../src/base/random.ts'

const BOOTSTRAP_DRAWS = 4000

/**
 * The smallest measurement that at least a share `p` of all do not exceed (nearest rank).
 *
 * @param p from 0 to 1
 */
export function percentile(values: readonly number[], p: number): number {
  assert(values.length > 0, 'a percentile needs measurements')
  const sorted = values.toSorted((a, b) => a - b)
  const rank = Math.min(sorted.length, Math.max(1, Math.ceil(p * sorted.length)))
  return sorted[rank - 1] ?? Number.NaN
}

/** The middle measurement; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  assert(values.length > 0, 'a median needs measurements')
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(half) - 1] ?? Number.NaN, sorted[Math.floor(half)] ?? Number.NaN]
  return (low + high) / 2
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/**
 * The ends of the 95 % interval of the median, by bootstrap: the medians of samples drawn with repetition.
 *
 * @param random seeded, so that the same measurements give the same interval
 */
export function medianInterval(
  values: readonly number[],
  random: Random,
): { readonly low: number; readonly high: number } {
  const medians = Array.from({ length: BOOTSTRAP_DRAWS }, () =>
    median(values.map(() => values[Math.floor(random.next() * values.length)] ?? Number.NaN)),
  )
  return { low: percentile(medians, 0.025), high: percentile(medians, 0.975) }
}
