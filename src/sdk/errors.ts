// What can go wrong with a call, for callers: a refusal says no, a retry says not now.
import { OperatingError } from '../base/errors.ts'
import { PeerRefusal } from '../http/client.ts'

/** The peer said no, in its words; the same call will be refused again. */
export class Refused extends OperatingError {
  /** The HTTP status; undefined when the refusal came as an ERROR event. */
  readonly status: number | undefined
  /** The peer's own words. */
  readonly text: string

  constructor(message: string, text: string, status: number | undefined, cause?: unknown) {
    super('REFUSED', message, { cause })
    this.status = status
    this.text = text
  }
}

/** The call did not get through, or came at a bad moment; it may be sent again. */
export class Retry extends OperatingError {
  constructor(message: string, cause?: unknown) {
    super('UNREACHABLE', message, { cause })
  }
}

// No leader yet, still recovering, a proxy without its server; and a framework that is just not connected.
const PASSING = new Set([307, 403, 404, 408, 429, 502, 503, 504])

/** Sorts what the HTTP client throws into the two kinds; a stop and bytes out of protocol stay what they are. */
export function sorted(error: unknown): unknown {
  if (error instanceof PeerRefusal) {
    if (PASSING.has(error.status)) return new Retry(error.message, error)
    return new Refused(error.message, error.text, error.status, error)
  }
  if (error instanceof OperatingError && error.code === 'UNREACHABLE') return new Retry(error.message, error)
  return error
}

/** Whether a subscription may be tried again after this: not after a clear no, a limit, or a mistake of the caller. */
export function passes(error: unknown): boolean {
  return error instanceof OperatingError && (error.code === 'UNREACHABLE' || error.code === 'PROTOCOL')
}
