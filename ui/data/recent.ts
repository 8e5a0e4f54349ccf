// The last values of one figure of each agent, as this page heard them: what a small line beside a figure shows. Pure.
import { USAGE_COLUMNS, type UsagePoint } from '../../src/wire/page.ts'

/** Two minutes, when an agent tells each second. */
const MOST = 120
/** An agent that told nothing for so long begins anew. */
const LONGEST_GAP_MS = 60_000

export interface Told {
  readonly at: number
  /** -1: not known. */
  readonly value: number
}

export class Recent {
  readonly #column: number
  readonly #told = new Map<string, readonly Told[]>()

  constructor(name: keyof UsagePoint) {
    this.#column = USAGE_COLUMNS.indexOf(name)
  }

  /** The newest points of agents by their ids; what was told already counts once. */
  add(points: Readonly<Record<string, readonly number[]>>): void {
    for (const [agent, point] of Object.entries(points)) {
      const [at = 0] = point
      const known = this.of(agent)
      const last = known.at(-1)?.at ?? 0
      if (at <= last) continue
      const told = { at, value: point[this.#column] ?? -1 }
      this.#told.set(agent, at - last > LONGEST_GAP_MS ? [told] : [...known, told].slice(-MOST))
    }
  }

  /** Oldest first. */
  of(agent: string): readonly Told[] {
    return this.#told.get(agent) ?? []
  }
}
