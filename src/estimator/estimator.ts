// What a resource estimator is: it looks at the usage and says how much more may be lent, with the sum that leads there.
import type { Resources } from '../resources/resources.ts'
import type { ResourceUsage } from '../resources/usage.ts'

/** One line of the sum behind an estimate, for `lend status` and the explanation records. */
export interface Term {
  readonly name: string
  /** Signed as it enters the sum. */
  readonly value: number
  readonly unit: 'cpus' | 'MB'
  /** The task, executor or part of the machine that it belongs to. */
  readonly of: string | undefined
  readonly why: string
}

export type Estimate =
  | {
      readonly kind: 'known'
      /** What may be lent in addition to what is lent already; unreserved, not yet marked revocable. */
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
