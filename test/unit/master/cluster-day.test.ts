// The last day of the whole cluster: one asking serves everybody for a minute, and agents that are late are left out.
import { expect, test } from 'vitest'
import { ClusterDay } from '../../../src/master/page/cluster-day.ts'
import type { Told } from '../../../src/master/page/usage-watch.ts'
import { CLUSTER_COLUMNS, USAGE_COLUMNS } from '../../../src/wire/page.ts'
import { ManualClock } from '../../support/clock.ts'

const point = (at: number, cpusOwners: number): number[] =>
  USAGE_COLUMNS.map((name) => (name === 'at' ? at : name === 'cpusOwners' ? cpusOwners : 0))
const OWNERS = CLUSTER_COLUMNS.indexOf('cpusOwners')

test('what agents remember is added up on a grid of five minutes, and kept for a minute', async () => {
  const clock = new ManualClock()
  let asked = 0
  const day = new ClusterDay(clock, {
    askHistory: async (span, take) => {
      asked++
      expect(span).toEqual({ step: 300, ms: 86_400_000 })
      for (const [agentId, shift] of [
        ['S1', 1000],
        ['S2', 290_000],
      ] as const)
        take({ agentId, points: [point(600_000 + shift, 1), point(900_000 + shift, 2)], events: [] })
    },
  })
  const [page, again] = await Promise.all([day.page(), day.page()])
  expect(page.points.map((one) => [one[0], one[OWNERS], one.at(-1)])).toEqual([
    [600_000, 2, 2],
    [900_000, 4, 2],
  ])
  expect(again).toBe(page)
  expect(asked).toBe(1)
  await clock.advance(61_000)
  await day.page()
  expect(asked).toBe(2)
})

test('an agent that does not answer in time is left out', async () => {
  const clock = new ManualClock()
  const day = new ClusterDay(clock, {
    askHistory: async (_, take: (told: Told) => void, until) => {
      take({ agentId: 'S1', points: [point(600_000, 1)], events: [] })
      await new Promise((resolve) => until?.addEventListener('abort', resolve))
    },
  })
  const page = day.page()
  await clock.advance(10_000)
  expect((await page).points).toHaveLength(1)
})
