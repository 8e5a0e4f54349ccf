// Waits for something to come about, with a limit.
import { systemClock } from '../../src/base/clock.ts'
import { OperatingError } from '../../src/base/errors.ts'

const LOOK_MS = 50

/** @throws OperatingError STOPPED when it does not within the time; the signal's reason */
export async function until(
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = systemClock.monotonic() + withinMs
  while (!(await condition())) {
    if (systemClock.monotonic() > deadline)
      throw new OperatingError('STOPPED', `It did not come about within ${withinMs / 1000} s that ${what}`)
    await systemClock.sleep(LOOK_MS, signal)
  }
}
