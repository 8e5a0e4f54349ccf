/**
 * One entry of a set of resources: what it is (its identity: name, reservations, disk, …) and how much of it there is.
 * Entries merge when their identities are the same; volumes are whole and only counted (spec/mesos.md 5.10).
 */
import type { Labels } from '../wire/labels.ts'
import type { ResourceDiskInfo } from '../wire/resources.ts'
import { type Amount, amountText } from './value.ts'

export interface Reservation {
  readonly type: 'STATIC' | 'DYNAMIC'
  readonly role: string
  readonly principal?: string
  readonly labels?: Labels
}

export interface IdentityFields {
  readonly name: string
  readonly kind: Amount['kind']
  /** The stack: every entry's role lies below the role of the one before. Empty: unreserved. */
  readonly reservations: readonly Reservation[]
  /** Role that it is offered or allocated to. */
  readonly allocatedTo: string | undefined
  readonly revocable: boolean
  readonly shared: boolean
  readonly disk: ResourceDiskInfo | undefined
  readonly providerId: string | undefined
}

export interface Entry {
  readonly identity: Identity
  readonly amount: Amount
  /** More than 1 only for whole and shared entries: they are counted and never summed. */
  readonly copies: number
  /** Place in the canonical order, and what decides whether two entries merge. */
  readonly key: string
}

// People look for these first; everything else follows by name.
const WELL_KNOWN = ['cpus', 'mem', 'disk', 'gpus', 'ports']

export class Identity {
  readonly name: string
  readonly kind: Amount['kind']
  readonly reservations: readonly Reservation[]
  readonly allocatedTo: string | undefined
  readonly revocable: boolean
  readonly shared: boolean
  readonly disk: ResourceDiskInfo | undefined
  readonly providerId: string | undefined
  /** Cannot be split or summed: persistent volumes, MOUNT and BLOCK disks, RAW disks with an id, everything shared. */
  readonly whole: boolean
  readonly key: string
  // Resources are allocated to a role and given back again and again; the text work is done once.
  #lastAllocated: Identity | undefined

  constructor(fields: IdentityFields) {
    this.name = fields.name
    this.kind = fields.kind
    this.reservations = fields.reservations
    this.allocatedTo = fields.allocatedTo
    this.revocable = fields.revocable
    this.shared = fields.shared
    this.disk = fields.disk
    this.providerId = fields.providerId
    this.whole = isWhole(fields)
    this.key = keyOf(fields)
  }

  /** The role of the last reservation, `*` when there is none. */
  get role(): string {
    return this.reservations.at(-1)?.role ?? '*'
  }

  /** The same with another allocation; undefined takes the allocation away. */
  allocateTo(role: string | undefined): Identity {
    if (this.allocatedTo === role) return this
    if (this.#lastAllocated === undefined || this.#lastAllocated.allocatedTo !== role) {
      const other = new Identity({ ...this.fields(), allocatedTo: role })
      other.#lastAllocated = this
      this.#lastAllocated = other
    }
    return this.#lastAllocated
  }

  with(changes: Partial<IdentityFields>): Identity {
    return new Identity({ ...this.fields(), ...changes })
  }

  fields(): IdentityFields {
    return {
      name: this.name,
      kind: this.kind,
      reservations: this.reservations,
      allocatedTo: this.allocatedTo,
      revocable: this.revocable,
      shared: this.shared,
      disk: this.disk,
      providerId: this.providerId,
    }
  }
}

export function entryOf(identity: Identity, amount: Amount, copies = 1): Entry {
  return {
    identity,
    amount,
    copies,
    key: identity.whole ? `${identity.key}=${amountText(amount)}` : identity.key,
  }
}

/**
 * `cpus(allocated: *):7.9`, the form in which Mesos names resources in its messages
 * (spec/recorded/scheduler-session.json), with reservations, disk, `{REV}` and `<SHARED>` where there are any.
 */
export function entryText(entry: Entry): string {
  const { identity } = entry
  let text = identity.name
  if (identity.allocatedTo !== undefined) text += `(allocated: ${identity.allocatedTo})`
  if (identity.reservations.length > 0) {
    text += `(reservations: [${identity.reservations.map(reservationText).join(',')}])`
  }
  if (identity.disk !== undefined) text += `[${diskText(identity.disk)}]`
  if (identity.revocable) text += '{REV}'
  if (identity.shared) text += '<SHARED>'
  text += `:${amountText(entry.amount)}`
  return entry.copies > 1 ? `${text} (${entry.copies} times)` : text
}

function reservationText(reservation: Reservation): string {
  const parts = [reservation.type, reservation.role]
  if (reservation.principal !== undefined) parts.push(reservation.principal)
  const labels = reservation.labels?.labels ?? []
  if (labels.length > 0)
    parts.push(`{${labels.map((label) => `${label.key}: ${label.value ?? ''}`).join(', ')}}`)
  return `(${parts.join(',')})`
}

function diskText(disk: ResourceDiskInfo): string {
  const parts: string[] = []
  if (disk.source !== undefined) {
    const root = disk.source.mount?.root ?? disk.source.path?.root
    parts.push([disk.source.type, disk.source.id, root].filter((part) => part !== undefined).join(':'))
  }
  if (disk.persistence !== undefined) parts.push(disk.persistence.id)
  if (disk.volume !== undefined) parts.push(disk.volume.container_path)
  return parts.join(',')
}

function isWhole(fields: IdentityFields): boolean {
  if (fields.shared || fields.disk?.persistence !== undefined) return true
  const source = fields.disk?.source
  if (source === undefined) return false
  return (
    source.type === 'MOUNT' || source.type === 'BLOCK' || (source.type === 'RAW' && source.id !== undefined)
  )
}

function keyOf(fields: IdentityFields): string {
  const known = WELL_KNOWN.indexOf(fields.name)
  let key = `${known < 0 ? WELL_KNOWN.length : known}${fields.name}\u0000${fields.kind}`
  if (fields.revocable) key += '\u0000revocable'
  if (fields.allocatedTo !== undefined) key += `\u0000allocated ${fields.allocatedTo}`
  if (fields.reservations.length > 0) key += `\u0000reserved ${canonical(fields.reservations)}`
  if (fields.disk !== undefined) key += `\u0000disk ${canonical(fields.disk)}`
  if (fields.shared) key += '\u0000shared'
  if (fields.providerId !== undefined) key += `\u0000provider ${fields.providerId}`
  return key
}

/** JSON with sorted keys and without unset fields, so that equal values give equal texts. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  })
}
