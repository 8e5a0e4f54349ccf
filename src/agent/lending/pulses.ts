// The cheap snapshot of every 100 ms: what stands from the last full one, and the few counters that are read anew.
import type { Clock } from '../../base/clock.ts'
import type { PulseWish } from '../../containerizer/cgroups.ts'
import type { Pulse, PulseContainer } from '../../qos/controller.ts'
import { pulseOf, standingOf } from '../../qos/pulse.ts'
import type { HostUsage, ResourceUsage } from '../../resources/usage.ts'
import type { LiveContainer } from '../core/live.ts'
import type { Traits } from './traits.ts'

/** Memory is what the last full snapshot saw: while it is plentiful nobody needs it ten times a second. */
type Standing = Omit<ReturnType<typeof standingOf>, 'frozen'> & Traits & { readonly memoryBytes: number }
/** What is read anew of a container. */
export type Counters = Omit<PulseContainer, keyof Standing | 'frozen'> & {
  readonly memoryBytes: number | undefined
}
/** Ids of the containers that stand still because we stopped them; the kernel may know better and is not asked. */
type Frozen = Pick<ReadonlyMap<string, unknown>, 'has'>

export interface PulsesDeps {
  readonly clock: Clock
  /** Undefined when the container is gone or its counters are not cheap to read. */
  readonly counters: (containerId: string, wish: PulseWish) => Counters | undefined
  readonly host: () => HostUsage
  readonly traits: (containerIds: readonly string[]) => ReadonlyMap<string, Traits>
}

/** Below this share of the machine's memory that of each container and its pressure are read too. */
const SHORT_MEMORY = 0.25

export class Pulses {
  readonly #deps: PulsesDeps
  #standing: readonly Standing[] = []

  constructor(deps: PulsesDeps) {
    this.#deps = deps
  }

  /** Takes over who there is; the answer is the pulse of the full snapshot. */
  settle(usage: ResourceUsage, frozen: Frozen): Pulse {
    const traits = this.#deps.traits(usage.containers.map(({ containerId }) => containerId))
    this.#standing = usage.containers.map((container) => ({
      ...standingOf(container),
      memoryBytes: container.statistics?.memoryBytes ?? 0,
      ...traits.get(container.containerId),
    }))
    const pulse = pulseOf(usage)
    const containers = pulse.containers.map((container) => ({
      ...container,
      ...traits.get(container.containerId),
      frozen: frozen.has(container.containerId),
    }))
    return { ...pulse, containers }
  }

  /** Takes over who there is before the next full snapshot does. */
  meet(live: readonly LiveContainer[]): void {
    const traits = this.#deps.traits(live.map(({ containerId }) => containerId))
    const known = new Map(this.#standing.map((one) => [one.containerId, one]))
    this.#standing = live.map((container) => ({
      ...standingOf({ ...container, statistics: undefined }),
      memoryBytes: known.get(container.containerId)?.memoryBytes ?? 0,
      ...traits.get(container.containerId),
    }))
  }

  /** Containers that cannot be read are left out: nobody decides on them. */
  take(frozen: Frozen): Pulse {
    const { clock, counters, host } = this.#deps
    const { cpus, cpuBusySeconds, memoryTotalBytes, memoryAvailableBytes } = host()
    const memory = memoryAvailableBytes < memoryTotalBytes * SHORT_MEMORY
    const containers: PulseContainer[] = []
    for (const standing of this.#standing) {
      const { containerId, revocable } = standing
      // Whether borrowers wait is nobody's concern.
      const read = counters(containerId, { waiting: !revocable, memory })
      if (read === undefined) continue
      const memoryBytes = read.memoryBytes ?? standing.memoryBytes
      containers.push({ ...standing, ...read, memoryBytes, frozen: frozen.has(containerId) })
    }
    return {
      at: clock.now(),
      monotonic: clock.monotonic(),
      host: { cpus, cpuBusySeconds, memoryTotalBytes, memoryAvailableBytes },
      containers,
    }
  }
}
