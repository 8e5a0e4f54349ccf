// What pages show of the containers beside the snapshot of the second: more counters of the kernel, and the disk.
import type { Clock } from '../base/clock.ts'
import type { Metrics } from '../base/metrics.ts'
import { SandboxMeter } from '../gc/sandbox-meter.ts'
import type { ContainerDetails, ResourceUsage } from '../resources/usage.ts'
import { liveContainers } from './core/live.ts'
import { type AgentState, allocatedTo, executorOf } from './core/state.ts'
import type { AgentFlags } from './flags.ts'
import type { AgentDeps, Ground } from './ground.ts'
import { sandboxDirectory } from './paths.ts'
import type { Supervisor } from './supervisor.ts'
import type { Sampler } from './usage.ts'
import type { ContainerSight } from './view-statistics.ts'

interface SightDeps {
  readonly clock: Clock
  /** A snapshot that is new enough for a page. */
  readonly sample: () => Promise<ResourceUsage>
  readonly details: (containerId: string) => ContainerDetails | undefined
  readonly diskBytes: (containerId: string) => number | undefined
}

/** Containers that are read at a stretch: two to four milliseconds. */
const AT_A_STRETCH = 10

export class Sight {
  readonly #deps: SightDeps
  /** Whoever sees the same snapshot shares one reading. */
  readonly #seen = new WeakMap<ResourceUsage, Promise<readonly ContainerSight[]>>()

  constructor(deps: SightDeps) {
    this.#deps = deps
  }

  async containers(): Promise<readonly ContainerSight[]> {
    const usage = await this.#deps.sample()
    const known = this.#seen.get(usage)
    if (known !== undefined) return known
    const reading = this.#read(usage)
    this.#seen.set(usage, reading)
    return reading
  }

  async #read({ containers }: ResourceUsage): Promise<readonly ContainerSight[]> {
    const { clock, details, diskBytes } = this.#deps
    const seen: ContainerSight[] = []
    for (const [index, container] of containers.entries()) {
      if (index > 0 && index % AT_A_STRETCH === 0) await clock.sleep(0)
      const { containerId } = container
      seen.push({ ...container, details: details(containerId), diskBytes: diskBytes(containerId) })
    }
    return seen
  }
}

export interface SightEdges {
  readonly flags: AgentFlags
  readonly ground: Ground
  readonly metrics: Metrics
  readonly state: Readonly<AgentState>
  readonly sampler: Sampler
  readonly supervisor: Supervisor
}

/** What the pages show, with the meter of the sandboxes of the containers that run. */
export function openSight(
  { flags, ground, metrics, state, sampler, supervisor }: SightEdges,
  { clock, log }: AgentDeps,
): { readonly meter: SandboxMeter; readonly sight: Sight } {
  const sandboxes = () =>
    liveContainers(state).map(({ containerId, frameworkId, executorId }) => {
      const ids = { agentId: state.agentId ?? '', frameworkId, executorId }
      return { containerId, directory: sandboxDirectory(ground.workDir, ids, containerId) }
    })
  const onMeasured = flags.enforce_container_disk_quota ? quotaKeeper(state, supervisor) : undefined
  const needs = { clock, log, metrics, sandboxes, ...(onMeasured !== undefined && { onMeasured }) }
  const meter = new SandboxMeter(needs, flags.container_disk_watch_interval)
  const sight = new Sight({
    clock,
    sample: () => sampler.recent(),
    details: (containerId) => supervisor.details(containerId),
    diskBytes: (containerId) => meter.usageOf(containerId)?.bytes,
  })
  return { meter, sight }
}

const BYTES_PER_MB = 1024 ** 2

/** Ends containers whose sandboxes take more than the `disk` reserved for them; one without any is not held to it. */
function quotaKeeper(
  state: Readonly<AgentState>,
  supervisor: Supervisor,
): (containerId: string, usage: { readonly bytes: number }) => void {
  return (containerId, { bytes }) => {
    const executor = executorOf(state, containerId)
    if (executor === undefined) return
    const limit = allocatedTo(executor).scalar('disk') * BYTES_PER_MB
    if (limit > 0 && bytes > limit) supervisor.endForDisk(containerId, bytes, limit)
  }
}
