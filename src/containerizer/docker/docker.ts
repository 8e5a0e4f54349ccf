// The Docker containerizer: runs tasks and executors whose container is of type DOCKER on the machine's engine.
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { CgroupDriver, Cgroups } from '../cgroups.ts'
import type { Container, ContainerSpec, Containerizer, LaunchObserver, Recovered } from '../containerizer.ts'
import { DEFAULT_HEAD_BYTES } from '../kept-head.ts'
import type { EngineDescription } from './engine-answers.ts'
import { ofAgent, recoverContainers } from './adopt.ts'
import { Ends } from './ends.ts'
import { type Engine, openEngine } from './engine.ts'
import { Images } from './image.ts'
import { DockerKeeping } from './keeping.ts'
import { openKernelLog } from './kernel-log.ts'
import { launchContainer } from './launch.ts'
import type { ContainerDns } from './network.ts'
import type { LaunchDeps } from './parts.ts'
import { Removals } from './removals.ts'
import { Slices } from './slices.ts'
import { Strays } from './strays.ts'
import { Turns } from './turns.ts'

/** From the agent's flags; the names in brackets are theirs. */
export interface DockerOptions {
  /** Path of the engine's socket (`--docker_socket`). */
  readonly socket: string
  readonly clock: Clock
  readonly log: Logger
  readonly cgroups: Cgroups
  /** Tells this agent's containers from others on the same engine; the same in every life of the agent. */
  readonly agentTag: string
  readonly memoryTotalBytes: number
  /** `--sandbox_directory`. Default `/mnt/mesos/sandbox`. */
  readonly sandboxDirectory?: string
  /** `--docker_remove_delay`. Default 6 h. */
  readonly removeDelayMs?: number
  /** `--cgroups_enable_cfs`. Default false. */
  readonly enforceQuota?: boolean
  /** `--cgroups_limit_swap`. Default false. */
  readonly limitSwap?: boolean
  /** Most processes in one container. Default: the engine's. */
  readonly pidsLimit?: number
  /** `--docker_config`: the text of a Docker configuration with credentials. */
  readonly registryConfig?: string
  /** `--default_container_dns`, part `docker`. */
  readonly containerDns?: readonly ContainerDns[]
  /** A pull in which nothing moves for so long fails. Default 60 s (spec/experience.md P31). */
  readonly pullStallMs?: number
  /** Size at which `stdout` and `stderr` are put aside as `.1`. Default 10 MB (spec/mesos.md 8.6). */
  readonly outputMaxBytes?: number
  /** Bytes of their beginnings that stay as `.head`. Default 64 KiB. */
  readonly outputHeadBytes?: number
  /**
   * How long an engine may be away (`--docker_engine_timeout`) before those of its containers that have ended, or may
   * have, count as lost. Default 5 min.
   */
  readonly engineLossMs?: number
  /** `--docker_kill_orphans`: a recovery ends running containers of this agent that nobody knows. Default true. */
  readonly killOrphans?: boolean
}

const REMOVE_DELAY_MS = 6 * 3600 * 1000
const PULL_STALL_MS = 60_000
const ENGINE_LOSS_MS = 300_000
const OUTPUT_MAX_BYTES = 10 * 1024 * 1024
const LOG_WIDTH = 4

/**
 * Connects to the engine and asks what it can do.
 *
 * @throws OperatingError ENGINE when it does not answer, or puts its containers into groups that this agent cannot name
 */
export async function openDocker(options: DockerOptions, engine?: Engine): Promise<DockerContainerizer> {
  const connected = engine ?? openEngine({ socket: options.socket, clock: options.clock })
  try {
    const description = await connected.describe()
    const docker = new DockerContainerizer(options, connected, description)
    await docker.settle()
    return docker
  } catch (error) {
    connected.close()
    throw error
  }
}

export class DockerContainerizer implements Containerizer {
  readonly name = 'docker'
  /** For the agent's attributes and its first line. */
  readonly description: EngineDescription
  readonly keeping: DockerKeeping
  readonly #deps: LaunchDeps
  readonly #killOrphans: boolean
  readonly #strays: Strays
  /** Only where systemd makes the groups. */
  readonly #slices: Slices | undefined
  readonly #closing = new AbortController()
  /** Containers of this life, which a sweep leaves alone. */
  readonly #mine = new Set<string>()

  constructor(options: DockerOptions, engine: Engine, description: EngineDescription) {
    const { clock, log, cgroups } = options
    this.description = description
    this.#killOrphans = options.killOrphans ?? true
    const outputMaxBytes = options.outputMaxBytes ?? OUTPUT_MAX_BYTES
    const removals = new Removals({
      engine,
      clock,
      log,
      delayMs: options.removeDelayMs ?? REMOVE_DELAY_MS,
      onRemoved: (id) => this.#mine.delete(id),
    })
    this.keeping = new DockerKeeping(engine.store, removals, description.folder)
    const closed = this.#closing.signal
    const cgroupDriver = driverOf(description, cgroups)
    const isOfSystemd = cgroupDriver === 'systemd' && cgroups.layout !== 'none'
    this.#slices = isOfSystemd ? new Slices({ cgroups, clock, log }) : undefined
    const { agentTag } = options
    this.#strays = new Strays({ engine, cgroups, cgroupDriver, clock, log, mine: this.#mine })
    this.#deps = {
      engine,
      ends: new Ends({ engine, agentTag, clock, log, closed }),
      clock,
      log,
      cgroups,
      removals,
      cgroupDriver,
      images: new Images({ engine, clock, stallMs: options.pullStallMs ?? PULL_STALL_MS }),
      kernelLog: openKernelLog(),
      settings: {
        agentTag,
        sandboxDirectory: options.sandboxDirectory ?? '/mnt/mesos/sandbox',
        containerDns: options.containerDns ?? [],
        engineLogBytes: outputMaxBytes,
        enforceQuota: options.enforceQuota ?? false,
        limitSwap: options.limitSwap ?? false,
        pidsLimit: options.pidsLimit,
        memoryTotalBytes: options.memoryTotalBytes,
        hasTiers: cgroups.layout !== 'none',
      },
      registryConfig: options.registryConfig,
      indexServer: description.indexServer,
      outputMaxBytes,
      outputHeadBytes: options.outputHeadBytes ?? DEFAULT_HEAD_BYTES,
      logTurns: new Turns(LOG_WIDTH),
      engineLossMs: options.engineLossMs ?? ENGINE_LOSS_MS,
      closed,
      onCreated: (id) => this.#mine.add(id),
      onImage: (use) => this.keeping.onImage(use),
    }
  }

  async settle(): Promise<void> {
    await this.#slices?.settle()
  }

  supports(spec: ContainerSpec): boolean {
    return spec.container?.type === 'DOCKER'
  }

  async launch(spec: ContainerSpec, observer: LaunchObserver, signal: AbortSignal): Promise<Container> {
    if (this.#closing.signal.aborted)
      throw new OperatingError('STOPPED', 'The docker containerizer is closed')
    return launchContainer(this.#deps, spec, observer, signal)
  }

  async recover(known: readonly ContainerSpec[], rebootedAt?: number): Promise<Recovered> {
    const recovered = await recoverContainers(
      { ...this.#deps, mine: this.#mine, killOrphans: this.#killOrphans, rebootedAt },
      known.filter((spec) => this.supports(spec)),
    )
    await this.#sweep()
    void this.#strays.run(this.#closing.signal)
    return recovered
  }

  async count(): Promise<number> {
    const { engine, settings } = this.#deps
    return (await ofAgent(engine, settings.agentTag)).length
  }

  /** Running containers run on, unwatched; their `exit` then stays open. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(new OperatingError('STOPPED', 'The docker containerizer is closed'))
    await this.#deps.removals.flush()
    await this.#sweep()
    await this.#slices?.release()
    this.#deps.kernelLog.close()
    this.#deps.engine.close()
  }

  async #sweep(): Promise<void> {
    try {
      await this.#strays.sweep()
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      this.#deps.log.warn(
        { reason: reasonOf(error) },
        'Left control groups that may be forgotten to a later look',
      )
    }
  }
}

function driverOf({ cgroupDriver }: EngineDescription, cgroups: Cgroups): CgroupDriver {
  if (cgroupDriver === 'cgroupfs' || cgroupDriver === 'systemd') return cgroupDriver
  // A rootless engine without delegation has no groups at all, and then needs no parent.
  if (cgroups.layout === 'none') return 'cgroupfs'
  throw new OperatingError(
    'ENGINE',
    `The Docker Engine uses the cgroup driver '${cgroupDriver}', which has no groups`,
    {
      hint: "Set native.cgroupdriver to cgroupfs or systemd in the engine's configuration.",
    },
  )
}
