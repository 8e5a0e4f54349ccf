// How long an agent needs to be back with many running containers, when it was killed by SIGKILL.
import { systemClock } from '../../src/base/clock.ts'
import { OperatingError } from '../../src/base/errors.ts'
import type { Bed } from './bed.ts'
import type { Measured } from './figures.ts'
import { stayingTask } from './tasks.ts'
import { until } from './until.ts'

const LAUNCHES_PER_SECOND = 20
const UP_MS = 300_000
const BACK_MS = 60_000
const ROUNDS = 3

/** The slowest of three rounds. */
export async function measureRecovery(
  bed: Bed,
  containers: number,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Measured['recovery']> {
  bed.workload.want({ tasks: containers, perSecond: LAUNCHES_PER_SECOND, draw: stayingTask })
  await until(async () => (await held(bed)) === containers, UP_MS, `${containers} containers run`, signal)
  let worst = { held: 0, seconds: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    const one = await measureOnce(bed, containers, signal)
    say(`recovery with ${one.held} containers: ${one.seconds.toFixed(2)} s`)
    if (one.seconds > worst.seconds) worst = one
  }
  return worst
}

async function measureOnce(
  bed: Bed,
  containers: number,
  signal: AbortSignal,
): Promise<NonNullable<Measured['recovery']>> {
  const before = await runningContainers(bed)
  await bed.agent.end('SIGKILL')
  // Until the master has let go of the old life, it would be taken for the new one.
  await until(async () => !(await bed.settled()), BACK_MS, 'the master misses the agent', signal)
  const start = systemClock.monotonic()
  bed.agent.launch()
  await until(bed.settled, BACK_MS, 'the master has the agent again', signal)
  const seconds = (systemClock.monotonic() - start) / 1000
  await until(async () => (await held(bed)) === containers, BACK_MS, 'the agent has its tasks again', signal)
  if ((await runningContainers(bed)) !== before)
    throw new OperatingError('STOPPED', `Not all of the ${before} containers outlived the agent`)
  return { held: before, seconds }
}

async function runningContainers({ engine }: Bed): Promise<number> {
  return (await engine.containers(false)).length
}

/** Running tasks of the agent, as it says itself. */
async function held(bed: Bed): Promise<number> {
  const metrics = (await bed.page('agent', '/metrics/snapshot')) as
    | Readonly<Record<string, number>>
    | undefined
  return metrics?.['slave/tasks_running'] ?? 0
}
