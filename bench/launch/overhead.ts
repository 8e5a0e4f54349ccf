// How much later a framework hears TASK_RUNNING than the engine alone would need, one task after the other.
import { type Figure, figure } from '../../src/base/figures.ts'
import { median, percentile } from '../statistics.ts'
import type { Rig } from './rig.ts'

/** Lives long enough that its end does not disturb its start, and not for ever. */
const COMMAND = ['sleep', '0.2']

/**
 * Launches in pairs, one bare and one ours, each going first every other time. The overhead at a quantile is the
 * quantile of ours less that of the bare loop: a slow moment of the engine hits either and says nothing about us.
 */
export async function measureOverhead(rig: Rig, pairs: number): Promise<readonly Figure[]> {
  const bare: number[] = []
  const ours: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    rig.context.signal.throwIfAborted()
    if (pair % 2 === 0) {
      bare.push(await bareLaunch(rig))
      ours.push(await ourLaunch(rig))
    } else {
      ours.push(await ourLaunch(rig))
      bare.push(await bareLaunch(rig))
    }
  }
  const added = ours.map((ms, index) => ms - (bare[index] ?? Number.NaN))
  return [
    figure('launch overhead p50', median(added), 'ms', '<= 10'),
    figure('launch overhead p99', percentile(ours, 0.99) - percentile(bare, 0.99), 'ms', '<= 50'),
    figure('bare create and start p50', median(bare), 'ms'),
    figure('bare create and start p99', percentile(bare, 0.99), 'ms'),
    figure('accept to running p50', median(ours), 'ms'),
    figure('accept to running p99', percentile(ours, 0.99), 'ms'),
  ]
}

async function bareLaunch({ engine, bare }: Rig): Promise<number> {
  const turn = await engine.turn(bare(COMMAND))
  await turn.done
  return turn.started - turn.begun
}

async function ourLaunch({ framework, removed }: Rig): Promise<number> {
  await framework.offer()
  const [task] = await framework.launch(COMMAND, 1)
  if (task === undefined) throw new Error('An offer held no task')
  const ms = (await task.running) - task.acceptedAt
  await task.finished
  await removed()
  return ms
}
