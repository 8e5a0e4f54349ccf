// What a container used second by second, for as long as the window of a re-created rule needs it.
import type { ContainerUsage, ResourceUsage } from '../../resources/usage.ts'

interface Sample {
  readonly at: number
  readonly cpus: number
}

interface Track {
  lastAt: number
  lastCpuSeconds: number
  readonly samples: Sample[]
}

/** CPU rates per container over a sliding window; forgets containers that are gone. */
export class CpuHistory {
  readonly #windowMs: number
  readonly #tracks = new Map<string, Track>()

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  /** Takes in one snapshot; call once per snapshot, in order of time. */
  add(usage: ResourceUsage): void {
    const present = new Set<string>()
    for (const container of usage.containers) {
      present.add(container.containerId)
      this.#addOne(container, usage.monotonic)
    }
    for (const id of this.#tracks.keys()) if (!present.has(id)) this.#tracks.delete(id)
  }

  #addOne(container: ContainerUsage, at: number): void {
    const cpuSeconds = container.statistics?.cpuSeconds
    if (cpuSeconds === undefined) return
    const track = this.#tracks.get(container.containerId)
    if (track === undefined) {
      this.#tracks.set(container.containerId, { lastAt: at, lastCpuSeconds: cpuSeconds, samples: [] })
      return
    }
    const seconds = (at - track.lastAt) / 1000
    if (seconds <= 0) return
    track.samples.push({ at, cpus: Math.max(0, cpuSeconds - track.lastCpuSeconds) / seconds })
    track.lastAt = at
    track.lastCpuSeconds = cpuSeconds
    while (track.samples.length > 0 && (track.samples[0]?.at ?? at) < at - this.#windowMs)
      track.samples.shift()
  }

  /** Cores used at the last sample, or undefined before the second reading. */
  current(containerId: string): number | undefined {
    return this.#tracks.get(containerId)?.samples.at(-1)?.cpus
  }

  /** The highest rate in the window, in cores, or undefined before the second reading. */
  peak(containerId: string): number | undefined {
    const samples = this.#tracks.get(containerId)?.samples ?? []
    return samples.length === 0 ? undefined : Math.max(...samples.map((sample) => sample.cpus))
  }

  /** The mean rate in the window, in cores, or undefined before the second reading. */
  mean(containerId: string): number | undefined {
    const samples = this.#tracks.get(containerId)?.samples ?? []
    if (samples.length === 0) return undefined
    return samples.reduce((sum, sample) => sum + sample.cpus, 0) / samples.length
  }

  /** Age of the last reading at `now` (monotonic ms), or Infinity when there is none. */
  ageMs(containerId: string, now: number): number {
    const track = this.#tracks.get(containerId)
    return track === undefined ? Number.POSITIVE_INFINITY : now - track.lastAt
  }
}
