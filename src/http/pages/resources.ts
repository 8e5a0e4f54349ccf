// Resources and attributes as the pages of Mesos show them (spec/mesos.md 4.4).
import { attributeText } from '../../resources/attributes.ts'
import type { Resources } from '../../resources/resources.ts'
import type { Resource } from '../../wire/resources.ts'
import type { Attribute } from '../../wire/values.ts'
import { double, type Double } from './number.ts'

/** A page, or a part of one: field by field in the order in which it is written. */
export type Page = Readonly<Record<string, unknown>>

/** `{"disk":0.0,"mem":64.0,"gpus":0.0,"cpus":0.1,"ports":"[31000-32000]"}` */
export function resourceMap(resources: Resources): Page {
  const map: Record<string, Double | string> = {}
  for (const [name, value] of Object.entries(resources.toSummary()))
    map[name] = typeof value === 'number' ? double(value) : value
  return map
}

/** By the role for which it is reserved. */
export function reservedMap<T>(
  resources: Resources,
  show: (part: Resources) => T,
): Readonly<Record<string, T>> {
  const roles = new Set(resources.reserved().entries.map((entry) => entry.identity.role))
  return Object.fromEntries([...roles].toSorted().map((role) => [role, show(resources.reserved(role))]))
}

/** Every resource as its message, in the form of the pages. */
export function resourceList(resources: Resources): readonly Page[] {
  return resources.toWire('endpoint').map(withDoubles)
}

/** In the order in which the message declares its fields. */
function withDoubles(resource: Resource): Page {
  const { provider_id, name, type, scalar, ranges, set, role, allocation_info, ...rest } = resource
  return {
    ...(provider_id !== undefined && { provider_id }),
    name,
    type,
    ...(scalar !== undefined && { scalar: { value: double(scalar.value) } }),
    ...(ranges !== undefined && { ranges }),
    ...(set !== undefined && { set }),
    ...(role !== undefined && { role }),
    ...(allocation_info !== undefined && { allocation_info }),
    ...rest,
  }
}

/** Amounts by name in the order of the alphabet; of ranges how many numbers, of sets how many items. */
export function quantityMap(resources: Resources): Page {
  const sums = new Map<string, number>()
  for (const { identity, amount, copies } of resources.entries) {
    let size: number
    if (amount.kind === 'scalar') size = (amount.milli * (identity.shared ? 1 : copies)) / 1000
    else if (amount.kind === 'set') size = amount.items.length
    else size = amount.ranges.reduce((sum, { begin, end }) => sum + end - begin + 1, 0)
    sums.set(identity.name, (sums.get(identity.name) ?? 0) + size)
  }
  const names = [...sums.keys()].toSorted()
  return Object.fromEntries(names.map((name) => [name, double(sums.get(name) ?? 0)]))
}

/** Texts and ranges as text, numbers as numbers. */
export function attributeMap(attributes: readonly Attribute[]): Page {
  return Object.fromEntries(
    attributes.map((attribute) => [
      attribute.name,
      attribute.type === 'SCALAR' ? double(attribute.scalar?.value ?? 0) : attributeText(attribute),
    ]),
  )
}
