// What the core is told of the flags, of this machine, and of what this agent can do.
import { MESOS_API_VERSION } from '../base/version.ts'
import type { AgentInfoCapabilityType } from '../wire/agents.ts'
import { DEFAULT_LIMITS } from './core/state.ts'
import type { CoreSettings } from './core/turn.ts'
import type { AgentFlags } from './flags.ts'
import type { Ground } from './ground.ts'

/** What we do of what agents of Mesos can do. */
export const CAPABILITIES: readonly AgentInfoCapabilityType[] = [
  'MULTI_ROLE',
  'HIERARCHICAL_ROLE',
  'RESERVATION_REFINEMENT',
  'AGENT_DRAINING',
  'TASK_RESOURCE_LIMITS',
]

export function coreSettings(
  flags: AgentFlags,
  { cgroups, info, ip }: Pick<Ground, 'cgroups' | 'info' | 'ip'>,
): CoreSettings {
  return {
    info,
    ip,
    version: MESOS_API_VERSION,
    capabilities: CAPABILITIES.map((type) => ({ type })),
    registrationTimeoutMs: flags.executor_registration_timeout,
    reregistrationTimeoutMs: flags.executor_reregistration_timeout,
    shutdownGraceMs: flags.executor_shutdown_grace_period,
    cfs: flags.cgroups_enable_cfs,
    unlimited: [
      ...(cgroups.can('cpu quota') ? [] : ['cpus' as const]),
      ...(cgroups.can('memory limit') ? [] : ['mem' as const]),
    ],
    limits: { ...DEFAULT_LIMITS, completedExecutors: flags.max_completed_executors_per_framework },
  }
}
