// Lending CPU: what owners reserved and leave, bounded by what the whole machine can give (spec/lending.md 3.2).
import type { ContainerUsage, ResourceUsage } from '../resources/usage.ts'
import { Dynamics, type SavedDynamics } from './dynamics.ts'
import type { SavedHistogram } from './histogram.ts'
import { type Bound, OwnersTogether, RING_MS, SystemShare } from './machine.ts'
import { Meter } from './meter.ts'
import type { UsageOptions } from './options.ts'
import { OwnerCpu, type SavedOwner } from './owner.ts'
import { Sum, labelOf } from './sum.ts'

/** Offers change in such steps, cores. */
const STEP = 0.1
/** A container may have begun a moment before the snapshot that does not show it yet. */
const SEEN_LATE_MS = 1000

export interface SavedCpu {
  readonly owners: readonly SavedOwner[]
  readonly together: Bound
  readonly system: SavedHistogram
  readonly dynamics: SavedDynamics
}

/** Keeps what owners need of their cores, and sums up what may be lent. */
export class CpuLending {
  readonly dynamics = new Dynamics(STEP)
  readonly #owners = new Map<string, OwnerCpu>()
  /** From before a restart, until their owners are seen again. */
  readonly #saved = new Map<string, OwnerCpu>()
  readonly #borrowers = new Map<string, { readonly meter: Meter; cpus: number }>()
  readonly #together = new OwnersTogether()
  readonly #system: SystemShare
  #last: { readonly at: number; readonly monotonic: number } | undefined
  /** True when the last snapshot had other owners than the one before. */
  ownersChanged = false

  constructor(options: UsageOptions, now: number) {
    this.#system = new SystemShare(options.half_life_short, now)
  }

  /** False before the machine's first rate. */
  get isKnown(): boolean {
    return this.#system.known
  }

  get isStale(): boolean {
    return [...this.#owners.values()].some((owner) => owner.isStale)
  }

  /** Takes in one snapshot. */
  read(usage: ResourceUsage, owners: readonly ContainerUsage[], options: UsageOptions): void {
    const now = usage.monotonic
    this.#forgetGone(usage, owners)
    this.#together.open(now)
    let inside = 0
    for (const container of owners) {
      const id = container.containerId
      let owner = this.#owners.get(id)
      if (owner === undefined) {
        owner = this.#saved.get(id) ?? new OwnerCpu(options, now)
        this.#owners.set(id, owner)
        this.#saved.delete(id)
        this.ownersChanged = true
        inside += this.#began(container, usage)
      }
      owner.read(container, now, usage.host.cpus)
      this.#together.book(owner.ring, owner.cpus, container.allocated.scalar('cpus'))
      inside += owner.cpus
    }
    for (const container of usage.containers) {
      if (!container.revocable) continue
      if (!this.#borrowers.has(container.containerId)) inside += this.#began(container, usage)
      inside += this.#readBorrower(container, now)
    }
    this.#last = { at: usage.at, monotonic: now }
    this.#system.read(usage.host.cpuBusySeconds, inside, now)
    if (!this.#system.known) this.#together.discard()
  }

  /**
   * min(R, C − system) − demand − headroom, R being what owners reserved. Only idle reservations are lent: cores that
   * nobody reserved are offered as they are, to anybody, and if they were lent too they would be promised twice. For
   * the same reason they do not serve as the headroom: the next regular task takes them.
   *
   * Demand is the highest of the sum of the owners' demands, of the bound on all owners, and of what they use now. What
   * owners use beyond their reservations weighs on the machine only, not on what the other owners leave.
   */
  sum(usage: ResourceUsage, owners: readonly ContainerUsage[], options: UsageOptions): Sum {
    const sum = new Sum('cpus')
    const cores = usage.host.cpus
    let demand = 0
    let reserved = 0
    for (const container of owners) {
      const needed = this.#owners
        .get(container.containerId)
        ?.demand(container, this.#together, options, usage)
      if (needed === undefined) continue
      const holds = container.allocated.scalar('cpus')
      reserved += holds
      demand += needed.needs
      sum.add('reserved but idle', holds - needed.needs, needed.why, labelOf(container))
    }
    const bound = this.#together.bound(usage.monotonic, options.sigma)
    const within = Math.min(bound.within, reserved)
    if (within > demand) {
      const why = `all owners together need ${within.toFixed(2)} (mean + ${options.sigma}σ of 10 min, or now)`
      sum.add('bursts that come at once', demand - within, why)
    }
    const needs = Math.max(demand, bound.used)
    const spare = cores - this.#system.cpus - needs
    if (spare < sum.total) {
      const system = this.#system.cpus.toFixed(2)
      sum.bringTo('the machine has less to spare', spare, () => {
        return `of ${cores} cores the system uses ${system} and owners need ${needs.toFixed(2)}`
      })
    }
    const headroom = options.headroom * cores
    sum.add('headroom', -headroom, `${round(options.headroom * 100)} % of ${cores} cores stay free`)
    const cap = options.cap * cores
    if (sum.total > cap)
      sum.bringTo('cap', cap, () => `at most ${round(options.cap * 100)} % of ${cores} cores are lent`)
    if (options.tier === 'none' && sum.total > 0)
      sum.bringTo('no tier', 0, () => 'the kernel cannot keep borrowers below owners here, so no cpu is lent')
    return sum
  }

  configure(options: UsageOptions, now: number): void {
    this.#system.setHalfLife(options.half_life_short, now)
    for (const owner of this.#owners.values()) owner.configure(options, now)
  }

  save(options: UsageOptions, now: number): SavedCpu {
    return {
      owners: [...this.#owners].map(([id, owner]) => owner.save(id, this.#together, options, now)),
      together: this.#together.bound(now, options.sigma),
      system: this.#system.save(now),
      dynamics: this.dynamics.save(now),
    }
  }

  /** @param savedAt when it was saved, on the monotonic clock of this process, as `now` */
  restore(saved: SavedCpu, options: UsageOptions, savedAt: number, now: number): void {
    this.#system.restore(saved.system, options.half_life_short, savedAt)
    this.#together.restore(saved.together, savedAt + RING_MS)
    this.dynamics.restore(saved.dynamics, now, options)
    for (const owner of saved.owners) this.#saved.set(owner.id, OwnerCpu.restore(owner, options, savedAt))
  }

  /** Forgets what is left over from before a restart. */
  forgetSaved(): void {
    this.#saved.clear()
  }

  #forgetGone(usage: ResourceUsage, owners: readonly ContainerUsage[]): void {
    this.ownersChanged = false
    const owning = new Set(owners.map(({ containerId }) => containerId))
    for (const [id, owner] of this.#owners) {
      if (owning.has(id)) continue
      this.#together.leave(owner.ring)
      this.#owners.delete(id)
      this.ownersChanged = true
    }
    const present = new Set(usage.containers.map(({ containerId }) => containerId))
    for (const id of this.#borrowers.keys()) if (!present.has(id)) this.#borrowers.delete(id)
  }

  /** Cores that a borrower uses; the last known while it cannot be read. */
  /** Cores of a container since its start, if that was since the last snapshot: they are not the system's. */
  #began({ startedAt, statistics }: ContainerUsage, { monotonic }: ResourceUsage): number {
    const last = this.#last
    if (last === undefined || monotonic <= last.monotonic || startedAt < last.at - SEEN_LATE_MS) return 0
    const cpus = ((statistics?.cpuSeconds ?? 0) * 1000) / (monotonic - last.monotonic)
    return Number.isFinite(cpus) ? Math.max(0, cpus) : 0
  }

  #readBorrower({ containerId, statistics }: ContainerUsage, now: number): number {
    const borrower = this.#borrowers.get(containerId) ?? { meter: new Meter(), cpus: 0 }
    this.#borrowers.set(containerId, borrower)
    borrower.cpus = borrower.meter.read(statistics?.cpuSeconds ?? Number.NaN, now) ?? borrower.cpus
    return borrower.cpus
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
