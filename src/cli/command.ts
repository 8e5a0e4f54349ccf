// What a command is: its words for --help, and the function that does it. Only tepui.ts knows the parser.
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Screen } from './screen.ts'
import type { Output } from './output.ts'

/** Options that every command has. */
export interface Common {
  /** `host:port` or URL, as it was typed or found in the environment. */
  readonly master: string
  readonly output: Output
  readonly debug: boolean
  /** For children of `up` and `demo`: end when standard input does. */
  readonly endWithInput: boolean
}

/** What a command is handed. */
export interface Context {
  readonly common: Common
  readonly screen: Screen
  readonly clock: Clock
  readonly random: Random
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Aborts at the first Ctrl-C or SIGTERM; the second ends the process at once. */
  readonly signal: AbortSignal
}

/** Values as the parser gives them: text, true for a switch, a list where an option may be repeated. */
export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export interface Option {
  /** `-c, --concurrency <n>`, `--json`, `--no-fold`. */
  readonly flags: string
  readonly help: string
  /** May be given several times; its value is a list. */
  readonly many?: boolean
  /** What shells complete behind it, also behind a comma. */
  readonly choices?: readonly string[]
}

export interface Command {
  readonly name: string
  /** `<task>`, `[agent]`, `[command...]`; in their order. */
  readonly arguments?: readonly string[]
  readonly summary: string
  readonly options?: readonly Option[]
  /** Everything after the first argument belongs to the command that is run. */
  readonly passThrough?: boolean
  /** All arguments are handed on as they are: the daemons read them by Mesos' rules. */
  readonly verbatim?: boolean
  /** Resolves to the exit code. @throws OperatingError */
  readonly run: (context: Context, args: readonly string[], options: OptionValues) => Promise<number>
}
