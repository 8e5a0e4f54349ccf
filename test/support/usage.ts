// Builds usage snapshots for tests of estimators and controllers: a machine, owners and borrowers, second by second.
import { Resources } from '../../src/resources/resources.ts'
import type { ContainerStatistics, ContainerUsage, ResourceUsage } from '../../src/resources/usage.ts'

export const START_MS = 1_700_000_000_000
const MB = 1024 * 1024

export interface Actor {
  readonly id: string
  readonly revocable?: boolean
  /** Reserved or lent cores. */
  readonly cpus: number
  /** Reserved or lent memory, MB; none when left out. */
  readonly mem?: number
  /** Age at the first snapshot, seconds. */
  readonly ageS?: number
}

/** What an actor does during one second. */
export interface Second {
  readonly cpus?: number
  /** Share of the second spent waiting (PSI some) and throttled. */
  readonly waiting?: number
  readonly throttled?: number
  readonly memoryMb?: number
  /** The part of it that the kernel can drop at once. */
  readonly inactiveMb?: number
  /** Its counters cannot be read. */
  readonly blind?: boolean
}

/** Counters of a small machine that a test moves on second by second. */
export class Machine {
  readonly cores: number
  availableMb: number
  readonly totalMb: number
  load5 = 0
  load15 = 0
  #second = 0
  #started = 0
  #busy = 0
  readonly #actors = new Map<
    string,
    { actor: Actor; since: number; counters: Record<'cpu' | 'psi' | 'throttled', number> }
  >()

  constructor(options: { cores?: number; totalMb?: number } = {}) {
    this.cores = options.cores ?? 2
    this.totalMb = options.totalMb ?? 8000
    this.availableMb = this.totalMb
  }

  add(actor: Actor): this {
    this.#actors.set(actor.id, { actor, since: this.#second, counters: { cpu: 0, psi: 0, throttled: 0 } })
    return this
  }

  remove(id: string): void {
    this.#actors.delete(id)
  }

  /** Who runs now, without counters. */
  live(): Omit<ContainerUsage, 'statistics'>[] {
    return [...this.#actors.values()].map(({ actor, since }) => {
      const allocated = Resources.from([
        { name: 'cpus', type: 'SCALAR', scalar: { value: actor.cpus } },
        { name: 'mem', type: 'SCALAR', scalar: { value: actor.mem ?? 0 } },
      ])
      return {
        containerId: `c-${actor.id}`,
        frameworkId: 'f',
        executorId: actor.id,
        taskIds: [actor.id],
        revocable: actor.revocable === true,
        startedAt: START_MS + (since - (actor.ageS ?? 3600)) * 1000,
        allocated: actor.revocable === true ? allocated.markRevocable() : allocated,
      }
    })
  }

  /** Time passes in which nobody looks; what ran in it shows in the counters of the next second. */
  pass(seconds: number): this {
    this.#second += seconds
    return this
  }

  /** The agent starts anew: its monotonic clock does, too. */
  restart(): this {
    this.#started = this.#second - 1
    return this
  }

  /** One second passes; `systemCpus` is what runs outside of all containers. */
  tick(doing: Readonly<Record<string, Second>> = {}, systemCpus = 0): ResourceUsage {
    this.#second++
    this.#busy += systemCpus
    const live = this.live()
    const containers: ContainerUsage[] = []
    for (const [index, { actor, counters }] of [...this.#actors.values()].entries()) {
      const second = doing[actor.id] ?? {}
      counters.cpu += second.cpus ?? 0
      counters.psi += second.waiting ?? 0
      counters.throttled += second.throttled ?? 0
      this.#busy += second.cpus ?? 0
      const container = live[index]
      if (container === undefined) continue
      const statistics = second.blind === true ? undefined : this.#statistics(counters, second)
      containers.push({ ...container, statistics })
    }
    return this.#snapshot(containers)
  }

  #statistics(counters: Record<'cpu' | 'psi' | 'throttled', number>, second: Second): ContainerStatistics {
    return {
      at: START_MS + this.#second * 1000,
      cpuUserSeconds: counters.cpu,
      cpuSystemSeconds: 0,
      cpuSeconds: counters.cpu,
      cpuPeriods: this.#second * 10,
      cpuThrottledPeriods: counters.throttled * 10,
      cpuThrottledSeconds: counters.throttled,
      memoryBytes: (second.memoryMb ?? 10) * MB,
      memoryInactiveFileBytes: (second.inactiveMb ?? 0) * MB,
      memoryRssBytes: undefined,
      memoryCacheBytes: undefined,
      memoryPeakBytes: undefined,
      memoryLimitBytes: undefined,
      processes: 1,
      oomKills: 0,
      cpuPressureSomeSeconds: counters.psi,
      memoryPressureFullSeconds: 0,
    }
  }

  #snapshot(containers: readonly ContainerUsage[]): ResourceUsage {
    return {
      at: START_MS + this.#second * 1000,
      monotonic: (this.#second - this.#started) * 1000,
      total: Resources.from([{ name: 'cpus', type: 'SCALAR', scalar: { value: this.cores } }]),
      host: {
        cpus: this.cores,
        cpuBusySeconds: this.#busy,
        memoryTotalBytes: this.totalMb * MB,
        memoryAvailableBytes: this.availableMb * MB,
        load1: 0,
        load5: this.load5,
        load15: this.load15,
      },
      containers,
    }
  }
}
