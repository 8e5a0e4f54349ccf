// The calendar, by cron expressions (node-cron): when sandboxes are swept, when lending is wanted or not.
import cron from 'node-cron'
import { dateOf } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'

/** Says whether a text is a cron expression with five or six fields. */
export function isCronExpression(text: string): boolean {
  return cron.validate(text)
}

/**
 * Says of a wall time (ms) whether its minute is one that the expression names, in the zone of this machine.
 * @throws OperatingError USAGE when the expression cannot be read
 */
export function cronMatcher(expression: string): (at: number) => boolean {
  if (!isCronExpression(expression)) throw notReadable(expression)
  // A task that is never started: only its pattern is asked.
  const task = cron.createTask(expression, () => undefined)
  return (at) => task.match(dateOf(Math.floor(at / MINUTE_MS) * MINUTE_MS))
}

const MINUTE_MS = 60_000

function notReadable(expression: string): OperatingError {
  const hint = "For example '17 * * * *'"
  return new OperatingError('USAGE', `'${expression}' is no cron expression`, { hint })
}

/**
 * Runs `work` at the times of a cron expression, never overlapping; a failure goes to `onFailure`. Disposing it waits
 * for work under way.
 * @throws OperatingError USAGE when the expression cannot be read
 */
export function onSchedule(
  expression: string,
  work: () => Promise<void>,
  onFailure: (error: unknown) => void,
): AsyncDisposable {
  if (!isCronExpression(expression)) throw notReadable(expression)
  let running: Promise<void> = Promise.resolve()
  const task = cron.schedule(
    expression,
    () => {
      running = work().catch(onFailure)
      return running
    },
    { noOverlap: true },
  )
  return {
    [Symbol.asyncDispose]: async () => {
      await task.destroy()
      await running
    },
  }
}
