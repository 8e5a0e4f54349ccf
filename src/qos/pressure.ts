// The `pressure` controller, first form: ends the cheapest borrowers when an owner waits for what it reserved,
// when memory runs short, or (if asked to) when a borrower gets next to nothing. Nobody is ended whom the trouble is not due to.
import { durationOption, numberOption, readOptions } from '../base/options.ts'
import type { Cause } from '../resources/decision.ts'
import type { ContainerUsage, ResourceUsage } from '../resources/usage.ts'
import type { ControllerFactory, Correction, QosController } from './controller.ts'
import { RateMeter, type Rates } from './rates.ts'
import { type Candidate, cheapestSet } from './victims.ts'

const OPTIONS = {
  /** Share of the time an owner may wait for a core (PSI some, net of its own quota), lending.md 3.3 L2. */
  threshold: numberOption(0.1, 0.001, 1),
  /** … for this long before anything happens. */
  for: durationOption(2000, 0),
  /** Share of the machine's memory that stays available. */
  memory_reserve: numberOption(0.05, 0, 0.9),
  /** Ends a borrower that got under 5 % of its cpus for this long while owners use the machine; 0ns: never. */
  starved: durationOption(0, 0),
  /** No second round of corrections before this has passed. */
  cooldown: durationOption(20_000, 0),
}

/** Borrowers below this share of the machine are not the cause of an owner's trouble (attribution, lending.md 3.3). */
const INNOCENT_SHARE = 0.02
/** An owner that hardly runs does not miss cores. */
const OWNER_MIN_CPUS = 0.25
/** A little more than is missed, so that one round suffices. */
const SURPLUS = 1.1
const STARVED_SHARE = 0.05
const MB = 1024 * 1024

type Options = ReturnType<typeof readOptions<typeof OPTIONS>>

class PressureController implements QosController {
  readonly name = 'pressure'
  readonly #options: Options
  readonly #meter = new RateMeter()
  /** Since when (monotonic ms) a condition holds without a break, by its name. */
  readonly #since = new Map<string, number>()
  #quietUntil = Number.NEGATIVE_INFINITY

  constructor(options: Options) {
    this.#options = options
  }

  correct(usage: ResourceUsage): readonly Correction[] {
    const rates = this.#meter.add(usage)
    const borrowers = rates.filter((rate) => rate.container.revocable)
    const owners = rates.filter((rate) => !rate.container.revocable)
    const wishes = [
      this.#memory(usage, borrowers),
      this.#cpu(usage, owners, borrowers),
      this.#starved(usage, owners, borrowers),
    ]
    const corrections = wishes.find((wish) => wish.length > 0) ?? []
    if (corrections.length === 0 || usage.monotonic < this.#quietUntil) return []
    this.#quietUntil = usage.monotonic + this.#options.cooldown
    return corrections
  }

  #cpu(usage: ResourceUsage, owners: readonly Rates[], borrowers: readonly Rates[]): readonly Correction[] {
    const lentUse = borrowers.reduce((sum, rate) => sum + rate.cpus, 0)
    const due = lentUse >= INNOCENT_SHARE * usage.host.cpus
    let worst: { cause: Cause; misses: number } | undefined
    for (const owner of owners) {
      const reserved = owner.container.allocated.scalar('cpus')
      const waiting = owner.waiting ?? 0
      const suffers =
        due && waiting >= this.#options.threshold && owner.cpus >= OWNER_MIN_CPUS && owner.cpus < reserved
      const forMs = this.#held(`cpu ${owner.container.containerId}`, suffers, usage.monotonic)
      if (forMs === undefined || forMs < this.#options.for) continue
      if (worst !== undefined && worst.cause.value >= waiting) continue
      worst = {
        misses: reserved - owner.cpus,
        cause: {
          owner: labelOf(owner.container),
          signal: 'cpu pressure',
          value: waiting,
          threshold: this.#options.threshold,
          unit: 'share of time waiting',
          forMs,
        },
      }
    }
    if (worst === undefined) return []
    const { cause, misses } = worst
    const victims = cheapestSet(
      borrowers.map((rate) => candidate(rate, rate.cpus)),
      misses * SURPLUS,
    )
    const text =
      `owner '${cause.owner}' waited for cpu ${percent(cause.value)} of the time (limit ${percent(cause.threshold)}) ` +
      `for ${seconds(cause.forMs)} and misses ${misses.toFixed(2)} cpus, borrowers used ${lentUse.toFixed(2)}`
    return kills(victims, borrowers, cause, text)
  }

  #memory(usage: ResourceUsage, borrowers: readonly Rates[]): readonly Correction[] {
    const { memoryAvailableBytes: available, memoryTotalBytes: total } = usage.host
    const reserve = this.#options.memory_reserve * total
    if (available >= reserve) return []
    const cause: Cause = {
      owner: 'the machine',
      signal: 'available memory',
      value: available / MB,
      threshold: reserve / MB,
      unit: 'MB',
      forMs: 0,
    }
    const victims = cheapestSet(
      borrowers.map((rate) => candidate(rate, rate.memoryBytes)),
      (reserve - available) * SURPLUS,
    )
    const text = `the machine has ${cause.value.toFixed(0)} MB of memory left, under the reserve of ${cause.threshold.toFixed(0)} MB`
    return kills(victims, borrowers, cause, text)
  }

  #starved(
    usage: ResourceUsage,
    owners: readonly Rates[],
    borrowers: readonly Rates[],
  ): readonly Correction[] {
    if (this.#options.starved === 0) return []
    const busiest = owners.toSorted((a, b) => b.cpus - a.cpus)[0]
    const lent = borrowers.reduce((sum, rate) => sum + cpusOf(rate.container), 0)
    const owned = owners.reduce((sum, rate) => sum + rate.cpus, 0)
    // Only when owners' use leaves no room for what is lent does a borrower that gets nothing have no future here.
    const crowded = busiest !== undefined && owned + lent > usage.host.cpus
    const corrections: Correction[] = []
    for (const borrower of borrowers) {
      const share = borrower.cpus / Math.max(cpusOf(borrower.container), 0.001)
      const starving = crowded && share < STARVED_SHARE
      const forMs = this.#held(`starved ${borrower.container.containerId}`, starving, usage.monotonic)
      if (busiest === undefined || forMs === undefined || forMs < this.#options.starved) continue
      const owner = labelOf(busiest.container)
      const cause: Cause = {
        owner,
        signal: 'starved borrower',
        value: share,
        threshold: STARVED_SHARE,
        unit: 'share of its cpus',
        forMs,
      }
      const text =
        `owner '${owner}' uses ${busiest.cpus.toFixed(2)} of its ${cpusOf(busiest.container).toFixed(2)} cpus, this borrower got ` +
        `${percent(share)} of its ${cpusOf(borrower.container).toFixed(2)} (limit ${percent(STARVED_SHARE)}) for ${seconds(forMs)}`
      corrections.push(...kills([candidate(borrower, 1)], [borrower], cause, text))
    }
    return corrections
  }

  /** For how long a condition has held, undefined when it does not. */
  #held(name: string, holds: boolean, now: number): number | undefined {
    if (!holds) {
      this.#since.delete(name)
      return undefined
    }
    const since = this.#since.get(name) ?? now
    this.#since.set(name, since)
    return now - since
  }
}

function candidate(rate: Rates, frees: number): Candidate {
  return { id: rate.container.containerId, frees, progress: rate.container.statistics?.cpuSeconds ?? 0 }
}

function kills(
  victims: readonly Candidate[],
  borrowers: readonly Rates[],
  cause: Cause,
  text: string,
): readonly Correction[] {
  return victims.flatMap(({ id }) => {
    const container = borrowers.find((rate) => rate.container.containerId === id)?.container
    if (container === undefined) return []
    const { frameworkId, executorId, containerId } = container
    const message = `Container preempted by QoS correction: ${text}`
    return [{ kind: 'kill', frameworkId, executorId, containerId, cause, message } as const]
  })
}

function cpusOf(container: ContainerUsage): number {
  return container.allocated.scalar('cpus')
}

function labelOf(container: ContainerUsage): string {
  return container.taskIds[0] ?? container.executorId
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

const pressureController: ControllerFactory = (options) =>
  new PressureController(readOptions('pressure', OPTIONS, options))
export default pressureController
