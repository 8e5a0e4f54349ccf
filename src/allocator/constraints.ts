/** Whether an agent's attributes satisfy what a framework demands of them (spec/mesos.md 2.11). */
import { type Rejection, rejection, unreachable } from '../base/errors.ts'
import type {
  AttributeConstraint,
  AttributeConstraintPredicate,
  AttributeConstraintSelector,
  OfferConstraints,
} from '../wire/offer-constraints.ts'
import type { Attribute } from '../wire/values.ts'
import { compilePattern } from './pattern.ts'

/** What constraints look at. The object is remembered: a changed agent must come as another one. */
export interface ConstrainedAgent {
  readonly hostname: string
  readonly attributes: readonly Attribute[]
  readonly region?: string
  readonly zone?: string
}

/** Constraints of one framework, ready to be asked. */
export interface OfferConstraintsFilter {
  /** Whether the agent may be offered to the framework for the role. */
  allows(role: string, agent: ConstrainedAgent): boolean
}

/** Groups of all roles, and constraints of one group: more than anybody writes by hand. */
export const MAX_GROUPS = 1_000
export const MAX_CONSTRAINTS = 1_000

type Test = (agent: ConstrainedAgent) => boolean
/** The text of an attribute; null when it is there and is no text; undefined when it is not there. */
type Selected = string | null | undefined

/** Prepares constraints; those that cannot be meant are refused with a sentence that names the place. */
export function compileConstraints(wire: OfferConstraints): OfferConstraintsFilter | Rejection {
  const roles = new Map<string, Test>()
  let groups = 0
  for (const [role, constraints] of Object.entries(wire.role_constraints ?? {})) {
    const at = `offer_constraints.role_constraints['${role}']`
    const tests: Test[] = []
    const all = constraints.groups ?? []
    groups += all.length
    if (all.length === 0) return rejection(`${at}.groups is empty, expected at least one group`)
    if (groups > MAX_GROUPS) return rejection(`offer_constraints has more than ${MAX_GROUPS} groups`)
    for (const [index, group] of all.entries()) {
      const test = compileGroup(`${at}.groups[${index}]`, group.attribute_constraints ?? [])
      if (typeof test !== 'function') return test
      tests.push(test)
    }
    roles.set(role, (agent) => tests.some((test) => test(agent)))
  }
  return filterOf(roles)
}

/** Asks each agent once per role: its attributes stay what they are. */
function filterOf(roles: ReadonlyMap<string, Test>): OfferConstraintsFilter {
  const answers = new Map<string, WeakMap<ConstrainedAgent, boolean>>()
  return {
    allows: (role, agent) => {
      const test = roles.get(role)
      if (test === undefined) return true
      let known = answers.get(role)
      if (known === undefined) {
        known = new WeakMap()
        answers.set(role, known)
      }
      let answer = known.get(agent)
      if (answer === undefined) {
        answer = test(agent)
        known.set(agent, answer)
      }
      return answer
    },
  }
}

function compileGroup(at: string, constraints: readonly AttributeConstraint[]): Test | Rejection {
  if (constraints.length === 0)
    return rejection(`${at}.attribute_constraints is empty, expected at least one`)
  if (constraints.length > MAX_CONSTRAINTS) {
    return rejection(`${at} has ${constraints.length} constraints, expected at most ${MAX_CONSTRAINTS}`)
  }
  const tests: Test[] = []
  for (const [index, constraint] of constraints.entries()) {
    const here = `${at}.attribute_constraints[${index}]`
    const select = compileSelector(`${here}.selector`, constraint.selector)
    if (typeof select !== 'function') return select
    const holds = compilePredicate(`${here}.predicate`, constraint.predicate)
    if (typeof holds !== 'function') return holds
    tests.push((agent) => holds(select(agent)))
  }
  return (agent) => tests.every((test) => test(agent))
}

function compileSelector(
  at: string,
  selector: AttributeConstraintSelector,
): ((agent: ConstrainedAgent) => Selected) | Rejection {
  const name = selector.attribute_name
  if (name !== undefined) {
    return (agent) => {
      const attribute = agent.attributes.find((one) => one.name === name)
      if (attribute === undefined) return undefined
      return attribute.type === 'TEXT' ? (attribute.text?.value ?? '') : null
    }
  }
  const pseudoattribute = selector.pseudoattribute_type
  switch (pseudoattribute) {
    case 'HOSTNAME':
      return (agent) => agent.hostname
    case 'REGION':
      return (agent) => agent.region
    case 'ZONE':
      return (agent) => agent.zone
    case 'UNKNOWN':
    case undefined:
      return rejection(`${at} is not known, expected attribute_name or one of HOSTNAME, REGION, ZONE`)
    default:
      return unreachable(pseudoattribute, 'pseudo-attribute')
  }
}

function compilePredicate(
  at: string,
  predicate: AttributeConstraintPredicate,
): ((selected: Selected) => boolean) | Rejection {
  if (predicate.exists !== undefined) return (selected) => selected !== undefined
  if (predicate.not_exists !== undefined) return (selected) => selected === undefined
  if (predicate.text_equals !== undefined) {
    const { value } = predicate.text_equals
    return (selected) => onText(selected, false, (text) => text === value)
  }
  if (predicate.text_not_equals !== undefined) {
    const { value } = predicate.text_not_equals
    return (selected) => onText(selected, true, (text) => text !== value)
  }
  const regex = predicate.text_matches?.regex ?? predicate.text_not_matches?.regex
  if (regex === undefined)
    return rejection(`${at} is not known, expected exists, text_equals, text_matches, …`)
  const matches = compilePattern(regex)
  if (typeof matches !== 'function') return rejection(`${at}: ${matches.message}`)
  if (predicate.text_matches !== undefined) return (selected) => onText(selected, false, matches)
  return (selected) => onText(selected, true, (text) => !matches(text))
}

/** Attributes that are no text satisfy every predicate on text (the truth table of spec/mesos.md 2.11). */
function onText(selected: Selected, whenMissing: boolean, test: (text: string) => boolean): boolean {
  if (selected === undefined) return whenMissing
  return selected === null || test(selected)
}
