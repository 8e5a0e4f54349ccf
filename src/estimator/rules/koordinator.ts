// Koordinator's batch, mid and suppress rules, re-created from their published formulas (spec/lending.md 2.3).
import { durationOption, numberOption, readOptions } from '../../base/options.ts'
import type { EstimatorFactory } from '../estimator.ts'
import { CPU_BUCKETS, DecayedHistogram } from '../histogram.ts'
import type { Sum } from '../sum.ts'
import {
  type OwnerView,
  PerOwner,
  RecreatedRule,
  type Rule,
  type View,
  atMost,
  startWithCores,
} from './rule.ts'

const BATCH = {
  /** Share of the cores that may be used by anybody: reclaimPercent of CPU. */
  reclaim: numberOption(0.6, 0, 1),
  /** Kept for the system even when it uses less, cores. */
  reserved: numberOption(0, 0, 1000),
}
/** A new amount is told when it differs by so much, or after so long. */
const TELL_CHANGE = 0.1
const TELL_MS = 300_000

class Batch implements Rule {
  readonly name = 'koordinator batch'
  readonly windowMs = 300_000
  readonly #options: ReturnType<typeof readOptions<typeof BATCH>>
  #told: { readonly at: number; readonly cpus: number } | undefined

  constructor(options: ReturnType<typeof readOptions<typeof BATCH>>) {
    this.#options = options
  }

  lend(view: View, sum: Sum): void {
    subtractUsers(view, sum, this.#options.reclaim, this.#options.reserved, (owner) => owner.mean)
    const cpus = Math.max(0, sum.total)
    const told = this.#told
    const tells =
      told === undefined ||
      view.now - told.at >= TELL_MS ||
      Math.abs(cpus - told.cpus) > TELL_CHANGE * told.cpus
    if (tells) this.#told = { at: view.now, cpus }
    else sum.bringTo('not told yet', told.cpus, () => 'it changed by less than 10 % in 300 s')
  }
}

const SUPPRESS = { threshold: numberOption(0.65, 0, 1), reserved: numberOption(0, 0, 1000) }
/** Rises by at most this share of the cores per second, falls at once. */
const SUPPRESS_RISE = 0.1

class Suppress implements Rule {
  readonly name = 'koordinator suppress'
  readonly windowMs = 1000
  readonly #options: ReturnType<typeof readOptions<typeof SUPPRESS>>
  #last = 0

  constructor(options: ReturnType<typeof readOptions<typeof SUPPRESS>>) {
    this.#options = options
  }

  lend(view: View, sum: Sum): void {
    subtractUsers(view, sum, this.#options.threshold, this.#options.reserved, (owner) => owner.now)
    atMost(sum, this.#last + SUPPRESS_RISE * view.cores, 'rise limit', 'at most 10 % of the cores per tick')
    this.#last = Math.max(0, sum.total)
  }
}

/** A share of the cores, less the system, less what owners use (what they asked for where that is not known). */
function subtractUsers(
  { cores, system, owners }: View,
  sum: Sum,
  share: number,
  reserved: number,
  used: (owner: OwnerView) => number | undefined,
): void {
  startWithCores(sum, cores)
  sum.add('margin', -cores * (1 - share), `${share * 100} % of the cores may be used`)
  sum.add('system', -Math.max(system, reserved), 'its use, or what is reserved for it')
  for (const owner of owners) sum.add('used', -(used(owner) ?? owner.reserved), 'by an owner', owner.label)
}

const MID = {
  percentile: numberOption(95, 1, 100),
  margin: numberOption(1.1, 1, 10),
  half_life: durationOption(12 * 3_600_000, 60_000),
  cold_start: durationOption(24 * 3_600_000, 0),
  /** At most this share of the cores. */
  threshold: numberOption(1, 0, 1),
}
const SAMPLE_MS = 60_000

interface Peak {
  readonly histogram: DecayedHistogram
  readonly since: number
  sampledAt: number
}

class Mid implements Rule {
  readonly name = 'koordinator mid'
  readonly windowMs = 60_000
  readonly #options: ReturnType<typeof readOptions<typeof MID>>
  #now = 0
  readonly #peaks = new PerOwner<Peak>(() => ({
    histogram: new DecayedHistogram(CPU_BUCKETS, this.#options.half_life, this.#now),
    since: this.#now,
    sampledAt: Number.NEGATIVE_INFINITY,
  }))

  constructor(options: ReturnType<typeof readOptions<typeof MID>>) {
    this.#options = options
  }

  lend({ owners, now, cores, system }: View, sum: Sum): void {
    const { percentile, margin, cold_start: coldStart, threshold } = this.#options
    this.#now = now
    let used = system
    for (const [owner, peak] of this.#peaks.of(owners)) {
      used += owner.mean ?? owner.reserved
      if (owner.now !== undefined && now - peak.sampledAt >= SAMPLE_MS) {
        peak.sampledAt = now
        peak.histogram.add(owner.now, 1, now)
      }
      const young = now - peak.since < coldStart
      const need = young
        ? owner.reserved
        : Math.min(owner.reserved, peak.histogram.percentile(percentile / 100) * margin)
      const why = young ? 'too young' : `asked for less p${percentile} times ${margin}`
      sum.add('reclaimable', owner.reserved - need, why, owner.label)
    }
    atMost(sum, cores - used, 'the node has less', 'not more than is unused')
    atMost(sum, cores * threshold, 'cap', `at most ${threshold * 100} % of the cores`)
  }
}

/** Options `reclaim`, `reserved`. */
export const koordinatorBatch: EstimatorFactory = (options) =>
  new RecreatedRule(new Batch(readOptions('koordinator-batch', BATCH, options)))
/** Options `threshold`, `reserved`. */
export const koordinatorSuppress: EstimatorFactory = (options) =>
  new RecreatedRule(new Suppress(readOptions('koordinator-suppress', SUPPRESS, options)))
/** Options `percentile`, `margin`, `half_life`, `cold_start`, `threshold`. */
export const koordinatorMid: EstimatorFactory = (options) =>
  new RecreatedRule(new Mid(readOptions('koordinator-mid', MID, options)))
