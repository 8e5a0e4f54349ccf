// How soon lending reacts to a step: the estimate at the master, and, with the kernel's tier taken away, the ladder.
import { type Figure, figure } from '../../src/base/figures.ts'
import { percentile } from '../statistics.ts'
import type { LendRig } from './rig.ts'
import { oneStep, type Stepper } from './steps.ts'

const HIGH_MS = 1200
const AHEAD_MS = 150
const POLL_MS = 4
const RISE_MS = 20_000
/** A fall that is worth telling (spec/lending.md 3.2: ignore less than a tenth of a core). */
const FALL_CPUS = 0.3

/** From the step until the master's total of lent cpus is lower, ms, once for each trial. */
export async function measureFall(
  rig: LendRig,
  stepper: Stepper,
  trials: number,
): Promise<readonly Figure[]> {
  const took: number[] = []
  for (let trial = 0; trial < trials; trial++) {
    let before = 0
    await rig.until('something more was lent', RISE_MS, async () => {
      const view = await rig.masterView()
      before = view.lentTotal
      return view.lentTotal - view.lentUsed >= FALL_CPUS + 0.1
    })
    await rig.sleep(rig.random.next() * 1000)
    const at = rig.context.clock.now() + AHEAD_MS
    const stepped = oneStep(rig, stepper, HIGH_MS, AHEAD_MS)
    took.push(
      await from(rig, at, HIGH_MS, async () => (await rig.masterView()).lentTotal <= before - FALL_CPUS),
    )
    await stepped
  }
  rig.context.say(`  the master knew after ${took.map((ms) => ms.toFixed(0)).join(', ')} ms`)
  return [
    figure('lower estimate at the master after a step, worst', Math.max(...took), 'ms', '<= 300'),
    figure('lower estimate at the master after a step, median', percentile(took, 0.5), 'ms'),
  ]
}

/**
 * The tier alone is enough for cpu; the ladder is for where it fails. Here the bench makes it fail: borrowers
 * get an owner's shares, and for the freeze their quota is lifted again as soon as it is there.
 */
export async function measureLadder(
  rig: LendRig,
  stepper: Stepper,
  trials: number,
): Promise<readonly Figure[]> {
  const squeezed: number[] = []
  const frozen: number[] = []
  rig.lent.setClass('equal')
  try {
    for (let trial = 0; trial < 2 * trials; trial++) {
      const forFreeze = trial % 2 === 1
      await rig.until('no borrower was limited', 30_000, () => free(rig))
      await rig.sleep(700 + rig.random.next() * 300)
      const group = rig.lent
      const at = rig.context.clock.now() + AHEAD_MS
      const stepped = oneStep(rig, stepper, HIGH_MS, AHEAD_MS)
      const isLimited = (): boolean => Number.isFinite(group.quotaCpus)
      const ms = await from(rig, at, HIGH_MS, () => {
        if (!forFreeze) return isLimited() || group.frozen
        if (isLimited()) group.liftQuota()
        return group.frozen
      })
      ;(forFreeze ? frozen : squeezed).push(ms)
      await stepped
    }
  } finally {
    rig.lent.setClass('idle')
  }
  const told = (values: readonly number[]): string => values.map((ms) => ms.toFixed(0)).join(', ')
  rig.context.say(`  squeezed after ${told(squeezed)} ms, frozen after ${told(frozen)} ms`)
  return [
    figure('squeeze in force after a step, worst', Math.max(...squeezed), 'ms', '<= 250'),
    figure('freeze in force after a step, worst', Math.max(...frozen), 'ms', '<= 500'),
    figure('squeeze in force after a step, median', percentile(squeezed, 0.5), 'ms'),
    figure('freeze in force after a step, median', percentile(frozen, 0.5), 'ms'),
  ]
}

/** As the agent sees it: it does not know of quotas that were lifted behind its back. */
async function free(rig: LendRig): Promise<boolean> {
  const { frozen, quotaCpus } = await rig.agentView()
  return frozen === 0 && quotaCpus === 'max'
}

/** ms from a wall time until something holds; NaN when it does not within `limitMs`. */
async function from(
  rig: LendRig,
  at: number,
  limitMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<number> {
  const { clock } = rig.context
  for (;;) {
    const asked = clock.now()
    if (asked >= at && (await holds())) return clock.now() - at
    if (asked > at + limitMs) return Number.NaN
    await rig.sleep(POLL_MS)
  }
}
