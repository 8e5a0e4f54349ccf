// A histogram whose samples lose half of their weight per half-life, in buckets that grow by 5 % each
// (spec/lending.md 2.6 and 3.2; the buckets of Koordinator and the Kubernetes VPA).

/** What is kept over a restart: only buckets that hold something, weights relative to the heaviest. */
export interface SavedHistogram {
  /** The weight of the heaviest bucket at the time of saving. */
  readonly heaviest: number
  /** Numbers of the buckets, rising. */
  readonly buckets: readonly number[]
  /** 1 to 9999: ten-thousandths of the heaviest. */
  readonly weights: readonly number[]
  /** 0 to 99: where in its bucket the mean of the samples lies, from the lower edge to the upper, in hundredths. */
  readonly means: readonly number[]
}

export interface Buckets {
  /** The upper edge of the lowest bucket. */
  readonly first: number
  readonly count: number
}

const GROWTH = 1.05
const LOG_GROWTH = Math.log(GROWTH)
/** From 0.01 core to over 1000 cores. */
export const CPU_BUCKETS: Buckets = { first: 0.01, count: 240 }
/** From 10 MiB to over 1 TiB; the last holds what is larger. */
export const MEMORY_BUCKETS: Buckets = { first: 10, count: 240 }
/** Weights are multiplied up instead of all old ones down; they are brought back when they get this large. */
const RENORMALISE_AT = 60
/** A checkpoint holds no more buckets than this: the lightest are left out, and it stays below 1.5 KB. */
const MAX_SAVED = 110

export class DecayedHistogram {
  readonly #shape: Buckets
  readonly #weights: Float64Array
  /** Weight times value: the mean of a bucket is exact for a steady load, where its edges would be 5 % apart. */
  readonly #sums: Float64Array
  #halfLifeMs: number
  #reference: number
  #total = 0
  #lowest: number
  #highest = -1

  /** @param now monotonic ms, as in all other methods */
  constructor(shape: Buckets, halfLifeMs: number, now: number) {
    this.#shape = shape
    this.#weights = new Float64Array(shape.count)
    this.#sums = new Float64Array(shape.count)
    this.#halfLifeMs = halfLifeMs
    this.#reference = now
    this.#lowest = shape.count
  }

  /** Takes in one sample; a weight of 0 or less, or a value that is no number, is ignored. */
  add(value: number, weight: number, now: number): void {
    if (!(weight > 0) || !(value >= 0) || !Number.isFinite(value)) return
    if (now - this.#reference > RENORMALISE_AT * this.#halfLifeMs) this.#renormalise(now)
    const grown = weight * 2 ** ((now - this.#reference) / this.#halfLifeMs)
    const index = this.#indexOf(value)
    this.#weights[index] = (this.#weights[index] ?? 0) + grown
    this.#sums[index] = (this.#sums[index] ?? 0) + grown * value
    this.#total += grown
    if (index < this.#lowest) this.#lowest = index
    if (index > this.#highest) this.#highest = index
  }

  /** The value at or below which this share of the weight lies: the mean of its bucket; 0 while nothing weighs. */
  percentile(share: number): number {
    // A billionth absorbs the error of adding up in two orders.
    const wanted = share * this.#total * (1 - 1e-9)
    let sum = 0
    for (let index = this.#lowest; index <= this.#highest; index++) {
      const weight = this.#weights[index] ?? 0
      sum += weight
      if (weight > 0 && sum >= wanted) return (this.#sums[index] ?? 0) / weight
    }
    return 0
  }

  /** Lets the same samples fade at another rate from now on. */
  setHalfLife(halfLifeMs: number, now: number): void {
    if (halfLifeMs === this.#halfLifeMs) return
    this.#renormalise(now)
    this.#halfLifeMs = halfLifeMs
  }

  save(now: number): SavedHistogram {
    const scale = 2 ** ((this.#reference - now) / this.#halfLifeMs)
    const heaviest = this.#weights.reduce((most, weight) => Math.max(most, weight), 0)
    const share = (index: number): number => Math.round(((this.#weights[index] ?? 0) / heaviest) * 9999)
    const buckets = Array.from(this.#weights.keys())
      .filter((index) => (this.#weights[index] ?? 0) > 0 && share(index) > 0)
      .toSorted((a, b) => share(b) - share(a) || a - b)
      .slice(0, MAX_SAVED)
      .toSorted((a, b) => a - b)
    return {
      heaviest: heaviest * scale,
      buckets,
      weights: buckets.map(share),
      means: buckets.map((index) => this.#positionOfMean(index)),
    }
  }

  /** @param savedAt when it was saved, on the clock of `now` (it may lie before the start of that clock) */
  static restore(
    shape: Buckets,
    halfLifeMs: number,
    saved: SavedHistogram,
    savedAt: number,
  ): DecayedHistogram {
    const histogram = new DecayedHistogram(shape, halfLifeMs, savedAt)
    saved.buckets.forEach((index, place) => {
      const [lower, upper] = histogram.#edges(index)
      const value = lower + ((upper - lower) * (saved.means[place] ?? 50)) / 100
      const weight = (saved.heaviest * (saved.weights[place] ?? 0)) / 9999
      histogram.#weights[index] = weight
      histogram.#sums[index] = weight * value
      histogram.#total += weight
      histogram.#lowest = Math.min(histogram.#lowest, index)
      histogram.#highest = Math.max(histogram.#highest, index)
    })
    return histogram
  }

  #indexOf(value: number): number {
    if (value < this.#shape.first) return 0
    const index = 1 + Math.floor(Math.log(value / this.#shape.first) / LOG_GROWTH)
    return Math.min(index, this.#shape.count - 1)
  }

  #edges(index: number): readonly [number, number] {
    const { first } = this.#shape
    return index === 0 ? [0, first] : [first * GROWTH ** (index - 1), first * GROWTH ** index]
  }

  #positionOfMean(index: number): number {
    const [lower, upper] = this.#edges(index)
    const mean = (this.#sums[index] ?? 0) / (this.#weights[index] ?? 1)
    return Math.min(99, Math.max(0, Math.round((100 * (mean - lower)) / (upper - lower))))
  }

  #renormalise(now: number): void {
    const scale = 2 ** ((this.#reference - now) / this.#halfLifeMs)
    this.#total = 0
    this.#lowest = this.#shape.count
    this.#highest = -1
    for (let index = 0; index < this.#shape.count; index++) {
      const weight = (this.#weights[index] ?? 0) * scale
      this.#weights[index] = weight
      this.#sums[index] = (this.#sums[index] ?? 0) * scale
      if (weight === 0) continue
      this.#total += weight
      this.#lowest = Math.min(this.#lowest, index)
      this.#highest = index
    }
    this.#reference = now
  }
}
