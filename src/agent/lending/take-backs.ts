// How long taking back takes, from the decision to the moment when the owners have it: a histogram for the metrics.
import type { Metrics } from '../../base/metrics.ts'
import {
  bucketOf,
  LONGEST_TAKE_BACK_SECS,
  percentileGauges,
  TAKE_BACK as NAME,
  TAKE_BACK_BOUNDS,
  TAKE_BACK_COUNTERS,
} from '../../resources/lend-counters.ts'

const LONGEST_MS = LONGEST_TAKE_BACK_SECS * 1000
const MAX_OPEN = 1000

/** What a moment shows of borrowers. */
export interface Sight {
  /** Monotonic, ms. */
  readonly now: number
  /** Cores that all borrowers used lately; undefined while that is not known. */
  readonly borrowersUse: number | undefined
  readonly isAlive: (containerId: string) => boolean
}

/** What has to be seen until something counts as given back. */
export type Awaited =
  | { readonly kind: 'squeeze'; readonly cpus: number }
  | { readonly kind: 'evict'; readonly containerId: string }

/** A squeeze is in force when borrowers use no more than this above it: counters and quota periods are not exact. */
const SLACK_CPUS = 0.05

export class TakeBacks {
  readonly #metrics: Metrics
  readonly #open: { readonly since: number; readonly awaited: Awaited }[] = []

  constructor(metrics: Metrics) {
    this.#metrics = metrics
    metrics.declare(...TAKE_BACK_COUNTERS)
    for (const { name, read } of percentileGauges((counter) => metrics.value(counter)))
      metrics.gauge(name, read)
  }

  /** @param since monotonic ms of the detection */
  begin(since: number, awaited: Awaited): void {
    if (this.#open.length < MAX_OPEN) this.#open.push({ since, awaited })
  }

  /** Something was given back at once, as by a freeze that the kernel carries out while we wait. */
  done(ms: number): void {
    const seconds = ms / 1000
    this.#metrics.count(`${NAME}/count`)
    this.#metrics.count(`${NAME}/sum`, seconds)
    for (const bound of TAKE_BACK_BOUNDS) if (seconds <= bound) this.#metrics.count(bucketOf(bound))
    this.#metrics.count(`${NAME}/le_inf`)
  }

  /** Closes what this moment shows as given back. */
  look(sight: Sight): void {
    for (let at = this.#open.length - 1; at >= 0; at--) {
      const one = this.#open[at]
      if (one === undefined) continue
      const ms = sight.now - one.since
      if (!isBack(one.awaited, sight) && ms < LONGEST_MS) continue
      this.#open.splice(at, 1)
      this.done(ms)
    }
  }
}

function isBack(awaited: Awaited, { borrowersUse, isAlive }: Sight): boolean {
  if (awaited.kind === 'evict') return !isAlive(awaited.containerId)
  return borrowersUse !== undefined && borrowersUse <= awaited.cpus + SLACK_CPUS
}
