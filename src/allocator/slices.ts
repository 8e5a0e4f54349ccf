/** The parts of one agent that different frameworks may see, each computed once however many frameworks ask. */
import { type Quantities, quantitiesContain } from '../resources/quantities.ts'
import type { Resources } from '../resources/resources.ts'
import type { Subscriber } from './subscriber.ts'

interface Slice {
  readonly resources: Resources
  /** Whether it is worth an offer by the master's own minimum. */
  readonly enough: boolean
}

export class OfferSlices {
  readonly #minAllocatable: readonly Quantities[]
  #remaining: Resources
  // What is reserved depends on the role; an agent without reservations looks the same to all roles.
  #reserved = false
  readonly #byRole = new Map<string, (Slice | undefined)[]>()

  constructor(available: Resources, minAllocatable: readonly Quantities[]) {
    this.#remaining = available
    this.#minAllocatable = minAllocatable
    this.#reset()
  }

  get isEmpty(): boolean {
    return this.#remaining.isEmpty
  }

  remove(resources: Resources): void {
    this.#remaining = this.#remaining.minus(resources)
    this.#reset()
  }

  /** What the framework may be offered for the role; undefined when that is not worth an offer. */
  slice(subscriber: Subscriber, role: string): Resources | undefined {
    const own = subscriber.minAllocatable.get(role)
    const slice = this.#slice(subscriber, role)
    if (slice.resources.isEmpty) return undefined
    const enough = own === undefined ? slice.enough : isEnough(slice.resources, own)
    return enough ? slice.resources : undefined
  }

  #slice(subscriber: Subscriber, role: string): Slice {
    const kind =
      (subscriber.takesRevocable ? 1 : 0) +
      (subscriber.takesShared ? 2 : 0) +
      (subscriber.takesRefined ? 4 : 0)
    const place = this.#reserved ? role : ''
    let slices = this.#byRole.get(place)
    if (slices === undefined) {
      slices = []
      this.#byRole.set(place, slices)
    }
    return (slices[kind] ??= this.#cut(subscriber, role))
  }

  #cut(subscriber: Subscriber, role: string): Slice {
    const resources = this.#remaining
      .allocatableTo(role)
      .filter(
        (identity) =>
          (subscriber.takesRevocable || !identity.revocable) &&
          (subscriber.takesShared || !identity.shared) &&
          (subscriber.takesRefined || identity.reservations.length < 2),
      )
    return { resources, enough: isEnough(resources, this.#minAllocatable) }
  }

  #reset(): void {
    this.#reserved = this.#remaining.entries.some((entry) => entry.identity.reservations.length > 0)
    this.#byRole.clear()
  }
}

function isEnough(resources: Resources, minimums: readonly Quantities[]): boolean {
  if (minimums.length === 0) return true
  const quantities = resources.quantities()
  return minimums.some((minimum) => quantitiesContain(quantities, minimum))
}
