// The few things that the core needs of an allocator; `src/allocator` gives them, master.ts hands it in.
import type { Resources } from '../../resources/resources.ts'
import type { FrameworkInfo } from '../../wire/frameworks.ts'
import type { FrameworkInfoCapabilityType } from '../../wire/frameworks.ts'
import type { OfferConstraints } from '../../wire/offer-constraints.ts'
import type { Attribute } from '../../wire/values.ts'

export interface AllocatorFramework {
  readonly roles: readonly string[]
  readonly suppressedRoles: readonly string[]
  readonly capabilities: readonly FrameworkInfoCapabilityType[]
  readonly offerFilters: FrameworkInfo['offer_filters']
  readonly offerConstraints: OfferConstraints | undefined
}

export interface AllocatorAgent {
  readonly hostname: string
  readonly attributes: readonly Attribute[]
  readonly total: Resources
}

/** What one framework may be offered on one agent for one role; `resources` are allocated to the role. */
export interface Allocation {
  readonly frameworkId: string
  readonly role: string
  readonly agentId: string
  readonly resources: Resources
}

/** Pure and synchronous; books what it hands out until it is recovered (spec/mesos.md 12.1). */
export interface CoreAllocator {
  addFramework(frameworkId: string, framework: AllocatorFramework): void
  updateFramework(frameworkId: string, framework: AllocatorFramework): void
  removeFramework(frameworkId: string): void
  activateFramework(frameworkId: string): void
  deactivateFramework(frameworkId: string): void
  addAgent(agentId: string, agent: AllocatorAgent, used: ReadonlyMap<string, Resources>): void
  removeAgent(agentId: string): void
  updateAgent(agentId: string, agent: AllocatorAgent): void
  activateAgent(agentId: string): void
  deactivateAgent(agentId: string): void
  allocate(now: number): readonly Allocation[]
  recover(
    frameworkId: string,
    agentId: string,
    resources: Resources,
    filter: { readonly refuseMs: number } | undefined,
    now: number,
  ): void
  suppress(frameworkId: string, roles: readonly string[]): void
  revive(frameworkId: string, roles: readonly string[]): void
  /** What the books say that a framework holds on an agent, offered or allocated. */
  held(frameworkId: string, agentId: string): Resources
}
