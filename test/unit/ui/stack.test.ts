// The arithmetic of the charts: what is used, lent, idle and free adds up, and gaps stay gaps.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CLUSTER_COLUMNS, USAGE_COLUMNS } from '../../../src/wire/page.ts'
import {
  clusterWhole,
  lineOf,
  PART_NAMES,
  partsOf,
  rangeOf,
  stacked,
  thinned,
  wholeReader,
  withGaps,
} from '../../../ui/charts/stack.ts'

const figure = fc.double({ min: 0, max: 1000, noNaN: true })
const whole = fc.record({ total: figure, allocated: figure, owners: figure, borrowers: figure })

describe('the parts of a whole', () => {
  test('add up to the total, or to what is used where that is more', () => {
    fc.assert(
      fc.property(whole, (given) => {
        const parts = partsOf(given)
        const sum = PART_NAMES.reduce((total, name) => total + parts[name], 0)
        expect(sum).toBeCloseTo(Math.max(given.total, given.owners + given.borrowers), 6)
      }),
    )
  })

  test('are never negative, and what is used and lent is shown as it is', () => {
    fc.assert(
      fc.property(whole, (given) => {
        const parts = partsOf(given)
        for (const name of PART_NAMES) expect(parts[name]).toBeGreaterThanOrEqual(0)
        expect(parts).toMatchObject({ used: given.owners, lent: given.borrowers })
      }),
    )
  })

  test('of a lending agent: borrowers use what owners leave idle', () => {
    expect(partsOf({ total: 4, allocated: 3, owners: 1, borrowers: 1.5 })).toEqual({
      used: 1,
      lent: 1.5,
      idle: 0.5,
      free: 1,
    })
  })

  test('have no idle where borrowers use all that owners leave, and beyond', () => {
    expect(partsOf({ total: 4, allocated: 2, owners: 1, borrowers: 2 })).toEqual({
      used: 1,
      lent: 2,
      idle: 0,
      free: 1,
    })
  })
})

describe('a stack', () => {
  const point = (values: Partial<Record<(typeof CLUSTER_COLUMNS)[number], number>>): number[] =>
    CLUSTER_COLUMNS.map((name) => values[name] ?? 0)

  test('has the upper edge of each part over the time in seconds', () => {
    const points = [point({ at: 10_000, cpusTotal: 4, cpusAllocated: 3, cpusOwners: 1, cpusBorrowers: 1 })]
    const { edges, times } = stacked(points, clusterWhole('cpus'))
    expect({ edges, times }).toEqual({ edges: [[1], [2], [3], [4]], times: [10] })
  })

  test('has a gap where nothing was heard for long, and none else', () => {
    const points = [point({ at: 1000 }), point({ at: 2000 }), point({ at: 60_000 })]
    const { edges, times } = stacked(withGaps(points, 10_000), clusterWhole('cpus'))
    expect(times).toEqual([1, 2, 31, 60])
    expect(edges[0]).toEqual([0, 0, null, 0])
  })

  test('reads the columns of an agent and of the cluster by their names', () => {
    const agent = USAGE_COLUMNS.map((_, index) => index)
    const read = wholeReader(USAGE_COLUMNS, 'mem')(agent)
    expect(read.owners).toBe(USAGE_COLUMNS.indexOf('memOwners'))
    expect(read.total).toBe(USAGE_COLUMNS.indexOf('memTotal'))
  })
})

test('a line has a gap where its value is not known', () => {
  const points = [
    [1, 0.5],
    [2, -1],
  ]
  expect(lineOf(points, ['at', 'cpuPressure'], 'cpuPressure')).toEqual([0.5, null])
})

test('thinned points keep their mean, leave out what is not known, and are few enough', () => {
  const points = Array.from({ length: 1000 }, (_, at) => [at, 2, at % 2 === 0 ? -1 : 4])
  const few = thinned(points, 100)
  expect(few.length).toBeLessThanOrEqual(100)
  for (const [, same, known] of few) expect({ same, known }).toEqual({ same: 2, known: 4 })
  expect(
    thinned(
      [
        [1, -1],
        [2, -1],
      ],
      1,
    ),
  ).toEqual([[1.5, -1]])
})

test('the times shown end at the newest and go back as far as something is known, two minutes at least', () => {
  expect(rangeOf([[100_000], [900_000]], 1000, 300)).toEqual([700, 1000])
  expect(rangeOf([[800_000], [900_000]], 1000, 900)).toEqual([800, 1000])
  expect(rangeOf([[990_000]], 1000, 900)).toEqual([880, 1000])
  expect(rangeOf([], 1000, 900)).toEqual([880, 1000])
})
