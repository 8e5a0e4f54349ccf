/** Whether resources that came from outside are well formed, and a sentence that names the field where not. */
import { roleError } from '../wire/identifiers.ts'
import type { Resource, ResourceReservationInfo } from '../wire/resources.ts'
import type { ValueRange } from '../wire/values.ts'
import { MAX_SCALAR } from './quantities.ts'
import { toMilli } from './value.ts'

/** Entries in one message, ranges or items in one entry: more than any machine has. */
export const MAX_ENTRIES = 10_000

/**
 * Checks the rules of spec/mesos.md 5.10.
 *
 * @returns undefined when all is well, else for example
 * `Resource 'cpus' is invalid: scalar.value is -1, expected a number from 0 to 100000000000`.
 */
export function validateResources(wire: readonly Resource[] | undefined): string | undefined {
  if (wire === undefined) return undefined
  if (wire.length > MAX_ENTRIES) return `There are ${wire.length} resources, expected at most ${MAX_ENTRIES}`
  for (const resource of wire) {
    const problem = problemWithResource(resource)
    if (problem !== undefined) return `Resource '${resource.name}' is invalid: ${problem}`
  }
  return undefined
}

function problemWithResource(resource: Resource): string | undefined {
  return (
    problemWithName(resource.name) ??
    problemWithAmount(resource) ??
    problemWithDisk(resource) ??
    problemWithReservations(resource) ??
    problemWithShared(resource) ??
    problemWithAllocation(resource)
  )
}

function problemWithName(name: string): string | undefined {
  if (name === '') return 'name is empty'
  // A NUL would let two different resources share one place in the canonical order.
  return name.includes('\u0000') ? 'name contains a NUL character' : undefined
}

function problemWithAmount(resource: Resource): string | undefined {
  const { type, scalar, ranges, set } = resource
  if (type === 'TEXT') return 'type is TEXT, expected SCALAR, RANGES or SET'
  const given = { scalar, ranges, set }
  const wanted = type === 'SCALAR' ? 'scalar' : type === 'RANGES' ? 'ranges' : 'set'
  for (const [field, value] of Object.entries(given)) {
    if (field === wanted && value === undefined) return `${field} is missing though type is ${type}`
    if (field !== wanted && value !== undefined) return `${field} is set though type is ${type}`
  }
  if (scalar !== undefined) return problemWithScalar(scalar.value)
  if (ranges !== undefined) return problemWithRanges(ranges.range ?? [])
  return problemWithSet(set?.item ?? [])
}

function problemWithScalar(value: number): string | undefined {
  if (!(value >= 0 && value <= MAX_SCALAR)) {
    return `scalar.value is ${value}, expected a number from 0 to ${MAX_SCALAR}`
  }
  if (value > 0 && toMilli(value) === 0)
    return `scalar.value ${value} is nothing when rounded to three decimals`
  return undefined
}

function problemWithRanges(ranges: readonly ValueRange[]): string | undefined {
  if (ranges.length > MAX_ENTRIES) return `it has ${ranges.length} ranges, expected at most ${MAX_ENTRIES}`
  for (const { begin, end } of ranges) {
    if (!isCountable(begin) || !isCountable(end)) {
      return `range ${begin}-${end} is not made of whole numbers from 0 to ${Number.MAX_SAFE_INTEGER}`
    }
    if (begin > end) return `range ${begin}-${end} ends before it begins`
  }
  const sorted = ranges.toSorted((a, b) => a.begin - b.begin)
  for (const [index, range] of sorted.entries()) {
    const next = sorted[index + 1]
    if (next !== undefined && next.begin <= range.end) {
      return `ranges ${range.begin}-${range.end} and ${next.begin}-${next.end} overlap`
    }
  }
  return undefined
}

function isCountable(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function problemWithSet(items: readonly string[]): string | undefined {
  if (items.length > MAX_ENTRIES) return `it has ${items.length} items, expected at most ${MAX_ENTRIES}`
  const seen = new Set<string>()
  for (const item of items) {
    if (seen.has(item)) return `set.item '${item}' is there twice`
    seen.add(item)
  }
  return undefined
}

function problemWithDisk(resource: Resource): string | undefined {
  const { disk, name } = resource
  if (disk === undefined) return undefined
  if (name !== 'disk') return `disk is set, which only the resource 'disk' may have`
  const source = disk.source
  if (source === undefined) return undefined
  const provided = resource.provider_id !== undefined
  switch (source.type) {
    case 'PATH':
      if (source.mount !== undefined) return 'disk.source.mount is set though disk.source.type is PATH'
      return source.path?.root === undefined && !provided ? 'disk.source.path.root is missing' : undefined
    case 'MOUNT':
      if (source.path !== undefined) return 'disk.source.path is set though disk.source.type is MOUNT'
      return source.mount?.root === undefined && !provided ? 'disk.source.mount.root is missing' : undefined
    case 'BLOCK':
    case 'RAW':
      if (source.path !== undefined)
        return `disk.source.path is set though disk.source.type is ${source.type}`
      return source.mount === undefined
        ? undefined
        : `disk.source.mount is set though disk.source.type is ${source.type}`
    case 'UNKNOWN':
      return 'disk.source.type is UNKNOWN, expected PATH, MOUNT, BLOCK or RAW'
  }
}

function problemWithReservations(resource: Resource): string | undefined {
  const stack = resource.reservations ?? []
  return stack.length === 0 ? problemWithOldForm(resource) : problemWithStack(resource, stack)
}

/** `role` and `reservation`, the form before reservations could be refined. */
function problemWithOldForm(resource: Resource): string | undefined {
  const role = resource.role ?? '*'
  const problem = roleError(role)
  if (problem !== undefined) return problem
  const reservation = resource.reservation
  if (reservation === undefined) return undefined
  if (role === '*') return `reservation is set though role is '*', which cannot be reserved to`
  if (reservation.type !== undefined) return 'reservation.type is set, expected it only within reservations'
  if (reservation.role !== undefined) return 'reservation.role is set, expected it only within reservations'
  return undefined
}

function problemWithStack(resource: Resource, stack: readonly ResourceReservationInfo[]): string | undefined {
  for (const [index, entry] of stack.entries()) {
    const at = `reservations[${index}]`
    if (entry.type !== 'STATIC' && entry.type !== 'DYNAMIC') return `${at}.type must be STATIC or DYNAMIC`
    if (entry.role === undefined) return `${at}.role is missing`
    if (entry.role === '*') return `${at}.role is '*', which cannot be reserved to`
    const problem = roleError(entry.role)
    if (problem !== undefined) return `${at}: ${problem}`
    if (index === 0) continue
    if (entry.type === 'STATIC') return `${at}.type is STATIC, which only the first reservation may be`
    const above = stack[index - 1]?.role ?? ''
    if (!entry.role.startsWith(`${above}/`))
      return `${at}.role '${entry.role}' is not below '${above}', which it refines`
  }
  return problemWithBothForms(resource, stack)
}

/** The endpoint form says a single reservation twice; both must say the same. */
function problemWithBothForms(
  resource: Resource,
  stack: readonly ResourceReservationInfo[],
): string | undefined {
  const { role, reservation } = resource
  const [only] = stack
  if (stack.length > 1 || only === undefined) {
    if (role !== undefined && role !== '*') return 'role is set beside more than one reservation'
    return reservation === undefined ? undefined : 'reservation is set beside more than one reservation'
  }
  // The codec fills the deprecated role in as '*', which then says nothing.
  const given = role === '*' ? undefined : role
  if (given !== undefined && given !== only.role) {
    return `role '${given}' differs from reservations[0].role '${only.role}'`
  }
  if (reservation === undefined) return undefined
  if (only.type === 'STATIC') return 'reservation is set though reservations[0] is STATIC'
  const same =
    reservation.principal === only.principal &&
    JSON.stringify(reservation.labels) === JSON.stringify(only.labels)
  return same ? undefined : 'reservation and reservations[0] differ in principal or labels'
}

function problemWithShared(resource: Resource): string | undefined {
  if (resource.shared === undefined) return undefined
  return resource.name === 'disk' && resource.disk?.persistence !== undefined
    ? undefined
    : 'shared is set, which only a disk with disk.persistence may have'
}

function problemWithAllocation(resource: Resource): string | undefined {
  const role = resource.allocation_info?.role
  if (role === undefined) return undefined
  const problem = roleError(role)
  return problem === undefined ? undefined : `allocation_info.role: ${problem}`
}
