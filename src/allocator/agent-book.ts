/** The book of one agent: what it has, what each framework holds of it, what is left. */
import { assert } from '../base/errors.ts'
import { type Entry } from '../resources/resource.ts'
import { Resources } from '../resources/resources.ts'
import { rangesSize } from '../resources/value.ts'
import type { AgentOptions } from './allocator.ts'
import { Filters } from './filters.ts'

export class AgentBook {
  readonly id: string
  /** Never changed, so that answers about it can be remembered. */
  readonly facts: Pick<AgentOptions, 'hostname' | 'attributes'>
  readonly filters = new Filters()
  active: boolean
  /**
   * The state of everybody's interest (`Membership.interest`) in which nobody wanted what is available; undefined when
   * that must be asked again. It spares a pass from asking every framework about every agent that all have refused.
   */
  unwantedAt: number | undefined
  readonly #booked = new Map<string, Resources>()
  #total: Resources
  #available: Resources | undefined
  /** The total does not cover what is booked, since it shrank or the agent said so. */
  #overdrawn = false

  constructor(id: string, options: AgentOptions) {
    this.id = id
    this.facts = { hostname: options.hostname, attributes: options.attributes }
    this.active = options.active
    this.#total = options.total
  }

  get total(): Resources {
    return this.#total
  }

  set total(total: Resources) {
    this.#total = total
    this.#changed()
    this.#overdrawn = !this.#covers()
  }

  /** Agents without cpus or memory are never offered (spec/mesos.md 5.6). */
  get offerable(): boolean {
    return this.active && this.#total.milli('cpus') > 0 && this.#total.milli('mem') > 0
  }

  get hasGpus(): boolean {
    return this.#total.milli('gpus') > 0
  }

  /** What is not booked, without allocation; every shared volume is there as one copy (spec/mesos.md 12.3). */
  get available(): Resources {
    if (this.#available === undefined) {
      const free = unshared(this.#total).minusAtMost(unshared(this.#bookedSum()))
      this.#available = free.plus(sharedOnce(this.#total))
    }
    return this.#available
  }

  get frameworks(): readonly string[] {
    return [...this.#booked.keys()]
  }

  booked(frameworkId: string): Resources {
    return this.#booked.get(frameworkId) ?? Resources.empty
  }

  /** @param overdraw whether more than there is may be booked: what an agent reports to be in use. */
  book(frameworkId: string, resources: Resources, overdraw: boolean): void {
    this.#booked.set(frameworkId, this.booked(frameworkId).plus(resources))
    this.#changed()
    if (overdraw) this.#overdrawn = !this.#covers()
  }

  unbook(frameworkId: string, resources: Resources): void {
    const held = this.booked(frameworkId)
    if (!held.contains(resources)) {
      assert(
        false,
        `framework ${frameworkId} gives back ${resources.toText()} on agent ${this.id} but holds ${held.toText()}`,
      )
    }
    const rest = held.minusAtMost(resources)
    if (rest.isEmpty) this.#booked.delete(frameworkId)
    else this.#booked.set(frameworkId, rest)
    this.#changed()
    if (this.#overdrawn) this.#overdrawn = !this.#covers()
  }

  /** Broken invariants as sentences. */
  check(): readonly string[] {
    if (this.#overdrawn) return []
    const broken: string[] = []
    const sum = unshared(this.#bookedSum())
    if (!unshared(this.#total).contains(sum)) {
      broken.push(`Agent ${this.id}: booked ${sum.toText()} of only ${this.#total.toText()}`)
    }
    // Ranges and sets unite in a sum, so what two frameworks hold at once shows only in the sizes.
    let single = 0
    for (const resources of this.#booked.values()) single += discreteSize(unshared(resources))
    if (single !== discreteSize(sum)) broken.push(`Agent ${this.id}: ranges or sets are booked twice`)
    return broken
  }

  #bookedSum(): Resources {
    return Resources.sum(this.#booked.values()).unallocated()
  }

  #covers(): boolean {
    return unshared(this.#total).contains(unshared(this.#bookedSum()))
  }

  #changed(): void {
    this.#available = undefined
    this.unwantedAt = undefined
  }
}

function unshared(resources: Resources): Resources {
  return resources.filter((identity) => !identity.shared)
}

function sharedOnce(resources: Resources): Resources {
  const shared = resources.filter((identity) => identity.shared)
  return shared.isEmpty ? shared : Resources.of(shared.entries.map((entry) => ({ ...entry, copies: 1 })))
}

function discreteSize(resources: Resources): number {
  return resources.entries.reduce((sum, entry) => sum + sizeOf(entry), 0)
}

function sizeOf({ amount }: Entry): number {
  switch (amount.kind) {
    case 'scalar':
      return 0
    case 'ranges':
      return rangesSize(amount.ranges)
    case 'set':
      return amount.items.length
  }
}
