// A simulated day of owners that follow the sun, tremble and burst, second by second, and what an estimator made of it.
import { seededRandom } from '../../src/base/random.ts'
import type { EstimatorModule } from '../../src/estimator/estimator.ts'
import { Resources } from '../../src/resources/resources.ts'
import { Machine, type Second } from './usage.ts'

export interface DayShape {
  readonly owners: number
  /** Of each owner: reserved cores, mean use, and how far the day's sine goes from it, as a share of the mean. */
  readonly reserved: number
  readonly mean: number
  readonly swing: number
  /** Standard deviation of each second, as a share of the use. */
  readonly noise: number
  /** Bursts per hour and owner, their length and their height over the use. */
  readonly bursts: number
  readonly burstSeconds: number
  readonly burstHeight: number
}

export interface DayFigures {
  /** Share of the seconds in which owners and system used more than was not lent. */
  readonly under: number
  /** Σ(kept − used) / Σ kept, kept being what is neither lent nor headroom (spec/lending.md 4.3). */
  readonly slack: number
  /** Changes of what is lent: of the whole day after the first two hours, and of the busiest hour. */
  readonly changesPerHour: number
  readonly mostInAnHour: number
  readonly lentCpuHours: number
}

const DAY_S = 86_400
const WARM_S = 7200
const HEADROOM = 0.1

/** Runs a day against an estimator on a machine of as many cores as the owners reserved, with a small system share. */
export async function simulateDay(
  estimator: EstimatorModule,
  shape: DayShape,
  seed: number,
): Promise<DayFigures> {
  const cores = shape.owners * shape.reserved
  const machine = new Machine({ cores })
  const owners = Array.from(
    { length: shape.owners },
    (_, index) => new Owner(shape, seed * 100 + index, index),
  )
  for (const owner of owners) machine.add({ id: owner.id, cpus: shape.reserved, ageS: 0 })
  const random = seededRandom(seed)
  let lent = 0
  let [under, kept, used, hours] = [0, 0, 0, 0]
  const changes: number[] = []
  for (let second = 0; second < DAY_S; second++) {
    const doing: Record<string, Second> = {}
    let use = 0
    for (const owner of owners) {
      const cpus = owner.next(second)
      use += cpus
      doing[owner.id] = { cpus }
    }
    const system = 0.02 + 0.04 * random.next()
    // What was lent before this second is what owners meet in it; where nothing was, no estimate was too low.
    if (lent > 0 && use + system > cores - lent) under++
    if (second >= WARM_S) {
      kept += cores - lent - HEADROOM * cores
      used += use + system
    }
    hours += lent / 3600
    const estimate = await estimator.estimate(machine.tick(doing, system))
    const now =
      estimate.kind === 'known' && estimate.additional instanceof Resources
        ? estimate.additional.scalar('cpus')
        : 0
    if (now !== lent) changes.push(second)
    lent = now
  }
  const settled = changes.filter((second) => second >= WARM_S)
  return {
    under: under / DAY_S,
    slack: (kept - used) / kept,
    changesPerHour: settled.length / ((DAY_S - WARM_S) / 3600),
    mostInAnHour: Math.max(
      0,
      ...settled.map((from) => settled.filter((second) => second >= from && second < from + 3600).length),
    ),
    lentCpuHours: hours,
  }
}

class Owner {
  readonly id: string
  readonly #shape: DayShape
  readonly #phase: number
  readonly #next: () => number
  #burstUntil = 0

  constructor(shape: DayShape, seed: number, index: number) {
    this.id = `owner-${index}`
    this.#shape = shape
    const random = seededRandom(seed)
    this.#next = () => random.next()
    // Owners of one machine serve the same people: their days lie close together.
    this.#phase = index * 0.3
  }

  next(second: number): number {
    const { mean, swing, noise, bursts, burstSeconds, burstHeight, reserved } = this.#shape
    const usual = mean * (1 + swing * Math.sin((2 * Math.PI * second) / DAY_S + this.#phase))
    if (second >= this.#burstUntil && this.#next() < bursts / 3600) this.#burstUntil = second + burstSeconds
    const level = second < this.#burstUntil ? usual * burstHeight : usual
    return Math.min(reserved, Math.max(0, level * (1 + noise * this.#normal())))
  }

  /** Box and Muller. */
  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#next())) * Math.cos(2 * Math.PI * this.#next())
  }
}
