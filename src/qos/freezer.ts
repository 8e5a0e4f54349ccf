// Who is frozen since when, for how long the next freeze holds, and how long it all was within the last minute.
import type { PressureOptions } from './pressure-options.ts'
import type { Scene } from './scene.ts'

export class Freezer {
  /** Container → since when, monotonic ms. */
  readonly frozen = new Map<string, number>()
  holdUntil = Number.NEGATIVE_INFINITY
  /** Times during which somebody was frozen; the last one is open while its end is undefined. */
  #spans: { readonly from: number; to: number | undefined }[] = []
  /** Extra hold from earlier freezes, ms, as it was at `#penaltyAt`. */
  #penalty = 0
  #penaltyAt = Number.NEGATIVE_INFINITY
  #thawedAt = Number.NEGATIVE_INFINITY

  get isEmpty(): boolean {
    return this.frozen.size === 0
  }

  /** Marks them frozen and renews the hold: 10 s, 10 s more per repeat up to 30 s (spec/lending.md 3.3 L2). */
  freeze(ids: readonly string[], now: number, options: PressureOptions): void {
    if (this.isEmpty) this.#spans.push({ from: now, to: undefined })
    const extra = this.#penaltyNow(now, options)
    this.holdUntil = now + Math.min(options.hold_cap, options.hold + extra)
    this.#penalty = Math.min(options.hold_cap, extra + options.hold)
    this.#penaltyAt = now
    for (const id of ids) if (!this.frozen.has(id)) this.frozen.set(id, now)
  }

  thaw(ids: readonly string[], now: number): void {
    for (const id of ids) if (this.frozen.delete(id)) this.#thawedAt = now
    this.#closeSpan(now)
  }

  /** Forgets those that ended, and those that the kernel says run although they should not. */
  settle(scene: Scene): void {
    const present = new Map(scene.pulse.containers.map((one) => [one.containerId, one]))
    for (const id of this.frozen.keys()) {
      const container = present.get(id)
      if (container === undefined || container.frozen === false) this.frozen.delete(id)
    }
    this.#closeSpan(scene.now)
  }

  /** Whether one more may be thawed now: the hold is over, and a second has passed since the last. */
  mayThaw(now: number): boolean {
    return !this.isEmpty && now >= this.holdUntil && now - this.#thawedAt >= 1000
  }

  /** For how long somebody was frozen within the window, ms. */
  frozenWithin(windowMs: number, now: number): number {
    this.#spans = this.#spans.filter(({ to }) => (to ?? now) > now - windowMs)
    return this.#spans.reduce((sum, { from, to }) => sum + (to ?? now) - Math.max(from, now - windowMs), 0)
  }

  #penaltyNow(now: number, options: PressureOptions): number {
    const passed = Number.isFinite(this.#penaltyAt) ? now - this.#penaltyAt : 0
    return Math.max(0, this.#penalty - passed * options.hold_decay)
  }

  #closeSpan(now: number): void {
    const last = this.#spans.at(-1)
    if (this.isEmpty && last !== undefined && last.to === undefined) last.to = now
  }
}
