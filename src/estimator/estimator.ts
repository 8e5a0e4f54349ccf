// What a resource estimator is: it looks at the usage and says how much more may be lent, and by which sum.
import type { Term } from '../resources/decision.ts'
import type { Resources } from '../resources/resources.ts'
import type { ResourceUsage } from '../resources/usage.ts'

export type { Term } from '../resources/decision.ts'

export type Estimate =
  | {
      readonly kind: 'known'
      /** What may be lent in addition to what is lent already: unreserved, unallocated, marked revocable. */
      readonly additional: Resources
      /** In each unit they add up to `additional`: `cpus` for cores, `MB` for memory. */
      readonly terms: readonly Term[]
    }
  /** It cannot tell: three in a row count as nothing to lend. */
  | { readonly kind: 'unknown'; readonly reason: string }

/** As a module of anybody may answer: plain amounts, such as `{ cpus: 1.5, mem: 512 }` (cores, MB), do as well. */
export type Answer =
  | Estimate
  | {
      readonly kind: 'known'
      readonly additional: Readonly<Record<string, number>>
      readonly terms: readonly Term[]
    }

/**
 * What a plug-in gives: an ES module whose default export is an `EstimatorFactory`. Only `name` and `estimate` are
 * needed. `examples/half-estimator.ts` is a small one, `test/compliance/estimator.ts` the suite that it should pass.
 */
export interface EstimatorModule {
  readonly name: string
  /**
   * Pure in its answer: the same history of snapshots gives the same estimate. Called with every snapshot, once a
   * second, in order of time. All times are in the snapshot: `at` for people, `monotonic` for rates and windows.
   */
  estimate(usage: ResourceUsage): Answer | Promise<Answer>
  /** Told when the controller takes something back: what is lent should not rise for a while. Monotonic ms. */
  takeBack?(now: number): void
  /**
   * Changes settings at run time; those that are not named stay as they are. All or nothing.
   * @throws OperatingError USAGE, as the factory does
   */
  configure?(options: Readonly<Record<string, string>>): void
  /** What must survive a restart of the agent: anything that JSON can hold; undefined while there is nothing. */
  save?(): unknown
  /**
   * Takes back what `save` gave, before the first snapshot. @param now wall time, ms
   * @returns the reason when it cannot be used and everything starts cold, else undefined
   */
  restore?(saved: unknown, now: number): string | undefined
}

/** The unit in which a resource's terms are: memory and disk in MB, all else counts like cores. */
export function unitOf(resource: string): Term['unit'] {
  return resource === 'mem' || resource === 'disk' ? 'MB' : 'cpus'
}

/** An estimator as the agent uses it. */
export interface ResourceEstimator extends EstimatorModule {
  estimate(usage: ResourceUsage): Estimate | Promise<Estimate>
}

/** Options come from the flag, such as `usage?headroom=0.2`. Throws `OperatingError` USAGE on a wrong one. */
export type EstimatorFactory = (options: Readonly<Record<string, string>>) => EstimatorModule
