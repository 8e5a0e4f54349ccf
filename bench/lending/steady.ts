// How often what is lent changes while owners do what they always do: whole days of the estimator, simulated.
import { type Figure, figure } from '../../src/base/figures.ts'
import { UsageEstimator } from '../../src/estimator/usage.ts'
import { type DayShape, simulateDay } from '../../test/support/day.ts'

const HOURS = 24
const OWNERS = { owners: 4, reserved: 0.5, mean: 0.15, burstSeconds: 20, burstHeight: 0.2 }

const SHAPES: Readonly<Record<string, DayShape>> = {
  'a steady day with noise': { ...OWNERS, swing: 0, noise: 0.2, bursts: 0 },
  'a steady day with bursts': { ...OWNERS, swing: 0, noise: 0.2, bursts: 0.5 },
}

/** Simulated time: the estimator as it is by default, one snapshot a second; the first two hours do not count. */
export async function measureSteady(seeds: number): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const [name, shape] of Object.entries(SHAPES)) {
    let [changes, under, lent] = [0, 0, 0]
    for (let seed = 1; seed <= seeds; seed++) {
      const day = await simulateDay(new UsageEstimator({}), shape, seed)
      changes = Math.max(changes, day.changesPerHour)
      under = Math.max(under, day.under)
      lent += day.lentCpuHours / HOURS / seeds
    }
    figures.push(
      figure(`changes of what is lent, ${name}, simulated`, changes, 'per hour', '<= 2'),
      figure(`lent on average, ${name}, simulated`, lent, 'cores'),
      figure(`seconds with too much lent, ${name}, simulated`, under * 100, '%'),
    )
  }
  return figures
}
