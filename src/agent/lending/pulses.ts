// The cheap snapshot of every 100 ms: what stands from the last full one, and the few counters that are read anew.
import type { Clock } from '../../base/clock.ts'
import type { Pulse, PulseContainer } from '../../qos/controller.ts'
import { pulseOf, standingOf } from '../../qos/pulse.ts'
import type { HostUsage, ResourceUsage } from '../../resources/usage.ts'
import type { Traits } from './traits.ts'

type Standing = Omit<ReturnType<typeof standingOf>, 'frozen'> & Traits
/** What is read anew of a container. */
export type Counters = Omit<PulseContainer, keyof Standing>

export interface PulsesDeps {
  readonly clock: Clock
  /** Undefined when the container is gone or its counters are not cheap to read. */
  readonly counters: (containerId: string, withMemory: boolean) => Counters | undefined
  readonly host: () => HostUsage
  readonly traits: (containerIds: readonly string[]) => ReadonlyMap<string, Traits>
}

/** Below this share of the machine's memory its pressure is read too. */
const SHORT_MEMORY = 0.25

export class Pulses {
  readonly #deps: PulsesDeps
  #standing: readonly Standing[] = []

  constructor(deps: PulsesDeps) {
    this.#deps = deps
  }

  /** Takes over who there is; the answer is the pulse of the full snapshot. */
  settle(usage: ResourceUsage): Pulse {
    const traits = this.#deps.traits(usage.containers.map(({ containerId }) => containerId))
    this.#standing = usage.containers.map((container) => ({
      ...standingOf(container),
      ...traits.get(container.containerId),
    }))
    const pulse = pulseOf(usage)
    const containers = pulse.containers.map((container) => ({
      ...container,
      ...traits.get(container.containerId),
    }))
    return { ...pulse, containers }
  }

  /** Containers that cannot be read are left out: nobody decides on them. */
  take(): Pulse {
    const { clock, counters, host } = this.#deps
    const { cpus, cpuBusySeconds, memoryTotalBytes, memoryAvailableBytes } = host()
    const withMemory = memoryAvailableBytes < memoryTotalBytes * SHORT_MEMORY
    const containers: PulseContainer[] = []
    for (const standing of this.#standing) {
      const read = counters(standing.containerId, withMemory)
      if (read !== undefined) containers.push({ ...standing, ...read })
    }
    return {
      at: clock.now(),
      monotonic: clock.monotonic(),
      host: { cpus, cpuBusySeconds, memoryTotalBytes, memoryAvailableBytes },
      containers,
    }
  }
}
