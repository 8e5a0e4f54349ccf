// Ended containers wait for the rest of their time, are told with it, and go; asked for, those go that are old enough.
import { beforeEach, expect, test } from 'vitest'
import { OperatingError } from '../../../../src/base/errors.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { Removals } from '../../../../src/containerizer/docker/removals.ts'
import { ManualClock } from '../../../support/clock.ts'

const HOUR_MS = 3_600_000
let clock: ManualClock
let removed: string[]
let isAway: boolean

beforeEach(() => {
  clock = new ManualClock()
  removed = []
  isAway = false
})

function removals(delayHours: number): Removals {
  const remove = async (id: string): Promise<boolean> => {
    if (isAway) throw new OperatingError('ENGINE', 'The engine is away')
    removed.push(id)
    return true
  }
  const delayMs = delayHours * HOUR_MS
  const engine = { remove, removeUnstarted: remove }
  return new Removals({ engine, clock, log: silentLogger, delayMs, onRemoved: () => undefined })
}

const ended = (containerId: string, hoursAgo: number): Parameters<Removals['schedule']>[1] => ({
  containerId,
  taskId: `task of ${containerId}`,
  endedAt: clock.now() - hoursAgo * HOUR_MS,
})

test('a container waits for the rest of the delay since its end, and is told with its time until then', async () => {
  const all = removals(6)
  await all.schedule('d1', ended('c1', 0))
  await all.schedule('d2', ended('c2', 4))
  expect(all.kept).toEqual([
    { ...ended('c1', 0), engineId: 'd1', dueAt: clock.now() + 6 * HOUR_MS, bytes: undefined },
    { ...ended('c2', 4), engineId: 'd2', dueAt: clock.now() + 2 * HOUR_MS, bytes: undefined },
  ])
  all.measured('d1', 42)
  await clock.advance(2 * HOUR_MS)
  expect(removed).toEqual(['d2'])
  expect(all.kept).toMatchObject([{ engineId: 'd1', bytes: 42 }])
  await clock.advance(4 * HOUR_MS)
  expect([removed, all.kept]).toEqual([['d2', 'd1'], []])
})

test('one whose time is over goes at once, one that ended in the future waits no longer than the delay', async () => {
  const all = removals(6)
  await all.schedule('late', ended('c1', 7))
  await all.schedule('ahead', ended('c2', -1000))
  expect(removed).toEqual(['late'])
  await clock.advance(6 * HOUR_MS)
  expect(removed).toEqual(['late', 'ahead'])
  await removals(0).schedule('none', ended('c3', 0))
  expect(removed).toEqual(['late', 'ahead', 'none'])
})

test('those that ended so long ago go when somebody asks, the others wait on', async () => {
  const all = removals(6)
  for (const hours of [1, 2, 3]) await all.schedule(`d${hours}`, ended(`c${hours}`, hours))
  await all.removeOlder(2 * HOUR_MS)
  expect([removed.toSorted(), all.kept.map(({ engineId }) => engineId)]).toEqual([['d2', 'd3'], ['d1']])
})

test('what the engine does not remove is tried again until it does', async () => {
  const all = removals(1)
  await all.schedule('d1', ended('c1', 0))
  isAway = true
  await clock.advance(HOUR_MS)
  expect(removed).toEqual([])
  isAway = false
  await clock.advance(30_000)
  expect(removed).toEqual(['d1'])
})
