// What nobody uses and can be had again, such as fetched files and images: how it goes among the paths that wait.
import type { Entry, Removed } from './entry.ts'
import { type Choice, type Moment, type Rules, type SparePrice, whySpareGoes } from './plan.ts'

/** Of one kind, on the disk that is collected. */
export interface Spares {
  readonly price: SparePrice
  /** The one that was not used for longest; undefined when there is none. Wall time, ms. */
  readonly oldest: { readonly name: string; readonly usedAt: number; readonly bytes: number } | undefined
  /** Removes that one, which then is the oldest no more; the reason when that failed. */
  dropOldest(): Promise<string | undefined>
  /** Before a collection. Never rejects. */
  prepare?(): Promise<void>
}

/** Removes one if it is cheaper to lose than the path that is next; undefined when none is. */
export async function dropSpare(
  all: readonly Spares[],
  choice: Choice<Entry> | undefined,
  rules: Rules,
  moment: Moment,
): Promise<Removed | undefined> {
  for (const spares of all) {
    const { oldest, price } = spares
    if (oldest === undefined) continue
    const { bytes, name, usedAt } = oldest
    const why = whySpareGoes({ price, usedAt }, choice, rules, moment)
    if (why === undefined) continue
    const failure = await spares.dropOldest()
    const line = { path: name, kind: price, ending: undefined, why, since: usedAt, bytes }
    return failure === undefined ? line : { ...line, failures: [failure] }
  }
  return undefined
}
