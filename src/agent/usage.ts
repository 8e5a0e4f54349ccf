// Samples what every container and the machine use: one immutable snapshot that estimator and controller both see.
import { readFileSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Resources } from '../resources/resources.ts'
import type { ContainerStatistics, ContainerUsage, HostUsage, ResourceUsage } from '../resources/usage.ts'
import { liveContainers } from './core/live.ts'
import type { AgentState } from './core/state.ts'

export interface SamplerDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly state: () => Readonly<AgentState>
  readonly statistics: (containerId: string) => Promise<ContainerStatistics | undefined>
  /** Where the kernel shows its counters; tests hand in a folder of their own. Default `/proc`. */
  readonly proc?: string
}

/** Clock ticks per second of `/proc/stat`: 100 on every Linux that Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100

/** A container whose counters take longer counts as unreadable this time, so that the others are not kept waiting. */
const LONGEST_MS = 2000
/** Pages show a snapshot that is at most so old: many readers cost no more than two samples a second (spec 4.4). */
const RECENT_MS = 500

export class Sampler {
  readonly #deps: SamplerDeps
  readonly #total: Resources
  readonly #blind = new Set<string>()
  #newest: ResourceUsage | undefined
  #running: Promise<ResourceUsage> | undefined

  /** `total` is what the agent has, without what it lends. */
  constructor(deps: SamplerDeps, total: Resources) {
    this.#deps = deps
    this.#total = total
  }

  /**
   * For pages: the newest snapshot while it is fresh and has the containers of now, else a new one that all who ask
   * meanwhile share.
   */
  recent(): Promise<ResourceUsage> {
    const newest = this.#newest
    if (newest !== undefined && this.#isFresh(newest)) return Promise.resolve(newest)
    this.#running ??= this.sample().finally(() => (this.#running = undefined))
    return this.#running
  }

  /** What was read of a container last; undefined before the first snapshot with it. */
  lastOf(containerId: string): ContainerStatistics | undefined {
    return this.#newest?.containers.find((one) => one.containerId === containerId)?.statistics
  }

  #isFresh(usage: ResourceUsage): boolean {
    if (this.#deps.clock.monotonic() - usage.monotonic >= RECENT_MS) return false
    const live = liveContainers(this.#deps.state())
    const ids = new Set(usage.containers.map(({ containerId }) => containerId))
    return live.length === ids.size && live.every(({ containerId }) => ids.has(containerId))
  }

  async sample(): Promise<ResourceUsage> {
    const { clock } = this.#deps
    const containers = await Promise.all(
      liveContainers(this.#deps.state()).map(async (container): Promise<ContainerUsage> => {
        return { ...container, statistics: await this.#statisticsOf(container.containerId) }
      }),
    )
    const host = readHost(this.#deps.proc ?? '/proc')
    this.#newest = { at: clock.now(), monotonic: clock.monotonic(), total: this.#total, host, containers }
    return this.#newest
  }

  /** Undefined when they cannot be read: one container must not take the sight of all others. */
  async #statisticsOf(containerId: string): Promise<ContainerStatistics | undefined> {
    const { clock, log, statistics } = this.#deps
    const late = Promise.withResolvers<undefined>()
    using _ = clock.after(LONGEST_MS, () => late.resolve(undefined))
    try {
      const read = await Promise.race([statistics(containerId), late.promise])
      if (read !== undefined) this.#blind.delete(containerId)
      return read
    } catch (error) {
      // Once per container until it can be read again.
      if (!this.#blind.has(containerId))
        log.warn({ containerId, reason: reasonOf(error) }, 'usage of a container could not be read')
      this.#blind.add(containerId)
      return undefined
    }
  }
}

/** Reads `/proc/stat`, `/proc/meminfo` and `/proc/loadavg`. A few microseconds; they are kept in memory. */
export function readHost(proc: string): HostUsage {
  const lines = readFileSync(`${proc}/stat`, 'utf8').split('\n')
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (lines[0] ?? '')
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const memory = new Map<string, number>()
  for (const line of readFileSync(`${proc}/meminfo`, 'utf8').split('\n')) {
    const match = /^(\w+):\s+(\d+) kB/.exec(line)
    if (match?.[1] !== undefined) memory.set(match[1], Number(match[2]) * 1024)
  }
  const [load1 = 0, load5 = 0, load15 = 0] = readFileSync(`${proc}/loadavg`, 'utf8').split(' ').map(Number)
  return {
    cpus: lines.filter((line) => /^cpu\d/.test(line)).length,
    cpuBusySeconds: (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND,
    memoryTotalBytes: memory.get('MemTotal') ?? 0,
    memoryAvailableBytes: memory.get('MemAvailable') ?? memory.get('MemFree') ?? 0,
    load1,
    load5,
    load15,
  }
}
