// Percentiles of what fades: close to the true ones, and the same after saving.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CPU_BUCKETS, DecayedHistogram } from '../../../src/estimator/histogram.ts'

const HOUR = 3_600_000

test('a steady load has itself as every percentile', () => {
  const histogram = new DecayedHistogram(CPU_BUCKETS, HOUR, 0)
  for (let second = 0; second < 100; second++) histogram.add(0.7, 1, second * 1000)
  expect(histogram.percentile(0.05)).toBeCloseTo(0.7, 9)
  expect(histogram.percentile(1)).toBeCloseTo(0.7, 9)
})

test('a percentile lies within a bucket of 5 % of the true one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.02, max: 100, noNaN: true }), { minLength: 1, maxLength: 80 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (values, share) => {
        const histogram = new DecayedHistogram(CPU_BUCKETS, HOUR, 0)
        for (const value of values) histogram.add(value, 1, 0)
        const sorted = values.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(0, Math.ceil(share * sorted.length * (1 - 1e-9)) - 1)] ?? 0
        expect(histogram.percentile(share)).toBeGreaterThanOrEqual(exact / 1.051)
        expect(histogram.percentile(share)).toBeLessThanOrEqual(exact * 1.051)
      },
    ),
  )
})

test('a sample counts half after a half-life', () => {
  const histogram = new DecayedHistogram(CPU_BUCKETS, HOUR, 0)
  for (let count = 0; count < 100; count++) histogram.add(2, 1, 0)
  // Three half-lives later the old 100 weigh 12.5: less than the 15 new ones.
  for (let count = 0; count < 11; count++) histogram.add(1, 1, 3 * HOUR)
  expect(histogram.percentile(0.5)).toBeCloseTo(2, 9)
  for (let count = 0; count < 4; count++) histogram.add(1, 1, 3 * HOUR)
  expect(histogram.percentile(0.5)).toBeCloseTo(1, 9)
})

test('a year of samples does not overflow, and only the last ones count', () => {
  const histogram = new DecayedHistogram(CPU_BUCKETS, HOUR, 0)
  for (let hour = 0; hour < 24 * 365; hour++) histogram.add(hour < 8700 ? 3 : 0.5, 1, hour * HOUR)
  expect(histogram.percentile(0.99)).toBeCloseTo(0.5, 9)
})

test('nothing, nonsense and what weighs nothing leave it empty', () => {
  const histogram = new DecayedHistogram(CPU_BUCKETS, HOUR, 0)
  for (const value of [Number.NaN, -1, Number.POSITIVE_INFINITY]) histogram.add(value, 1, 0)
  histogram.add(1, 0, 0)
  expect(histogram.percentile(0.95)).toBe(0)
})

test('what was saved fades on and gives the same percentiles within a hundredth of a bucket', () => {
  const histogram = new DecayedHistogram(CPU_BUCKETS, HOUR, 0)
  for (let second = 0; second < 5000; second++) histogram.add(0.1 + (second % 97) / 50, 1, second * 1000)
  const saved = JSON.parse(JSON.stringify(histogram.save(5_000_000))) as ReturnType<DecayedHistogram['save']>
  // The clock of the next process begins anew: it was saved 10 s before it.
  const restored = DecayedHistogram.restore(CPU_BUCKETS, HOUR, saved, -10_000)
  for (const share of [0.05, 0.5, 0.9, 0.95, 1])
    expect(restored.percentile(share)).toBeCloseTo(histogram.percentile(share), 2)
  expect(JSON.stringify(saved).length).toBeLessThan(1500)
})
