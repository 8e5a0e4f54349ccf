/**
 * The last day of the whole cluster: what agents remember, added up when somebody asks. Asking a thousand agents takes
 * its time, so an answer serves everybody for a minute.
 */
import type { Clock } from '../../base/clock.ts'
import { CLUSTER_COLUMNS, type UsagePage } from '../../wire/page.ts'
import { summedUp } from './cluster-history.ts'
import type { Told, UsageWatch } from './usage-watch.ts'

const DAY_MS = 86_400_000
const STEP_S = 300
const KEPT_MS = 60_000
/** What agents have not told by then is left out. */
const LONGEST_MS = 10_000

export class ClusterDay {
  readonly #clock: Clock
  readonly #watch: Pick<UsageWatch, 'askHistory'>
  #known: { readonly at: number; readonly page: Promise<UsagePage> } | undefined

  constructor(clock: Clock, watch: Pick<UsageWatch, 'askHistory'>) {
    this.#clock = clock
    this.#watch = watch
  }

  page(): Promise<UsagePage> {
    const now = this.#clock.monotonic()
    if (this.#known === undefined || now - this.#known.at > KEPT_MS)
      this.#known = { at: now, page: this.#ask() }
    return this.#known.page
  }

  async #ask(): Promise<UsagePage> {
    const told = new Map<string, Told['points']>()
    const late = new AbortController()
    using _ = this.#clock.after(LONGEST_MS, () => late.abort())
    const take = ({ agentId, points }: Told): void => void told.set(agentId, points)
    await this.#watch.askHistory({ step: STEP_S, ms: DAY_MS }, take, late.signal)
    const points = summedUp(told.values(), STEP_S * 1000)
    return { now: this.#clock.now(), step: STEP_S * 1000, columns: CLUSTER_COLUMNS, points }
  }
}
