// The kinds of failure and the one table of their codes; docs/reference/errors.md is compared with it by the tidy test.

/** What each code means, for people. The code of a trouble never changes; its wording may. */
export const ERROR_CODES = {
  USAGE: 'A command line, flag or environment value is wrong',
  UNREACHABLE: 'A master, agent or engine does not answer',
  REFUSED: 'A peer answered with a refusal',
  PROTOCOL: 'A peer sent bytes that do not follow its protocol',
  ENGINE: 'The Docker Engine failed or refused a request',
  IMAGE: 'An image cannot be had',
  LAUNCH: 'A container cannot be started',
  FETCH: 'A URI of a task cannot be fetched',
  ISOLATION: 'A limit cannot be enforced on this machine',
  PORT_TAKEN: 'The address to listen on is in use',
  PLUGIN: 'An estimator or controller cannot be loaded or misbehaves',
  FILE: 'A file cannot be read or written',
  RECOVERY: 'What an earlier life of the agent wrote down cannot be used',
  LIMIT: 'A limit on size, count or time was reached',
  STOPPED: 'The work was stopped on purpose',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

export interface TroubleOptions {
  readonly cause?: unknown
  /** What the reader can do about it: a sentence or a command. */
  readonly hint?: string
}

/** Something outside failed (socket, disk, engine): thrown, caught where there is a policy. */
export class OperatingError extends Error {
  override readonly name = 'OperatingError'
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: TroubleOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

/** An expected refusal: returned, never thrown, because it is part of the protocol. */
export interface Rejection {
  readonly rejected: true
  readonly message: string
}

export function rejection(message: string): Rejection {
  return { rejected: true, message }
}

/** Fails the process on a state that cannot be: the compiler proves that all kinds are handled. */
export function unreachable(value: never, what: string): never {
  throw new Error(`Unexpected ${what}: ${JSON.stringify(value)}`)
}

/** Asserts an invariant; its failure is a bug and ends the process. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${message}`)
}

/** The words of an unknown thrown value, with the causes behind it, for messages and logs. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? reasonOf(error.cause) : ''
  return cause === '' || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`
}
