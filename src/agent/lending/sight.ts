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
  #newest: Pulse | undefined

  /** The newest full snapshot. */
  get usage(): ResourceUsage | undefined {
    return this.#usage
  }

  settle(usage: ResourceUsage): void {
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
