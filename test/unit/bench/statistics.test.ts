// What benches claim rests on these few lines.
import { expect, test } from 'vitest'
import { median, medianInterval } from '../../../bench/statistics.ts'
import { seededRandom } from '../../../src/base/random.ts'

test('the interval of a median holds the median, and the same measurements give the same interval', () => {
  const values = [1.02, 0.98, 1.1, 0.95, 1.01, 1.03, 0.99, 1.2]
  const { high, low } = medianInterval(values, seededRandom(1))
  expect(low).toBeLessThanOrEqual(median(values))
  expect(high).toBeGreaterThanOrEqual(median(values))
  expect(medianInterval(values, seededRandom(1))).toEqual({ high, low })
})

test('one wild measurement among few moves the upper end, among many it does not', () => {
  const few = [1, 1, 9]
  const many = [...Array.from({ length: 30 }, () => 1), 9]
  expect(medianInterval(few, seededRandom(2)).high).toBe(9)
  expect(medianInterval(many, seededRandom(2)).high).toBe(1)
})
