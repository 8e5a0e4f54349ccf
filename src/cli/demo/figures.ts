// The figures of the demo, each with the level that it must reach: pure.
import { type Figure, figure } from '../../base/figures.ts'
import { type Measured, PATIENCE_MS, RECOVERED_SHARE } from './story.ts'

/** The owner under full load after the take-back, against alone in the same run. */
const RECOVERED = `>= ${RECOVERED_SHARE}`
/** Whether it happens at all counts: how fast depends on what else the machine does. The story waits so long. */
const WITHIN = `<= ${PATIENCE_MS / 1000}`

export function demoFigures(measured: Measured): Figure[] {
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
    figure('owner at full speed again after the load rose', seconds(measured.recoveredAfterMs), 's', WITHIN),
    ...when('first offer rescinded after the load rose', measured.rescindedAfterMs, '<= 5'),
    ...when('borrowers squeezed or frozen after the load rose', measured.heldAfterMs, WITHIN),
    figure('first borrower ended after the load rose', seconds(measured.endedAfterMs), 's', WITHIN),
    figure('borrowers taken back', measured.takenBack, 'tasks', '>= 1'),
    figure('lending again after the load fell', seconds(measured.lendingAgainAfterMs), 's', WITHIN),
    figure('other tasks that were ended', measured.neighbourEnded, 'tasks', '= 0'),
  ]
}

/** For what need not happen: borrowers may have taken all that was offered, and the tier alone may be enough. */
function when(name: string, afterMs: number | undefined, level: string): Figure[] {
  return afterMs === undefined ? [] : [figure(name, afterMs / 1000, 's', level)]
}
