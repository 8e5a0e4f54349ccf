// What every container of one containerizer shares, whether it is launched or found again.
import type { Clock } from '../../base/clock.ts'
import { OperatingError, type Rejection } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { CgroupDriver, Cgroups } from '../cgroups.ts'
import type { ContainerSpec } from '../containerizer.ts'
import type { ImageUse } from '../keeping.ts'
import { setQuotaAfterStart, setsQuotasItself } from '../own-quota.ts'
import type { HostConfig } from './body.ts'
import type { ContainerGroup, ContainerParts } from './container.ts'
import { changedDemand } from './demand.ts'
import type { Ends } from './ends.ts'
import type { Engine } from './engine.ts'
import type { Images } from './image.ts'
import type { KernelLog } from './kernel-log.ts'
import type { OptionSettings } from './options.ts'
import type { Removals } from './removals.ts'
import type { Turns } from './turns.ts'

/** What all containers of one containerizer share. */
export interface LaunchDeps {
  readonly engine: Engine
  readonly ends: Ends
  readonly images: Images
  readonly removals: Removals
  readonly kernelLog: KernelLog
  readonly cgroups: Cgroups
  readonly cgroupDriver: CgroupDriver
  readonly clock: Clock
  readonly log: Logger
  readonly settings: OptionSettings
  /** Text of a Docker configuration with credentials. */
  readonly registryConfig: string | undefined
  readonly indexServer: string | undefined
  readonly outputMaxBytes: number
  readonly outputHeadBytes: number
  /** For reading the engine's logs. */
  readonly logTurns: Turns
  readonly engineLossMs: number
  readonly closed: AbortSignal
  /** Called with the engine's id as soon as a container exists. */
  readonly onCreated: (dockerId: string) => void
  /** Called when a task's image is there. */
  readonly onImage: (use: ImageUse) => void
}

/** The cores that a lent container may use, where it is for us and not for the engine to tell the kernel. */
export function quotaAfterStart(
  { cgroups }: LaunchDeps,
  { revocable }: ContainerSpec,
  { CpuPeriod = 100_000, CpuQuota = 0 }: Partial<HostConfig>,
): number | undefined {
  if (!revocable || CpuQuota === 0 || !setsQuotasItself(cgroups)) return undefined
  return CpuQuota < 0 ? Number.POSITIVE_INFINITY : CpuQuota / CpuPeriod
}

export function withoutQuota<H extends Partial<HostConfig>>(host: H): Omit<H, 'CpuPeriod' | 'CpuQuota'> {
  const { CpuPeriod: _period, CpuQuota: _quota, ...rest } = host
  return rest
}

/** What a new reservation changes; a quota that is for us to tell the kernel is told at once. */
export function demandOf(
  deps: LaunchDeps,
  spec: ContainerSpec,
  group: ContainerGroup | undefined,
): ContainerParts['demand'] {
  return (resources, limits, memoryBytes) => {
    const changes = changedDemand({ ...spec, resources, limits }, deps.settings, memoryBytes)
    if ('rejected' in changes) throw refusal(changes)
    const later = quotaAfterStart(deps, spec, changes)
    if (group === undefined || later === undefined) return changes
    setQuotaAfterStart(deps.cgroups, group.path, later)
    return withoutQuota(changes)
  }
}

export function groupOf(deps: LaunchDeps, spec: ContainerSpec, dockerId: string): ContainerGroup | undefined {
  const { cgroups, cgroupDriver } = deps
  if (cgroups.layout === 'none') return undefined
  const tier = spec.revocable ? 'lent' : 'owners'
  const path = cgroups.dockerPath(tier, dockerId, cgroupDriver)
  return { cgroups, tier, path, marks: cgroups.memoryMarks(tier) }
}

export function refusal(problem: Rejection): OperatingError {
  return new OperatingError('LAUNCH', problem.message, { hint: 'Correct the task; nothing was started.' })
}
