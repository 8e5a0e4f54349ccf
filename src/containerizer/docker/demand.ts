// What a container's resources and limits mean to the kernel (spec/mesos.md 7.3 and 8.3), as engine settings.
import { type Rejection, rejection } from '../../base/errors.ts'
import type { ContainerSpec } from '../containerizer.ts'
import type { HostConfig } from './body.ts'

/** How this agent enforces; from its flags and from what the machine can do. */
export interface LimitSettings {
  /** `--cgroups_enable_cfs`: a quota even where the task gives no limit. */
  readonly enforceQuota: boolean
  /** `--cgroups_limit_swap`: no swap beyond the memory limit. */
  readonly limitSwap: boolean
  /** Most processes and threads in a container; undefined leaves the engine's default. */
  readonly pidsLimit: number | undefined
  /** Of the machine; the scale of the OOM score. */
  readonly memoryTotalBytes: number
  /** Whether lent containers get a parent group that keeps them last; without it their shares must. */
  readonly hasTiers: boolean
}

// spec/mesos.md 8.3.
const SHARES_PER_CPU = 1024
const SHARES_PER_REVOCABLE_CPU = 10
const SHARES_MIN = 2
const SHARES_MAX = 262_144
const PERIOD_US = 100_000
const QUOTA_MIN_US = 1000
const MEMORY_MIN_BYTES = 32 * 1024 * 1024
const MEGABYTE = 1024 * 1024
/** First in line for the kernel when memory runs out (spec/lending.md 3.5). */
const OOM_SCORE_REVOCABLE = 1000

/** Sets shares, quota, memory, reservation, OOM score and pids, or says which resource is wrong. */
export function applyDemand(
  host: HostConfig,
  spec: Pick<ContainerSpec, 'resources' | 'limits' | 'revocable'>,
  settings: LimitSettings,
): Rejection | undefined {
  const cpus = spec.resources.scalar('cpus')
  const memory = spec.resources.scalar('mem') * MEGABYTE
  if (spec.resources.scalar('gpus') > 0)
    return rejection(
      'resources: the docker containerizer cannot hand out gpus; name them with the parameter gpus',
    )
  const problem = limitProblem('cpus', spec.limits.cpus) ?? limitProblem('mem', spec.limits.mem)
  if (problem !== undefined) return rejection(problem)
  applyCpu(host, cpus, spec, settings)
  applyMemory(host, memory, spec, settings)
  if (settings.pidsLimit !== undefined) host.PidsLimit = settings.pidsLimit
  return undefined
}

/**
 * What of a new demand a running container takes. Memory only ever grows: lowering it below what is used would kill
 * (spec/mesos.md 8.3).
 *
 * @param memoryBytes the limit that it has now
 */
export function changedDemand(
  spec: Pick<ContainerSpec, 'resources' | 'limits' | 'revocable'>,
  settings: LimitSettings,
  memoryBytes: number | undefined,
): Partial<HostConfig> | Rejection {
  const host: HostConfig = { NetworkMode: '' }
  const rejected = applyDemand(host, spec, settings)
  if (rejected !== undefined) return rejected
  const { CpuShares, CpuPeriod, CpuQuota, MemorySwap, MemoryReservation } = host
  const endless = spec.limits.mem === Number.POSITIVE_INFINITY
  // The engine takes no "none" for a container that has a limit: all memory of the machine is that.
  const Memory = endless ? settings.memoryTotalBytes : host.Memory
  const grows = Memory !== undefined && memoryBytes !== undefined && Memory > memoryBytes
  const most = grows ? Memory : memoryBytes
  return {
    ...(CpuShares !== undefined && { CpuShares }),
    // Without a quota now, one that it had before is lifted.
    ...(CpuQuota === undefined
      ? { CpuQuota: -1 }
      : { CpuQuota, ...(CpuPeriod !== undefined && { CpuPeriod }) }),
    // One of both that stays behind that of memory is refused; as much swap again is what the engine gives at first.
    ...(grows && { Memory, MemorySwap: MemorySwap ?? 2 * Memory }),
    // What is reserved follows the demand both ways, up to the limit.
    ...(MemoryReservation !== undefined && {
      MemoryReservation: Math.min(MemoryReservation, most ?? MemoryReservation),
    }),
  }
}

function applyCpu(
  host: HostConfig,
  cpus: number,
  spec: Pick<ContainerSpec, 'limits' | 'revocable'>,
  settings: LimitSettings,
): void {
  const perCpu = spec.revocable && !settings.hasTiers ? SHARES_PER_REVOCABLE_CPU : SHARES_PER_CPU
  if (cpus > 0) host.CpuShares = Math.min(SHARES_MAX, Math.max(SHARES_MIN, Math.floor(perCpu * cpus)))
  const quota = spec.limits.cpus ?? (settings.enforceQuota && cpus > 0 ? cpus : Number.POSITIVE_INFINITY)
  if (quota === Number.POSITIVE_INFINITY) return
  host.CpuPeriod = PERIOD_US
  host.CpuQuota = Math.max(QUOTA_MIN_US, Math.floor(PERIOD_US * quota))
}

function applyMemory(
  host: HostConfig,
  request: number,
  spec: Pick<ContainerSpec, 'limits' | 'revocable'>,
  settings: LimitSettings,
): void {
  const limit = spec.limits.mem === undefined ? undefined : spec.limits.mem * MEGABYTE
  const hard = limit ?? (request > 0 ? request : undefined)
  if (hard !== undefined && hard !== Number.POSITIVE_INFINITY) {
    host.Memory = Math.floor(Math.max(hard, MEMORY_MIN_BYTES))
    // The engine's default is as much swap again as memory; a "limit" of both that is equal to memory allows none.
    if (settings.limitSwap) host.MemorySwap = host.Memory
  }
  if (limit !== undefined && request > 0) {
    host.MemoryReservation = Math.floor(Math.max(Math.min(request, limit), MEMORY_MIN_BYTES))
    if (limit > request) host.OomScoreAdj = burstScore(request, settings.memoryTotalBytes)
  }
  if (spec.revocable) host.OomScoreAdj = OOM_SCORE_REVOCABLE
}

/** 1000 − 1000 · request / total: who asked for little and may burst dies before who reserved much. */
function burstScore(request: number, total: number): number {
  return Math.min(1000, Math.max(0, 1000 - Math.floor((1000 * request) / total)))
}

function limitProblem(name: string, limit: number | undefined): string | undefined {
  return limit === undefined || limit > 0
    ? undefined
    : `limits.${name}: expected more than 0 or infinity, got ${limit}`
}
