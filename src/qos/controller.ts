// What a QoS controller is: it looks at the usage and says what must be given back to the owners, and why.
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Cause } from '../resources/decision.ts'
import type { ResourceUsage } from '../resources/usage.ts'

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

/** Keeps a plug-in from doing harm: what throws or answers nonsense is reported and corrects nothing. */
export class GuardedController implements QosController {
  readonly name: string
  readonly #inner: QosController
  readonly #onTrouble: (reason: string) => void

  constructor(inner: QosController, onTrouble: (reason: string) => void) {
    this.name = inner.name
    this.#inner = inner
    this.#onTrouble = onTrouble
  }

  async correct(usage: ResourceUsage): Promise<readonly Correction[]> {
    try {
      const corrections = await this.#inner.correct(usage)
      if (!Array.isArray(corrections)) throw new OperatingError('PLUGIN', 'it did not answer with a list')
      return corrections.filter((correction: Correction) => this.#sane(correction, usage))
    } catch (error) {
      this.#onTrouble(`Controller '${this.name}' failed: ${reasonOf(error)}`)
      return []
    }
  }

  /** Only a borrower that is there may be ended: an owner never is, whatever a plug-in says. */
  #sane(correction: Correction, usage: ResourceUsage): boolean {
    const target = usage.containers.find((container) => container.containerId === correction?.containerId)
    if (correction?.kind === 'kill' && target?.revocable === true) return true
    this.#onTrouble(`Controller '${this.name}' named no borrower: ${JSON.stringify(correction)}`)
    return false
  }
}
