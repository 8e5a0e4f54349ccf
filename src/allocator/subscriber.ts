/** A framework as the allocator sees it: where it takes offers and which kinds of resources it understands. */
import type { Quantities } from '../resources/quantities.ts'
import type { FrameworkOptions } from './allocator.ts'
import type { OfferConstraintsFilter } from './constraints.ts'

export interface Subscriber {
  readonly id: string
  readonly roles: ReadonlySet<string>
  readonly suppressed: Set<string>
  active: boolean
  readonly takesRevocable: boolean
  readonly takesShared: boolean
  readonly takesRefined: boolean
  readonly takesGpus: boolean
  readonly minAllocatable: ReadonlyMap<string, readonly Quantities[]>
  readonly constraints: OfferConstraintsFilter | undefined
}

export function subscriberOf(id: string, options: FrameworkOptions): Subscriber {
  const { capabilities } = options
  return {
    id,
    roles: new Set(options.roles),
    suppressed: new Set(options.suppressedRoles),
    active: options.active,
    takesRevocable: capabilities.has('REVOCABLE_RESOURCES'),
    takesShared: capabilities.has('SHARED_RESOURCES'),
    takesRefined: capabilities.has('RESERVATION_REFINEMENT'),
    takesGpus: capabilities.has('GPU_RESOURCES'),
    minAllocatable: options.minAllocatable ?? new Map(),
    constraints: options.offerConstraints,
  }
}
