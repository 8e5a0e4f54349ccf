// Opens the containerizers that `--containerizers` names, as far as this machine has what they need.
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Cgroups } from '../containerizer/cgroups.ts'
import type { Containerizer } from '../containerizer/containerizer.ts'
import { openDocker } from '../containerizer/docker/docker.ts'
import { createHostContainerizer } from '../containerizer/host/containerizer.ts'
import type { AgentFlags } from './flags.ts'

export interface OpenedContainerizers {
  /** In the order of the flag, without those that cannot work here. */
  readonly all: readonly Containerizer[]
  /** Version of the Docker Engine, when one is used. */
  readonly engine: string | undefined
}

export interface ContainerizerDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly cgroups: Cgroups
  readonly tag: string
  readonly memoryBytes: number
  readonly runtimeDir: string
}

/**
 * A missing engine only leaves Docker out, loudly, while another containerizer is left.
 * @throws OperatingError ENGINE when none is left
 */
export async function openContainerizers(
  flags: AgentFlags,
  deps: ContainerizerDeps,
): Promise<OpenedContainerizers> {
  const all: Containerizer[] = []
  let engine: string | undefined
  for (const name of flags.containerizers) {
    if (name === 'mesos') {
      all.push(openHost(flags, deps))
      continue
    }
    try {
      const docker = await openDocker(dockerOptions(flags, deps))
      all.push(docker)
      engine = docker.description.version
    } catch (error) {
      if (flags.containerizers.length === 1) throw error
      const hint = error instanceof OperatingError ? error.hint : undefined
      deps.log.warn(
        { reason: reasonOf(error), hint },
        'no Docker tasks on this agent: the engine cannot be used',
      )
    }
  }
  return { all, engine }
}

function openHost(flags: AgentFlags, deps: ContainerizerDeps): Containerizer {
  return createHostContainerizer({
    cgroups: deps.cgroups,
    clock: deps.clock,
    log: deps.log,
    runtimeDirectory: join(deps.runtimeDir, 'containers'),
    enableCfs: flags.cgroups_enable_cfs,
    limitSwap: flags.cgroups_limit_swap,
    pidsLimit: flags.pids_limit === 0 ? Number.POSITIVE_INFINITY : flags.pids_limit,
    memoryTotalBytes: deps.memoryBytes,
    logBytes: flags.max_log_size,
    logHeadBytes: flags.log_head_size,
  })
}

function dockerOptions(flags: AgentFlags, deps: ContainerizerDeps): Parameters<typeof openDocker>[0] {
  return {
    socket: flags.docker_socket,
    clock: deps.clock,
    log: deps.log,
    cgroups: deps.cgroups,
    agentTag: deps.tag,
    memoryTotalBytes: deps.memoryBytes,
    sandboxDirectory: flags.sandbox_directory,
    removeDelayMs: flags.docker_remove_delay,
    killOrphans: flags.docker_kill_orphans,
    engineLossMs: flags.docker_engine_timeout,
    enforceQuota: flags.cgroups_enable_cfs,
    limitSwap: flags.cgroups_limit_swap,
    pullStallMs: flags.docker_pull_stall_timeout,
    outputMaxBytes: flags.max_log_size,
    outputHeadBytes: flags.log_head_size,
    ...(flags.pids_limit > 0 && { pidsLimit: flags.pids_limit }),
    ...(flags.docker_config !== undefined && { registryConfig: flags.docker_config }),
  }
}
