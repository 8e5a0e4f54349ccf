// Whole clusters from a few seeds; `npm run sim` runs more. A failure names its seed.
import { expect, test } from 'vitest'
import { simulate } from '../../simulation/simulation.ts'

test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i: every task gets one end, whatever breaks', (seed) => {
  const tally = simulate({ seed, steps: 1500, agents: 4, schedulers: 6, masterRestarts: seed % 2 === 0 })
  expect(tally.launched).toBeGreaterThan(10)
  expect(tally.ended).toBeGreaterThan(10)
  expect(tally.breaks).toBeGreaterThan(5)
})

test('a seed repeats itself to the last count', () => {
  const options = { seed: 11, steps: 500, agents: 3, schedulers: 4, masterRestarts: true }
  expect(simulate(options)).toEqual(simulate(options))
})
