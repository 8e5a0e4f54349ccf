// The figures of the demo, each with the level that it must reach: pure.
import { type Figure, figure } from '../../base/figures.ts'
import type { Speed } from './load.ts'

/** At this share of its speed alone the owner counts as recovered: the rest is the noise of a small machine. */
export const RECOVERED_SHARE = 0.95
/** The longest that one act may wait for what it shows: of the time that all may take a part, but no less than this. */
const PATIENCE = { leastMs: 45_000, share: 3 / 8 }
/** Of that time, what the call-back of an offer may take: 5 s of two minutes. */
const RESCIND_SHARE = 1 / 9

/** What the story has measured; undefined where it did not come to it. */
export interface Measured {
  readonly reserved: number
  ownerIdleUse: number | undefined
  lent: number | undefined
  busyAlone: number | undefined
  busyLent: number | undefined
  unitsPerSecond: number | undefined
  units: number
  light: Speed | undefined
  lightBeside: Speed | undefined
  alone: Speed | undefined
  during: Speed | undefined
  after: Speed | undefined
  /** From the rise to the first second at full speed; how long the measuring takes does not count. */
  recoveredAfterMs: number | undefined
  rescindedAfterMs: number | undefined
  /** From the rise to the first squeeze or freeze of the agent; undefined where the owner did not need any. */
  heldAfterMs: number | undefined
  /** From the rise to the end of the first borrower. */
  endedAfterMs: number | undefined
  takenBack: number
  lendingAgainAfterMs: number | undefined
  neighbourEnded: number
}

/** The owner under full load after the take-back, against alone in the same run. */
const RECOVERED = `>= ${RECOVERED_SHARE}`

/** @param withinMs what the whole demo had */
export function demoFigures(measured: Measured, withinMs: number): Figure[] {
  // Whether it happens at all counts: how fast depends on what else the machine does. The story waits so long.
  const within = `<= ${patienceOf(withinMs) / 1000}`
  const soon = `<= ${(RESCIND_SHARE * patienceOf(withinMs)) / 1000}`
  const { after, alone, during, light, lightBeside } = measured
  const seconds = (ms: number | undefined): number => (ms ?? Number.NaN) / 1000
  const value = (number: number | undefined): number => number ?? Number.NaN
  const share = (some: number | undefined): number => value(some) / value(alone?.perSecond)
  return [
    figure('owner reserves', measured.reserved, 'cpus'),
    figure('owner uses under light load', value(measured.ownerIdleUse), 'cpus'),
    figure('lent', value(measured.lent), 'cpus', '> 0'),
    figure('work done by borrowers', measured.units, 'units', '> 0'),
    figure('machine busy without lending', value(measured.busyAlone) * 100, '%'),
    figure('machine busy with lending', value(measured.busyLent) * 100, '%'),
    figure('owner p99 under light load, alone', value(light?.p99), 'ms'),
    figure('owner p99 under light load, beside borrowers', value(lightBeside?.p99), 'ms'),
    figure('owner under full load, alone', value(alone?.perSecond), 'requests/s'),
    figure('owner under full load, until the take-back', value(during?.perSecond), 'requests/s'),
    figure('owner under full load, after the take-back', value(after?.perSecond), 'requests/s'),
    figure('owner until the take-back, of its speed alone', share(during?.perSecond), 'share'),
    figure('owner after the take-back, of its speed alone', share(after?.perSecond), 'share', RECOVERED),
    figure('owner at full speed again after the load rose', seconds(measured.recoveredAfterMs), 's', within),
    ...when('first offer rescinded after the load rose', measured.rescindedAfterMs, soon),
    ...when('borrowers squeezed or frozen after the load rose', measured.heldAfterMs, within),
    figure('first borrower ended after the load rose', seconds(measured.endedAfterMs), 's', within),
    figure('borrowers taken back', measured.takenBack, 'tasks', '>= 1'),
    figure('lending again after the load fell', seconds(measured.lendingAgainAfterMs), 's', within),
    figure('other tasks that were ended', measured.neighbourEnded, 'tasks', '= 0'),
  ]
}

/** For what need not happen: borrowers may have taken all that was offered, and the tier alone may be enough. */
function when(name: string, afterMs: number | undefined, level: string): Figure[] {
  return afterMs === undefined ? [] : [figure(name, afterMs / 1000, 's', level)]
}

export function patienceOf(withinMs: number): number {
  return Math.max(PATIENCE.leastMs, Math.round(PATIENCE.share * withinMs))
}

/** How long a customer waits for an answer: 10 s of two minutes. */
export function customerPatienceOf(withinMs: number): number {
  return Math.round(patienceOf(withinMs) / 4.5)
}
