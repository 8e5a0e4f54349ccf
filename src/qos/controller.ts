// What a QoS controller is: it looks at the usage and says what must be given back to the owners, and why.
import type { ResourceUsage } from '../resources/usage.ts'

/** The figures behind a correction; every field ends up in the status message and in the explanation record. */
export interface Cause {
  /** The task or executor that misses something, or 'the machine'. */
  readonly owner: string
  readonly signal: string
  readonly value: number
  readonly threshold: number
  readonly unit: string
  /** How long the signal had been over its threshold, ms. */
  readonly forMs: number
}

export interface Correction {
  readonly kind: 'kill'
  readonly frameworkId: string
  readonly executorId: string
  /** Names the very container: a successor under the same executor id is never hit. */
  readonly containerId: string
  readonly cause: Cause
  /** One sentence with owner, signal and figures, for TASK_GONE's message. */
  readonly message: string
}

/** A plug-in is an ES module whose default export is a `ControllerFactory`. */
export interface QosController {
  readonly name: string
  correct(usage: ResourceUsage): readonly Correction[] | Promise<readonly Correction[]>
}

/** Options come from the flag: `--qos_controller=pressure?threshold=0.1`. Throws `OperatingError` USAGE on a wrong option. */
export type ControllerFactory = (options: Readonly<Record<string, string>>) => QosController
