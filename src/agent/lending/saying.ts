// What the master is told of the estimate, for its pages: at once when it becomes another kind of answer, else seldom.
import type { Estimate } from '../../estimator/estimator.ts'
import { LEND_COUNTERS } from '../../resources/lend-counters.ts'
import type { Mode } from '../../resources/decision.ts'
import { sumText } from '../../resources/sum-text.ts'
import type { LinkCallLending } from '../../wire/link.ts'

/** Amounts change with every second; nobody reads a page of the master so often. */
const EVERY_MS = 5000

export interface Word {
  /** Monotonic, ms. */
  readonly now: number
  readonly mode: Mode
  /** Undefined before the first one, and while the mode is off. */
  readonly estimate: Estimate | undefined
  /** Why nothing more is lent. */
  readonly closed: string | undefined
}

export class Saying {
  readonly #tell: (saying: LinkCallLending) => void
  readonly #count: (name: string) => number
  #said = ''
  #kind = ''
  #saidAt = Number.NEGATIVE_INFINITY

  /** @param count reads a counter of the agent's metrics */
  constructor(tell: (saying: LinkCallLending) => void, count: (name: string) => number) {
    this.#tell = tell
    this.#count = count
  }

  /** Told with every estimate; most of them go no further. */
  hear(word: Word): void {
    const { closed, estimate, mode, now } = word
    const kind = `${mode} ${estimate?.kind ?? ''} ${closed === undefined}`
    if (kind === this.#kind && now - this.#saidAt < EVERY_MS) return
    const saying = { ...sayingOf(word), counters: this.#counters() }
    const said = JSON.stringify(saying)
    if (said === this.#said) return
    this.#kind = kind
    this.#said = said
    this.#saidAt = now
    this.#tell(saying)
  }

  #counters(): NonNullable<LinkCallLending['counters']> {
    return LEND_COUNTERS.flatMap((name) => {
      const value = this.#count(name)
      return value === 0 ? [] : [{ name, value }]
    })
  }
}

function sayingOf({ closed, estimate, mode }: Word): LinkCallLending {
  const isKnown = estimate?.kind === 'known'
  return {
    mode,
    ...(isKnown && { additional: estimate.additional.toWire() }),
    ...(isKnown && { sum: sumText(estimate.terms.filter(({ unit }) => unit === 'cpus')) }),
    ...(estimate?.kind === 'unknown' && { unknown: estimate.reason }),
    ...(closed !== undefined && { closed }),
  }
}
