// What a resource estimator is: it looks at the usage and says how much more may be lent, with the sum that leads there.
import { reasonOf } from '../base/errors.ts'
import type { Term } from '../resources/decision.ts'
import { Resources } from '../resources/resources.ts'
import type { ResourceUsage } from '../resources/usage.ts'

export type Estimate =
  | {
      readonly kind: 'known'
      /** What may be lent in addition to what is lent already: unreserved, unallocated, marked revocable. */
      readonly additional: Resources
      readonly terms: readonly Term[]
    }
  /** It cannot tell: three in a row count as nothing to lend. */
  | { readonly kind: 'unknown'; readonly reason: string }

/** A plug-in is an ES module whose default export is an `EstimatorFactory`. */
export interface ResourceEstimator {
  readonly name: string
  /** Pure in its answer: same usage history, same estimate. Called with every snapshot (once a second). */
  estimate(usage: ResourceUsage): Estimate | Promise<Estimate>
}

/** Options come from the flag: `--resource_estimator=usage?headroom=0.2`. Throws `OperatingError` USAGE on a wrong option. */
export type EstimatorFactory = (options: Readonly<Record<string, string>>) => ResourceEstimator

/** Three unknown estimates in a row count as nothing to lend (style: an estimator that cannot tell refuses to answer). */
const UNKNOWN_ROUNDS = 3

/**
 * Keeps a plug-in from doing harm: what throws, answers nonsense or is not marked revocable becomes `unknown`;
 * two unknown rounds repeat the last known estimate, the third lends nothing more.
 */
export class GuardedEstimator implements ResourceEstimator {
  readonly name: string
  readonly #inner: ResourceEstimator
  readonly #onTrouble: (reason: string) => void
  #last: Estimate = { kind: 'unknown', reason: 'no estimate yet' }
  #unknown = 0

  constructor(inner: ResourceEstimator, onTrouble: (reason: string) => void) {
    this.name = inner.name
    this.#inner = inner
    this.#onTrouble = onTrouble
  }

  async estimate(usage: ResourceUsage): Promise<Estimate> {
    const estimate = await this.#ask(usage)
    if (estimate.kind === 'known') {
      this.#unknown = 0
      this.#last = estimate
      return estimate
    }
    this.#unknown++
    if (this.#unknown < UNKNOWN_ROUNDS && this.#last.kind === 'known') return this.#last
    this.#last = estimate
    return estimate
  }

  async #ask(usage: ResourceUsage): Promise<Estimate> {
    let reason: string
    try {
      const estimate = await this.#inner.estimate(usage)
      const wrong = nonsense(estimate)
      if (wrong === undefined) return estimate
      reason = `Estimator '${this.name}' answered nonsense: ${wrong}`
    } catch (error) {
      reason = `Estimator '${this.name}' failed: ${reasonOf(error)}`
    }
    this.#onTrouble(reason)
    return { kind: 'unknown', reason }
  }
}

/** What is wrong with an answer of somebody else's code, or undefined. */
function nonsense(estimate: Estimate): string | undefined {
  if (typeof estimate !== 'object' || estimate === null) return 'not an object'
  if (estimate.kind === 'unknown')
    return typeof estimate.reason === 'string' ? undefined : 'unknown without a reason'
  if (estimate.kind !== 'known') return 'neither known nor unknown'
  if (!(estimate.additional instanceof Resources)) return 'additional is not a Resources'
  if (!estimate.additional.nonRevocable().isEmpty)
    return 'additional has resources that are not marked revocable'
  return Array.isArray(estimate.terms) ? undefined : 'terms is not a list'
}
