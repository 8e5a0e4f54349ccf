// Half a minute of one agent: what owners and borrowers use while an owner's demand jumps up and down again.
import { percentile } from '../statistics.ts'
import { readTicks } from './machine.ts'
import type { LendRig } from './rig.ts'
import { oneStep, type Stepper } from './steps.ts'

export interface Moment {
  /** Seconds since the begin. */
  readonly at: number
  /** Cores. */
  readonly owners: number
  readonly borrowers: number
  readonly lent: number
}

const SAMPLE_MS = 200
const LENGTH_MS = 30_000
const HIGH_MS = 6000
const FIRST_MS = 8000
const TICKS_PER_SECOND = 100

/** Expects a borrower that runs. */
export async function recordTimeline(rig: LendRig, stepper: Stepper): Promise<readonly Moment[]> {
  const { clock } = rig.context
  const moments: Moment[] = []
  const begun = clock.monotonic()
  const stepped = oneStep(rig, stepper, HIGH_MS, FIRST_MS)
  let before = look(rig)
  while (clock.monotonic() - begun < LENGTH_MS) {
    await rig.sleep(SAMPLE_MS)
    const now = look(rig)
    const seconds = (now.at - before.at) / 1000
    const borrowers = (now.borrowed - before.borrowed) / seconds
    const busy = (now.busy - before.busy) / TICKS_PER_SECOND / seconds
    const { lentTotal } = await rig.masterView()
    const at = (now.at - begun) / 1000
    moments.push({ at, owners: Math.max(0, busy - borrowers), borrowers, lent: lentTotal })
    before = now
  }
  await stepped
  const most = percentile(
    moments.map(({ owners }) => owners),
    1,
  )
  rig.context.say(`  owners used up to ${most.toFixed(2)} cores`)
  return moments
}

function look(rig: LendRig): { readonly at: number; readonly busy: number; readonly borrowed: number } {
  return { at: rig.context.clock.monotonic(), busy: readTicks().busy, borrowed: rig.lent.cpuSeconds }
}
