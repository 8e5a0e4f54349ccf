// HTTP downloads (got): to a partial file that gets its name only when it is whole, with a stall timeout and retries.
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { HTTPError } from 'got'
import type { Clock } from '../base/clock.ts'
import { retry } from '../base/delays.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { formatDuration, humanBytes } from '../base/units.ts'

export interface DownloadDeps {
  readonly clock: Clock
  readonly random: Random
}

export interface DownloadOptions {
  /** No byte for so long ends the attempt. */
  readonly stallTimeoutMs: number
  readonly maxBytes: number
  readonly onProgress: (bytes: number, total: number | undefined) => void
}

/** Answers that another try may change (RFC 9110: timeouts, too many requests, failures of servers and gateways). */
const PASSING = new Set([408, 429, 500, 502, 503, 504])
const ATTEMPTS = 4
const BACKOFF = { firstMs: 500, factor: 3, maxMs: 10_000, jitter: 0.5 }

/** Loads `url` into `path`. @throws OperatingError FETCH (status, cause), LIMIT (too large) */
export async function download(
  deps: DownloadDeps,
  url: string,
  path: string,
  options: DownloadOptions,
  signal: AbortSignal,
): Promise<void> {
  const partial = `${path}.${deps.random.uuid()}.part`
  let attempts = 0
  const stop = new AbortController()
  try {
    await retry(
      deps,
      BACKOFF,
      (one) => attempt(deps, url, partial, options, one),
      (error) => {
        attempts++
        if (attempts >= ATTEMPTS || !isPassing(error)) stop.abort(error)
      },
      AbortSignal.any([signal, stop.signal]),
    )
    await rename(partial, path)
  } finally {
    await rm(partial, { force: true })
  }
}

function isPassing(error: unknown): boolean {
  if (!(error instanceof OperatingError) || error.code !== 'FETCH') return false
  return !isAnswer(error.cause) || PASSING.has(error.cause.response.statusCode)
}

async function attempt(
  deps: DownloadDeps,
  url: string,
  path: string,
  options: DownloadOptions,
  signal: AbortSignal,
): Promise<void> {
  const stalled = new AbortController()
  const arm = (): Disposable =>
    deps.clock.after(options.stallTimeoutMs, () => {
      const message = `no data came for ${formatDuration(options.stallTimeoutMs)} (--fetcher_stall_timeout)`
      stalled.abort(new OperatingError('FETCH', message))
    })
  let timer = arm()
  const either = AbortSignal.any([signal, stalled.signal])
  try {
    // Most agents never download anything, and the library takes 7 MB.
    const { default: got } = await import('got')
    const response = got.stream(url, {
      retry: { limit: 0 },
      decompress: false,
      headers: { 'accept-encoding': 'identity' },
    })
    const guard = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      let bytes = 0
      for await (const chunk of chunks) {
        timer[Symbol.dispose]()
        timer = arm()
        bytes += chunk.length
        if (bytes > options.maxBytes) {
          throw new OperatingError('LIMIT', `it is larger than ${humanBytes(options.maxBytes)}`)
        }
        options.onProgress(bytes, response.downloadProgress.total)
        yield chunk
      }
      const status = response.response?.statusCode
      if (status !== 200) throw new OperatingError('REFUSED', `the server answered ${status}, not 200`)
    }
    await pipeline(response, guard, createWriteStream(path, { flags: 'w', mode: 0o644 }), { signal: either })
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (stalled.signal.aborted) throw stalled.signal.reason
    throw error instanceof OperatingError ? error : troubleOf(error)
  } finally {
    timer[Symbol.dispose]()
  }
}

/** Told by its name, as the library may not be loaded. */
function isAnswer(error: unknown): error is HTTPError {
  return error instanceof Error && error.name === 'HTTPError'
}

function troubleOf(error: unknown): OperatingError {
  if (isAnswer(error)) {
    const { statusCode, statusMessage } = error.response
    return new OperatingError('FETCH', `the server answered ${statusCode} ${statusMessage ?? ''}`.trimEnd(), {
      cause: error,
    })
  }
  return new OperatingError('FETCH', reasonOf(error), { cause: error })
}
