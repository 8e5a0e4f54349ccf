/**
 * How much a daemon logs, changed while it runs: SET_LOGGING_LEVEL and `/logging/toggle` (spec/mesos.md 4.1, 4.4). As
 * in Mesos 0 is what it was started with; from 1 on everything is logged, and after the given time it is as before.
 */
import type { Clock } from '../../base/clock.ts'
import { Verbosity } from '../../base/log.ts'
import { parseDuration } from '../../base/units.ts'
import { empty, text, type Answer } from '../response.ts'
import type { Route } from '../routes.ts'

/** So that a forgotten level does not fill a disk for ever. */
const LONGEST_MS = 7 * 24 * 3600 * 1000

export class LogSwitch implements Disposable {
  readonly #clock: Clock
  readonly #verbosity: Verbosity
  #back: Disposable | undefined

  constructor(clock: Clock, verbosity: Verbosity = new Verbosity()) {
    this.#clock = clock
    this.#verbosity = verbosity
  }

  get level(): number {
    return this.#verbosity.level
  }

  /** @returns what is wrong with the wish, which then changes nothing */
  set(level: number, durationMs: number): string | undefined {
    if (level < 0) return `'${level}' < original level`
    if (!(durationMs >= 0)) return 'Expecting a duration of 0 or more'
    this.#back?.[Symbol.dispose]()
    this.#verbosity.level = level
    this.#back = this.#clock.after(Math.min(durationMs, LONGEST_MS), () => {
      this.#verbosity.level = 0
      this.#back = undefined
    })
    return undefined
  }

  /** `/logging/toggle?level=&duration=`; without either it tells the level. */
  get routes(): readonly Route[] {
    return [{ path: '/logging/toggle', methods: ['GET', 'POST'], handle: ({ query }) => this.#toggle(query) }]
  }

  #toggle(query: ReadonlyMap<string, string>): Answer {
    const level = query.get('level')
    const duration = query.get('duration')
    if (level === undefined && duration === undefined) return text(200, `${this.level}\n`)
    if (duration === undefined) return text(400, "Expecting 'duration=value' in query.\n")
    if (level === undefined) return text(400, "Expecting 'level=value' in query.\n")
    if (!/^-?\d{1,9}$/.test(level)) return text(400, `Failed to convert '${level}' to number.\n`)
    if (level.startsWith('-')) return text(400, `Invalid level '${level}'.\n`)
    const durationMs = parseDuration(duration)
    if (durationMs === undefined) return text(400, `Invalid duration '${duration}'.\n`)
    const problem = this.set(Number(level), durationMs)
    return problem === undefined ? empty(200) : text(400, `${problem}.\n`)
  }

  [Symbol.dispose](): void {
    this.#back?.[Symbol.dispose]()
  }
}
