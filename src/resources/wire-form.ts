/** From the messages' form of a resource to an entry and back, in the three forms that clients know. */
import { assert } from '../base/errors.ts'
import type { Resource, ResourceReservationInfo } from '../wire/resources.ts'
import { type Entry, type Reservation, Identity, entryOf } from './resource.ts'
import { type Amount, rangesAmount, scalarAmount, setAmount, toMilli } from './value.ts'

/**
 * How reservations are written (spec/mesos.md 5.6):
 * `post-refinement` as a stack; `pre-refinement` as `role` and `reservation` for frameworks without
 * RESERVATION_REFINEMENT; `endpoint` as both, for pages and operator calls.
 */
export type WireForm = 'post-refinement' | 'pre-refinement' | 'endpoint'

/** The entry that a valid resource stands for. */
export function entryFromWire(resource: Resource): Entry {
  const amount = amountFromWire(resource)
  const identity = new Identity({
    name: resource.name,
    kind: amount.kind,
    reservations: reservationsFromWire(resource),
    allocatedTo: resource.allocation_info?.role,
    revocable: resource.revocable !== undefined,
    shared: resource.shared !== undefined,
    disk: resource.disk,
    providerId: resource.provider_id?.value,
  })
  return entryOf(identity, amount)
}

/** One resource; an entry of several copies is written several times by the caller. */
export function entryToWire(entry: Entry, form: WireForm): Resource {
  const { identity } = entry
  const resource: Resource = { name: identity.name, ...amountToWire(entry.amount) }
  if (identity.providerId !== undefined) resource.provider_id = { value: identity.providerId }
  if (identity.disk !== undefined) resource.disk = identity.disk
  if (identity.revocable) resource.revocable = {}
  if (identity.shared) resource.shared = {}
  if (identity.allocatedTo !== undefined) resource.allocation_info = { role: identity.allocatedTo }
  writeReservations(resource, identity.reservations, form)
  return resource
}

function amountFromWire(resource: Resource): Amount {
  switch (resource.type) {
    case 'SCALAR':
      return scalarAmount(toMilli(resource.scalar?.value ?? 0))
    case 'RANGES':
      return rangesAmount(resource.ranges?.range ?? [])
    case 'SET':
      return setAmount(resource.set?.item ?? [])
    case 'TEXT':
      throw new Error(`Invariant broken: the resource '${resource.name}' of type TEXT was not refused`)
  }
}

function amountToWire(amount: Amount): Pick<Resource, 'type' | 'scalar' | 'ranges' | 'set'> {
  switch (amount.kind) {
    case 'scalar':
      return { type: 'SCALAR', scalar: { value: amount.milli / 1000 } }
    case 'ranges':
      return { type: 'RANGES', ranges: { range: amount.ranges.map(({ begin, end }) => ({ begin, end })) } }
    case 'set':
      return { type: 'SET', set: { item: [...amount.items] } }
  }
}

function reservationsFromWire(resource: Resource): readonly Reservation[] {
  const stack = resource.reservations ?? []
  if (stack.length > 0) return stack.map((info) => reservationFromWire(info, info.role ?? '*', info.type))
  const role = resource.role ?? '*'
  if (role === '*') return []
  if (resource.reservation === undefined) return [{ type: 'STATIC', role }]
  return [reservationFromWire(resource.reservation, role, 'DYNAMIC')]
}

function reservationFromWire(
  info: ResourceReservationInfo,
  role: string,
  type: ResourceReservationInfo['type'],
): Reservation {
  return {
    type: type === 'STATIC' ? 'STATIC' : 'DYNAMIC',
    role,
    ...(info.principal === undefined ? {} : { principal: info.principal }),
    ...(info.labels === undefined ? {} : { labels: info.labels }),
  }
}

function writeReservations(resource: Resource, reservations: readonly Reservation[], form: WireForm): void {
  if (form !== 'pre-refinement' && reservations.length > 0) {
    resource.reservations = reservations.map((reservation) => ({ ...reservation }))
  }
  if (form === 'post-refinement') return
  const [only] = reservations
  if (only === undefined) {
    resource.role = '*'
    return
  }
  if (reservations.length > 1) {
    assert(form === 'endpoint', `refined reservations of '${resource.name}' have no pre-refinement form`)
    return
  }
  resource.role = only.role
  if (only.type === 'STATIC') return
  resource.reservation = {
    ...(only.principal === undefined ? {} : { principal: only.principal }),
    ...(only.labels === undefined ? {} : { labels: only.labels }),
  }
}
