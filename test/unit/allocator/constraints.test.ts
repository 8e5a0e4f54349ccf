// The truth table of constraints on attributes, and what cannot be meant.
import { describe, expect, test } from 'vitest'
import { compileConstraints } from '../../../src/allocator/constraints.ts'
import type {
  AttributeConstraint,
  AttributeConstraintPredicate,
} from '../../../src/wire/offer-constraints.ts'

const agent = {
  hostname: 'h1',
  attributes: [
    { name: 'rack', type: 'TEXT' as const, text: { value: 'a1' } },
    { name: 'rack', type: 'TEXT' as const, text: { value: 'b2' } },
    { name: 'cores', type: 'SCALAR' as const, scalar: { value: 4 } },
  ],
}

function allows(constraint: AttributeConstraint): boolean {
  const filter = compileConstraints({
    role_constraints: { web: { groups: [{ attribute_constraints: [constraint] }] } },
  })
  if ('rejected' in filter) throw new Error(filter.message)
  return filter.allows('web', agent)
}

describe('spec/mesos.md 2.11: what holds for an attribute that is', () => {
  test.each<[string, AttributeConstraintPredicate, boolean, boolean, boolean]>([
    ['exists', { exists: {} }, false, true, true],
    ['not_exists', { not_exists: {} }, true, false, false],
    ['text_equals a1', { text_equals: { value: 'a1' } }, false, true, true],
    ['text_equals b2', { text_equals: { value: 'b2' } }, false, true, false],
    ['text_not_equals a1', { text_not_equals: { value: 'a1' } }, true, true, false],
    ['text_matches a', { text_matches: { regex: 'a' } }, false, true, false],
    ['text_matches a.', { text_matches: { regex: 'a.' } }, false, true, true],
    ['text_not_matches a.', { text_not_matches: { regex: 'a.' } }, true, true, false],
  ])('missing, a number, the text a1: %s', (_name, predicate, missing, number, text) => {
    expect(allows({ selector: { attribute_name: 'zone' }, predicate })).toBe(missing)
    expect(allows({ selector: { attribute_name: 'cores' }, predicate })).toBe(number)
    expect(allows({ selector: { attribute_name: 'rack' }, predicate })).toBe(text)
  })

  test('a pseudo-attribute: the host is known, region and zone are not', () => {
    const exists = { exists: {} }
    expect(allows({ selector: { pseudoattribute_type: 'HOSTNAME' }, predicate: exists })).toBe(true)
    expect(allows({ selector: { pseudoattribute_type: 'REGION' }, predicate: exists })).toBe(false)
    expect(allows({ selector: { pseudoattribute_type: 'ZONE' }, predicate: exists })).toBe(false)
  })
})

test('a role without constraints takes every agent', () => {
  const filter = compileConstraints({})
  expect('rejected' in filter || filter.allows('web', agent)).toBe(true)
})

test.each([
  [[], "offer_constraints.role_constraints['web'].groups is empty, expected at least one group"],
  [
    [{}],
    "offer_constraints.role_constraints['web'].groups[0].attribute_constraints is empty, expected at least one",
  ],
  [
    [{ attribute_constraints: [{ selector: {}, predicate: { exists: {} } }] }],
    "offer_constraints.role_constraints['web'].groups[0].attribute_constraints[0].selector is not known, " +
      'expected attribute_name or one of HOSTNAME, REGION, ZONE',
  ],
  [
    [{ attribute_constraints: [{ selector: { attribute_name: 'a' }, predicate: {} }] }],
    "offer_constraints.role_constraints['web'].groups[0].attribute_constraints[0].predicate is not known, " +
      'expected exists, text_equals, text_matches, …',
  ],
])('groups %j are refused', (groups, message) => {
  expect(compileConstraints({ role_constraints: { web: { groups } } })).toEqual({ rejected: true, message })
})
