// An owner's demand jumps from 5 to 100 %: how much later it has the machine when borrowers used all of it before.
import { type Figure, figure } from '../../src/base/figures.ts'
import { median, percentile } from '../statistics.ts'
import type { LendRig } from './rig.ts'
import type { Step, Stepped } from './stepper.ts'
import { Worker } from './worker.ts'

export type Stepper = Worker<Step, Stepped>

const HIGH_MS = 500
const WATCH_MS = 200
/** Between the word and the jump: long enough for both threads to be at their low demand. */
const AHEAD_MS = 200

export function startStepper(rig: LendRig): Promise<Stepper> {
  return Worker.start<Step, Stepped>(rig, { program: 'stepper', cpus: 1.9, mem: 512 })
}

/** Steps in pairs at random times, each first every other time. Expects a borrower that runs. */
export async function measureSteps(
  rig: LendRig,
  stepper: Stepper,
  pairs: number,
): Promise<{
  readonly figures: readonly Figure[]
  readonly later: Readonly<Record<Leg, readonly number[]>>
}> {
  const later = { alone: [] as number[], beside: [] as number[] }
  const since = rig.context.clock.now()
  for (let pair = 0; pair < pairs; pair++) {
    for (const leg of pair % 2 === 0 ? LEGS : LEGS.toReversed()) {
      rig.borrow(leg === 'beside')
      await rig.sleep(rig.random.next() * 100)
      const { value } = await rig.measured(() => oneStep(rig, stepper, HIGH_MS))
      later[leg].push(value.laterMs)
    }
  }
  rig.borrow(true)
  const at = (leg: Leg, p: number): number => percentile(later[leg], p)
  rig.context.say(
    `  later by ${median(later.beside).toFixed(2)} ms beside, ${median(later.alone).toFixed(2)} alone (medians)`,
  )
  return {
    later,
    figures: [
      figure('step 5 → 100 %: later than alone, p99', at('beside', 0.99) - at('alone', 0.99), 'ms', '<= 5'),
      figure('step 5 → 100 %: later than alone, median', at('beside', 0.5) - at('alone', 0.5), 'ms'),
      figure('step 5 → 100 %: alone, p99', at('alone', 0.99), 'ms'),
      figure('steps, each way', pairs, 'steps'),
      figure('squeezes during the steps', await rig.count('squeeze', since), ''),
      figure('kills on cpu steps', await rig.count('evict', since), '', '= 0'),
    ],
  }
}

export function oneStep(
  rig: LendRig,
  stepper: Stepper,
  highMs: number,
  aheadMs = AHEAD_MS,
): Promise<Stepped> {
  return stepper.ask({ at: rig.context.clock.now() + aheadMs, highMs, watchMs: WATCH_MS })
}

type Leg = 'alone' | 'beside'
const LEGS: readonly Leg[] = ['alone', 'beside']
