/**
 * Dominant resource fairness over a tree of roles: every available agent goes, whole, to the framework of the role that
 * holds the smallest part of the cluster (spec/mesos.md 12.3 to 12.6, without quota).
 */
import { assert } from '../base/errors.ts'
import { type Random, shuffled } from '../base/random.ts'
import type { Quantities } from '../resources/quantities.ts'
import { Resources } from '../resources/resources.ts'
import { AgentBook } from './agent-book.ts'
import type { AgentOptions, Allocation, Allocator, FrameworkOptions, RoleShare } from './allocator.ts'
import { Membership } from './membership.ts'
import { OfferSlices } from './slices.ts'
import type { Subscriber } from './subscriber.ts'
import { subscriberOf } from './subscriber.ts'

export interface DrfOptions {
  /** The master's `--allocation_interval`: no filter ends sooner. */
  readonly allocationIntervalMs: number
  /** The master's `--min_allocatable_resources`; any of the sets is enough, none at all: everything is. */
  readonly minAllocatable: readonly Quantities[]
  /** The master's `--filter_gpu_resources`: agents with GPUs only to frameworks with GPU_RESOURCES. */
  readonly filterGpuResources: boolean
  /** The master's `--fair_sharing_excluded_resource_names`. */
  readonly excludedFromShares: readonly string[]
}

/** The defaults of a Mesos master (spec/mesos.md 1.6). */
export const DRF_DEFAULTS: DrfOptions = {
  allocationIntervalMs: 1_000,
  minAllocatable: [new Map([['cpus', 10]]), new Map([['mem', 32_000]])],
  filterGpuResources: true,
  excludedFromShares: [],
}

/** The longest time that a refusal counts, 365 days (spec/mesos.md 2.5). */
const LONGEST_FILTER_MS = 365 * 24 * 3600 * 1000

export class DrfAllocator implements Allocator {
  readonly #random: Random
  readonly #options: DrfOptions
  readonly #members: Membership
  readonly #agents = new Map<string, AgentBook>()
  #whitelist: ReadonlySet<string> | undefined

  constructor(deps: { readonly random: Random }, options: Partial<DrfOptions> = {}) {
    this.#random = deps.random
    this.#options = { ...DRF_DEFAULTS, ...options }
    this.#members = new Membership(new Set(this.#options.excludedFromShares))
  }

  addFramework(frameworkId: string, options: FrameworkOptions): void {
    this.#members.add(frameworkId, subscriberOf(frameworkId, options))
  }

  updateFramework(frameworkId: string, options: FrameworkOptions): void {
    this.#members.update(frameworkId, subscriberOf(frameworkId, options))
    if (!options.active) this.#dropFilters(frameworkId)
  }

  removeFramework(frameworkId: string): void {
    this.#members.remove(frameworkId)
    this.#dropFilters(frameworkId)
  }

  activateFramework(frameworkId: string): void {
    this.#members.setActive(frameworkId, true)
  }

  deactivateFramework(frameworkId: string): void {
    this.#members.setActive(frameworkId, false)
    this.#dropFilters(frameworkId)
  }

  addAgent(agentId: string, options: AgentOptions, used: ReadonlyMap<string, Resources>): void {
    assert(!this.#agents.has(agentId), `agent ${agentId} is added twice to the allocator`)
    const book = new AgentBook(agentId, options)
    this.#agents.set(agentId, book)
    this.#members.addTotal(options.total.quantities())
    for (const [frameworkId, resources] of used) {
      if (resources.isEmpty) continue
      book.book(frameworkId, resources, true)
      this.#members.give(frameworkId, resources)
    }
  }

  removeAgent(agentId: string): void {
    const book = this.#agents.get(agentId)
    if (book === undefined) return
    for (const frameworkId of book.frameworks) this.#members.take(frameworkId, book.booked(frameworkId))
    this.#members.removeTotal(book.total.quantities())
    this.#agents.delete(agentId)
  }

  updateAgentTotal(agentId: string, total: Resources): void {
    const book = this.#agents.get(agentId)
    if (book === undefined || book.total.equals(total)) return
    this.#members.removeTotal(book.total.quantities())
    this.#members.addTotal(total.quantities())
    book.total = total
  }

  activateAgent(agentId: string): void {
    const book = this.#agents.get(agentId)
    if (book !== undefined) book.active = true
  }

  deactivateAgent(agentId: string): void {
    const book = this.#agents.get(agentId)
    if (book !== undefined) book.active = false
  }

  allocate(now: number, agentIds?: Iterable<string>): readonly Allocation[] {
    const allocations: Allocation[] = []
    for (const book of shuffled(this.#candidates(agentIds), this.#random)) {
      if (book.filters.prune(now)) book.unwantedAt = undefined
      if (book.unwantedAt === this.#members.interest) continue
      const decided = this.#decide(book)
      if (decided.length === 0) book.unwantedAt = this.#members.interest
      for (const allocation of decided) {
        book.book(allocation.frameworkId, allocation.resources, false)
        this.#members.give(allocation.frameworkId, allocation.resources)
        allocations.push(allocation)
      }
    }
    return allocations
  }

  recover(
    frameworkId: string,
    agentId: string,
    resources: Resources,
    filters: { readonly refuseMs?: number },
    now: number,
  ): void {
    const book = this.#agents.get(agentId)
    if (book === undefined || resources.isEmpty) return
    book.unbook(frameworkId, resources)
    this.#members.take(frameworkId, resources)
    const refuseMs = filters.refuseMs ?? 0
    if (!(refuseMs > 0) || !this.#members.isActive(frameworkId)) return
    const until = now + Math.min(Math.max(refuseMs, this.#options.allocationIntervalMs), LONGEST_FILTER_MS)
    for (const [role, part] of resources.byAllocation()) {
      book.filters.add(frameworkId, { role, resources: part.unallocated(), until })
    }
  }

  suppress(frameworkId: string, roles: readonly string[]): void {
    this.#members.setSuppressed(frameworkId, roles, true)
  }

  revive(frameworkId: string, roles: readonly string[]): void {
    this.#members.setSuppressed(frameworkId, roles, false)
    for (const book of this.#agents.values()) {
      for (const role of roles) book.filters.dropRole(frameworkId, role)
    }
  }

  setWeight(role: string, weight: number): void {
    assert(weight > 0, `the weight of role '${role}' is ${weight}, expected a positive number`)
    this.#members.setWeight(role, weight)
  }

  setWhitelist(hostnames: ReadonlySet<string> | undefined): void {
    this.#whitelist = hostnames
  }

  available(agentId: string): Resources {
    return this.#agents.get(agentId)?.available ?? Resources.empty
  }

  booked(frameworkId: string, agentId: string): Resources {
    return this.#agents.get(agentId)?.booked(frameworkId) ?? Resources.empty
  }

  shares(): readonly RoleShare[] {
    return this.#members.shares()
  }

  filterCounts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const book of this.#agents.values()) {
      for (const role of book.filters.roles()) counts.set(role, (counts.get(role) ?? 0) + 1)
    }
    return counts
  }

  check(): readonly string[] {
    return [
      ...[...this.#agents.values()].flatMap((book) => book.check()),
      ...this.#members.check([...this.#agents.values()]),
    ]
  }

  #candidates(agentIds: Iterable<string> | undefined): AgentBook[] {
    const books: AgentBook[] = []
    const ids = agentIds === undefined ? this.#agents.keys() : new Set(agentIds)
    for (const id of ids) {
      const book = this.#agents.get(id)
      if (book?.offerable !== true || book.available.isEmpty) continue
      if (this.#whitelist?.has(book.facts.hostname) !== false) books.push(book)
    }
    return books
  }

  /** Who gets what of one agent, in order of shares; the caller books it. */
  #decide(book: AgentBook): readonly Allocation[] {
    const decided: Allocation[] = []
    const slices = new OfferSlices(book.available, this.#options.minAllocatable)
    this.#members.visit((subscriber, role) => {
      const resources = this.#offerable(book, subscriber, role, slices)
      if (resources === undefined) return false
      slices.remove(resources)
      decided.push({
        frameworkId: subscriber.id,
        role,
        agentId: book.id,
        resources: resources.allocateTo(role),
      })
      return slices.isEmpty
    })
    return decided
  }

  #offerable(
    book: AgentBook,
    subscriber: Subscriber,
    role: string,
    slices: OfferSlices,
  ): Resources | undefined {
    if (book.hasGpus && this.#options.filterGpuResources && !subscriber.takesGpus) return undefined
    const resources = slices.slice(subscriber, role)
    if (resources === undefined || book.filters.refuses(subscriber.id, role, resources)) return undefined
    return subscriber.constraints?.allows(role, book.facts) === false ? undefined : resources
  }

  #dropFilters(frameworkId: string): void {
    for (const book of this.#agents.values()) book.filters.dropFramework(frameworkId)
  }
}
