// The only place that knows the time and sets timers; everybody else is handed a `Clock`.
import { setTimeout as sleepFor } from 'node:timers/promises'

/** Time as a part sees it. Tests hand in a clock that they move by hand (`test/support/clock.ts`). */
export interface Clock {
  /** Wall time in milliseconds since 1970. Only for what is shown or stored. */
  now(): number
  /** Milliseconds since an arbitrary start, never going back. For durations. */
  monotonic(): number
  /** Calls `fn` once after `ms`; disposing the result cancels it. */
  after(ms: number, fn: () => void): Disposable
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

// Node's timers hold 31 bits of milliseconds; a longer wait would fire at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    if (ms > LONGEST_TIMER_MS) {
      let inner: Disposable = systemClock.after(LONGEST_TIMER_MS, () => {
        inner = systemClock.after(ms - LONGEST_TIMER_MS, fn)
      })
      return { [Symbol.dispose]: () => inner[Symbol.dispose]() }
    }
    const timer = setTimeout(fn, Math.max(0, ms))
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
  async sleep(ms, signal) {
    try {
      await sleepFor(Math.min(ms, LONGEST_TIMER_MS), undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error
    }
  },
}

/** `2026-01-31T12:00:00.000Z` for wall time in milliseconds. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** Milliseconds of an ISO 8601 time with date, time and zone; undefined for anything else. */
export function parseIsoTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/.test(text)) return undefined
  const ms = Date.parse(text.replace(' ', 'T'))
  return Number.isFinite(ms) ? ms : undefined
}

/** The wall time in a `Date` header, in ms; undefined when there is none in it. */
export function parseHttpTime(text: string): number | undefined {
  const ms = Date.parse(text)
  return Number.isFinite(ms) ? ms : undefined
}

/** A wall time in ms in the form that the calendar of a library wants. */
export function dateOf(ms: number): Date {
  return new Date(ms)
}

export interface PeriodicOptions {
  readonly ms: number
  readonly name: string
  /** Runs at once before the first wait. Default false. */
  readonly immediately?: boolean
  /** Called once per streak of failures, not once per failure. */
  readonly onFailure?: (error: unknown) => void
}

/** Repeats `work`, never overlapping, until the signal aborts. A failure is told once per streak and ends nothing. */
export async function every(
  clock: Clock,
  options: PeriodicOptions,
  work: (signal: AbortSignal) => void | Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let failing = false
  let wait = options.immediately === true ? 0 : options.ms
  while (!signal.aborted) {
    try {
      await clock.sleep(wait, signal)
    } catch (error) {
      if (signal.aborted) return
      throw error
    }
    wait = options.ms
    try {
      await work(signal)
      failing = false
    } catch (error) {
      if (signal.aborted) return
      if (!failing) options.onFailure?.(error)
      failing = true
    }
  }
}
