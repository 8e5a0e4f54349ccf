/**
 * Who stands where in the order of shares: the tree of roles, and for each role its frameworks.
 * A framework is in a role while it is subscribed there or holds something there, and active while it wants offers.
 */
import { assert } from '../base/errors.ts'
import type { Quantities } from '../resources/quantities.ts'
import type { Resources } from '../resources/resources.ts'
import { byCodeUnits } from '../resources/value.ts'
import type { RoleShare } from './allocator.ts'
import type { AgentBook } from './agent-book.ts'
import { type Pool, ShareTree } from './share-tree.ts'
import type { Subscriber } from './subscriber.ts'

export class Membership {
  readonly #subscribers = new Map<string, Subscriber>()
  /** Frameworks by role. */
  readonly #frameworks = new Map<string, ShareTree>()
  readonly #roles: ShareTree
  readonly #totals = new Map<string, number>()
  readonly #weights = new Map<string, number>()
  readonly #pool: Pool & { version: number }
  /** Roles have weights, the frameworks within one role have none. */
  readonly #evenPool: Pool & { version: number }

  /** Changes whenever somebody may want more than before: added, changed, activated or revived. */
  #interest = 0

  constructor(excluded: ReadonlySet<string>) {
    this.#pool = { totals: this.#totals, weights: this.#weights, excluded, version: 0 }
    this.#evenPool = { totals: this.#totals, weights: new Map(), excluded, version: 0 }
    this.#roles = new ShareTree(this.#pool, true)
  }

  get interest(): number {
    return this.#interest
  }

  add(frameworkId: string, subscriber: Subscriber): void {
    assert(!this.#subscribers.has(frameworkId), `framework ${frameworkId} is added twice to the allocator`)
    this.#subscribers.set(frameworkId, subscriber)
    this.#interest++
    this.#placeAll(frameworkId, subscriber.roles)
  }

  update(frameworkId: string, subscriber: Subscriber): void {
    const before = this.#subscriber(frameworkId)
    this.#subscribers.set(frameworkId, subscriber)
    this.#interest++
    this.#placeAll(frameworkId, new Set([...before.roles, ...subscriber.roles]))
  }

  remove(frameworkId: string): void {
    const before = this.#subscribers.get(frameworkId)
    if (before === undefined) return
    this.#subscribers.delete(frameworkId)
    this.#placeAll(frameworkId, before.roles)
  }

  isActive(frameworkId: string): boolean {
    return this.#subscribers.get(frameworkId)?.active === true
  }

  setActive(frameworkId: string, active: boolean): void {
    const subscriber = this.#subscriber(frameworkId)
    subscriber.active = active
    if (active) this.#interest++
    this.#placeAll(frameworkId, subscriber.roles)
  }

  setSuppressed(frameworkId: string, roles: readonly string[], suppressed: boolean): void {
    const subscriber = this.#subscriber(frameworkId)
    if (!suppressed) this.#interest++
    for (const role of roles) {
      if (suppressed) subscriber.suppressed.add(role)
      else subscriber.suppressed.delete(role)
      this.#place(frameworkId, role)
    }
  }

  setWeight(role: string, weight: number): void {
    this.#weights.set(role, weight)
    this.#pool.version++
  }

  addTotal(quantities: Quantities): void {
    this.#changeTotal(quantities, 1)
  }

  removeTotal(quantities: Quantities): void {
    this.#changeTotal(quantities, -1)
  }

  /** Books resources to the roles that they are allocated to. */
  give(frameworkId: string, resources: Resources): void {
    for (const [role, quantities] of quantitiesByRole([resources])) {
      const frameworks = this.#treeOf(role)
      if (!frameworks.has(frameworkId)) frameworks.add(frameworkId)
      frameworks.give(frameworkId, quantities)
      this.#roles.give(role, quantities)
    }
  }

  take(frameworkId: string, resources: Resources): void {
    for (const [role, quantities] of quantitiesByRole([resources])) {
      this.#treeOf(role).take(frameworkId, quantities)
      this.#roles.take(role, quantities)
      this.#place(frameworkId, role)
    }
  }

  /** Calls with everybody who wants offers, the neediest role's neediest framework first, until a call answers true. */
  visit(fn: (subscriber: Subscriber, role: string) => boolean): void {
    this.#roles.visit((role) => this.#treeOf(role).visit((id) => fn(this.#subscriber(id), role)))
  }

  shares(): readonly RoleShare[] {
    const roles = [...this.#frameworks].toSorted(([a], [b]) => byCodeUnits(a, b))
    return roles.map(([role, frameworks]) => {
      const { held, share } = this.#roles.subtree(role)
      const weight = this.#weights.get(role) ?? 1
      return {
        role,
        weight,
        share,
        booked: new Map(held),
        frameworks: frameworks.clients.toSorted(byCodeUnits),
      }
    })
  }

  /** Broken invariants as sentences: order, sums along the tree, and sums against what the agents have booked. */
  check(books: readonly AgentBook[]): readonly string[] {
    const broken = [...this.#roles.check(), ...this.#checkTotals(books)]
    const booked = new Map<string, Resources[]>()
    for (const book of books) {
      for (const id of book.frameworks) booked.set(id, [...(booked.get(id) ?? []), book.booked(id)])
    }
    const sums = new Map<string, Quantities>()
    for (const [id, all] of booked) {
      for (const [role, part] of quantitiesByRole(all)) sums.set(`${role} ${id}`, part)
    }
    for (const [role, frameworks] of this.#frameworks) {
      broken.push(...frameworks.check())
      for (const id of frameworks.clients) {
        const held = frameworks.held(id)
        if (!sameQuantities(held, sums.get(`${role} ${id}`) ?? new Map())) {
          broken.push(
            `Framework ${id} in role '${role}' is charged with other amounts than its agents have booked`,
          )
        }
        sums.delete(`${role} ${id}`)
      }
    }
    for (const left of sums.keys()) broken.push(`What is booked by '${left}' is charged to nobody`)
    return broken
  }

  #checkTotals(books: readonly AgentBook[]): readonly string[] {
    const sums = new Map<string, number>()
    for (const book of books) {
      for (const [name, milli] of book.total.quantities()) sums.set(name, (sums.get(name) ?? 0) + milli)
    }
    return sameQuantities(sums, this.#totals)
      ? []
      : ['The totals of the cluster are not the sums over its agents']
  }

  #subscriber(frameworkId: string): Subscriber {
    const subscriber = this.#subscribers.get(frameworkId)
    if (subscriber === undefined) assert(false, `framework ${frameworkId} is not known to the allocator`)
    return subscriber
  }

  #treeOf(role: string): ShareTree {
    let tree = this.#frameworks.get(role)
    if (tree === undefined) {
      tree = new ShareTree(this.#evenPool, false)
      this.#frameworks.set(role, tree)
      this.#roles.add(role)
    }
    return tree
  }

  #placeAll(frameworkId: string, roles: ReadonlySet<string>): void {
    for (const role of roles) this.#place(frameworkId, role)
  }

  /** Puts a framework into a role, takes it out or switches it, as what is true of it now demands. */
  #place(frameworkId: string, role: string): void {
    const subscriber = this.#subscribers.get(frameworkId)
    const subscribed = subscriber?.roles.has(role) === true
    const frameworks = this.#treeOf(role)
    const holds = frameworks.has(frameworkId) && frameworks.holds(frameworkId)
    if (!subscribed && !holds) {
      if (frameworks.has(frameworkId)) frameworks.remove(frameworkId)
    } else {
      if (!frameworks.has(frameworkId)) frameworks.add(frameworkId)
      frameworks.setActive(frameworkId, subscribed && subscriber.active && !subscriber.suppressed.has(role))
    }
    this.#roles.setActive(role, frameworks.activeLeaves > 0)
    if (frameworks.size > 0) return
    this.#roles.remove(role)
    this.#frameworks.delete(role)
  }

  #changeTotal(quantities: Quantities, sign: 1 | -1): void {
    for (const [name, milli] of quantities) {
      const sum = (this.#totals.get(name) ?? 0) + sign * milli
      if (sum === 0) this.#totals.delete(name)
      else this.#totals.set(name, sum)
    }
    this.#pool.version++
    this.#evenPool.version++
  }
}

/** What is charged to each role, in thousandths: the scalars, every copy of a shared volume for itself. */
function quantitiesByRole(all: readonly Resources[]): ReadonlyMap<string, Map<string, number>> {
  const byRole = new Map<string, Map<string, number>>()
  for (const { identity, amount, copies } of all.flatMap((resources) => resources.entries)) {
    const role = identity.allocatedTo
    if (role === undefined) assert(false, `${identity.name} is booked without a role`)
    if (amount.kind !== 'scalar') continue
    let sums = byRole.get(role)
    if (sums === undefined) {
      sums = new Map()
      byRole.set(role, sums)
    }
    sums.set(identity.name, (sums.get(identity.name) ?? 0) + amount.milli * copies)
  }
  return byRole
}

function sameQuantities(a: Quantities, b: Quantities): boolean {
  return a.size === b.size && [...a].every(([name, milli]) => b.get(name) === milli)
}
