// Which port an agent listens on: with `--port=0` that of its earlier life, because custom executors know no other.
import { OperatingError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'

export interface PortWish {
  /** `--port`; 0 lets the system choose. */
  readonly flag: number
  /** What the earlier life listened on; undefined when there was none, or when others were told another port. */
  readonly before: number | undefined
  /** Custom executors of the earlier life that still run and know its port. */
  readonly executors: readonly string[]
}

/**
 * @throws OperatingError PORT_TAKEN, also when the earlier port is taken and executors that run would never come back
 */
export async function listenAsBefore<T>(
  { before, executors, flag }: PortWish,
  listen: (port: number) => Promise<T>,
  log: Logger,
): Promise<T> {
  if (flag !== 0 || before === undefined || before === 0) return listen(flag)
  try {
    return await listen(before)
  } catch (error) {
    if (!(error instanceof OperatingError) || error.code !== 'PORT_TAKEN') throw error
    if (executors.length > 0)
      throw new OperatingError(
        'PORT_TAKEN',
        `Port ${before}, on which this agent listened before, is taken, and executors that still run know no other: ` +
          executors.slice(0, 10).join(', '),
        {
          cause: error,
          hint: `End what listens on ${before} and start the agent again; its tasks run meanwhile`,
        },
      )
    log.warn({ before }, 'the port of the earlier life of this agent is taken; it listens on another one')
    return listen(0)
  }
}
