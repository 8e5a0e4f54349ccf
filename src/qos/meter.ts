// Turns pulses into rates over the last 200 ms and the last second: cores used, shares of time spent waiting.
import type { Pulse, PulseContainer } from './controller.ts'

interface Sample {
  readonly at: number
  readonly container: PulseContainer
}

/** Longest look back; samples that are older go. */
const KEEP_MS = 1500
/** After a longer silence (a stopped agent) older samples say nothing about now. */
const BLIND_MS = 5000

/** Rates of one container between two pulses. */
export interface Rates {
  readonly container: PulseContainer
  /** The real distance of the two pulses, ms. */
  readonly overMs: number
  readonly cpus: number
  /** Share of the time in which some thread waited for a core, less its own quota's part; undefined without PSI. */
  readonly waiting: number | undefined
  /** Share of the time in which all threads waited for memory; undefined when not read. */
  readonly memoryStall: number | undefined
  /** Bytes per second, negative when it shrinks. */
  readonly memoryGrowth: number
}

export class PulseMeter {
  readonly #tracks = new Map<string, Sample[]>()
  #host: {
    readonly at: number
    readonly available: number
    readonly ownersUse: number
    readonly busySeconds: number
  }[] = []
  #lastAt = Number.NEGATIVE_INFINITY

  /** Takes in one pulse; call in order of time. One that is not newer changes nothing. */
  add(pulse: Pulse): void {
    const now = pulse.monotonic
    if (now <= this.#lastAt) return
    if (now - this.#lastAt > BLIND_MS) this.#forget()
    this.#lastAt = now
    const present = new Set(pulse.containers.map(({ containerId }) => containerId))
    for (const id of this.#tracks.keys()) if (!present.has(id)) this.#tracks.delete(id)
    let ownersUse = 0
    for (const container of pulse.containers) {
      const track = this.#tracks.get(container.containerId) ?? []
      this.#tracks.set(container.containerId, track)
      track.push({ at: now, container })
      // The newest sample that is too old stays: a slow pulse still has a predecessor.
      while (track.length > 2 && (track[1]?.at ?? now) < now - KEEP_MS) track.shift()
      if (!container.revocable) ownersUse += this.rates(container.containerId, 1)?.cpus ?? 0
    }
    const { cpuBusySeconds: busySeconds, memoryAvailableBytes: available } = pulse.host
    this.#host.push({ at: now, available, ownersUse, busySeconds })
    while (this.#host.length > 2 && (this.#host[1]?.at ?? now) < now - KEEP_MS) this.#host.shift()
  }

  /** Rates over `windowMs` where there are samples that far back, else over what there is; undefined at first. */
  rates(containerId: string, windowMs: number): Rates | undefined {
    const track = this.#tracks.get(containerId)
    const newest = track?.at(-1)
    if (track === undefined || newest === undefined) return undefined
    const oldest = startOf(track, newest.at - windowMs)
    return oldest === undefined || oldest === newest ? undefined : between(oldest, newest)
  }

  /** The highest sum of what owners used between two neighbouring pulses of the last second, cores. */
  ownersPeak(): number {
    const from = this.#lastAt - 1000
    return this.#host.reduce((peak, { at, ownersUse }) => (at >= from ? Math.max(peak, ownersUse) : peak), 0)
  }

  /** Cores that everything on this machine but the borrowers used over the last second: also work in no container. */
  othersUse(): number {
    const [newest, from] = [this.#host.at(-1), startOf(this.#host, this.#lastAt - 1000)]
    if (newest === undefined || from === undefined || from === newest) return 0
    const busy = ((newest.busySeconds - from.busySeconds) * 1000) / (newest.at - from.at)
    let lent = 0
    for (const [id, track] of this.#tracks)
      if (track.at(-1)?.container.revocable === true) lent += this.rates(id, 1000)?.cpus ?? 0
    return Math.max(0, busy - lent)
  }

  /**
   * How fast available memory falls, bytes per second; 0 when it does not. The median between neighbouring pulses of
   * the last 600 ms: what an eviction gives back at once does not hide a ramp that goes on.
   */
  memoryFall(): number {
    const from = this.#lastAt - 600
    const falls: number[] = []
    for (const [index, { at, available }] of this.#host.entries()) {
      const last = this.#host[index - 1]
      if (last !== undefined && at > from) falls.push(((last.available - available) * 1000) / (at - last.at))
    }
    falls.sort((a, b) => a - b)
    return Math.max(0, falls[Math.floor((falls.length - 1) / 2)] ?? 0)
  }

  #forget(): void {
    this.#tracks.clear()
    this.#host = []
  }
}

/** The newest entry that is at least as old as `at`, else the oldest of all. */
function startOf<T extends { readonly at: number }>(entries: readonly T[], at: number): T | undefined {
  return entries.findLast((entry) => entry.at <= at) ?? entries[0]
}

function between(from: Sample, to: Sample): Rates {
  const [before, after] = [from.container, to.container]
  const seconds = (to.at - from.at) / 1000
  const share = (start: number | undefined, end: number | undefined): number | undefined =>
    start === undefined || end === undefined ? undefined : Math.min(1, Math.max(0, end - start) / seconds)
  const some = share(before.cpuPressureSomeSeconds, after.cpuPressureSomeSeconds)
  const throttled = share(before.cpuThrottledSeconds, after.cpuThrottledSeconds) ?? 0
  return {
    container: after,
    overMs: to.at - from.at,
    cpus: Math.max(0, after.cpuSeconds - before.cpuSeconds) / seconds,
    waiting: some === undefined ? undefined : Math.max(0, some - throttled),
    memoryStall: share(before.memoryPressureFullSeconds, after.memoryPressureFullSeconds),
    memoryGrowth: (after.memoryBytes - before.memoryBytes) / seconds,
  }
}
