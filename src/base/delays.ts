// Waiting times between attempts: pure sequences, so that a seed repeats them.
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

export interface Backoff {
  readonly firstMs: number
  readonly factor: number
  readonly maxMs: number
  /** Share of each delay that is drawn by chance: 0 none, 1 anywhere in [0, delay]. */
  readonly jitter: number
}

export function* delays(backoff: Backoff, random: Random): Generator<number, never> {
  for (let base = backoff.firstMs; ; base = Math.min(base * backoff.factor, backoff.maxMs)) {
    yield base * (1 - backoff.jitter) + base * backoff.jitter * random.next()
  }
}

/** Repeats `work` until it succeeds or the signal aborts; `onFailure` sees each failure and the wait that follows. */
export async function retry<T>(
  deps: { readonly clock: Clock; readonly random: Random },
  backoff: Backoff,
  work: (signal: AbortSignal) => Promise<T>,
  onFailure: (error: unknown, waitMs: number) => void,
  signal: AbortSignal,
): Promise<T> {
  for (const wait of delays(backoff, deps.random)) {
    signal.throwIfAborted()
    try {
      return await work(signal)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      onFailure(error, wait)
    }
    await deps.clock.sleep(wait, signal)
  }
  throw new Error('the sequence of delays never ends')
}
