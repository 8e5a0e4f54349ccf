/**
 * The door of the allocator: who is offered what. Synchronous and without a clock; the master core calls it and carries
 * out what it answers. Quota, fault domains and inverse offers will come as fuller forms of this interface.
 */
import type { Quantities } from '../resources/quantities.ts'
import type { Resources } from '../resources/resources.ts'
import type { Attribute } from '../wire/values.ts'
import type { OfferConstraintsFilter } from './constraints.ts'

export interface FrameworkOptions {
  readonly roles: readonly string[]
  /** Roles of `roles` for which it wants no offers now. */
  readonly suppressedRoles?: readonly string[]
  /** Names of FrameworkInfo.Capability, such as `REVOCABLE_RESOURCES`. */
  readonly capabilities: ReadonlySet<string>
  /** By role: what one offer must at least hold (any of the sets), in place of the master's own minimum. */
  readonly minAllocatable?: ReadonlyMap<string, readonly Quantities[]> | undefined
  /** From `compileConstraints`. */
  readonly offerConstraints?: OfferConstraintsFilter | undefined
  /** Only active frameworks are offered anything. */
  readonly active: boolean
}

export interface AgentOptions {
  readonly hostname: string
  readonly attributes: readonly Attribute[]
  /** All that it has, what it lends (revocable) included; without allocation. */
  readonly total: Resources
  readonly active: boolean
}

/** What one framework shall be offered on one agent for one role. */
export interface Allocation {
  readonly frameworkId: string
  readonly role: string
  readonly agentId: string
  /** Allocated to the role, as they must come back in `recover`. */
  readonly resources: Resources
}

/** One role that has frameworks or holds resources: for `/roles`, metrics and pages. */
export interface RoleShare {
  readonly role: string
  readonly weight: number
  /** Largest part of any scalar resource of the cluster that the role holds, divided by its weight. */
  readonly share: number
  /** What is booked to the role itself, offered and allocated together, in thousandths. */
  readonly booked: Quantities
  /** Frameworks that subscribed in the role or hold something of it. */
  readonly frameworks: readonly string[]
}

/**
 * Contract. Every call takes effect at once and none ever waits. Ids are unknown to each other: an agent may report
 * what a framework uses before that framework is added, and what is booked stays booked until it is recovered or its
 * agent is removed, whether or not the framework still exists. Booked resources always carry their role
 * (`allocation_info`). Calls about an agent that is not (any more) there change nothing; adding one that is there, or
 * recovering more than is booked, is a bug of the caller and throws.
 */
export interface Allocator {
  addFramework(frameworkId: string, options: FrameworkOptions): void
  /** New options for a framework that is there; what it holds in roles that it leaves stays booked. */
  updateFramework(frameworkId: string, options: FrameworkOptions): void
  /** What it holds stays booked until the caller recovers it. */
  removeFramework(frameworkId: string): void
  activateFramework(frameworkId: string): void
  /** No offers until activated again; its filters are dropped, its suppressed roles stay suppressed. */
  deactivateFramework(frameworkId: string): void

  /** @param used what each framework has there, allocated to its roles. */
  addAgent(agentId: string, options: AgentOptions, used: ReadonlyMap<string, Resources>): void
  /** Everything booked there is gone with it. */
  removeAgent(agentId: string): void
  /** May shrink below what is booked: then nothing is available until enough has come back. */
  updateAgentTotal(agentId: string, total: Resources): void
  activateAgent(agentId: string): void
  deactivateAgent(agentId: string): void

  /**
   * Decides who is offered what is available, and books it.
   *
   * @param now milliseconds, on the clock that `recover` is given; ends filters.
   * @param agentIds only these agents; all when left out.
   */
  allocate(now: number, agentIds?: Iterable<string>): readonly Allocation[]

  /**
   * Takes back what was offered or allocated.
   *
   * @param filters `refuseMs`: not to be offered to this framework again for so long, unless there is more than this;
   * 0 or left out: no filter. Shorter times count as one allocation interval, longer ones than 365 days as those.
   */
  recover(
    frameworkId: string,
    agentId: string,
    resources: Resources,
    filters: { readonly refuseMs?: number },
    now: number,
  ): void

  /** No offers for these roles of the framework. Offers that are out stay. */
  suppress(frameworkId: string, roles: readonly string[]): void
  /** Offers again for these roles, and their filters are dropped. */
  revive(frameworkId: string, roles: readonly string[]): void

  /** Weight of a role or of an inner part of the role tree; 1 when never set. */
  setWeight(role: string, weight: number): void
  /** Hosts that may be offered; undefined: all. */
  setWhitelist(hostnames: ReadonlySet<string> | undefined): void

  /** What could be offered of an agent now; nothing for agents that are not there. */
  available(agentId: string): Resources
  /** What a framework holds on an agent. */
  booked(frameworkId: string, agentId: string): Resources
  shares(): readonly RoleShare[]
  /** How many filters are kept, by role. */
  filterCounts(): ReadonlyMap<string, number>
  /** Broken invariants as sentences; empty when all is well. */
  check(): readonly string[]
}
