/**
 * Quotas of single containers below a tier that is squeezed. On cgroup v1 (and hybrid) no group may have a higher quota
 * than the one above it: the kernel answers EINVAL, and the launch of a borrower with a quota of its own would fail.
 * Such a quota is cut to what the tier has, and kept here until the tier has more.
 */
import { OperatingError } from '../base/errors.ts'
import type { CgroupLimits, Cgroups } from './cgroups.ts'

/** Less than the group above by this much, cores: quotas are whole microseconds of different periods. */
const ROUNDING = 0.001
/** The least that the kernel takes over 100 ms. */
const LEAST = 0.01

/** Group → the cores that it was to have; one map for the groups of one agent. */
const cutQuotas = new WeakMap<Cgroups, Map<string, number>>()

/** Writes limits as `setLimits` does, with the quota cut to what the group above allows now. */
export function setOwnLimits(cgroups: Cgroups, path: string, limits: CgroupLimits): void {
  const { quotaCpus } = limits
  if (quotaCpus === undefined) return cgroups.setLimits(path, limits)
  const most = Number.isFinite(quotaCpus) ? mostBelow(cgroups, path) : quotaCpus
  cgroups.setLimits(path, { ...limits, quotaCpus: Math.min(quotaCpus, most) })
  if (quotaCpus > most) cutOf(cgroups).set(path, quotaCpus)
  else cutOf(cgroups).delete(path)
}

/** Before a group gets so many cores: cuts the quotas right below it that are higher. */
export function cutQuotasBelow(cgroups: Cgroups, parent: string, cpus: number): void {
  if (cgroups.layout === 'v2') return
  const cut = cutOf(cgroups)
  for (const path of cgroups.children(parent)) {
    const { quotaCpus = Number.POSITIVE_INFINITY } = cgroups.quota(path)
    if (!Number.isFinite(quotaCpus) || quotaCpus <= allowed(cpus)) continue
    if (!cut.has(path)) cut.set(path, quotaCpus)
    cgroups.setLimits(path, { quotaCpus: allowed(cpus) })
  }
}

/** After the groups above got more: every quota that was cut is what it was to be, or as near as it may now. */
export function giveQuotasBack(cgroups: Cgroups, parents: readonly string[]): void {
  const there = new Set(parents.flatMap((parent) => cgroups.children(parent)))
  for (const [path, quotaCpus] of cutOf(cgroups)) {
    if (there.has(path)) setOwnLimits(cgroups, path, { quotaCpus })
    else cutOf(cgroups).delete(path)
  }
}

/**
 * Whether quotas of lent containers have to be written by us after their start: the engine would ask the kernel for
 * more than the tier has, and the start would fail.
 */
export function setsQuotasItself(cgroups: Cgroups): boolean {
  return (cgroups.layout === 'v1' || cgroups.layout === 'hybrid') && cgroups.can('cpu quota')
}

/** A container that ended meanwhile needs no quota. @throws OperatingError ISOLATION when it is still there */
export function setQuotaAfterStart(cgroups: Cgroups, path: string, quotaCpus: number): void {
  try {
    setOwnLimits(cgroups, path, { quotaCpus })
  } catch (error) {
    if (!(error instanceof OperatingError) || cgroups.quota(path).quotaCpus !== undefined) throw error
  }
}

function mostBelow(cgroups: Cgroups, path: string): number {
  if (cgroups.layout === 'v2' || cgroups.layout === 'none') return Number.POSITIVE_INFINITY
  const { quotaCpus = Number.POSITIVE_INFINITY } = cgroups.quota(path.slice(0, path.lastIndexOf('/')))
  return allowed(quotaCpus)
}

function allowed(cpus: number): number {
  return Math.max(LEAST, cpus - ROUNDING)
}

function cutOf(cgroups: Cgroups): Map<string, number> {
  const known = cutQuotas.get(cgroups) ?? new Map<string, number>()
  cutQuotas.set(cgroups, known)
  return known
}
