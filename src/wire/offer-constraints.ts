// Constraints on the attributes of agents, by which a framework says which offers it wants to see.
import { enumeration, mapOf, message, optional, repeated, required, string, type Static } from './message.ts'

export const AttributeConstraintSelectorPseudoattributeType = enumeration(
  'mesos.v1.scheduler.AttributeConstraint.Selector.PseudoattributeType',
  {
    UNKNOWN: 0,
    HOSTNAME: 1,
    REGION: 2,
    ZONE: 3,
  },
)
export type AttributeConstraintSelectorPseudoattributeType = Static<
  typeof AttributeConstraintSelectorPseudoattributeType
>

export const AttributeConstraintSelector = message('mesos.v1.scheduler.AttributeConstraint.Selector', {
  pseudoattribute_type: optional(1, AttributeConstraintSelectorPseudoattributeType, { oneof: 'selector' }),
  attribute_name: optional(2, string, { oneof: 'selector' }),
})
export type AttributeConstraintSelector = Static<typeof AttributeConstraintSelector>

export const AttributeConstraintPredicateExists = message(
  'mesos.v1.scheduler.AttributeConstraint.Predicate.Exists',
  {},
)
export type AttributeConstraintPredicateExists = Static<typeof AttributeConstraintPredicateExists>

export const AttributeConstraintPredicateNotExists = message(
  'mesos.v1.scheduler.AttributeConstraint.Predicate.NotExists',
  {},
)
export type AttributeConstraintPredicateNotExists = Static<typeof AttributeConstraintPredicateNotExists>

export const AttributeConstraintPredicateTextEquals = message(
  'mesos.v1.scheduler.AttributeConstraint.Predicate.TextEquals',
  {
    value: required(1, string),
  },
)
export type AttributeConstraintPredicateTextEquals = Static<typeof AttributeConstraintPredicateTextEquals>

export const AttributeConstraintPredicateTextNotEquals = message(
  'mesos.v1.scheduler.AttributeConstraint.Predicate.TextNotEquals',
  {
    value: required(1, string),
  },
)
export type AttributeConstraintPredicateTextNotEquals = Static<
  typeof AttributeConstraintPredicateTextNotEquals
>

export const AttributeConstraintPredicateTextMatches = message(
  'mesos.v1.scheduler.AttributeConstraint.Predicate.TextMatches',
  {
    regex: required(1, string),
  },
)
export type AttributeConstraintPredicateTextMatches = Static<typeof AttributeConstraintPredicateTextMatches>

export const AttributeConstraintPredicateTextNotMatches = message(
  'mesos.v1.scheduler.AttributeConstraint.Predicate.TextNotMatches',
  {
    regex: required(1, string),
  },
)
export type AttributeConstraintPredicateTextNotMatches = Static<
  typeof AttributeConstraintPredicateTextNotMatches
>

export const AttributeConstraintPredicate = message('mesos.v1.scheduler.AttributeConstraint.Predicate', {
  exists: optional(1, AttributeConstraintPredicateExists, { oneof: 'predicate' }),
  not_exists: optional(2, AttributeConstraintPredicateNotExists, { oneof: 'predicate' }),
  text_equals: optional(3, AttributeConstraintPredicateTextEquals, { oneof: 'predicate' }),
  text_not_equals: optional(4, AttributeConstraintPredicateTextNotEquals, { oneof: 'predicate' }),
  text_matches: optional(5, AttributeConstraintPredicateTextMatches, { oneof: 'predicate' }),
  text_not_matches: optional(6, AttributeConstraintPredicateTextNotMatches, { oneof: 'predicate' }),
})
export type AttributeConstraintPredicate = Static<typeof AttributeConstraintPredicate>

export const AttributeConstraint = message('mesos.v1.scheduler.AttributeConstraint', {
  selector: required(1, AttributeConstraintSelector),
  predicate: required(2, AttributeConstraintPredicate),
})
export type AttributeConstraint = Static<typeof AttributeConstraint>

export const OfferConstraintsRoleConstraintsGroup = message(
  'mesos.v1.scheduler.OfferConstraints.RoleConstraints.Group',
  {
    attribute_constraints: repeated(1, AttributeConstraint),
  },
)
export type OfferConstraintsRoleConstraintsGroup = Static<typeof OfferConstraintsRoleConstraintsGroup>

export const OfferConstraintsRoleConstraints = message(
  'mesos.v1.scheduler.OfferConstraints.RoleConstraints',
  {
    groups: repeated(1, OfferConstraintsRoleConstraintsGroup),
  },
)
export type OfferConstraintsRoleConstraints = Static<typeof OfferConstraintsRoleConstraints>

export const OfferConstraints = message('mesos.v1.scheduler.OfferConstraints', {
  role_constraints: mapOf(1, OfferConstraintsRoleConstraints),
})
export type OfferConstraints = Static<typeof OfferConstraints>
