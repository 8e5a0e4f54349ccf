// What all owners need together, where their bursts may come at once, and what runs outside of all containers.
import { CPU_BUCKETS, DecayedHistogram, type SavedHistogram } from './histogram.ts'
import { Meter } from './meter.ts'

/** Ten minutes of seconds: the window of the bound on the whole machine (spec/lending.md 3.2 step 5). */
export const RING_SLOTS = 600
export const RING_MS = 600_000

/** Cores of one owner in each slot of the ring: all that it used, and of that what lay within its reservation. */
export interface OwnerRing {
  readonly used: Float64Array
  readonly within: Float64Array
}

export function ownerRing(): OwnerRing {
  return { used: new Float64Array(RING_SLOTS), within: new Float64Array(RING_SLOTS) }
}

export interface Bound {
  readonly used: number
  readonly within: number
}

/**
 * The N-sigma bound over the sum of all owners (Take It to the Limit, spec/lending.md 2.7): demands that rise together
 * show in the spread of their sum, which a sum of percentiles cannot know. An owner that ends is taken out of the past.
 */
export class OwnersTogether {
  readonly #at = new Float64Array(RING_SLOTS).fill(Number.NEGATIVE_INFINITY)
  readonly #used = new Float64Array(RING_SLOTS)
  readonly #within = new Float64Array(RING_SLOTS)
  #slot = 0
  #saved: (Bound & { readonly until: number }) | undefined

  /** Opens the slot of a new snapshot and returns its number. */
  open(now: number): number {
    this.#slot = (this.#slot + 1) % RING_SLOTS
    this.#at[this.#slot] = now
    this.#used[this.#slot] = 0
    this.#within[this.#slot] = 0
    return this.#slot
  }

  /** Takes the open slot back: no rates are known yet, and zeros would count as rest. */
  discard(): void {
    this.#at[this.#slot] = Number.NEGATIVE_INFINITY
  }

  /** Books what an owner used in the open slot, in its own ring and in the sum. */
  book(ring: OwnerRing, used: number, reserved: number): void {
    ring.used[this.#slot] = used
    ring.within[this.#slot] = Math.min(used, reserved)
    this.#used[this.#slot] = (this.#used[this.#slot] ?? 0) + (ring.used[this.#slot] ?? 0)
    this.#within[this.#slot] = (this.#within[this.#slot] ?? 0) + (ring.within[this.#slot] ?? 0)
  }

  /** Takes an owner that ended out of the sums: its idle reservation is gone, so its demand goes with it. */
  leave(ring: OwnerRing): void {
    for (let slot = 0; slot < RING_SLOTS; slot++) {
      this.#used[slot] = Math.max(0, (this.#used[slot] ?? 0) - (ring.used[slot] ?? 0))
      this.#within[slot] = Math.max(0, (this.#within[slot] ?? 0) - (ring.within[slot] ?? 0))
    }
  }

  /** The highest of a ring's `used` since a moment, the open slot included. */
  peak(ring: OwnerRing, since: number): number {
    let peak = 0
    for (let back = 0; back < RING_SLOTS; back++) {
      const slot = (this.#slot - back + RING_SLOTS) % RING_SLOTS
      if ((this.#at[slot] ?? 0) < since) break
      peak = Math.max(peak, ring.used[slot] ?? 0)
    }
    return peak
  }

  /** Mean + sigma · deviation of ten minutes, but at least what is used now. */
  bound(now: number, sigma: number): Bound {
    const since = now - RING_MS
    const used = Math.max(nSigma(this.#used, this.#at, since, sigma), this.#used[this.#slot] ?? 0)
    const within = Math.max(nSigma(this.#within, this.#at, since, sigma), this.#within[this.#slot] ?? 0)
    const saved = this.#saved
    if (saved === undefined || now >= saved.until) return { used, within }
    return { used: Math.max(used, saved.used), within: Math.max(within, saved.within) }
  }

  /** A bound from before a restart holds for as long as its ten minutes would have. */
  restore(bound: Bound, until: number): void {
    this.#saved = { ...bound, until }
  }
}

function nSigma(values: Float64Array, at: Float64Array, since: number, sigma: number): number {
  let count = 0
  let sum = 0
  for (let slot = 0; slot < RING_SLOTS; slot++) {
    if ((at[slot] ?? 0) < since) continue
    count++
    sum += values[slot] ?? 0
  }
  if (count === 0) return 0
  const mean = sum / count
  let squares = 0
  for (let slot = 0; slot < RING_SLOTS; slot++) {
    if ((at[slot] ?? 0) >= since) squares += ((values[slot] ?? 0) - mean) ** 2
  }
  return mean + sigma * Math.sqrt(squares / count)
}

/** CPU that no container accounts for: the kernel, the engine, this agent. Its 95th percentile, never below a floor. */
export class SystemShare {
  /** Cores (spec/lending.md 3.2 step 7). */
  static readonly FLOOR = 0.05
  static readonly #SECONDS = 60
  /** Of fewer samples the 95th percentile is the highest, and that may be one odd second. */
  static readonly #FEW = 20
  readonly #busy = new Meter()
  #long: DecayedHistogram
  readonly #recent: number[] = []
  #isOld = false
  /** Becomes true with the first rate. */
  known = false

  constructor(halfLifeMs: number, now: number) {
    this.#long = new DecayedHistogram(CPU_BUCKETS, halfLifeMs, now)
  }

  /** @param inside cores that all containers used in the same time */
  read(cpuBusySeconds: number, inside: number, now: number): void {
    const busy = this.#busy.read(cpuBusySeconds, now)
    if (busy === undefined) return
    const cpus = Math.max(0, busy - inside)
    this.known = true
    this.#long.add(cpus, 1, now)
    this.#recent.push(cpus)
    if (this.#recent.length >= SystemShare.#FEW) this.#isOld = true
    if (this.#recent.length > SystemShare.#SECONDS) this.#recent.shift()
  }

  /** Cores: the higher 95th percentile of the last minute and of the last hours, so one odd second is not enough. */
  get cpus(): number {
    const sorted = Float64Array.from(this.#recent).sort()
    const rank = Math.ceil(sorted.length * 0.95) - 1
    const most = sorted.length > 2 ? sorted.length - 2 : sorted.length - 1
    const minute = sorted[Math.max(0, Math.min(rank, most))] ?? 0
    return Math.max(SystemShare.FLOOR, minute, this.#isOld ? this.#long.percentile(0.95) : 0)
  }

  setHalfLife(halfLifeMs: number, now: number): void {
    this.#long.setHalfLife(halfLifeMs, now)
  }

  save(now: number): SavedHistogram {
    return this.#long.save(now)
  }

  restore(saved: SavedHistogram, halfLifeMs: number, savedAt: number): void {
    this.#long = DecayedHistogram.restore(CPU_BUCKETS, halfLifeMs, saved, savedAt)
    this.#isOld = true
    this.known = true
  }
}
