// `/roles`: what each role has and may have (spec/mesos.md 4.4).
import { Resources } from '../resources/resources.ts'
import type { Cluster } from './core/cluster.ts'
import { double } from '../http/pages/number.ts'
import { tallyOf } from './tally.ts'
import { quantityMap, type Page } from '../http/pages/resources.ts'

/** All roles in which a framework is or that hold something. */
export function rolesPage(cluster: Cluster): Page {
  const tally = tallyOf(cluster)
  const members = new Map<string, string[]>()
  for (const framework of cluster.frameworks.values()) {
    for (const role of framework.roles) members.set(role, [...(members.get(role) ?? []), framework.id])
  }
  const weights = new Map(cluster.allocator.shares().map(({ role, weight }) => [role, weight]))
  const reserved = Resources.sum(Array.from(cluster.agents.values(), ({ total }) => total.reserved()))
  const names = new Set([
    ...members.keys(),
    ...tally.usedByRole.ids(),
    ...tally.offeredByRole.ids(),
    ...reserved.entries.map((entry) => entry.identity.role),
  ])
  return {
    roles: [...names].toSorted().map((name) => {
      const allocated = tally.usedByRole.of(name)
      const offered = tally.offeredByRole.of(name)
      return {
        name,
        weight: double(weights.get(name) ?? 1),
        quota: {
          role: name,
          guarantee: {},
          limit: {},
          consumed: quantityMap(consumed(allocated, reserved, name)),
        },
        resources: quantityMap(allocated.plus(offered)),
        allocated: quantityMap(allocated),
        offered: quantityMap(offered),
        reserved: quantityMap(reserved.reserved(name)),
        frameworks: members.get(name) ?? [],
      }
    }),
  }
}

/** What a quota would count: what is allocated out of nobody's reservation, all that is reserved, nothing lent. */
function consumed(allocated: Resources, reserved: Resources, role: string): Resources {
  const own = allocated.nonRevocable().unreserved().unallocated()
  return own.plus(reserved.reserved(role))
}
