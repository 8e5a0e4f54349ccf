// The `fixed` estimator of Mesos: a constant total may be lent (spec/mesos.md 11.4).
import { OperatingError } from '../base/errors.ts'
import { Resources } from '../resources/resources.ts'
import type { ResourceUsage } from '../resources/usage.ts'
import {
  type Estimate,
  type EstimatorFactory,
  type ResourceEstimator,
  type Term,
  unitOf,
} from './estimator.ts'
import { labelOf } from './sum.ts'

class FixedEstimator implements ResourceEstimator {
  readonly name = 'fixed'
  /** Marked revocable, so that it compares with what borrowers hold. */
  readonly #total: Resources

  constructor(total: Resources) {
    this.#total = total.markRevocable()
  }

  estimate(usage: ResourceUsage): Estimate {
    const terms = termsOf('fixed total', this.#total, 1, undefined, 'set by the flag')
    let rest = this.#total
    let held = Resources.empty
    for (const container of usage.containers) {
      if (!container.revocable) continue
      const lent = container.allocated.revocable().unallocated()
      rest = rest.minusAtMost(lent)
      held = held.plus(lent)
      terms.push(...termsOf('lent already', lent, -1, labelOf(container), 'a borrower runs on it'))
    }
    // Borrowers may hold more than the total, or something that it does not name.
    const over = rest.plus(held).minusAtMost(this.#total)
    terms.push(...termsOf('not taken back', over, 1, undefined, 'borrowers hold more than the total'))
    return { kind: 'known', additional: rest, terms }
  }
}

function termsOf(
  name: string,
  resources: Resources,
  sign: 1 | -1,
  of: string | undefined,
  why: string,
): Term[] {
  return [...resources.quantities()].map(([resource, milli]) => ({
    name: `${name} ${resource}`,
    value: (sign * milli) / 1000,
    unit: unitOf(resource),
    of,
    why,
  }))
}

/** Option `resources`, such as `fixed?resources=cpus:4;mem:512`. */
const fixedEstimator: EstimatorFactory = (options) => {
  const text = options['resources']
  const hint = 'For example --resource_estimator=fixed?resources=cpus:4'
  if (text === undefined || Object.keys(options).length > 1) {
    throw new OperatingError('USAGE', "The estimator 'fixed' takes exactly one option, resources=…", { hint })
  }
  const resources = Resources.parse(text)
  if (!(resources instanceof Resources)) throw new OperatingError('USAGE', resources.message, { hint })
  return new FixedEstimator(resources)
}
export default fixedEstimator
