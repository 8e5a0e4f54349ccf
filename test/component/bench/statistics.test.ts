// What benches make of many measurements.
import { expect, test } from 'vitest'
import { median, percentile, sum } from '../../../bench/statistics.ts'

test('a percentile is a measurement that was made, by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect(percentile(hundred, 0.99)).toBe(99)
  expect(percentile(hundred, 1)).toBe(100)
  expect(percentile(hundred, 0)).toBe(1)
  expect(percentile([5, 1, 9], 0.99)).toBe(9)
})

test('the median of an even number is the mean of the two in the middle', () => {
  expect(median([4, 1, 3])).toBe(3)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([7])).toBe(7)
})

test('nothing has no percentile', () => {
  expect(() => percentile([], 0.5)).toThrow('needs measurements')
  expect(() => median([])).toThrow('needs measurements')
  expect(sum([])).toBe(0)
})
