// Turns reserved cores and bytes into the kernel's numbers, and writes them in the order that the kernel accepts.
import { join } from 'node:path'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { CgroupLimits } from '../cgroups.ts'
import type { KernelFiles } from './files.ts'
import type { Hierarchies } from './hierarchies.ts'

/** CFS enforcement period, µs (spec/mesos.md 8.3). */
export const CPU_PERIOD_US = 100_000
const MIN_QUOTA_US = 1_000
/** 32 MB (spec/mesos.md 8.3). */
export const MIN_MEMORY_BYTES = 32 * 1024 ** 2

/**
 * v1 `cpu.shares`: 1024 per core, 10 for a borrower's, at least 2 (spec/mesos.md 8.3); the kernel takes at most
 * 262144.
 */
export function cpuShares(cpus: number, revocable: boolean): number {
  return Math.min(Math.max(Math.floor((revocable ? 10 : 1024) * cpus), 2), 262_144)
}

/**
 * v2 `cpu.weight`: 100 per core, 1 for a borrower's, at least 1 (spec/mesos.md 8.4); the kernel takes at most
 * 10000.
 */
export function cpuWeight(cpus: number, revocable: boolean): number {
  return Math.min(Math.max(Math.floor((revocable ? 1 : 100) * cpus), 1), 10_000)
}

/** Microseconds of CPU time per period, at least 1 ms; undefined when there is no bound (spec/mesos.md 8.3). */
export function cpuQuotaUs(cpus: number): number | undefined {
  return cpus === Number.POSITIVE_INFINITY
    ? undefined
    : Math.max(Math.floor(CPU_PERIOD_US * cpus), MIN_QUOTA_US)
}

interface Group {
  readonly files: KernelFiles
  readonly hierarchies: Hierarchies
  readonly path: string
}

/** Writes what `limits` names into the group. `first`: the hard memory limit may also fall (spec/mesos.md 8.3). */
export function writeLimits(group: Group, limits: CgroupLimits, first: boolean): void {
  if (limits.cpus !== undefined) writeShares(group, limits.cpus, limits.revocable === true)
  if (limits.quotaCpus !== undefined) writeQuota(group, limits.quotaCpus)
  if (limits.memoryRequestBytes !== undefined) writeMemoryRequest(group, limits.memoryRequestBytes)
  if (limits.memoryLimitBytes !== undefined) {
    const bytes = Math.max(limits.memoryLimitBytes, MIN_MEMORY_BYTES)
    writeMemoryLimit(group, bytes, limits.limitSwap === true, first)
  }
  const pids = group.hierarchies.homes.pids
  if (limits.pids !== undefined && pids !== undefined) {
    write(group, join(pids.directory, group.path, 'pids.max'), String(limits.pids))
  }
}

function writeShares(group: Group, cpus: number, revocable: boolean): void {
  const home = group.hierarchies.homes.cpu
  if (home === undefined) return
  const directory = join(home.directory, group.path)
  if (home.version === 1) write(group, join(directory, 'cpu.shares'), String(cpuShares(cpus, revocable)))
  else write(group, join(directory, 'cpu.weight'), String(cpuWeight(cpus, revocable)))
}

function writeQuota(group: Group, cpus: number): void {
  const home = group.hierarchies.homes.cpu
  if (home === undefined) return
  const directory = join(home.directory, group.path)
  const quota = cpuQuotaUs(cpus)
  if (home.version === 2) {
    write(group, join(directory, 'cpu.max'), `${quota ?? 'max'} ${CPU_PERIOD_US}`)
    return
  }
  // A kernel without CFS bandwidth has no such file; the missing power says so.
  if (!group.files.exists(join(directory, 'cpu.cfs_quota_us'))) return
  write(group, join(directory, 'cpu.cfs_period_us'), String(CPU_PERIOD_US))
  write(group, join(directory, 'cpu.cfs_quota_us'), String(quota ?? -1))
}

function writeMemoryRequest(group: Group, bytes: number): void {
  const home = group.hierarchies.homes.memory
  if (home === undefined) return
  const name = home.version === 1 ? 'memory.soft_limit_in_bytes' : 'memory.low'
  write(group, join(home.directory, group.path, name), whole(Math.max(bytes, MIN_MEMORY_BYTES)))
}

function writeMemoryLimit(group: Group, bytes: number, limitSwap: boolean, first: boolean): void {
  const home = group.hierarchies.homes.memory
  if (home === undefined) return
  const directory = join(home.directory, group.path)
  const limit = join(directory, home.version === 1 ? 'memory.limit_in_bytes' : 'memory.max')
  const current = parseLimit(group.files.read(limit)) ?? Number.POSITIVE_INFINITY
  // Lowering below what is used would kill at once.
  if (!first && bytes < current) return
  if (home.version === 2) {
    write(group, limit, Number.isFinite(bytes) ? whole(bytes) : 'max')
    const swap = join(directory, 'memory.swap.max')
    if (limitSwap && group.files.exists(swap)) write(group, swap, Number.isFinite(bytes) ? '0' : 'max')
    return
  }
  const text = Number.isFinite(bytes) ? whole(bytes) : '-1'
  const both = join(directory, 'memory.memsw.limit_in_bytes')
  const withSwap = limitSwap && group.files.exists(both)
  // The kernel refuses a memory limit above that of memory and swap together, at every moment in between too.
  if (withSwap && bytes > current) write(group, both, text)
  write(group, limit, text)
  if (withSwap && bytes <= current) write(group, both, text)
}

function whole(bytes: number): string {
  return String(Math.floor(bytes))
}

/** Bytes of a limit file; undefined for none (`max`, or v1's number near 2⁶³). */
export function parseLimit(text: string | undefined): number | undefined {
  if (text === undefined || text.startsWith('max')) return undefined
  const bytes = Number(text)
  return Number.isFinite(bytes) && bytes < 2 ** 62 ? bytes : undefined
}

function write(group: Group, file: string, text: string): void {
  try {
    group.files.write(file, text)
  } catch (error) {
    throw new OperatingError('ISOLATION', `The kernel refused ${text} for ${file}: ${reasonOf(error)}`, {
      cause: error,
    })
  }
}
