// Requests as Mesos sees them: of duplicate headers the last wins, bodies are read with a limit and unzipped.
import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { text, type Answer } from './response.ts'
import { splitTarget, type Target } from './routes.ts'

export interface BodyLimits {
  /** Most bytes of a body, as it was sent and after unzipping. */
  readonly bytes: number
  /** Longest time, in ms, from the first look at a body to its last byte. */
  readonly ms: number
}

/** A whole body, or the answer for a client whose body cannot be taken. */
export type Body =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly answer: Answer }

/** What a handler is given. */
export class HttpRequest {
  /** As it was sent: `POST`, `GET`. */
  readonly method: string
  /** The request target as it was sent, for redirects: `/master/api/v1/scheduler?x=1`. */
  readonly url: string
  /** Decoded, without the process prefix and trailing slashes: `/api/v1/scheduler`. */
  readonly path: string
  /** What the path has below its route: `operator` for `/api/v1/operator` on `/api/v1`, else empty. */
  readonly rest: string
  /** Of parameters given twice, the last. */
  readonly query: ReadonlyMap<string, string>
  readonly remote: { readonly address: string; readonly port: number }
  /** The message of node:http below, for static files and the like. */
  readonly raw: IncomingMessage
  readonly #makeSignal: () => AbortSignal
  readonly #headers: ReadonlyMap<string, string>
  readonly #clock: Clock
  readonly #limits: BodyLimits
  #life: AbortSignal | undefined

  constructor(
    raw: IncomingMessage,
    target: Target,
    rest: string,
    deps: { readonly clock: Clock; readonly limits: BodyLimits; readonly signal: () => AbortSignal },
  ) {
    this.raw = raw
    this.method = raw.method ?? ''
    this.url = raw.url ?? '/'
    this.path = target.path
    this.query = target.query
    this.rest = rest
    this.remote = { address: raw.socket.remoteAddress ?? '', port: raw.socket.remotePort ?? 0 }
    this.#makeSignal = deps.signal
    this.#headers = lastHeaders(raw.rawHeaders)
    this.#clock = deps.clock
    this.#limits = deps.limits
  }

  /** Aborts when the client leaves or the server closes. Made only when asked for: most requests never look. */
  get signal(): AbortSignal {
    this.#life ??= this.#makeSignal()
    return this.#life
  }

  /** The value of a header, in any case; of duplicates the last (spec/clients.md Q3). */
  header(name: string): string | undefined {
    return this.#headers.get(name.toLowerCase())
  }

  /**
   * Reads the whole body, unzipped.
   *
   * @param limitBytes the most bytes to take, if not the server's `maxBodyBytes`
   * @returns the bytes, or a 413, 415, 408 or 400 to be returned as it is
   * @throws OperatingError UNREACHABLE when the client leaves meanwhile
   */
  async body(limitBytes: number = this.#limits.bytes): Promise<Body> {
    const declared = Number(this.header('content-length') ?? 0)
    if (declared > limitBytes) return { ok: false, answer: tooLarge(limitBytes) }
    const coding = this.header('content-encoding')?.trim().toLowerCase() ?? 'identity'
    if (coding !== 'identity' && coding !== 'gzip')
      return {
        ok: false,
        answer: text(415, `Expecting 'Content-Encoding' of gzip or none, but received '${coding}'`),
      }
    return readWhole(this.raw, coding === 'gzip', { ...this.#limits, bytes: limitBytes }, this.#clock)
  }

  /** The body piece by piece as it comes, unzipped, for uploads without end; the caller counts and times out. */
  chunks(): AsyncIterable<Uint8Array> {
    if (this.header('content-encoding') !== 'gzip') return this.raw
    // The reader of the pieces sees what goes wrong; the callback is only what a pipeline asks for.
    return pipeline(this.raw, createGunzip(), () => undefined)
  }
}

/** Lower-case names to values; `raw` alternates names and values as they came. */
export function lastHeaders(raw: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (let at = 0; at + 1 < raw.length; at += 2) headers.set((raw[at] ?? '').toLowerCase(), raw[at + 1] ?? '')
  return headers
}

/** Reads a request's target; undefined when it is malformed. */
export function targetOf(raw: IncomingMessage, processes: readonly string[]): Target | undefined {
  return splitTarget(raw.url ?? '/', processes)
}

const tooLarge = (limit: number): Answer => text(413, `The body has more than ${limit} bytes`)

async function readWhole(
  raw: IncomingMessage,
  zipped: boolean,
  limits: BodyLimits,
  clock: Clock,
): Promise<Body> {
  const gunzip = zipped ? createGunzip() : undefined
  const source: Readable = gunzip === undefined ? raw : raw.pipe(gunzip)
  const { promise, resolve, reject } = Promise.withResolvers<Body>()
  const pieces: Buffer[] = []
  let total = 0
  const refuse = (answer: Answer): void => resolve({ ok: false, answer })
  const onData = (piece: Buffer): void => {
    total += piece.length
    if (total > limits.bytes) refuse(tooLarge(limits.bytes))
    else pieces.push(piece)
  }
  const onEnd = (): void => resolve({ ok: true, bytes: Buffer.concat(pieces, total) })
  const onUnzipError = (error: Error): void =>
    refuse(text(400, `Failed to unzip the body: ${reasonOf(error)}`))
  const leave = (): void =>
    reject(new OperatingError('UNREACHABLE', 'The client left before its body was read'))
  // A body that was read closes too, often before the last of it is unzipped.
  const onLeft = (): void => {
    if (!raw.readableEnded) leave()
  }
  const onLate = (): void =>
    refuse(text(408, `The body was not complete in time: it took longer than ${limits.ms} ms`))
  using _ = clock.after(limits.ms, onLate)
  source.on('data', onData).on('end', onEnd)
  gunzip?.on('error', onUnzipError)
  raw.on('close', onLeft)
  if (raw.destroyed) leave()
  try {
    return await promise
  } finally {
    source.off('data', onData).off('end', onEnd)
    raw.off('close', onLeft)
    if (gunzip !== undefined) {
      raw.unpipe(gunzip)
      gunzip.destroy()
    }
  }
}
