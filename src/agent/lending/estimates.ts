// Asks the estimator, never twice at a time; one that fails or keeps silent cannot tell.
import { reasonOf } from '../../base/errors.ts'
import type { Estimate, ResourceEstimator } from '../../estimator/estimator.ts'
import type { ResourceUsage } from '../../resources/usage.ts'

/** An estimator or controller that is silent for so long cannot tell; until then its last word counts. */
export const SILENT_MS = 3000

export class Estimates {
  /** Monotonic time of the question that has not been answered yet. */
  #askedAt: number | undefined

  /** Undefined while an earlier question waits for its answer: the last word stands. Never rejects. */
  async ask(estimator: ResourceEstimator, usage: ResourceUsage): Promise<Estimate | undefined> {
    if (this.#askedAt !== undefined) {
      const silentMs = usage.monotonic - this.#askedAt
      if (silentMs < SILENT_MS) return undefined
      return {
        kind: 'unknown',
        reason: `Estimator '${estimator.name}' has not answered for ${silentMs / 1000} s`,
      }
    }
    this.#askedAt = usage.monotonic
    try {
      return await estimator.estimate(usage)
    } catch (error) {
      return { kind: 'unknown', reason: reasonOf(error) }
    } finally {
      this.#askedAt = undefined
    }
  }
}
