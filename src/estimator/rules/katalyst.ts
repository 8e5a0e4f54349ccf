// Katalyst's canonical headroom, re-created from the published formula (spec/lending.md 2.4), but without the loads of
// single containers, which no cgroup tells.
import { numberOption, readOptions } from '../../base/options.ts'
import type { EstimatorFactory } from '../estimator.ts'
import type { Sum } from '../sum.ts'
import { RecreatedRule, type Rule, type View, atMost, startWithCores } from './rule.ts'

const OPTIONS = {
  /** What an owner is taken to need over what it uses. */
  factor: numberOption(1.25, 1, 10),
  /** Cores kept for new owners. */
  reserve: numberOption(4, 0, 1000),
}
/** The reporter tells each 30 s, in steps of at least 0.3 and at most 4 cores. */
const TELL_MS = 30_000
const LEAST_STEP = 0.3
const MOST_STEP = 4

class Katalyst implements Rule {
  readonly name = 'katalyst'
  /** Amounts are averaged over two minutes. */
  readonly windowMs = 120_000
  readonly #options: ReturnType<typeof readOptions<typeof OPTIONS>>
  #told = { at: Number.NEGATIVE_INFINITY, cpus: 0 }

  constructor(options: ReturnType<typeof readOptions<typeof OPTIONS>>) {
    this.#options = options
  }

  lend({ owners, now, cores, system }: View, sum: Sum): void {
    const { factor, reserve } = this.#options
    startWithCores(sum, cores)
    sum.add('system', -system, 'in use outside of containers')
    for (const owner of owners) {
      const needs = Math.min(owner.reserved, (owner.mean ?? owner.reserved) * factor)
      sum.add('estimate', -needs, `its use times ${factor}`, owner.label)
    }
    sum.add('reserve', -reserve, 'kept for new owners')
    const cpus = Math.max(0, sum.total)
    const told = this.#told
    const step = cpus - told.cpus
    if (now - told.at < TELL_MS || Math.abs(step) < LEAST_STEP) {
      sum.bringTo('not told yet', told.cpus, () => 'told each 30 s, in steps of at least 0.3 cores')
      return
    }
    if (Math.abs(step) > MOST_STEP)
      sum.bringTo(
        'step',
        told.cpus + Math.sign(step) * MOST_STEP,
        () => `at most ${MOST_STEP} cores each 30 s`,
      )
    atMost(sum, cores, 'cap', 'at most all cores')
    this.#told = { at: now, cpus: Math.max(0, sum.total) }
  }
}

/** Options `factor`, `reserve`. */
export const katalyst: EstimatorFactory = (options) =>
  new RecreatedRule(new Katalyst(readOptions('katalyst', OPTIONS, options)))
