// What owners and borrowers do now, from the pulses of the last second: for effects of decisions, metrics and pages.
import type { Pulse } from '../../qos/controller.ts'
import { PulseMeter, type Rates } from '../../qos/meter.ts'
import type { ResourceUsage } from '../../resources/usage.ts'

/** What is told of owners and borrowers as a whole is their use over so long. */
const WINDOW_MS = 200
const SECOND_MS = 1000

export class Sight {
  readonly #meter = new PulseMeter()
  #usage: ResourceUsage | undefined
  #before: ResourceUsage | undefined
  #newest: Pulse | undefined

  /** The newest full snapshot. */
  get usage(): ResourceUsage | undefined {
    return this.#usage
  }

  settle(usage: ResourceUsage): void {
    this.#before = this.#usage
    this.#usage = usage
  }

  add(pulse: Pulse): void {
    this.#newest = pulse
    this.#meter.add(pulse)
  }

  /** Over the last second; undefined until there are two pulses of it. */
  rates(containerId: string): Rates | undefined {
    return this.#meter.rates(containerId, SECOND_MS)
  }

  isAlive(containerId: string): boolean {
    return this.#newest?.containers.some((one) => one.containerId === containerId) === true
  }

  /** Cores that all owners, or all borrowers, used over the last 200 ms. */
  lately(revocable: boolean): number {
    let sum = 0
    for (const one of this.#newest?.containers ?? [])
      if (one.revocable === revocable) sum += this.#meter.rates(one.containerId, WINDOW_MS)?.cpus ?? 0
    return sum
  }

  /** The same over the last second. */
  used(revocable: boolean): number {
    let sum = 0
    for (const one of this.#newest?.containers ?? [])
      if (one.revocable === revocable) sum += this.rates(one.containerId)?.cpus ?? 0
    return rounded(sum)
  }

  /** Of the owner that waits the most: the share of the last second without a core, its own quota's part aside. */
  mostWaiting(): number {
    const owners = this.#newest?.containers.filter(({ revocable }) => !revocable) ?? []
    return rounded(Math.max(0, ...owners.map(({ containerId }) => this.rates(containerId)?.waiting ?? 0)))
  }

  /** Of the owner that its own quota stopped the most between the last two full snapshots: the share of periods. */
  mostThrottled(): number {
    const before = new Map(this.#before?.containers.map((one) => [one.containerId, one.statistics]))
    const shares = this.#usage?.containers.map(({ containerId, revocable, statistics }) => {
      const last = before.get(containerId)
      const periods = (statistics?.cpuPeriods ?? 0) - (last?.cpuPeriods ?? 0)
      const stopped = (statistics?.cpuThrottledPeriods ?? 0) - (last?.cpuThrottledPeriods ?? 0)
      return revocable || last === undefined || periods <= 0 ? 0 : stopped / periods
    })
    return rounded(Math.min(1, Math.max(0, ...(shares ?? []))))
  }

  /** What is measured of an owner, named as decisions name it, and of all borrowers. */
  figuresOf(owner: string): Record<string, number> {
    const figures: Record<string, number> = { 'borrowers cpus': this.used(true) }
    const found = this.#newest?.containers.find((one) => !one.revocable && one.label === owner)
    const rates = found === undefined ? undefined : this.rates(found.containerId)
    if (rates === undefined) return figures
    figures['owner cpus'] = rounded(rates.cpus)
    if (rates.waiting !== undefined) figures['owner waits'] = rounded(rates.waiting)
    return figures
  }
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000
