// Keeps a plug-in from doing harm: what throws, answers nonsense or is not marked revocable becomes `unknown`.
import { OperatingError, reasonOf } from '../base/errors.ts'
import { Resources } from '../resources/resources.ts'
import type { ResourceUsage } from '../resources/usage.ts'
import {
  type Answer,
  type Estimate,
  type EstimatorModule,
  type ResourceEstimator,
  type Term,
  unitOf,
} from './estimator.ts'

/** Three unknown estimates in a row count as nothing to lend. */
const UNKNOWN_ROUNDS = 3
const UNITS: readonly Term['unit'][] = ['cpus', 'MB']
const TOLERANCE = 1e-3

/** Two unknown rounds repeat the last known estimate, the third lends nothing more. Every trouble is reported. */
export class GuardedEstimator implements ResourceEstimator {
  readonly name: string
  readonly #inner: EstimatorModule
  readonly #onTrouble: (reason: string) => void
  #last: Estimate = { kind: 'unknown', reason: 'no estimate yet' }
  #unknown = 0

  constructor(inner: EstimatorModule, onTrouble: (reason: string) => void) {
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

  takeBack(now: number): void {
    this.#attempt('could not be told of a take-back', () => this.#inner.takeBack?.(now))
  }

  /** @throws OperatingError USAGE for what the estimator refuses, and when it has no settings to change */
  configure(options: Readonly<Record<string, string>>): void {
    if (this.#inner.configure === undefined)
      throw new OperatingError(
        'USAGE',
        `The estimator '${this.name}' has no settings that change while it runs`,
      )
    this.#inner.configure(options)
  }

  save(): unknown {
    return this.#attempt('could not save its state', () => this.#inner.save?.())
  }

  restore(saved: unknown, now: number): string | undefined {
    try {
      return this.#inner.restore?.(saved, now)
    } catch (error) {
      const reason = `Estimator '${this.name}' could not take its state back: ${reasonOf(error)}`
      this.#onTrouble(reason)
      return reason
    }
  }

  /** What `act` gives; when it throws, reports it and gives undefined. */
  #attempt<T>(what: string, act: () => T): T | undefined {
    try {
      return act()
    } catch (error) {
      this.#onTrouble(`Estimator '${this.name}' ${what}: ${reasonOf(error)}`)
      return undefined
    }
  }

  async #ask(usage: ResourceUsage): Promise<Estimate> {
    let reason: string
    try {
      const estimate = plain(await this.#inner.estimate(usage))
      if (typeof estimate !== 'string') return estimate
      reason = `Estimator '${this.name}' answered nonsense: ${estimate}`
    } catch (error) {
      reason = `Estimator '${this.name}' failed: ${reasonOf(error)}`
    }
    this.#onTrouble(reason)
    return { kind: 'unknown', reason }
  }
}

/** An answer of somebody else's code with its amounts as resources, or what is wrong with it. */
function plain(answer: Answer): Estimate | string {
  if (typeof answer !== 'object' || answer === null) return 'not an object'
  if (answer.kind === 'unknown')
    return typeof answer.reason === 'string' ? answer : 'unknown without a reason'
  if (answer.kind !== 'known') return 'neither known nor unknown'
  const additional = resourcesOf(answer.additional)
  if (typeof additional === 'string') return additional
  if (!additional.nonRevocable().isEmpty) return 'additional has resources that are not marked revocable'
  if (!Array.isArray(answer.terms)) return 'terms is not a list'
  const wrong = wrongSum(additional, answer.terms)
  return wrong ?? { kind: 'known', additional, terms: answer.terms }
}

function resourcesOf(given: unknown): Resources | string {
  if (given instanceof Resources) return given
  if (typeof given !== 'object' || given === null) return 'additional is not a Resources'
  const wrong = Object.entries(given).find(([, value]) => !(Number.isFinite(value) && value >= 0))
  if (wrong !== undefined) return `additional.${wrong[0]} is ${String(wrong[1])}`
  return Resources.from(
    Object.entries(given as Record<string, number>).map(([name, value]) => ({
      name,
      type: 'SCALAR',
      scalar: { value },
    })),
  ).markRevocable()
}

/** Whoever asks why must find terms that lead to the amount. */
function wrongSum(additional: Resources, terms: readonly Term[]): string | undefined {
  for (const unit of UNITS) {
    const sum = terms.reduce((total, term) => (term.unit === unit ? total + term.value : total), 0)
    let amount = 0
    for (const [name, milli] of additional.quantities()) if (unitOf(name) === unit) amount += milli / 1000
    if (!(Math.abs(sum - amount) <= TOLERANCE))
      return `its terms in ${unit} add up to ${sum}, not to ${amount}`
  }
  return undefined
}
