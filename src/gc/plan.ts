/**
 * Which of the scheduled paths goes next (spec/mesos.md 10): Mesos' formula says what is due, and of that the succeeded
 * go first, oldest first, then the killed, and the failed last. Asked anew after each removal, so that no more goes
 * than must. Pure.
 */

/** How the work ended whose files these are: `killed` on request; nobody knows after a crash of the agent. */
export type Ending = 'succeeded' | 'killed' | 'failed' | 'unknown'

/** `sandbox`: of one container. `agent`: what an agent with an older id left. `meta`: state of such an agent. */
export type PathKind = 'sandbox' | 'agent' | 'meta'

export interface Scheduled {
  /** Below the work folder. */
  readonly path: string
  readonly kind: PathKind
  readonly ending: Ending
  /** Wall time from which its age counts, ms. */
  readonly since: number
  /** Wall time before which it is not tried again after a failure, ms. */
  readonly notBefore?: number
}

export interface Rules {
  /** `--gc_delay`, ms. */
  readonly delayMs: number
  /** `--gc_disk_headroom`, 0 to 1. */
  readonly headroom: number
}

/** The clock and the disk at one moment. */
export interface Moment {
  /** Wall time, ms. */
  readonly now: number
  /** Used part of the file system, 0 to 1. */
  readonly usage: number
  /** In place of the formula: whatever is older goes, ms. */
  readonly olderThanMs?: number
}

/** Why a path goes: its time is over, the disk needs room, or somebody asked. */
export type Why = 'age' | 'space' | 'asked'

export interface Choice<T> {
  readonly item: T
  readonly why: Why
}

/** What failed a moment ago is not taken away for room: somebody is about to look at it. */
export const FRESH_MS = 60_000
/** A file that was fetched or used so lately will be wanted again at once. */
export const WARM_MS = 10 * 60_000

/** The age up to which paths stay while the disk is used so far: `gc_delay * max(0, 1 - gc_disk_headroom - usage)`. */
export function maxAllowedAge({ delayMs, headroom }: Rules, usage: number): number {
  return delayMs * Math.max(0, 1 - headroom - usage)
}

/** Succeeded before killed before failed, older before younger; equal ones by their paths, so that the order is one. */
export function byWorth(a: Scheduled, b: Scheduled): number {
  return rank(a) - rank(b) || a.since - b.since || (a.path < b.path ? -1 : Number(a.path > b.path))
}

/** Not known counts as failed: it is worth a look. */
const RANKS: Readonly<Record<Ending, number>> = { succeeded: 0, killed: 1, failed: 2, unknown: 2 }
const rank = ({ ending }: Scheduled): number => RANKS[ending]

/** What goes next; undefined when everything may stay for now. */
export function next<T extends Scheduled>(
  all: Iterable<T>,
  rules: Rules,
  moment: Moment,
): Choice<T> | undefined {
  let best: Choice<T> | undefined
  for (const item of all) {
    const why = whyDue(item, rules, moment)
    if (why !== undefined && (best === undefined || byWorth(item, best.item) < 0)) best = { item, why }
  }
  return best
}

/** Undefined when it is not due now. */
export function whyDue(item: Scheduled, rules: Rules, moment: Moment): Why | undefined {
  if ((item.notBefore ?? 0) > moment.now) return undefined
  const age = moment.now - item.since
  if (age >= rules.delayMs) return 'age'
  if (moment.olderThanMs !== undefined && age >= moment.olderThanMs) return 'asked'
  if (age < maxAllowedAge(rules, moment.usage)) return undefined
  return rank(item) < RANKS.failed || age >= FRESH_MS ? 'space' : undefined
}

/** Whether the disk is so full that nothing scheduled may stay. */
export function isTight(rules: Rules, usage: number): boolean {
  return maxAllowedAge(rules, usage) === 0
}

/** What can be had again: by a download of seconds, or of minutes. */
export type SparePrice = 'file' | 'image'

/**
 * Why something that nobody uses and that can be had again goes now, before the path that is next: it costs time, but
 * nothing is lost with it (docs/decisions/0007). A file goes before every sandbox that leaves for room; an image, and a
 * file that was used a moment ago, before those of failed work only. Undefined when it is not its turn.
 *
 * @param usedAt wall time of its last use, ms
 */
export function whySpareGoes(
  { price, usedAt }: { readonly price: SparePrice; readonly usedAt: number },
  choice: Choice<Scheduled> | undefined,
  rules: Rules,
  moment: Moment,
): Why | undefined {
  const idleMs = moment.now - usedAt
  if (moment.olderThanMs !== undefined && idleMs >= moment.olderThanMs) return 'asked'
  // What goes anyway may make room enough.
  if (!isTight(rules, moment.usage) || (choice !== undefined && choice.why !== 'space')) return undefined
  const isCheapest = price === 'file' && idleMs >= WARM_MS
  return isCheapest || choice === undefined || rank(choice.item) === RANKS.failed ? 'space' : undefined
}

/** Wall time at which it goes if the disk stays as full as it is, ms. */
export function dueAt({ since }: Scheduled, rules: Rules, usage: number): number {
  return since + Math.min(rules.delayMs, maxAllowedAge(rules, usage))
}
