// What is counted of lending, under the same names by every agent and, added up, by the master; and how long it takes.

const PREFIX = 'tepui/lend_'
/** Reasons of evictions, as the metrics tell them apart. */
export const EVICT_REASONS = ['cpu', 'memory', 'starved', 'load', 'other'] as const

/** Seconds from the decision to take something back to the moment when the owners have it. */
export const TAKE_BACK = `${PREFIX}take_back_secs`
/** Upper bounds of the buckets, seconds; the last one has none. */
export const TAKE_BACK_BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const
/** What has not been given back by then counts with this time. */
export const LONGEST_TAKE_BACK_SECS = 60

export const bucketOf = (bound: number): string => `${TAKE_BACK}/le_${bound}`
const LAST_BUCKET = `${TAKE_BACK}/le_inf`

export const TAKE_BACK_COUNTERS: readonly string[] = [
  `${TAKE_BACK}/count`,
  `${TAKE_BACK}/sum`,
  ...TAKE_BACK_BOUNDS.map(bucketOf),
  LAST_BUCKET,
]

/** All of them; none ever falls in the life of an agent. */
export const LEND_COUNTERS: readonly string[] = [
  ...['squeezes', 'freezes', 'thaws', 'relaxes', 'not_ours', 'unlends', 'refused', 'evictions'].map(
    (name) => PREFIX + name,
  ),
  ...EVICT_REASONS.map((reason) => `${PREFIX}evictions/${reason}`),
  `${PREFIX}tier_mended`,
  `${PREFIX}blind_samples`,
  `${PREFIX}records_lost`,
  ...TAKE_BACK_COUNTERS,
]

const PERCENTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const

/** Gauges that read percentiles out of the buckets, as everybody who scrapes them would. */
export function percentileGauges(
  count: (name: string) => number,
): readonly { readonly name: string; readonly read: () => number }[] {
  return Object.entries(PERCENTILES).map(([name, share]) => ({
    name: `${TAKE_BACK}/${name}`,
    read: () => percentile(count, share),
  }))
}

/** Seconds; inside of a bucket it is taken to be where an even spread would have it. 0 while there is none. */
function percentile(count: (name: string) => number, share: number): number {
  const wanted = count(LAST_BUCKET) * share
  if (wanted === 0) return 0
  let [lower, below] = [0, 0]
  for (const bound of [...TAKE_BACK_BOUNDS, LONGEST_TAKE_BACK_SECS]) {
    const upTo = count(bound === LONGEST_TAKE_BACK_SECS ? LAST_BUCKET : bucketOf(bound))
    if (upTo >= wanted) return lower + ((wanted - below) / (upTo - below)) * (bound - lower)
    lower = bound
    below = upTo
  }
  return LONGEST_TAKE_BACK_SECS
}
