// HTTP as we use it ourselves: whole answers, and streams of records, on node:http.
import { Agent, request as nodeRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { decodeRecords, RECORD_LIMITS, type RecordLimits } from '../wire/recordio.ts'
import { lastHeaders } from './request.ts'

/** A peer answered with something else than 2xx. */
export class PeerRefusal extends OperatingError {
  readonly status: number
  /** The body, cut after 4 KiB. */
  readonly text: string
  /** Where the peer sends us instead, as it wrote it: `//host:5050/api/v1/scheduler`. */
  readonly location: string | undefined

  constructor(what: string, status: number, text: string, location: string | undefined) {
    const words = text.trim() === '' ? '' : `: ${text.trim()}`
    super('REFUSED', `${what} was answered with ${status}${words}`)
    this.status = status
    this.text = text
    this.location = location
  }
}

export interface Outgoing {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `http://host:port/path`. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Longest time until the answer is complete, or a stream's headers are there, ms. Default 10 s. */
  readonly timeoutMs?: number
  /** Most bytes of an answer that is read whole. Default 64 MiB. */
  readonly maxBytes?: number
  readonly limits?: RecordLimits
}

export interface Incoming {
  readonly status: number
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
}

/** An answer as it came, of any kind. */
export interface IncomingBytes {
  readonly status: number
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly bytes: Buffer
}

/** An answer that is read piece by piece. */
export interface IncomingBody {
  readonly status: number
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  /** Throws when the connection breaks. */
  readonly pieces: AsyncIterable<Uint8Array>
  /** Closes the connection. */
  readonly close: () => void
}

export interface IncomingStream {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  /**
   * The records as text; to be iterated once. Ends when the peer ends the stream; throws UNREACHABLE when the
   * connection breaks, PROTOCOL or LIMIT when the bytes are no records, the signal's reason when it aborts.
   */
  readonly records: AsyncIterable<string>
  /** Closes the connection; the iteration ends. */
  close(): void
}

const TIMEOUT_MS = 10_000
const MAX_BYTES = 64 * 1024 * 1024
const SHOWN_BYTES = 4096
// Shorter than any server of ours keeps idle connections, so that none is closed under a call.
const IDLE_MS = 60_000

/**
 * Sends requests over connections that are kept.
 *
 * @example
 * await using client = new HttpClient(systemClock)
 * const { text } = await client.request({ url: 'http://127.0.0.1:5050/version' }, signal)
 */
export class HttpClient implements Disposable {
  readonly #clock: Clock
  readonly #agent: Agent

  /** @param connections most connections to one peer at a time; with 1, requests arrive in the order of sending */
  constructor(clock: Clock, connections = 8) {
    this.#clock = clock
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, timeout: IDLE_MS })
  }

  /**
   * Sends a request and reads the whole answer.
   *
   * @throws PeerRefusal (REFUSED) when the answer is not 2xx
   * @throws OperatingError UNREACHABLE without an answer or in time, LIMIT when it is too long, PROTOCOL when it is no
   * HTTP; the signal's reason when it aborts
   */
  async request(outgoing: Outgoing, signal: AbortSignal): Promise<Incoming> {
    const what = nameOf(outgoing)
    return this.#within(outgoing, signal, async (limit) => {
      const response = await send(outgoing, this.#agent, limit)
      const text = await readText(response, outgoing.maxBytes ?? MAX_BYTES, what)
      return checked(response, text, what)
    })
  }

  /** As `request`, for an answer that need not be text. */
  async requestBytes(outgoing: Outgoing, signal: AbortSignal): Promise<IncomingBytes> {
    const what = nameOf(outgoing)
    return this.#within(outgoing, signal, async (limit) => {
      const response = await send(outgoing, this.#agent, limit)
      const bytes = await readBytes(response, outgoing.maxBytes ?? MAX_BYTES, what)
      const { headers, status } = checked(response, isSuccess(response) ? '' : bytes.toString(), what)
      return { status, headers, bytes }
    })
  }

  /** As `request`, for an answer of any size, on a connection of its own; the time limit holds until it begins. */
  async openBody(outgoing: Outgoing, signal: AbortSignal): Promise<IncomingBody> {
    const response = await this.#open(outgoing, signal)
    return {
      status: response.statusCode ?? 0,
      headers: lastHeaders(response.rawHeaders),
      pieces: response as AsyncIterable<Uint8Array>,
      close: () => void response.destroy(),
    }
  }

  /**
   * Sends a request whose answer is a stream of records, on a connection of its own.
   *
   * @throws as `request`, for what happens until the headers are there
   */
  async openStream(outgoing: Outgoing, signal: AbortSignal): Promise<IncomingStream> {
    const what = nameOf(outgoing)
    const own = new AbortController()
    const life = AbortSignal.any([own.signal, signal])
    const response = await this.#open(outgoing, life)
    return {
      status: response.statusCode ?? 0,
      headers: lastHeaders(response.rawHeaders),
      records: recordTexts(response, outgoing.limits ?? RECORD_LIMITS, what, { life, own: own.signal }),
      close: () => {
        own.abort(new OperatingError('STOPPED', `${what} was closed`))
        response.destroy()
      },
    }
  }

  /** An answer of which only the beginning is there, on a connection of its own. */
  #open(outgoing: Outgoing, signal: AbortSignal): Promise<IncomingMessage> {
    const what = nameOf(outgoing)
    return this.#within(outgoing, signal, async (limit) => {
      const answer = await send(outgoing, false, limit)
      if (!isSuccess(answer)) checked(answer, await readText(answer, SHOWN_BYTES, what), what)
      return answer
    })
  }

  /** Closes idle connections; those in use close with their requests. */
  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  /**
   * The time limit holds for `work`; the signal breaks the request off for as long as it is open, which of a stream is
   * longer. Both without signals of their own, which would cost more than a small request.
   */
  async #within<T>(
    outgoing: Outgoing,
    signal: AbortSignal,
    work: (onSent: (sent: ClientRequest) => void) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted()
    const what = nameOf(outgoing)
    const timeoutMs = outgoing.timeoutMs ?? TIMEOUT_MS
    let late: OperatingError | undefined
    let sent: ClientRequest | undefined
    using _ = this.#clock.after(timeoutMs, () => {
      late = new OperatingError('UNREACHABLE', `${what} had no answer within ${timeoutMs} ms`)
      sent?.destroy(late)
    })
    try {
      return await work((request) => {
        sent = request
        endWith(request, signal)
      })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw late ?? (error instanceof OperatingError ? error : trouble(what, error as Error))
    }
  }
}

/** Breaks the request off, or its answer, when the signal aborts. */
export function endWith(sent: ClientRequest, signal: AbortSignal): void {
  const end = (): void => void sent.destroy(signal.reason as Error)
  signal.addEventListener('abort', end, { once: true })
  sent.on('close', () => signal.removeEventListener('abort', end))
}

const nameOf = ({ method = 'GET', url }: Outgoing): string => `${method} ${url}`

const isSuccess = ({ statusCode = 0 }: IncomingMessage): boolean => statusCode >= 200 && statusCode < 300

/** What broke between us and a peer, in our words. */
export function trouble(what: string, error: Error & { readonly code?: string }): OperatingError {
  const garbled = error.code?.startsWith('HPE_') === true
  if (garbled) return new OperatingError('PROTOCOL', `${what} was not answered in HTTP`, { cause: error })
  // Of several addresses that were tried, Node reports all failures in an error without words.
  const cause = error instanceof AggregateError ? (error.errors[0] as Error) : error
  return new OperatingError('UNREACHABLE', `${what} failed`, { cause })
}

/** Resolves when the headers of the answer are there. */
function send(
  outgoing: Outgoing,
  agent: Agent | false,
  onSent: (sent: ClientRequest) => void,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const { method = 'GET', url, headers = {}, body } = outgoing
  const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }
  let sent: ClientRequest
  try {
    sent = nodeRequest(url, { method, headers: { ...headers, ...length }, agent })
  } catch (error) {
    // A URL or header that cannot be sent at all.
    return Promise.reject(new OperatingError('USAGE', `Cannot send ${nameOf(outgoing)}`, { cause: error }))
  }
  sent.on('response', (response) => {
    // A body that breaks off is reported to whoever reads it; unread, it must not end the process.
    response.on('error', () => undefined)
    resolve(response)
  })
  sent.on('error', reject)
  onSent(sent)
  sent.setNoDelay(true)
  sent.end(body)
  return promise
}

/** Throws PeerRefusal for anything but 2xx. */
export function checked(response: IncomingMessage, text: string, what: string): Incoming {
  const headers = lastHeaders(response.rawHeaders)
  const status = response.statusCode ?? 0
  if (!isSuccess(response))
    throw new PeerRefusal(what, status, text.slice(0, SHOWN_BYTES), headers.get('location'))
  return { status, headers, text }
}

/** The whole body, unzipped; that of a refusal in part. */
export async function readText(response: IncomingMessage, maxBytes: number, what: string): Promise<string> {
  return (await readBytes(response, maxBytes, what)).toString('utf8')
}

async function readBytes(response: IncomingMessage, maxBytes: number, what: string): Promise<Buffer> {
  const zipped = response.headers['content-encoding'] === 'gzip'
  // A pipeline, unlike pipe(), tells the unzipping end when the connection breaks; the loop below sees it.
  const source: Readable = zipped ? pipeline(response, createGunzip(), () => undefined) : response
  const pieces: Buffer[] = []
  let total = 0
  for await (const piece of source as AsyncIterable<Buffer>) {
    total += piece.length
    // A refusal is shown in part; an answer is no use in part.
    if (total > maxBytes && !isSuccess(response)) break
    if (total > maxBytes)
      throw new OperatingError('LIMIT', `The answer to ${what} has more than ${maxBytes} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

async function* recordTexts(
  response: IncomingMessage,
  limits: RecordLimits,
  what: string,
  signals: { readonly life: AbortSignal; readonly own: AbortSignal },
): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  try {
    for await (const record of decodeRecords(response, limits)) yield decoder.decode(record)
  } catch (error) {
    if (signals.own.aborted) return
    if (signals.life.aborted) throw signals.life.reason
    if (error instanceof OperatingError)
      throw new OperatingError(error.code, `${what}: ${error.message}`, { cause: error })
    throw new OperatingError('UNREACHABLE', `The stream of ${what} broke off: ${reasonOf(error)}`, {
      cause: error,
    })
  } finally {
    response.destroy()
  }
}
