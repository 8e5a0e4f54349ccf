// What the rules of other systems have in common here. They are re-created from published formulas (spec/lending.md 2),
// to be compared with ours on the same recording; they are not those systems, and no agent lends by them.
import { Resources } from '../../resources/resources.ts'
import type { ContainerUsage, ResourceUsage } from '../../resources/usage.ts'
import type { Estimate, ResourceEstimator } from '../estimator.ts'
import { Meter } from '../meter.ts'
import { Sum, labelOf } from '../sum.ts'
import { CpuHistory } from './history.ts'

export interface OwnerView {
  readonly id: string
  readonly label: string
  readonly reserved: number
  readonly ageMs: number
  /** Cores: in the last second, on the mean and at the most in the rule's window; undefined before the first rate. */
  readonly now: number | undefined
  readonly mean: number | undefined
  readonly peak: number | undefined
}

export interface View {
  readonly now: number
  readonly cores: number
  readonly owners: readonly OwnerView[]
  /** Cores that no container accounts for, mean of the window. */
  readonly system: number
  /** Cores in use now by all: owners, borrowers, system. */
  readonly busy: number
}

export interface Rule {
  readonly name: string
  readonly windowMs: number
  /** Adds the terms of all that the rule would lend, in cores; a negative sum counts as nothing. */
  lend(view: View, sum: Sum): void
}

/** Runs a rule on the snapshots and turns what it would lend in all into what it would lend in addition. */
export class RecreatedRule implements ResourceEstimator {
  readonly name: string
  readonly #rule: Rule
  readonly #containers: CpuHistory
  readonly #system: { readonly at: number; readonly cpus: number }[] = []
  readonly #busy = new Meter()

  constructor(rule: Rule) {
    this.name = `${rule.name} (rule re-created here)`
    this.#rule = rule
    this.#containers = new CpuHistory(rule.windowMs)
  }

  estimate(usage: ResourceUsage): Estimate {
    const now = usage.monotonic
    this.#containers.add(usage)
    const busy = this.#busy.read(usage.host.cpuBusySeconds, now)
    if (busy === undefined || !(usage.host.cpus > 0))
      return { kind: 'unknown', reason: 'no rate of the machine is known' }
    const sum = new Sum('cpus')
    this.#rule.lend(this.#view(usage, busy), sum)
    if (sum.total < 0) sum.bringTo('nothing to lend', 0, () => 'nothing is left')
    for (const container of usage.containers) {
      const lent = container.revocable ? container.allocated.revocable().scalar('cpus') : 0
      if (lent > 0) sum.add('lent already', -lent, 'a borrower runs on it', labelOf(container))
    }
    if (sum.total < 0) sum.bringTo('not taken back', 0, () => 'borrowers hold more than may be lent')
    const value = Math.floor(sum.total * 1000 + 1e-6) / 1000
    sum.bringTo('rounding', value, () => 'down to thousandths')
    const additional = Resources.from([{ name: 'cpus', type: 'SCALAR', scalar: { value } }]).markRevocable()
    return { kind: 'known', additional, terms: sum.terms }
  }

  #view(usage: ResourceUsage, busy: number): View {
    const now = usage.monotonic
    let inside = 0
    for (const { containerId } of usage.containers) inside += this.#containers.current(containerId) ?? 0
    this.#system.push({ at: now, cpus: Math.max(0, busy - inside) })
    while ((this.#system[0]?.at ?? now) < now - this.#rule.windowMs) this.#system.shift()
    const system = this.#system.reduce((total, { cpus }) => total + cpus, 0) / this.#system.length
    const owners = usage.containers
      .filter((container) => !container.revocable)
      .map((container) => this.#ownerView(container, usage))
    return { now, cores: usage.host.cpus, owners, system, busy }
  }

  #ownerView(container: ContainerUsage, usage: ResourceUsage): OwnerView {
    const id = container.containerId
    return {
      id,
      label: labelOf(container),
      reserved: container.allocated.scalar('cpus'),
      ageMs: usage.at - container.startedAt,
      now: this.#containers.current(id),
      mean: this.#containers.mean(id),
      peak: this.#containers.peak(id),
    }
  }
}

/** Something kept per owner, forgotten with it. */
export class PerOwner<T> {
  readonly #kept = new Map<string, T>()
  readonly #make: (owner: OwnerView) => T

  constructor(make: (owner: OwnerView) => T) {
    this.#make = make
  }

  /** What is kept for each of these owners, and nobody else. */
  of(owners: readonly OwnerView[]): readonly (readonly [OwnerView, T])[] {
    const present = new Set(owners.map(({ id }) => id))
    for (const id of this.#kept.keys()) if (!present.has(id)) this.#kept.delete(id)
    return owners.map((owner) => {
      const kept = this.#kept.get(owner.id) ?? this.#make(owner)
      this.#kept.set(owner.id, kept)
      return [owner, kept] as const
    })
  }
}

/** The sum so far must not exceed a bound. */
export function atMost(sum: Sum, bound: number, name: string, why: string): void {
  if (sum.total > bound) sum.bringTo(name, bound, () => why)
}

/** The whole machine as the first term of a sum. */
export function startWithCores(sum: Sum, cores: number): void {
  sum.add('cores', cores, 'the machine has so many')
}
