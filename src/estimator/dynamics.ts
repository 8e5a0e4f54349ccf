// How what is lent follows what could be lent: it falls at once, rises slowly, and leaves small changes alone.
// Every published change makes the master rescind offers (spec/lending.md 3.2, Dynamics).

export interface DynamicsOptions {
  /** Share of the capacity per interval. */
  readonly rise: number
  readonly rise_interval: number
  readonly quiet: number
  readonly quiet_max: number
}

export interface Situation {
  /** Monotonic ms. */
  readonly now: number
  /** What could be lent; may be negative. */
  readonly target: number
  readonly capacity: number
  /** What the target leaves free: what is published may lie above the target by no more than this. */
  readonly headroom: number
  /** Why nothing may rise now, if so. */
  readonly noRise: string | undefined
  /** False when owners came or went, or settings changed: a fall then says nothing about the last rise. */
  readonly steady: boolean
}

export interface Settled {
  /** The target in whole steps, not below 0. */
  readonly rounded: number
  readonly published: number
  /** Why `published` differs from `rounded`. */
  readonly name: 'dead band' | 'rise limit' | 'quiet time'
  readonly why: string
}

/** What is kept over a restart, in ms before or after the moment of saving. */
export interface SavedDynamics {
  readonly published: number
  readonly settleMs: number
  readonly quietMs: number
}

/** A fall so soon after a rise means that the rise was a mistake. */
const REGRET_MS = 3_600_000
/** After a fall what is lent rises once to where it can, and not again before so long. */
const RECOVERY_MS = 3_600_000
/** A mistake makes the wait so many times longer; it is shortened as much when none was made for so long. */
const REGRET_FACTOR = 4
const FORGIVE_MS = 12 * 3_600_000
/** The dead band is a step, or this share of the last value (spec/lending.md 3.2). */
const BAND_SHARE = 0.05
/** Absorbs the error of adding decimals in binary, in steps. */
const EPSILON = 1e-4
const LOW_MS = 1000
const LOWS = 3601

export class Dynamics {
  readonly #step: number
  readonly #lows = new Lows()
  #published = 0
  #quietUntil: number | undefined
  /** Since when there has been something to rise to. */
  #risesSince: number | undefined
  #fellAt = Number.NEGATIVE_INFINITY
  /** Whether it has risen to where it could since it fell. */
  #recovered = false
  #roseAt = Number.NEGATIVE_INFINITY
  #regretAt = Number.NEGATIVE_INFINITY
  /** How long a fall is remembered; grows with each mistake. 0: the configured quiet time. */
  #settleMs = 0

  /** @param step 0.1 cores or 128 MB */
  constructor(step: number) {
    this.#step = step
  }

  settle(situation: Situation, options: DynamicsOptions): Settled {
    const { now, target } = situation
    // What ran before this estimator began is not known, as after a fall.
    this.#quietUntil ??= now + options.quiet
    const settleMs = this.#settle(now, options)
    const rounded = this.#toStep(Math.floor(Math.max(0, target) / this.#step + EPSILON))
    this.#lows.add(rounded, now)
    if (rounded <= this.#published) return this.#fall(situation, options, rounded, settleMs)
    return this.#rise(situation, options, rounded, settleMs)
  }

  /** Told when something had to be taken back: nothing rises until it was quiet again. */
  takeBack(now: number, options: DynamicsOptions): void {
    const settleMs = this.#settle(now, options)
    // One trouble is told many times while it lasts: it is one mistake.
    if (now >= (this.#quietUntil ?? now)) this.#regret(now, options, settleMs)
    this.#beQuiet(now + this.#settle(now, options))
  }

  /** Told when nothing could be seen for a while: nothing rises until it was watched for the quiet time again. */
  gap(now: number, options: DynamicsOptions): void {
    this.#beQuiet(now + options.quiet)
  }

  save(now: number): SavedDynamics {
    return {
      published: this.#published,
      settleMs: this.#settleMs,
      quietMs: Math.max(0, (this.#quietUntil ?? now) - now),
    }
  }

  restore(saved: SavedDynamics, now: number, options: DynamicsOptions): void {
    this.#published = this.#toStep(Math.floor(saved.published / this.#step + EPSILON))
    this.#settleMs = saved.settleMs
    this.#regretAt = now
    this.#quietUntil = now + Math.max(options.quiet, saved.quietMs)
  }

  #fall(situation: Situation, options: DynamicsOptions, rounded: number, settleMs: number): Settled {
    const { now, target, headroom } = situation
    const last = this.#published
    if (rounded === last) return { rounded, published: last, name: 'dead band', why: '' }
    // What stays lent beyond the target is taken from the headroom, never from what owners need.
    const band = Math.min(this.#band(), headroom)
    if (last - Math.max(0, target) < band - EPSILON * this.#step) {
      const why = `${last} stays: a change of less than ${round(band)} is not worth telling`
      return { rounded, published: last, name: 'dead band', why }
    }
    this.#published = rounded
    this.#risesSince = undefined
    this.#recovered = false
    if (situation.steady) this.#fellAt = now
    if (situation.steady && now - this.#roseAt < REGRET_MS) this.#regret(now, options, settleMs)
    this.#beQuiet(now + this.#settle(now, options))
    return { rounded, published: rounded, name: 'dead band', why: '' }
  }

  #rise(situation: Situation, options: DynamicsOptions, rounded: number, settleMs: number): Settled {
    const { now, capacity, noRise } = situation
    const last = this.#published
    const held = (name: Settled['name'], why: string): Settled => ({ rounded, published: last, name, why })
    if (noRise !== undefined) return held('quiet time', noRise)
    const quietFor = (this.#quietUntil ?? now) - now
    if (quietFor > 0) return held('quiet time', `it rises in ${Math.ceil(quietFor / 1000)} s at the earliest`)
    const goal = Math.min(rounded, settleMs === 0 ? rounded : this.#lows.least(now - settleMs))
    if (goal - last < this.#band() - EPSILON * this.#step) {
      this.#risesSince = undefined
      if (goal < rounded)
        return held('quiet time', `no more than ${goal} could be lent all of ${settleMs / 1000} s`)
      return held(
        'dead band',
        `${last} stays: a change of less than ${round(this.#band())} is not worth telling`,
      )
    }
    const limit = `it rises by ${round(options.rise * capacity)} in ${options.rise_interval / 1000} s at most`
    if (this.#roseAt + options.rise_interval > now) return held('rise limit', limit)
    const most = last + Math.max(this.#step, options.rise * capacity)
    // While lows pass out of memory the goal still grows: one rise a little later instead of several small ones.
    this.#risesSince ??= now
    if (goal < most && now - this.#risesSince < options.quiet)
      return held('quiet time', 'it may rise further: one change instead of several')
    // In steady state one fall and one way back an hour: what is left to gain is not worth more changes.
    if (this.#recovered && now - this.#fellAt < Math.min(RECOVERY_MS, options.quiet_max))
      return held('quiet time', 'it fell and rose again within the hour')
    this.#recovered = goal <= most
    this.#risesSince = undefined
    const published = this.#toStep(Math.floor(Math.min(goal, most) / this.#step + EPSILON))
    this.#published = published
    this.#roseAt = now
    if (most < goal) return { rounded, published, name: 'rise limit', why: limit }
    const why = `no more than ${goal} could be lent all of ${settleMs / 1000} s`
    return { rounded, published, name: 'quiet time', why }
  }

  #band(): number {
    return Math.max(this.#step, BAND_SHARE * this.#published)
  }

  /** How long a fall is remembered now. */
  #settle(now: number, options: DynamicsOptions): number {
    if (this.#settleMs > options.quiet && now - this.#regretAt >= FORGIVE_MS) {
      this.#settleMs /= REGRET_FACTOR
      this.#regretAt = now
    }
    return Math.max(options.quiet, Math.min(this.#settleMs, options.quiet_max))
  }

  #regret(now: number, options: DynamicsOptions, settleMs: number): void {
    this.#settleMs = Math.min(settleMs * REGRET_FACTOR, Math.max(options.quiet, options.quiet_max))
    this.#regretAt = now
  }

  #beQuiet(until: number): void {
    this.#quietUntil = Math.max(this.#quietUntil ?? until, until)
  }

  #toStep(steps: number): number {
    return round(steps * this.#step)
  }
}

/** The least of each second, for an hour. */
class Lows {
  readonly #least = new Float64Array(LOWS).fill(Number.POSITIVE_INFINITY)
  readonly #period = new Float64Array(LOWS).fill(Number.NEGATIVE_INFINITY)

  add(value: number, now: number): void {
    const period = Math.floor(now / LOW_MS)
    const slot = ((period % LOWS) + LOWS) % LOWS
    const same = this.#period[slot] === period
    this.#least[slot] = same ? Math.min(this.#least[slot] ?? value, value) : value
    this.#period[slot] = period
  }

  least(since: number): number {
    const first = Math.floor(since / LOW_MS)
    let least = Number.POSITIVE_INFINITY
    for (let slot = 0; slot < LOWS; slot++) {
      if ((this.#period[slot] ?? 0) >= first) least = Math.min(least, this.#least[slot] ?? least)
    }
    return least
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
