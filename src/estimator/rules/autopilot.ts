// Autopilot's moving window, re-created from the published rule (spec/lending.md 2.6): a limit follows the load.
import { durationOption, numberOption, readOptions } from '../../base/options.ts'
import type { EstimatorFactory } from '../estimator.ts'
import { CPU_BUCKETS, DecayedHistogram } from '../histogram.ts'
import type { Sum } from '../sum.ts'
import { PerOwner, RecreatedRule, type Rule, type View, atMost } from './rule.ts'

const OPTIONS = {
  percentile: numberOption(95, 1, 100),
  margin: numberOption(1.1, 1, 10),
  half_life: durationOption(12 * 3_600_000, 60_000),
  /** The limit is only set to the recommendation after so long; not published, Borg's five minutes. */
  cold_start: durationOption(300_000, 0),
}
const AGGREGATE_MS = 300_000
const LAST_HOUR = 12

type Options = ReturnType<typeof readOptions<typeof OPTIONS>>

interface Job {
  readonly histogram: DecayedHistogram
  /** Recommendations of the last hour, one each five minutes. */
  readonly recommended: number[]
  nextAt: number
}

class Autopilot implements Rule {
  readonly name = 'autopilot'
  readonly windowMs = 1000
  readonly #options: Options
  #now = 0
  readonly #jobs = new PerOwner<Job>(() => ({
    histogram: new DecayedHistogram(CPU_BUCKETS, this.#options.half_life, this.#now),
    recommended: [],
    nextAt: this.#now,
  }))

  constructor(options: Options) {
    this.#options = options
  }

  lend({ owners, now, cores, system }: View, sum: Sum): void {
    const { percentile, margin, cold_start: coldStart } = this.#options
    this.#now = now
    let limits = 0
    for (const [owner, job] of this.#jobs.of(owners)) {
      if (owner.now !== undefined) job.histogram.add(owner.now, owner.now, now)
      if (owner.now !== undefined && now >= job.nextAt) {
        job.recommended.push(job.histogram.percentile(percentile / 100) * margin)
        if (job.recommended.length > LAST_HOUR) job.recommended.shift()
        job.nextAt = now + AGGREGATE_MS
      }
      const young = owner.ageMs < coldStart || job.recommended.length === 0
      const limit = young ? owner.reserved : Math.min(owner.reserved, Math.max(...job.recommended))
      limits += limit
      const why = young ? 'too young' : `highest p${percentile} of load in an hour, times ${margin}`
      sum.add('limit lowered', owner.reserved - limit, why, owner.label)
    }
    atMost(sum, cores - system - limits, 'the machine has less', 'limits and system must fit into the cores')
  }
}

/** Options `percentile`, `margin`, `half_life`, `cold_start`. */
export const autopilot: EstimatorFactory = (options) =>
  new RecreatedRule(new Autopilot(readOptions('autopilot', OPTIONS, options)))
