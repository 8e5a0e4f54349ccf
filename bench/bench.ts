// What a benchmark is: a name of its own, levels that it holds its figures against, and a sheet as its result.
import type { Clock } from '../src/base/clock.ts'
import type { FigureSheet } from '../src/base/figures.ts'
import type { Random } from '../src/base/random.ts'

export interface BenchContext {
  readonly clock: Clock
  readonly random: Random
  /** Aborts at Ctrl-C, SIGTERM, or when the bench takes longer than `limitMs`: clean up and end. */
  readonly signal: AbortSignal
  /** The options after the name, as text. */
  readonly options: Readonly<Record<string, string | undefined>>
  /** The switches that were given. */
  readonly switches: ReadonlySet<string>
  /** Tells people how far it is; never standard output, which is the sheet's. */
  readonly say: (line: string) => void
}

export interface Bench {
  /** One line for the list of benches. */
  readonly summary: string
  /** Its options with one line each; all take a value. */
  readonly options: Readonly<Record<string, string>>
  /** Its switches with one line each: options without a value. */
  readonly switches?: Readonly<Record<string, string>>
  /** Longest time that it may take, ms, with these switches. */
  limitMs(switches: ReadonlySet<string>): number
  /** Leaves nothing behind, however it ends. */
  run(context: BenchContext): Promise<FigureSheet>
}
