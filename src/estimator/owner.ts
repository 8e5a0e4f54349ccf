// What one owner is taken to need of the cores that it reserved (spec/lending.md 3.2, CPU demand, steps 1 to 4).
import type { ContainerUsage } from '../resources/usage.ts'
import { CPU_BUCKETS, DecayedHistogram, type SavedHistogram } from './histogram.ts'
import { type OwnerRing, type OwnersTogether, ownerRing } from './machine.ts'
import { Meter } from './meter.ts'
import type { UsageOptions } from './options.ts'

/** So many readings in a row must fail before an owner counts as blind; until then its last ones hold. */
const BLIND_AFTER = 3
/** A throttled owner is counted at its limit until it went so long without being throttled. */
const CENSORED_MS = 60_000
/** For so many fifths of the cold start after it, the percentile counts more than once. */
const YOUNG_FIFTHS = 20

/** What an owner needs of what it reserved (cores or MB), and the sentence that says why. */
export interface Demand {
  readonly needs: number
  readonly why: string
}

export interface SavedOwner {
  readonly id: string
  /** For how long it had been known, ms. */
  readonly knownMs: number
  readonly peak: number
  readonly last: number
  readonly censoredMs: number
  readonly short: SavedHistogram
  readonly long: SavedHistogram
}

export class OwnerCpu {
  readonly ring: OwnerRing = ownerRing()
  #short: DecayedHistogram
  #long: DecayedHistogram
  readonly #cpu = new Meter()
  readonly #throttling = new Meter()
  #knownSince: number
  /** Cores of the last second that could be read. */
  #last: number | undefined
  #missing = 0
  #censoredUntil = Number.NEGATIVE_INFINITY
  #savedPeak = { cpus: 0, until: Number.NEGATIVE_INFINITY }

  /** @param now monotonic ms, as in all other methods */
  constructor(options: UsageOptions, now: number) {
    this.#short = new DecayedHistogram(CPU_BUCKETS, options.half_life_short, now)
    this.#long = new DecayedHistogram(CPU_BUCKETS, options.half_life_long, now)
    this.#knownSince = now
  }

  /** Cores at the last reading, carried on while it cannot be read; 0 before the first rate. */
  get cpus(): number {
    return this.#last ?? 0
  }

  /** True while its last readings failed: what follows from old ones must not raise anything. */
  get isStale(): boolean {
    return this.#last !== undefined && this.#missing > 0
  }

  /** Takes in one snapshot. @param cores an owner cannot have used more than these */
  read({ statistics }: ContainerUsage, now: number, cores: number): void {
    const rate = statistics === undefined ? undefined : this.#cpu.read(statistics.cpuSeconds, now)
    if (rate === undefined) {
      this.#missing++
    } else {
      this.#missing = 0
      const cpus = Math.min(rate, cores)
      this.#last = cpus
      // Weighted by itself, as Autopilot does: the percentile is one of the load, not of the time (lending.md 2.6).
      this.#short.add(cpus, cpus, now)
      this.#long.add(cpus, cpus, now)
    }
    const throttled = statistics?.cpuThrottledSeconds
    if (throttled !== undefined && (this.#throttling.read(throttled, now) ?? 0) > 0) {
      this.#censoredUntil = now + CENSORED_MS
    }
  }

  demand(
    container: ContainerUsage,
    together: OwnersTogether,
    options: UsageOptions,
    time: { readonly at: number; readonly monotonic: number },
  ): Demand {
    const now = time.monotonic
    const reserved = container.allocated.scalar('cpus')
    const all = (why: string): Demand => ({ needs: reserved, why })
    if (this.#last === undefined || this.#missing >= BLIND_AFTER)
      return all(`blind: its usage cannot be read, it is taken to need all of ${reserved}`)
    const knownMs = Math.min(now - this.#knownSince, time.at - container.startedAt)
    if (knownMs < options.cold_start) {
      const [known, wanted] = [Math.round(knownMs / 1000), options.cold_start / 1000]
      return all(`cold start: known for ${known} s, it is taken to need all of ${reserved} until ${wanted} s`)
    }
    if (now < this.#censoredUntil) return all(`it was throttled: it is taken to need all of ${reserved}`)
    const share = options.percentile / 100
    const percentile = Math.max(this.#short.percentile(share), this.#long.percentile(share))
    const young = youngFactor(knownMs - options.cold_start, options.cold_start)
    const usual = percentile * options.margin * young
    const saved = now < this.#savedPeak.until ? this.#savedPeak.cpus : 0
    const peak = Math.max(saved, together.peak(this.ring, now - options.window))
    const needs = Math.min(reserved, Math.max(usual, peak))
    const doubt = young === 1 ? '' : `, times ${young.toFixed(2)} while it is young`
    const usually = `${percentile.toFixed(2)} at p${options.percentile}, times ${options.margin}${doubt}`
    const lately = `at most ${peak.toFixed(2)} in ${options.window / 1000} s`
    return { needs, why: `of ${reserved} it used ${usually}; ${lately}` }
  }

  configure(options: UsageOptions, now: number): void {
    this.#short.setHalfLife(options.half_life_short, now)
    this.#long.setHalfLife(options.half_life_long, now)
  }

  save(id: string, together: OwnersTogether, options: UsageOptions, now: number): SavedOwner {
    return {
      id,
      knownMs: now - this.#knownSince,
      peak: together.peak(this.ring, now - options.window),
      last: this.cpus,
      censoredMs: Math.max(0, this.#censoredUntil - now),
      short: this.#short.save(now),
      long: this.#long.save(now),
    }
  }

  /** @param savedAt when it was saved, on the monotonic clock of this process */
  static restore(saved: SavedOwner, options: UsageOptions, savedAt: number): OwnerCpu {
    const owner = new OwnerCpu(options, savedAt - saved.knownMs)
    owner.#short = DecayedHistogram.restore(CPU_BUCKETS, options.half_life_short, saved.short, savedAt)
    owner.#long = DecayedHistogram.restore(CPU_BUCKETS, options.half_life_long, saved.long, savedAt)
    owner.#last = saved.last
    owner.#censoredUntil = savedAt + saved.censoredMs
    owner.#savedPeak = { cpus: saved.peak, until: savedAt + options.window }
    return owner
  }
}

/**
 * 1 + 1/N in the N-th fifth of a cold start after it (minutes, with 5 minutes), 1 from the 20th on (spec/lending.md
 * 3.2, after the VPA). Whoever sets no cold start has no such doubt.
 */
function youngFactor(msAfterColdStart: number, coldStartMs: number): number {
  const past = msAfterColdStart / (coldStartMs / 5)
  return past < YOUNG_FIFTHS ? 1 + 1 / Math.max(1, past) : 1
}
