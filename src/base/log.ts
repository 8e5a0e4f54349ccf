// Structured logs: one line per fact, past tense, ids as fields (pino behind a narrow interface).
import { pino } from 'pino'

export type Fields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(fields: Fields, message: string): void
  info(fields: Fields, message: string): void
  warn(fields: Fields, message: string): void
  error(fields: Fields, message: string): void
  child(fields: Fields): Logger
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Writes JSON lines to standard error (so that standard output stays for data) or to a file. */
export function createLogger(options: {
  readonly level: LogLevel
  readonly name: string
  readonly file?: string
}): Logger {
  // Synchronous, because the last lines before a crash are the ones that matter.
  const destination = pino.destination({ dest: options.file ?? 2, sync: true, mkdir: true })
  return pino(
    { level: options.level, name: options.name, timestamp: pino.stdTimeFunctions.isoTime },
    destination,
  )
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
}
