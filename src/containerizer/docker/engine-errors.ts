// What can go wrong between us and the Docker Engine, in its own words.
import { OperatingError, type TroubleOptions } from '../../base/errors.ts'

/** The engine refused a request (`status` is its HTTP status) or did not answer it at all (`status` is undefined). */
export class EngineError extends OperatingError {
  readonly status: number | undefined
  /** What the engine itself said; empty when it did not answer. */
  readonly words: string
  /** There was nobody to send the request to. */
  readonly isUnsent: boolean

  constructor(message: string, status: number | undefined, words: string, options: TroubleOptions = {}) {
    super('ENGINE', message, options)
    this.status = status
    this.words = words
    this.isUnsent = UNSENT.has(codeOf(options.cause) ?? '')
  }
}

const UNSENT = new Set(['ENOENT', 'EACCES', 'ECONNREFUSED'])

function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
}

/** The engine answered, and its answer was no. */
export function refusedRequest(doing: string, status: number, words: string): EngineError {
  return new EngineError(`The Docker Engine could not ${doing}: ${words}`, status, words)
}

/** The engine did not answer in time. */
export function lateAnswer(doing: string, ms: number): EngineError {
  return new EngineError(`The Docker Engine did not ${doing} within ${ms / 1000} s`, undefined, '', {
    hint: 'See the log of the engine; a restart of it may be needed.',
  })
}

/** Nobody answered, or the connection broke. */
export function brokenConnection(doing: string, socket: string, cause: unknown): EngineError {
  const code = codeOf(cause)
  return new EngineError(`Cannot ${doing}: ${connectionWords(code, socket)}`, undefined, '', {
    cause,
    hint: connectionHint(code),
  })
}

function connectionWords(code: string | undefined, socket: string): string {
  switch (code) {
    case 'ENOENT':
      return `there is no Docker Engine's socket at ${socket}`
    case 'EACCES':
      return `this user may not use the Docker Engine's socket ${socket}`
    case 'ECONNREFUSED':
      return `nobody answers at the Docker Engine's socket ${socket}`
    default:
      return `the Docker Engine at ${socket} ended the connection`
  }
}

function connectionHint(code: string | undefined): string {
  return code === 'EACCES'
    ? 'Run the agent as root or as a member of the group that owns the socket.'
    : 'Start the Docker Engine, or name its socket with --docker_socket.'
}
