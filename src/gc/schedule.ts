// Calendar work by cron expressions (node-cron): the sweeps of the garbage collector.
import cron from 'node-cron'
import { OperatingError } from '../base/errors.ts'

/** Says whether a text is a cron expression with five or six fields. */
export function isCronExpression(text: string): boolean {
  return cron.validate(text)
}

/**
 * Runs `work` at the times of a cron expression, never overlapping; a failure goes to `onFailure`. Disposing it waits for work under way.
 * @throws OperatingError USAGE when the expression cannot be read
 */
export function onSchedule(
  expression: string,
  work: () => Promise<void>,
  onFailure: (error: unknown) => void,
): AsyncDisposable {
  if (!isCronExpression(expression)) {
    throw new OperatingError('USAGE', `'${expression}' is no cron expression`, {
      hint: "For example '17 * * * *'",
    })
  }
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
