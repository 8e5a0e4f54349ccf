// Ctrl-C, SIGTERM, and for children of ours the end of standard input: the first asks, the second ends.
import { constants } from 'node:os'
import { OperatingError } from '../base/errors.ts'

/**
 * A signal that aborts at the first of them. The second ends the process at once, with the code that shells expect.
 * @param withInput standard input's end counts as well: then a parent that dies takes this process along
 */
export function stopSignal(withInput: boolean): AbortSignal {
  const controller = new AbortController()
  const stop = (name: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void => {
    if (controller.signal.aborted) process.exit(128 + constants.signals[name])
    controller.abort(new Stopped(name))
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop(name))
  if (withInput) {
    const ended = (): void => controller.abort(new Stopped('SIGTERM'))
    process.stdin.on('end', ended).on('error', ended).resume()
  }
  return controller.signal
}

/** SIGUSR1, by which an agent of Mesos is told to end its tasks too. Until here Node would open its debugger at it. */
export function userSignal(): Promise<void> {
  return new Promise((resolve) => process.once('SIGUSR1', () => resolve()))
}

/** Why the signal aborted. */
export class Stopped extends OperatingError {
  /** As shells count it: 128 and the number of the signal. */
  readonly exitCode: number

  constructor(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super('STOPPED', `Stopped by ${name}`)
    this.exitCode = 128 + constants.signals[name]
  }
}
