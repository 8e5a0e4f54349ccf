// Opens the containerizers that `--containerizers` names, as far as this machine has what they need.
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Cgroups } from '../containerizer/cgroups.ts'
import type { Containerizer } from '../containerizer/containerizer.ts'
import { type DockerContainerizer, openDocker } from '../containerizer/docker/docker.ts'
import { LateDocker, openInTime } from '../containerizer/docker/late.ts'
import { createHostContainerizer } from '../containerizer/host/containerizer.ts'
import type { AgentState } from './core/state.ts'
import type { AgentFlags } from './flags.ts'

export interface OpenedContainerizers {
  /** In the order of the flag. */
  readonly all: readonly Containerizer[]
  /** Version of the Docker Engine, when one is there. */
  readonly engine: string | undefined
  /** The same of one that is not there yet, when it comes; undefined when none is waited for. */
  readonly laterEngine: Promise<string> | undefined
}

export interface ContainerizerDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly cgroups: Cgroups
  readonly tag: string
  readonly memoryBytes: number
  readonly runtimeDir: string
  /** Containers of an earlier life that only the engine can tell of. */
  readonly kept: number
  /** Ends the waiting for the engine. */
  readonly signal: AbortSignal
}

/**
 * A missing engine leaves Docker out, loudly, until it comes, while another containerizer is left; one that has
 * containers of an earlier life is waited for.
 *
 * @throws OperatingError ENGINE when none is left, or the engine does not come
 */
export async function openContainerizers(
  flags: AgentFlags,
  deps: ContainerizerDeps,
): Promise<OpenedContainerizers> {
  const all: Containerizer[] = []
  let engine: string | undefined
  let laterEngine: Promise<string> | undefined
  for (const name of flags.containerizers) {
    if (name === 'mesos') {
      all.push(openHost(flags, deps))
      continue
    }
    const docker = await openEngines(flags, deps)
    all.push(docker)
    if (docker instanceof LateDocker) laterEngine = docker.comes.then(versionOf)
    else engine = versionOf(docker)
  }
  return { all, engine, laterEngine }
}

function versionOf({ description }: DockerContainerizer): string {
  return description.version
}

async function openEngines(
  flags: AgentFlags,
  deps: ContainerizerDeps,
): Promise<DockerContainerizer | LateDocker<DockerContainerizer>> {
  const { clock, log, kept, signal } = deps
  const late = { clock, log, open: () => openDocker(dockerOptions(flags, deps)) }
  if (kept > 0) return openInTime(late, { kept, limitMs: flags.docker_engine_timeout, signal })
  try {
    return await late.open()
  } catch (error) {
    if (flags.containerizers.length === 1 || !(error instanceof OperatingError)) throw error
    log.warn(
      { reason: reasonOf(error), hint: error.hint },
      'no Docker tasks on this agent until the engine can be used',
    )
    return new LateDocker(late, error)
  }
}

/** How many containers of an earlier life the engine may have: asked for, and not known to have ended. */
export function keptOnEngine({ frameworks }: Readonly<AgentState>): number {
  const executors = [...frameworks.values()].flatMap((framework) => [...framework.executors.values()])
  return executors.filter(({ info, life }) => life.kind !== 'terminated' && info.container?.type === 'DOCKER')
    .length
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
