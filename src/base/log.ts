// Structured logs: one line per fact, past tense, ids as fields (pino behind a narrow interface).
import { pino } from 'pino'

export type Fields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(fields: Fields, message: string): void
  info(fields: Fields, message: string): void
  warn(fields: Fields, message: string): void
  error(fields: Fields, message: string): void
  child(fields: Fields): Logger
  /** How much more is logged than was asked for at the start; without it that cannot be changed. */
  readonly verbosity?: Verbosity
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** 0 is as it was started; from 1 on everything is logged. Of a logger and all its children. */
export class Verbosity {
  level = 0
}

/** Writes JSON lines to standard error (so that standard output stays for data) or to a file. */
export function createLogger(options: {
  readonly level: LogLevel
  readonly name: string
  readonly file?: string
}): Logger {
  // Synchronous, because the last lines before a crash are the ones that matter.
  const destination = pino.destination({ dest: options.file ?? 2, sync: true, mkdir: true })
  // The level is looked at here: children of pino keep the one that they began with.
  const lines = pino(
    { level: 'debug', name: options.name, timestamp: pino.stdTimeFunctions.isoTime },
    destination,
  )
  return new LeveledLogger(lines, options.level, new Verbosity())
}

type Lines = Pick<ReturnType<typeof pino>, 'debug' | 'info' | 'warn' | 'error' | 'child'>

const RANKS = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 } as const

class LeveledLogger implements Logger {
  readonly #lines: Lines
  readonly #level: LogLevel
  readonly verbosity: Verbosity

  constructor(lines: Lines, level: LogLevel, verbosity: Verbosity) {
    this.#lines = lines
    this.#level = level
    this.verbosity = verbosity
  }

  debug(fields: Fields, message: string): void {
    if (this.#takes('debug')) this.#lines.debug(fields, message)
  }

  info(fields: Fields, message: string): void {
    if (this.#takes('info')) this.#lines.info(fields, message)
  }

  warn(fields: Fields, message: string): void {
    if (this.#takes('warn')) this.#lines.warn(fields, message)
  }

  error(fields: Fields, message: string): void {
    if (this.#takes('error')) this.#lines.error(fields, message)
  }

  child(fields: Fields): Logger {
    return new LeveledLogger(this.#lines.child(fields), this.#level, this.verbosity)
  }

  #takes(level: LogLevel): boolean {
    return this.verbosity.level > 0 || RANKS[level] >= RANKS[this.#level]
  }
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
}
