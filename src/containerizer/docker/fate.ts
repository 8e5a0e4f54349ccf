/**
 * Whether a container was ever started. What was must never be started again, and what was not must never be: a request
 * to start it may still be on its way, from a life of the agent that is over or over a line that broke.
 */
import type { Clock } from '../../base/clock.ts'
import type { ContainerDescription, Inspection } from './engine-answers.ts'
import { lateAnswer } from './engine-errors.ts'
import type { Engine } from './engine.ts'
import type { Removals } from './removals.ts'

const LOOK_MS = 100
const LIMIT_MS = 30_000

/**
 * What the engine says of a container that was started, whether it runs or has ended. Undefined when it is not there,
 * or never was started: then it has been removed, without force, so that the engine itself decides which came first.
 *
 * @throws OperatingError ENGINE when the engine does not say
 */
export async function fateOf(
  {
    engine,
    removals,
    clock,
  }: { engine: Pick<Engine, 'inspect'>; removals: Pick<Removals, 'unstarted'>; clock: Clock },
  id: string,
): Promise<Inspection | undefined> {
  const end = clock.monotonic() + LIMIT_MS
  for (;;) {
    const found = await engine.inspect(id)
    if (found === undefined || wasStarted(found.description)) return found
    if (await removals.unstarted(id)) return undefined
    if (clock.monotonic() >= end) throw lateAnswer(`say whether it has started the container ${id}`, LIMIT_MS)
    await clock.sleep(LOOK_MS)
  }
}

/** The engine writes the year 1 for never. */
function wasStarted({ State }: ContainerDescription): boolean {
  return State.Running || !(State.StartedAt ?? '0001').startsWith('0001')
}
