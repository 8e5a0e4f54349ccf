// The customers of the demo's service: requests over real HTTP, as many at a time as wanted, each one timed.
import type { Clock } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import { HttpClient } from '../../http/client.ts'

export interface Speed {
  readonly requests: number
  readonly failed: number
  readonly perSecond: number
  /** ms. */
  readonly p50: number
  readonly p99: number
}

/** How many ask at a time, and how long each rests between two requests, ms. */
export interface Load {
  readonly customers: number
  readonly restMs: number
}

interface Answered {
  readonly at: number
  readonly ms: number
  readonly ok: boolean
}

/** Kept for figures; older ones are forgotten. */
const MOST_KEPT = 100_000
/** How finely the beginning of a fast stretch is looked for. */
const STEP_MS = 50

export class Customers implements AsyncDisposable {
  readonly #clock: Clock
  readonly #url: string
  readonly #http: HttpClient
  readonly #timeoutMs: number
  readonly #stop = new AbortController()
  readonly #answered: Answered[] = []
  readonly #loops = new Set<Promise<void>>()
  #load: Load = { customers: 0, restMs: 0 }
  #trouble = ''

  /** @param timeoutMs the longest that a customer waits for an answer */
  constructor(clock: Clock, url: string, timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#clock = clock
    this.#url = url
    this.#http = new HttpClient(clock, 64)
  }

  /** The newest failure in words; empty without one. */
  get trouble(): string {
    return this.#trouble
  }

  /** Changes how much is asked for; customers beyond it leave after their request. */
  set(load: Load): void {
    this.#load = load
    for (let index = this.#loops.size; index < load.customers; index++) {
      const loop = this.#customer(index)
      this.#loops.add(loop)
      void loop.finally(() => this.#loops.delete(loop))
    }
  }

  /** Of the requests that were answered from `since` (monotonic ms) until now. */
  speedSince(since: number): Speed {
    return this.speedBetween(since, this.#clock.monotonic())
  }

  speedBetween(since: number, now: number): Speed {
    const some = this.#answered.filter(({ at }) => at >= since && at < now)
    const good = some.filter(({ ok }) => ok)
    const times = good.map(({ ms }) => ms).toSorted((a, b) => a - b)
    return {
      requests: good.length,
      failed: some.length - good.length,
      perSecond: now > since ? good.length / ((now - since) / 1000) : 0,
      p50: percentile(times, 0.5),
      p99: percentile(times, 0.99),
    }
  }

  /**
   * How long after `since` the first stretch of `stretchMs` begins in which at least `perSecond` were answered, ms;
   * undefined when there was none yet.
   */
  fastAfter(since: number, perSecond: number, stretchMs: number): number | undefined {
    const latest = this.#clock.monotonic() - stretchMs
    for (let from = since; from <= latest; from += STEP_MS)
      if (this.speedBetween(from, from + stretchMs).perSecond >= perSecond) return from - since
    return undefined
  }

  async #customer(index: number): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted && index < this.#load.customers) {
      const begun = this.#clock.monotonic()
      let ok = true
      try {
        await this.#http.request({ url: this.#url, timeoutMs: this.#timeoutMs }, signal)
      } catch (error) {
        if (signal.aborted) return
        ok = false
        this.#trouble = reasonOf(error)
      }
      const at = this.#clock.monotonic()
      this.#answered.push({ at, ms: at - begun, ok })
      if (this.#answered.length > MOST_KEPT) this.#answered.splice(0, MOST_KEPT / 2)
      const rest = ok ? this.#load.restMs : Math.max(this.#load.restMs, 50)
      if (rest > 0) await this.#clock.sleep(rest, signal).catch(() => signal.aborted)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#loops)
    this.#http[Symbol.dispose]()
  }
}

/** Of sorted values; NaN of none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}
