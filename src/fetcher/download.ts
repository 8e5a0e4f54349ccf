// Downloads over HTTP (got): resumed where they were cut, tried again when that may help, given up when they stall.
import type { IncomingMessage } from 'node:http'
import { type FileHandle, open } from 'node:fs/promises'
import type { Got, HTTPError, Request } from 'got'
import { retry } from '../base/delays.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { formatDuration, humanBytes } from '../base/units.ts'
import { isTlsTrouble } from './advice.ts'
import { BatchWriter } from './batch-writer.ts'
import { TappedAgent } from './body-tap.ts'
import type { Loaded, LoadOptions, Source, SourceDeps } from './source.ts'
import { TrustingAgent } from './trust.ts'

/** Answers that another try may change (RFC 9110: timeouts, too many requests, failures of servers and gateways). */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])
const ATTEMPTS = 4
const BACKOFF = { firstMs: 500, factor: 3, maxMs: 10_000, jitter: 0.5 }
/** For a HEAD that tells the size. */
const SIZE_TIMEOUT_MS = 30_000
const MAX_REDIRECTS = 10
const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']

/** @param environment for proxies, as curl reads them */
export function httpSource(
  deps: SourceDeps,
  url: string,
  environment: Readonly<Record<string, string | undefined>>,
): Source {
  return {
    reader: undefined,
    size: (signal) => sizeOf(url, environment, signal),
    load: (path, options, signal) => new Download(deps, url, path, options, environment).run(signal),
  }
}

interface Client {
  readonly got: Got
  readonly agent: TappedAgent
}

/** Most agents never download anything, and the library takes 7 MB. */
async function client(environment: Readonly<Record<string, string | undefined>>): Promise<Client> {
  const { default: got } = await import('got')
  const proxyEnv = Object.fromEntries(
    PROXY_VARIABLES.flatMap((name) => {
      const value = environment[name]
      return value === undefined || value === '' ? [] : [[name, value]]
    }),
  )
  const options = { proxyEnv }
  const agent = new TappedAgent(options)
  const own = got.extend({
    agent: { http: agent, https: new TrustingAgent(options) },
    retry: { limit: 0 },
    decompress: false,
    maxRedirects: MAX_REDIRECTS,
    headers: { 'accept-encoding': 'identity', 'user-agent': 'tepui-fetcher' },
  })
  return { got: own, agent }
}

async function sizeOf(
  url: string,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const { got } = await client(environment)
    const { headers } = await got.head(url, { signal, timeout: { request: SIZE_TIMEOUT_MS } })
    const length = Number(headers['content-length'])
    return Number.isSafeInteger(length) && length > 0 ? length : undefined
  } catch (error) {
    if (signal.aborted) throw signal.reason
    // A server may not know HEAD. What is wrong with the file the download itself will tell.
    if (error instanceof Error) return undefined
    throw error
  }
}

class Download {
  readonly #deps: SourceDeps
  readonly #url: string
  readonly #path: string
  readonly #options: LoadOptions
  readonly #environment: Readonly<Record<string, string | undefined>>
  /** What must be the same in the rest of the file: its strong entity tag, else its date. */
  #validator: string | undefined
  #bytes = 0
  #status: string | undefined
  #resumes = 0

  constructor(
    deps: SourceDeps,
    url: string,
    path: string,
    options: LoadOptions,
    environment: Readonly<Record<string, string | undefined>>,
  ) {
    this.#deps = deps
    this.#url = url
    this.#path = path
    this.#options = options
    this.#environment = environment
  }

  async run(signal: AbortSignal): Promise<Loaded> {
    let failures = 0
    const stop = new AbortController()
    const own = await client(this.#environment)
    await using file = await open(this.#path, 'wx', 0o644)
    await retry(
      this.#deps,
      BACKOFF,
      (one) => this.#attempt(own, file, one),
      (error, waitMs) => {
        failures++
        if (failures >= ATTEMPTS || !isPassing(error)) stop.abort(error)
        else this.#options.onRetry(error instanceof OperatingError ? error.message : reasonOf(error), waitMs)
      },
      AbortSignal.any([signal, stop.signal]),
    )
    // Bytes of an attempt that began anew were seen twice.
    const seen = failures === this.#resumes
    return { status: this.#status, retries: failures, resumes: this.#resumes, seen }
  }

  async #attempt({ got, agent }: Client, file: FileHandle, signal: AbortSignal): Promise<void> {
    using watchdog = new Watchdog(this.#deps, this.#options.stallTimeoutMs)
    const both = AbortSignal.any([signal, watchdog.signal])
    const from = this.#validator === undefined ? 0 : this.#bytes
    const ranged = from > 0 && { headers: { range: `bytes=${from}-`, 'if-range': this.#validator ?? '' } }
    const request = got.stream(this.#url, { signal: both, ...ranged })
    try {
      await this.#take(request, agent, from, file, watchdog)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (watchdog.signal.aborted) throw watchdog.signal.reason
      // What we have is not the beginning of what there is now.
      if (isAnswer(error) && error.response.statusCode === 416) this.#validator = undefined
      throw error instanceof OperatingError ? error : troubleOf(error)
    } finally {
      request.destroy()
    }
  }

  async #take(
    request: Request,
    agent: TappedAgent,
    from: number,
    file: FileHandle,
    watchdog: Watchdog,
  ): Promise<void> {
    const writer = new BatchWriter(file)
    try {
      const response = await headOf(request)
      const total = this.#begin(response, from)
      writer.position = this.#bytes
      let isClear = this.#bytes > 0
      // Nothing is waited for in between: what came with the head would be gone if the connection broke meanwhile.
      const tapped = total === undefined ? undefined : agent.bodyOf(response, total - this.#bytes)
      for await (const chunk of tapped ?? (request as AsyncIterable<Buffer>)) {
        if (!isClear) await file.truncate(0)
        isClear = true
        watchdog.fed()
        this.#count(chunk, total)
        await writer.write(chunk)
        // The tap fills this piece again when it is asked for the next.
        if (tapped !== undefined) await writer.flush()
      }
      if (!isClear) await file.truncate(0)
      if (total !== undefined && this.#bytes !== total)
        throw new OperatingError('FETCH', `the connection ended after ${this.#bytes} of ${total} bytes`)
    } finally {
      // What came before a failure is where the next attempt goes on.
      await writer.flush()
    }
  }

  #count(chunk: Buffer, total: number | undefined): void {
    const { maxBytes, onBytes, onProgress } = this.#options
    this.#bytes += chunk.length
    if (this.#bytes > maxBytes) throw new OperatingError('LIMIT', `it is larger than ${humanBytes(maxBytes)}`)
    onBytes?.(chunk)
    onProgress(this.#bytes, total)
  }

  /** The head of the answer is here. @returns bytes of the whole file when they are told */
  #begin({ statusCode: status, headers }: IncomingMessage, from: number): number | undefined {
    const resumed = status === 206 && from > 0
    if (status !== 200 && !resumed)
      throw new OperatingError('REFUSED', `the server answered ${status}, not 200`)
    if (resumed && !(headers['content-range'] ?? '').startsWith(`bytes ${from}-`))
      throw new OperatingError(
        'REFUSED',
        `the server sent '${headers['content-range']}', not bytes from ${from} on`,
      )
    this.#status = `HTTP ${status}`
    if (resumed) this.#resumes++
    this.#bytes = resumed ? from : 0
    this.#validator = validatorIn(headers)
    const length = Number(headers['content-length'] ?? Number.NaN)
    const total = Number.isSafeInteger(length) ? this.#bytes + length : undefined
    if (total !== undefined && total > this.#options.maxBytes)
      throw new OperatingError(
        'LIMIT',
        `it has ${humanBytes(total)}, more than ${humanBytes(this.#options.maxBytes)}`,
      )
    return total
  }
}

/** Resolves when the head of the last answer is here. What breaks later is told to whoever reads the body. */
function headOf(request: Request): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request.once('response', resolve)
  request.on('error', reject)
  return promise
}

/** A weak tag does not vouch for every byte (RFC 9110 13.1.5). */
function validatorIn(headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined {
  const { etag, 'last-modified': date } = headers
  if (typeof etag === 'string' && etag.startsWith('"')) return etag
  return typeof date === 'string' ? date : undefined
}

/** Aborts when nothing was fed for a time. */
class Watchdog implements Disposable {
  readonly #deps: SourceDeps
  readonly #limitMs: number
  readonly #controller = new AbortController()
  #last: number
  #timer: Disposable

  constructor(deps: SourceDeps, limitMs: number) {
    this.#deps = deps
    this.#limitMs = limitMs
    this.#last = deps.clock.monotonic()
    this.#timer = deps.clock.after(limitMs, () => this.#look())
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  fed(): void {
    this.#last = this.#deps.clock.monotonic()
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }

  /** One timer looks again and again: one for each piece would cost more than the piece. */
  #look(): void {
    const left = this.#last + this.#limitMs - this.#deps.clock.monotonic()
    if (left > 0) {
      this.#timer = this.#deps.clock.after(left, () => this.#look())
      return
    }
    const message = `no data came for ${formatDuration(this.#limitMs)} (--fetcher_stall_timeout)`
    this.#controller.abort(new OperatingError('FETCH', message))
  }
}

function isPassing(error: unknown): boolean {
  if (!(error instanceof OperatingError) || error.code !== 'FETCH') return false
  if (isAnswer(error.cause)) {
    const { statusCode, request } = error.cause.response
    return PASSING.has(statusCode) || (statusCode === 416 && request.options.headers['range'] !== undefined)
  }
  return !isFinal(error.cause)
}

/** Troubles of our own disk, of URLs and of certificates, that another try will not change. */
function isFinal(error: unknown): boolean {
  if (isTlsTrouble(error)) return true
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? ''
  return [
    'ENOSPC',
    'EDQUOT',
    'EROFS',
    'EFBIG',
    'EIO',
    'ERR_UNSUPPORTED_PROTOCOL',
    'ERR_TOO_MANY_REDIRECTS',
  ].includes(code)
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
