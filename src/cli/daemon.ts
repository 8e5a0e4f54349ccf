// What `tepui master` and `tepui agent` share: flags by Mesos' rules, a log, an end.
import { OperatingError } from '../base/errors.ts'
import { flagsHelp, type Flag, type FlagValues, type ParsedFlags, parseFlags } from '../base/flags.ts'
import { makeFolders } from '../base/folders.ts'
import { createLogger, type Logger } from '../base/log.ts'
import { MESOS_API_VERSION, TEPUI_VERSION } from '../base/version.ts'
import { join } from 'node:path'
import type { Context } from './command.ts'
import { EXIT } from './exit-codes.ts'

/** Flags that both daemons have. */
interface LogFlags {
  readonly quiet: boolean
  readonly logging_level: 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR'
  readonly log_dir: string | undefined
}

const LEVELS = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error' } as const

export interface Daemon<T extends Readonly<Record<string, Flag<unknown>>>> {
  readonly name: 'master' | 'agent'
  readonly about: string
  readonly flags: T
  readonly notYet: ReadonlySet<string>
  readonly run: (parsed: ParsedFlags<T>, log: Logger) => Promise<number>
}

/** Reads the flags and runs the daemon, or answers --help and --version. @throws OperatingError USAGE */
export async function runDaemon<T extends Readonly<Record<string, Flag<unknown>>>>(
  daemon: Daemon<T>,
  { environment, screen }: Context,
  args: readonly string[],
): Promise<number> {
  const parsed = parseFlags(daemon.flags, args, environment, daemon.notYet)
  if (parsed.wants === 'help') {
    screen.print(flagsHelp(`tepui ${daemon.name}`, daemon.about, daemon.flags))
    return EXIT.done
  }
  if (parsed.wants === 'version') {
    screen.print(`tepui ${TEPUI_VERSION} (API of Mesos ${MESOS_API_VERSION})`)
    return EXIT.done
  }
  return daemon.run(parsed, logFor(daemon.name, parsed.values as FlagValues<T> & LogFlags))
}

function logFor(name: string, flags: LogFlags): Logger {
  const level = flags.quiet ? 'silent' : LEVELS[flags.logging_level]
  if (flags.log_dir === undefined) return createLogger({ name, level })
  try {
    makeFolders(flags.log_dir)
    return createLogger({ name, level, file: join(flags.log_dir, `tepui-${name}.log`) })
  } catch (error) {
    throw new OperatingError('FILE', `Flag '--log_dir': cannot write into the folder ${flags.log_dir}`, {
      cause: error,
    })
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
