// Serenity's estimator for Mesos, re-created from the published rule (spec/lending.md 2.2): limits less use now.
import { durationOption, numberOption, readOptions } from '../../base/options.ts'
import type { EstimatorFactory } from '../estimator.ts'
import type { Sum } from '../sum.ts'
import { RecreatedRule, type Rule, type View, atMost } from './rule.ts'

const OPTIONS = {
  /** Owners and borrowers together should not exceed this share of the cores. */
  share: numberOption(0.7, 0, 1),
  /** Nothing is lent while this share of the cores is in use. */
  stop: numberOption(0.95, 0, 1),
  /** Younger owners are not counted at all. */
  cold_start: durationOption(300_000, 0),
}

class Serenity implements Rule {
  readonly name = 'serenity'
  readonly windowMs = 2000
  readonly #options: ReturnType<typeof readOptions<typeof OPTIONS>>

  constructor(options: ReturnType<typeof readOptions<typeof OPTIONS>>) {
    this.#options = options
  }

  lend({ owners, cores, busy }: View, sum: Sum): void {
    const { share, stop, cold_start: coldStart } = this.#options
    let used = 0
    for (const owner of owners) {
      used += owner.now ?? owner.reserved
      if (owner.ageMs < coldStart) continue
      sum.add('slack', owner.reserved - (owner.now ?? owner.reserved), 'reserved less used now', owner.label)
    }
    atMost(
      sum,
      share * cores - used,
      'the machine has less',
      `${share * 100} % of ${cores} cores, less owners' use`,
    )
    if (busy >= stop * cores) atMost(sum, 0, 'stop', `${stop * 100} % of the cores are in use`)
  }
}

/** Options `share`, `stop`, `cold_start`. */
export const serenity: EstimatorFactory = (options) =>
  new RecreatedRule(new Serenity(readOptions('serenity', OPTIONS, options)))
