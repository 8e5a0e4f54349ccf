// What a FrameworkInfo must be before a framework may subscribe with it or change to it (spec/mesos.md 2.3, 2.11).
import { compileConstraints } from '../../allocator/constraints.ts'
import { identifierError, roleError } from '../../wire/identifiers.ts'
import type { FrameworkInfo, OfferFilters } from '../../wire/frameworks.ts'
import type { OfferConstraints } from '../../wire/offer-constraints.ts'
import type { CoreOptions } from './cluster.ts'

/** Longest span that fits into 64 bits of nanoseconds, in seconds. */
const LONGEST_SECONDS = 2 ** 63 / 1e9

/** What is asked for in SUBSCRIBE and in UPDATE_FRAMEWORK. */
export interface FrameworkWish {
  readonly info: FrameworkInfo
  readonly suppressedRoles: readonly string[]
  readonly offerConstraints: OfferConstraints | undefined
}

export function isMultiRole(info: FrameworkInfo): boolean {
  return info.capabilities?.some((capability) => capability.type === 'MULTI_ROLE') === true
}

/** The roles that a framework is in: `roles` with MULTI_ROLE, else its only `role`, which is `*` when unset. */
export function rolesOf(info: FrameworkInfo): readonly string[] {
  return isMultiRole(info) ? (info.roles ?? []) : [info.role ?? '*']
}

/** Returns what is wrong as Mesos words it, undefined when nothing is. */
export function problemWithFramework(wish: FrameworkWish, options: CoreOptions): string | undefined {
  const { info } = wish
  return (
    problemWithRoles(info) ??
    problemWithWhitelist(info, options) ??
    problemWithId(info) ??
    problemWithFailoverTimeout(info.failover_timeout ?? 0) ??
    problemWithUser(info, options) ??
    problemWithOfferFilters(info) ??
    problemWithSuppressedRoles(wish) ??
    problemWithConstraints(wish)
  )
}

/**
 * What may not change (spec/mesos.md 2.3): the principal never; user and checkpoint are an error for UPDATE_FRAMEWORK
 * and silently kept on SUBSCRIBE.
 */
export function problemWithChange(
  old: FrameworkInfo,
  next: FrameworkInfo,
  fields: readonly ('principal' | 'user' | 'checkpoint')[],
): string | undefined {
  for (const field of fields) {
    const before = old[field] ?? (field === 'checkpoint' ? false : '')
    const after = next[field] ?? (field === 'checkpoint' ? false : '')
    if (before !== after) {
      return `Updating 'FrameworkInfo.${field}' is unsupported; attempted to update from '${before}' to '${after}'`
    }
  }
  return undefined
}

function problemWithRoles(info: FrameworkInfo): string | undefined {
  const roles = info.roles ?? []
  if (!isMultiRole(info)) {
    if (roles.length > 0) {
      return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
    }
    const problem = roleError(info.role ?? '*')
    return problem === undefined ? undefined : `'FrameworkInfo.role' is not a valid role: ${problem}`
  }
  if (info.role !== undefined) {
    return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
  }
  const seen = new Set<string>()
  const twice = new Set<string>()
  for (const role of roles) (seen.has(role) ? twice : seen).add(role)
  if (twice.size > 0) return `'FrameworkInfo.roles' contains duplicate items: { ${[...twice].join(', ')} }`
  for (const role of roles) {
    const problem = roleError(role)
    if (problem !== undefined) return `'FrameworkInfo.roles' contains invalid role: ${problem}`
  }
  return undefined
}

function problemWithWhitelist(info: FrameworkInfo, options: CoreOptions): string | undefined {
  const { roles: allowed } = options
  if (allowed === undefined) return undefined
  const known = new Set(allowed)
  const strangers = rolesOf(info).filter((role) => role !== '*' && !known.has(role))
  if (strangers.length === 0) return undefined
  return `Roles '{ ${strangers.join(', ')} }' are not present in the master's --roles`
}

function problemWithId(info: FrameworkInfo): string | undefined {
  const id = info.id?.value
  if (id === undefined || id === '') return undefined
  const problem = identifierError(id, 'Framework ID')
  return problem === undefined ? undefined : `'FrameworkInfo.id' is not valid: ${problem}`
}

function problemWithFailoverTimeout(seconds: number): string | undefined {
  if (Number.isFinite(seconds) && Math.abs(seconds) < LONGEST_SECONDS) return undefined
  return (
    `The framework failover_timeout (${seconds}) is invalid: ` +
    `expected a number of seconds of less than ${LONGEST_SECONDS.toFixed(0)}`
  )
}

function problemWithUser(info: FrameworkInfo, options: CoreOptions): string | undefined {
  if (options.rootSubmissions || info.user !== 'root') return undefined
  return "User 'root' is not allowed to run frameworks without root submissions (--root_submissions)"
}

function problemWithOfferFilters(info: FrameworkInfo): string | undefined {
  const roles = new Set(rolesOf(info))
  for (const [role, filters] of Object.entries(info.offer_filters ?? {})) {
    if (!roles.has(role)) {
      return `'FrameworkInfo.offer_filters' contains the role '${role}', to which the framework is not subscribed`
    }
    const problem = problemWithFilter(filters)
    if (problem !== undefined) return `'FrameworkInfo.offer_filters' of role '${role}': ${problem}`
  }
  return undefined
}

function problemWithFilter(filters: OfferFilters): string | undefined {
  for (const set of filters.min_allocatable_resources?.quantities ?? []) {
    const amounts = Object.entries(set.quantities ?? {})
    if (amounts.length === 0) return 'min_allocatable_resources contains an empty set of quantities'
    for (const [name, { value }] of amounts) {
      if (!(value >= 0 && Number.isFinite(value))) {
        return `min_allocatable_resources has ${name}:${value}, expected a finite number that is not negative`
      }
    }
  }
  return undefined
}

function problemWithSuppressedRoles(wish: FrameworkWish): string | undefined {
  const roles = new Set(rolesOf(wish.info))
  const strangers = wish.suppressedRoles.filter((role) => !roles.has(role))
  if (strangers.length === 0) return undefined
  return `Suppressed roles { ${strangers.join(', ')} } are not a subset of the roles that the framework subscribes to`
}

function problemWithConstraints(wish: FrameworkWish): string | undefined {
  const roles = new Set(rolesOf(wish.info))
  const { offerConstraints } = wish
  if (offerConstraints === undefined) return undefined
  const stranger = Object.keys(offerConstraints.role_constraints ?? {}).find((role) => !roles.has(role))
  if (stranger !== undefined) {
    return `Offer constraints are given for the role '${stranger}', to which the framework is not subscribed`
  }
  const compiled = compileConstraints(offerConstraints)
  return 'rejected' in compiled ? compiled.message : undefined
}
