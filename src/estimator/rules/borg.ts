// Borg's reservation decay, re-created from the published rule (spec/lending.md 2.5); its slopes were never published.
import { durationOption, numberOption, readOptions } from '../../base/options.ts'
import type { EstimatorFactory } from '../estimator.ts'
import type { Sum } from '../sum.ts'
import { PerOwner, RecreatedRule, type Rule, type View, startWithCores } from './rule.ts'

const OPTIONS = {
  /** Ours, as the setting "medium" has no published figure. */
  margin: numberOption(0.25, 0, 10),
  /** In this time a reservation falls by the whole limit; ours, too. */
  decay: durationOption(3_600_000, 1000),
  /** Until then the reservation is the limit. */
  cold_start: durationOption(300_000, 0),
}

type Options = ReturnType<typeof readOptions<typeof OPTIONS>>

class Borg implements Rule {
  readonly name = 'borg'
  readonly windowMs = 5000
  readonly #options: Options
  readonly #reservations = new PerOwner((owner) => ({
    cpus: owner.reserved,
    at: undefined as number | undefined,
  }))

  constructor(options: Options) {
    this.#options = options
  }

  lend({ owners, now, cores, system }: View, sum: Sum): void {
    const { margin, decay, cold_start: coldStart } = this.#options
    startWithCores(sum, cores)
    sum.add('system', -system, 'in use outside of containers')
    for (const [owner, kept] of this.#reservations.of(owners)) {
      const slow = (owner.reserved * (now - (kept.at ?? now))) / decay
      kept.at = now
      const wants = (owner.now ?? owner.reserved) * (1 + margin)
      kept.cpus = owner.ageMs < coldStart ? owner.reserved : Math.max(wants, kept.cpus - slow)
      const why = `uses ${(owner.now ?? 0).toFixed(2)} of ${owner.reserved}: rises at once, falls slowly`
      sum.add('reservation', -kept.cpus, why, owner.label)
    }
  }
}

/** Options `margin`, `decay`, `cold_start`. */
export const borg: EstimatorFactory = (options) =>
  new RecreatedRule(new Borg(readOptions('borg', OPTIONS, options)))
