// Ranges against the plain sets of numbers that they stand for, and amounts as texts.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Range,
  addAmounts,
  amountContains,
  amountText,
  firstOfRanges,
  joinRanges,
  rangesAmount,
  rangesContain,
  rangesSize,
  scalarAmount,
  setAmount,
  subtractRanges,
  toMilli,
} from '../../../src/resources/value.ts'

const ranges = fc
  .array(fc.tuple(fc.nat(60), fc.nat(8)), { maxLength: 8 })
  .map((pairs) => joinRanges(pairs.map(([begin, more]): Range => ({ begin, end: begin + more }))))

function numbersOf(list: readonly Range[]): Set<number> {
  const numbers = new Set<number>()
  for (const { begin, end } of list) for (let number = begin; number <= end; number++) numbers.add(number)
  return numbers
}

test('joined ranges are sorted and apart, and hold what they held', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(60), fc.nat(8))), (pairs) => {
      const given = pairs.map(([begin, more]): Range => ({ begin, end: begin + more }))
      const joined = joinRanges(given)
      expect(numbersOf(joined)).toEqual(numbersOf(joined.toReversed()))
      expect([...numbersOf(joined)]).toEqual([...numbersOf(given)].toSorted((a, b) => a - b))
      for (const [index, range] of joined.entries()) {
        const next = joined[index + 1]
        if (next !== undefined) expect(next.begin).toBeGreaterThan(range.end + 1)
      }
    }),
  )
})

test('subtracting ranges subtracts their numbers', () => {
  fc.assert(
    fc.property(ranges, ranges, (from, gone) => {
      const left = subtractRanges(from, gone)
      expect(numbersOf(left)).toEqual(numbersOf(from).difference(numbersOf(gone)))
      expect(joinRanges(left)).toEqual(left)
    }),
  )
})

test('ranges contain others exactly when their numbers do', () => {
  fc.assert(
    fc.property(ranges, ranges, (all, some) => {
      expect(rangesContain(all, some)).toBe(numbersOf(some).isSubsetOf(numbersOf(all)))
    }),
  )
})

test('the first numbers of ranges are as many as wanted, or all', () => {
  fc.assert(
    fc.property(ranges, fc.nat(40), (all, count) => {
      const taken = firstOfRanges(all, count)
      expect(rangesSize(taken)).toBe(Math.min(count, rangesSize(all)))
      expect(rangesContain(all, taken)).toBe(true)
    }),
  )
})

test('adding splits and merges as ports come and go', () => {
  const all = rangesAmount([{ begin: 31000, end: 32000 }])
  const rest = rangesAmount(subtractRanges([{ begin: 31000, end: 32000 }], [{ begin: 31005, end: 31005 }]))
  expect(amountText(rest)).toBe('[31000-31004, 31006-32000]')
  expect(addAmounts(rest, rangesAmount([{ begin: 31005, end: 31005 }]))).toEqual(all)
})

test('amounts of different kinds never contain each other, and adding them is a bug', () => {
  expect(amountContains(scalarAmount(1), setAmount(['a']))).toBe(false)
  expect(() => addAmounts(scalarAmount(1), setAmount(['a']))).toThrow('a scalar was reckoned with a set')
})

test('amounts print as in Mesos', () => {
  expect(amountText(scalarAmount(7900))).toBe('7.9')
  expect(amountText(scalarAmount(9_999_000))).toBe('9999')
  expect(amountText(setAmount(['b', 'a', 'b']))).toBe('{a, b}')
})

test('units are rounded to thousandths', () => {
  expect([0.1 + 0.2, 0.0005, 0.00049, 7.9].map(toMilli)).toEqual([300, 1, 0, 7900])
})
