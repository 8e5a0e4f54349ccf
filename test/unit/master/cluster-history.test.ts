// The usage of the whole cluster: sums of what agents told, with what the master has booked for those that are silent.
import { expect, test } from 'vitest'
import { type Booked, ClusterHistory } from '../../../src/master/page/cluster-history.ts'
import { CLUSTER_COLUMNS, type LendEvent, USAGE_COLUMNS } from '../../../src/wire/page.ts'

const booked = (id: string): Booked => ({
  id,
  cpus: 4,
  mem: 1000,
  cpusAllocated: 2,
  memAllocated: 500,
  cpusLent: 1,
})
const told = (values: Partial<Record<(typeof USAGE_COLUMNS)[number], number>>): number[] =>
  USAGE_COLUMNS.map((name) => values[name] ?? 0)
const named = (point: readonly number[] = []): Record<string, number> =>
  Object.fromEntries(CLUSTER_COLUMNS.map((name, index) => [name, point[index] ?? Number.NaN]))
const event = (number: number, at: number): Omit<LendEvent, 'agent'> => ({
  event: number,
  at,
  kind: 'squeeze',
  owner: 'web',
  tasks: [],
  why: '',
  signal: '',
  value: 0,
  threshold: 0,
  unit: '',
  before: '',
  after: '',
})

test('a second is the sum of what the agents told; one that is silent counts with what is booked', () => {
  const history = new ClusterHistory()
  history.hear('S1', told({ cpusOwners: 1.5, cpusBorrowers: 0.5, memOwners: 100 }), 50_000)
  const point = named(history.sum([booked('S1'), booked('S2')], 51_000))
  expect(point).toMatchObject({
    cpusTotal: 8,
    cpusAllocated: 4,
    cpusOwners: 1.5,
    cpusBorrowers: 0.5,
    memOwners: 100,
    agents: 1,
  })
})

test('what an agent told long ago does not count, and one that left is forgotten', () => {
  const history = new ClusterHistory()
  history.hear('S1', told({ cpusOwners: 1.5 }), 50_000)
  expect(named(history.sum([booked('S1')], 96_000))).toMatchObject({ cpusOwners: 0, agents: 0 })
  expect(Object.keys(history.usage)).toEqual(['S1'])
  history.sum([], 97_000)
  expect(history.usage).toEqual({})
})

test('an agent that is asked every twenty seconds, because there are so many, counts all the time', () => {
  const history = new ClusterHistory()
  history.hear('S1', told({ cpusOwners: 1.5 }), 50_000)
  expect(named(history.sum([booked('S1')], 70_000))).toMatchObject({ cpusOwners: 1.5, agents: 1 })
})

test('sums from before all had told are left out, and who told only what was before counts with that', () => {
  const history = new ClusterHistory()
  const both = [booked('S1'), booked('S2')]
  history.sum(both, 100_500)
  history.hear('S1', told({ cpusOwners: 1 }), 101_000)
  history.sum(both, 101_500)
  history.fill(
    new Map([
      ['S1', [told({ at: 90_000, cpusOwners: 1 })]],
      ['S2', [told({ at: 90_000, cpusOwners: 2 })]],
    ]),
    100_000,
  )
  history.sum(both, 102_500)
  expect(history.points.map(named).map(({ at, cpusOwners }) => [at, cpusOwners])).toEqual([
    [90_000, 3],
    [102_500, 3],
  ])
})

test('what agents remember is put before what was summed up since, on one grid of ten seconds', () => {
  const history = new ClusterHistory()
  for (const id of ['S1', 'S2']) history.hear(id, told({}), 100_000)
  history.sum([booked('S1'), booked('S2')], 100_500)
  const points = (shift: number): number[][] =>
    [80_000, 90_000, 100_000].map((at) => told({ at: at + shift, cpusOwners: 1 }))
  history.fill(
    new Map([
      ['S1', points(1000)],
      ['S2', points(2500)],
    ]),
    100_000,
  )
  const all = history.points.map(named)
  expect(all.map(({ at }) => at)).toEqual([80_000, 90_000, 100_000, 100_500])
  expect(all[0]).toMatchObject({ cpusOwners: 2, agents: 2 })
})

test('an event is told once, also when it is not among the remembered any more', () => {
  const history = new ClusterHistory()
  expect(history.addEvents('S1', [event(1, 10), event(2, 20)])).toHaveLength(2)
  expect(history.addEvents('S1', [event(2, 20), event(3, 30)]).map((one) => one.event)).toEqual([3])
  history.addEvents(
    'S2',
    Array.from({ length: 600 }, (_, index) => event(index + 1, 1000 + index)),
  )
  expect(history.events).toHaveLength(500)
  expect(history.lastEvent('S1')).toBe(3)
  expect(history.addEvents('S1', [event(3, 30)])).toEqual([])
})

test('the points are bounded', () => {
  const history = new ClusterHistory()
  for (let second = 0; second < 1000; second++) history.sum([booked('S1')], second * 1000)
  expect(history.points).toHaveLength(900)
  expect(history.points.at(-1)?.[0]).toBe(999_000)
})
