// What an agent did to borrowers in the demo, read from its own event log: each step once, with when and why.
import { type Json, list, object, text } from '../master-api.ts'

export interface Step {
  readonly kind: string
  /** From the moment that was asked about, ms. */
  readonly afterMs: number
  readonly why: string
}

/** The steps that slow, stop or spare borrowers; that one is ended, its own framework tells. */
const KINDS = 'squeeze,freeze,thaw,not-ours'

export class Ladder {
  readonly #ask: (path: string) => Promise<Json>
  readonly #told = new Set<unknown>()

  constructor(ask: (path: string) => Promise<Json>) {
    this.#ask = ask
  }

  /** What was not told before, in order. @param since wall time, ms */
  async news(since: number): Promise<readonly Step[]> {
    const page = await this.#ask(`/api/x1/lend/history?kind=${KINDS}&since=${Math.floor(since)}`)
    const fresh = list(page['events'])
      .map(object)
      .filter(({ event }) => !this.#told.has(event))
    for (const { event } of fresh) this.#told.add(event)
    return fresh
      .map((event) => ({
        kind: text(event['kind']),
        afterMs: Number(event['at']) - since,
        why: text(object(event['record'])['why']),
      }))
      .toSorted((a, b) => a.afterMs - b.afterMs)
  }
}
