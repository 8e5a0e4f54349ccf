// The `fixed` estimator of Mesos: a constant total may be lent (spec/mesos.md 11.4).
import { OperatingError } from '../base/errors.ts'
import type { Term } from '../resources/decision.ts'
import { Resources } from '../resources/resources.ts'
import type { ResourceUsage } from '../resources/usage.ts'
import type { Estimate, EstimatorFactory, ResourceEstimator } from './estimator.ts'

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
    for (const container of usage.containers) {
      if (!container.revocable) continue
      const lent = container.allocated.revocable().unallocated()
      rest = rest.minusAtMost(lent)
      terms.push(
        ...termsOf(
          'lent already',
          lent,
          -1,
          container.taskIds[0] ?? container.executorId,
          'a borrower runs on it',
        ),
      )
    }
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
    unit: resource === 'mem' || resource === 'disk' ? 'MB' : 'cpus',
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
