// Where contents come from: each kind of URI says how large it is and brings it into a file of a closed folder.
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'

export interface SourceDeps {
  readonly clock: Clock
  readonly random: Random
}

/** Whom a task runs as; what reads the machine's own files or a user's credentials runs as he does. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

export interface LoadOptions {
  /** No byte for so long ends an attempt. */
  readonly stallTimeoutMs: number
  /** More bytes are refused. */
  readonly maxBytes: number
  /** Bytes that are here, and of how many when that is known. */
  readonly onProgress: (bytes: number, total: number | undefined) => void
  /** An attempt failed and another will follow after `waitMs`. */
  readonly onRetry: (reason: string, waitMs: number) => void
  /** Sees every byte in its order, in place of a second reading of the file. */
  readonly onBytes?: (bytes: Uint8Array) => void
}

export interface Loaded {
  /** What the server said, such as `HTTP 200`. */
  readonly status: string | undefined
  /** Attempts that failed before. */
  readonly retries: number
  /** Attempts that went on where the one before had ended. */
  readonly resumes: number
  /** `onBytes` saw them all. */
  readonly seen: boolean
}

export interface Source {
  /** Set when it is read as this user, who then must be able to write where it is loaded to. */
  readonly reader: Owner | undefined
  /** Bytes that `load` will bring; undefined when nobody can tell beforehand. @throws OperatingError FETCH */
  size(signal: AbortSignal): Promise<number | undefined>
  /**
   * Brings the contents to `path`, which does not exist yet. What is at `path` after a failure is for the caller to
   * remove.
   * @throws OperatingError FETCH (status, cause), LIMIT (too large); the signal's reason
   */
  load(path: string, options: LoadOptions, signal: AbortSignal): Promise<Loaded>
}
