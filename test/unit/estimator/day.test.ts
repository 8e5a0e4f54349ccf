// Simulated days of 86 400 seconds: how rarely owners need more than was kept for them, at what cost, and how calmly.
import { expect, test } from 'vitest'
import usage from '../../../src/estimator/usage.ts'
import { type DayFigures, type DayShape, simulateDay } from '../../support/day.ts'

/** Eight owners use 40 % of what they reserved, with a tremble of 10 % and a burst of 5 s every other hour each. */
const STEADY: DayShape = {
  owners: 8,
  reserved: 0.5,
  mean: 0.2,
  swing: 0,
  noise: 0.1,
  bursts: 0.5,
  burstSeconds: 5,
  burstHeight: 1.5,
}

const dayOf = (change: Partial<DayShape>, seed: number): Promise<DayFigures> =>
  simulateDay(usage({}), { ...STEADY, ...change }, seed)

test('a day that follows the sun by 15 % finds owners short in at most 0.5 % of the seconds', async () => {
  const { under, slack, changesPerHour, lentCpuHours } = await dayOf({ swing: 0.15 }, 1)
  expect(under).toBeLessThanOrEqual(0.005)
  expect(slack).toBeLessThanOrEqual(0.31)
  expect(changesPerHour).toBeLessThanOrEqual(2)
  // Of 4 cores 1.6 are used and 0.4 stay free: 2 · 24 hours could be lent at the very best.
  expect(lentCpuHours).toBeGreaterThan(25)
})

test('in steady state what is lent changes at most twice an hour, however much owners tremble', async () => {
  const { under, mostInAnHour } = await dayOf({ noise: 0.2, bursts: 0 }, 3)
  expect(under).toBeLessThanOrEqual(0.005)
  expect(mostInAnHour).toBeLessThanOrEqual(2)
})

test('sixteen bursts an hour do not make it flap', async () => {
  const { under, changesPerHour } = await dayOf({ bursts: 2, burstHeight: 2 }, 4)
  expect(under).toBeLessThanOrEqual(0.005)
  expect(changesPerHour).toBeLessThanOrEqual(2)
})

test('a single owner that bursts to all that it reserved is met short in at most 0.5 % of the seconds', async () => {
  const alone = {
    owners: 1,
    reserved: 4,
    mean: 1.6,
    swing: 0.15,
    bursts: 0.2,
    burstSeconds: 60,
    burstHeight: 3,
  }
  const { under } = await dayOf(alone, 1)
  expect(under).toBeGreaterThan(0)
  expect(under).toBeLessThanOrEqual(0.005)
})
