// Random resources of every sort, for the laws that hold for all of them.
import fc from 'fast-check'
import { Resources } from '../../../src/resources/resources.ts'
import type { Resource, ResourceDiskInfo, ResourceReservationInfo } from '../../../src/wire/resources.ts'
import type { ValueRange } from '../../../src/wire/values.ts'

const metadata = {
  allocated: fc.option(fc.constantFrom('*', 'web', 'eng/a'), { nil: undefined, freq: 2 }),
  reservations: fc.constantFrom<ResourceReservationInfo[]>(
    // Mostly plain, so that two random entries are often of one identity.
    ...Array.from({ length: 12 }, () => []),
    [{ type: 'STATIC', role: 'web' }],
    [{ type: 'DYNAMIC', role: 'web', principal: 'p' }],
    [{ type: 'DYNAMIC', role: 'eng', labels: { labels: [{ key: 'k', value: 'v' }] } }],
    [
      { type: 'STATIC', role: 'eng' },
      { type: 'DYNAMIC', role: 'eng/a', principal: 'p' },
    ],
  ),
  revocable: fc.constantFrom(false, false, true),
  provider: fc.option(fc.constantFrom('P1', 'P2'), { nil: undefined, freq: 1 }),
}

const scalarValue = fc.oneof(
  fc.integer({ min: 0, max: 20_000 }).map((milli) => milli / 1000),
  fc.integer({ min: 0, max: 1_000_000 }),
)

const disks = fc.constantFrom<ResourceDiskInfo>(
  { source: { type: 'PATH', path: { root: '/p' } } },
  { source: { type: 'MOUNT', mount: { root: '/m' } } },
  { source: { type: 'BLOCK', id: 'b1' } },
  { source: { type: 'RAW' } },
  { source: { type: 'RAW', id: 'r1' } },
  { persistence: { id: 'v1', principal: 'p' }, volume: { mode: 'RW', container_path: 'data' } },
)

/** Disjoint ranges within `from` and the 500 numbers above it. */
function rangeList(from: number): fc.Arbitrary<ValueRange[]> {
  return fc
    .uniqueArray(fc.integer({ min: from, max: from + 500 }), { minLength: 0, maxLength: 12 })
    .map((ends) => {
      const sorted = ends.toSorted((a, b) => a - b)
      const ranges: ValueRange[] = []
      for (let index = 0; index + 1 < sorted.length; index += 2) {
        ranges.push({ begin: sorted[index] as number, end: sorted[index + 1] as number })
      }
      return ranges
    })
}

/** One valid resource; ranges and sets take their members from `from` on, so that two sources can be kept apart. */
function resource(from: number): fc.Arbitrary<Resource> {
  const value = fc.oneof(
    fc
      .record({ name: fc.constantFrom('cpus', 'mem', 'disk', 'gpus', 'bees'), value: scalarValue })
      .map(({ name, value }): Resource => ({ name, type: 'SCALAR', scalar: { value } })),
    fc
      .record({ name: fc.constantFrom('ports', 'vlans'), range: rangeList(from) })
      .map(({ name, range }): Resource => ({ name, type: 'RANGES', ranges: { range } })),
    fc
      .uniqueArray(fc.integer({ min: from, max: from + 20 }), { maxLength: 5 })
      .map(
        (items): Resource => ({ name: 'zones', type: 'SET', set: { item: items.map((item) => `z${item}`) } }),
      ),
    fc.record({ disk: disks, value: scalarValue, shared: fc.boolean() }).map(
      ({ disk, value, shared }): Resource => ({
        name: 'disk',
        type: 'SCALAR',
        scalar: { value },
        disk,
        ...(shared && disk.persistence !== undefined ? { shared: {} } : {}),
      }),
    ),
  )
  return fc.tuple(value, fc.record(metadata)).map(([one, extra]) => ({
    ...one,
    ...(extra.allocated === undefined ? {} : { allocation_info: { role: extra.allocated } }),
    ...(extra.reservations.length === 0 ? {} : { reservations: extra.reservations }),
    ...(extra.revocable ? { revocable: {} } : {}),
    ...(extra.provider === undefined ? {} : { provider_id: { value: extra.provider } }),
  }))
}

export function wireResources(from = 0): fc.Arbitrary<Resource[]> {
  return fc.array(resource(from), { maxLength: 12 })
}

export function anyResources(from = 0): fc.Arbitrary<Resources> {
  return wireResources(from).map((wire) => Resources.from(wire))
}
