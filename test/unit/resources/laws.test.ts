// The laws of resource arithmetic, each tried on hundreds of random resources.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeMessage, parseMessage } from '../../../src/wire/json.ts'
import { Resource } from '../../../src/wire/resources.ts'
import { isNothing } from '../../../src/resources/value.ts'
import { Resources } from '../../../src/resources/resources.ts'
import { validateResources } from '../../../src/resources/validate.ts'
import { anyResources, wireResources } from './arbitrary.ts'

const a = anyResources()
/** Its ranges and sets have nothing in common with those of `a`. */
const apart = anyResources(10_000)

/** Whatever comes out of an operation is in canonical order, with nothing negative and nothing empty. */
function expectWellFormed(resources: Resources): void {
  const keys = resources.entries.map((entry) => entry.key)
  expect(keys).toEqual([...new Set(keys)].toSorted())
  for (const { amount, copies } of resources.entries) {
    expect(isNothing(amount)).toBe(false)
    expect(copies).toBeGreaterThan(0)
    if (amount.kind === 'scalar') expect(Number.isSafeInteger(amount.milli)).toBe(true)
  }
}

function expectSame(one: Resources, other: Resources): void {
  expect(one.toText()).toBe(other.toText())
  expect(one.equals(other)).toBe(true)
}

function succeeds(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}

describe('the laws of resources', () => {
  test('a + b = b + a', () => {
    fc.assert(
      fc.property(a, a, (one, other) => {
        expectSame(one.plus(other), other.plus(one))
        expectWellFormed(one.plus(other))
      }),
    )
  })

  test('(a + b) + c = a + (b + c) = sum of all three', () => {
    fc.assert(
      fc.property(a, a, a, (one, two, three) => {
        expectSame(one.plus(two).plus(three), one.plus(two.plus(three)))
        expectSame(Resources.sum([one, two, three]), one.plus(two).plus(three))
      }),
    )
  })

  test('(a + b) − b = a where ranges and sets do not overlap', () => {
    fc.assert(
      fc.property(a, apart, (one, other) => {
        const back = one.plus(other).minus(other)
        expectSame(back, one)
        expectWellFormed(back)
      }),
    )
  })

  test('a sum contains its parts', () => {
    fc.assert(
      fc.property(a, a, (one, other) => {
        const sum = one.plus(other)
        expect(sum.contains(one) && sum.contains(other)).toBe(true)
      }),
    )
  })

  test('a contains b exactly when a − b does not fail', () => {
    fc.assert(
      fc.property(a, a, (one, other) => {
        expect(succeeds(() => one.minus(other))).toBe(one.contains(other))
      }),
    )
  })

  test('a contains b and b contains a exactly when a = b', () => {
    fc.assert(
      fc.property(a, a, (one, other) => {
        expect(one.contains(other) && other.contains(one)).toBe(one.equals(other))
        expect(one.equals(Resources.of(one.entries.toReversed()))).toBe(true)
      }),
    )
  })

  test('taking away more than there is leaves nothing negative and nothing that was taken', () => {
    fc.assert(
      fc.property(a, a, (one, other) => {
        const rest = one.minusAtMost(other)
        expectWellFormed(rest)
        expect(one.contains(rest)).toBe(true)
        expect(one.plus(other).contains(rest)).toBe(true)
        if (one.contains(other)) expectSame(rest, one.minus(other))
      }),
    )
  })

  test('parse(print(a)) = a', () => {
    fc.assert(
      fc.property(a, (one) => {
        const parsed = Resources.parse(one.toFlag())
        if ('rejected' in parsed) throw new Error(parsed.message)
        expectSame(parsed, one)
      }),
    )
  })

  test('what is written as messages is read back the same, through JSON and in the endpoint form', () => {
    fc.assert(
      fc.property(a, (one) => {
        expectSame(Resources.from(one.toWire()), one)
        expectSame(Resources.from(one.toWire('endpoint')), one)
        const through = one.toWire().map((resource) => {
          const decoded = parseMessage(Resource, encodeMessage(Resource, resource))
          if (!decoded.ok) throw new Error(decoded.error)
          return decoded.value
        })
        expectSame(Resources.from(through), one)
      }),
    )
  })

  test('what is written before refinement is read back the same where nothing is refined', () => {
    fc.assert(
      fc.property(a, (all) => {
        const one = all.filter((identity) => identity.reservations.length < 2)
        const wire = one.toWire('pre-refinement')
        expect(
          wire.every((resource) => resource.role !== undefined && resource.reservations === undefined),
        ).toBe(true)
        expectSame(Resources.from(wire), one)
      }),
    )
  })

  test('what is valid stays valid in all its forms', () => {
    fc.assert(
      fc.property(wireResources(), (wire) => {
        expect(validateResources(wire)).toBeUndefined()
        expect(validateResources(Resources.from(wire).toWire('endpoint'))).toBeUndefined()
      }),
    )
  })

  test('allocating and taking the allocation away gives the unallocated resources', () => {
    fc.assert(
      fc.property(a, fc.constantFrom('*', 'web'), (all, role) => {
        const one = all.unallocated()
        expectSame(one.allocateTo(role).unallocated(), one)
        expectSame(one.allocateTo(role).byAllocation().get(role) ?? Resources.empty, one.allocateTo(role))
        expectSame(
          Resources.sum(all.byAllocation().values()),
          all.filter((identity) => identity.allocatedTo !== undefined),
        )
      }),
    )
  })

  test('resources are revocable or not, reserved or not, and nothing is lost between the two', () => {
    fc.assert(
      fc.property(a, (one) => {
        expectSame(one.revocable().plus(one.nonRevocable()), one)
        expectSame(one.reserved().plus(one.unreserved()), one)
        expect(one.markRevocable().nonRevocable().isEmpty).toBe(true)
      }),
    )
  })

  test('shrinking gives a part that fits', () => {
    const wish = fc.dictionary(fc.constantFrom('cpus', 'mem', 'disk', 'gpus'), fc.nat(2_000_000))
    fc.assert(
      fc.property(a, wish, (one, limits) => {
        const part = one.filter((identity) => !identity.shared).shrinkTo(new Map(Object.entries(limits)))
        expectWellFormed(part)
        expect(one.contains(part)).toBe(true)
        for (const [name, milli] of part.quantities()) expect(milli).toBeLessThanOrEqual(limits[name] ?? 0)
      }),
    )
  })

  test('thousandths never drift, however often they are added and taken away', () => {
    const tenth = Resources.from([{ name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } }])
    const many = Array.from({ length: 10_000 }, () => tenth)
    const sum = many.reduce((total, one) => total.plus(one), Resources.empty)
    expect(sum.scalar('cpus')).toBe(1000)
    expect(
      many
        .slice(1)
        .reduce((total, one) => total.minus(one), sum)
        .equals(tenth),
    ).toBe(true)
  })
})
