// What an agent remembers of its usage: rates of each second, means of ten, rings of a fixed size, and how it is asked.
import { expect, test } from 'vitest'
import { Ring, UsageHistory, usageRoute } from '../../../../src/agent/lending/usage-history.ts'
import type { HttpRequest } from '../../../../src/http/request.ts'
import type { Answer } from '../../../../src/http/response.ts'
import { USAGE_COLUMNS, type UsagePage } from '../../../../src/wire/page.ts'
import { Machine } from '../../../support/usage.ts'

const LENDING = { lentCpus: 0.5, lendableCpus: undefined, quotaCpus: undefined }
const named = (point: readonly number[] = []): Record<string, number> =>
  Object.fromEntries(USAGE_COLUMNS.map((name, index) => [name, point[index] ?? Number.NaN]))

function watched(seconds: number): { readonly history: UsageHistory; readonly machine: Machine } {
  const machine = new Machine({ cores: 4 })
  machine.add({ id: 'web', cpus: 2 }).add({ id: 'batch', cpus: 0.5, revocable: true })
  const history = new UsageHistory()
  for (let second = 0; second < seconds; second++) {
    const waiting = second === 12 ? 0.4 : 0.1
    history.add(
      machine.tick({ web: { cpus: 1.5, waiting, memoryMb: 100, inactiveMb: 40 }, batch: { cpus: 0.25 } }),
      LENDING,
    )
  }
  return { history, machine }
}

test('a point says what owners and borrowers used of what, since the one before', () => {
  const { history } = watched(5)
  const points = history.since(0, 1)
  // The first snapshot has nothing before it.
  expect(points).toHaveLength(4)
  expect(named(points.at(-1))).toMatchObject({
    cpusTotal: 4,
    cpusAllocated: 2,
    cpusOwners: 1.5,
    cpusBorrowers: 0.25,
    cpusLent: 0.5,
    cpusLendable: -1,
    cpusQuota: -1,
    cpuPressure: 0.1,
    memOwners: 60,
  })
})

test('ten seconds become their mean, of pressure the highest', () => {
  const { history } = watched(32)
  const points = history.since(0, 10).map(named)
  expect(points.length).toBeGreaterThanOrEqual(2)
  for (const point of points) expect(point['cpusOwners']).toBeCloseTo(1.5, 2)
  expect(Math.max(...points.map(({ cpuPressure = 0 }) => cpuPressure))).toBeCloseTo(0.4, 2)
})

test('five minutes become one point of the same mean and the same highest pressure', () => {
  const { history } = watched(700)
  const [coarse, wide] = [history.since(0, 10).map(named), history.since(0, 300).map(named)]
  expect(wide.length).toBeGreaterThanOrEqual(2)
  expect(wide.length).toBeLessThanOrEqual(4)
  for (const point of wide) expect(point['cpusOwners']).toBeCloseTo(1.5, 2)
  expect(Math.max(...wide.map(({ cpuPressure = 0 }) => cpuPressure))).toBeCloseTo(0.4, 2)
  expect(wide.at(-1)?.['at']).toBe(coarse.at(-1)?.['at'])
})

test('a container has a point each five seconds while it runs, and none when it is gone', () => {
  const { history, machine } = watched(21)
  const points = history.container('c-web', 0) ?? []
  expect(points).toHaveLength(4)
  expect(points[0]?.[1]).toBeCloseTo(1.5, 2)
  machine.remove('web')
  history.add(machine.tick({ batch: { cpus: 0.25 } }), LENDING)
  expect(history.container('c-web', 0)).toBeUndefined()
})

test('a ring keeps its size and its order', () => {
  const ring = new Ring(3, 2)
  for (let at = 1; at <= 7; at++) ring.add([at, at * 10])
  expect(ring.since(0)).toEqual([
    [5, 50],
    [6, 60],
    [7, 70],
  ])
  expect(ring.since(6)).toEqual([[7, 70]])
})

test('who asks with something else than numbers, or for what does not run, is told so', () => {
  const { history } = watched(4)
  const route = usageRoute({ history, now: () => 5, eventsAfter: () => [] })
  const ask = (query: Record<string, string>): { readonly status: number; readonly text: string } => {
    const answer = route.handle({ query: new Map(Object.entries(query)) } as unknown as HttpRequest) as Answer
    return answer as unknown as { readonly status: number; readonly text: string }
  }
  expect(ask({ since: 'yesterday' })).toMatchObject({ status: 400, text: expect.stringContaining("'since'") })
  expect(ask({ step: '7' })).toMatchObject({
    status: 400,
    text: expect.stringContaining('expected 1, 10 or 300'),
  })
  expect(ask({ container: 'none' })).toMatchObject({ status: 404 })
  const page = JSON.parse(ask({ step: '1', events: '0' }).text) as UsagePage
  expect(page).toMatchObject({ now: 5, step: 1000, columns: [...USAGE_COLUMNS], events: [] })
  expect(page.points).toHaveLength(3)
})
