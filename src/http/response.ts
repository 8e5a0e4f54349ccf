// Answers as values, and how they are written: header names in Title-Case, bare media types (spec/clients.md 2).
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { acceptsCoding } from './accept.ts'
import type { BodyAnswer } from './body.ts'
import type { RecordStream } from './stream.ts'

export type Headers = Readonly<Record<string, string>>

/** What a handler returns. Header names are written as they are given: give them in Title-Case. */
export type Answer = WholeAnswer | StreamAnswer | FileAnswer | BodyAnswer

export type WholeAnswer =
  /** `text/plain; charset=utf-8`. */
  | { readonly kind: 'text'; readonly status: number; readonly text: string; readonly headers?: Headers }
  /** `application/json`, or `text/javascript` when the request asks for JSONP. */
  | { readonly kind: 'json'; readonly status: number; readonly text: string; readonly headers?: Headers }
  /** JSON that was written in pieces, which are sent one after the other. */
  | {
      readonly kind: 'pieces'
      readonly status: number
      readonly pieces: readonly Uint8Array[]
      readonly headers?: Headers
    }
  | {
      readonly kind: 'bytes'
      readonly status: number
      readonly contentType: string
      readonly body: Uint8Array
      readonly headers?: Headers
    }
  /** No body and no type: `Content-Length: 0`. */
  | { readonly kind: 'empty'; readonly status: number; readonly headers?: Headers }

/** A file that is read while it is written; `write` also answers for one that is not there. */
export interface FileAnswer {
  readonly kind: 'file'
  /** As far as it is there. */
  readonly status: 200
  readonly headers?: Headers
  readonly write: (request: IncomingMessage, response: ServerResponse) => void
}

/** An endless answer of records; `open` runs once the headers are on their way. */
export interface StreamAnswer {
  readonly kind: 'stream'
  readonly contentType: string
  readonly headers?: Headers
  readonly open: (stream: RecordStream) => void
}

/** libprocess compresses bodies from this size on (spec/mesos.md 2.1). */
const GZIP_MINIMUM_BYTES = 1024
const compress = promisify(gzip)

/** Answers one sentence for people. */
export const text = (status: number, sentence: string, headers: Headers = {}): WholeAnswer => ({
  kind: 'text',
  status,
  text: sentence,
  headers,
})

/** Answers any value as JSON. For messages use `jsonText(encodeMessage(…))`. */
export const json = (value: unknown, status = 200): WholeAnswer => jsonText(JSON.stringify(value), status)

/** Answers JSON that is already written. */
export const jsonText = (written: string, status = 200): WholeAnswer => ({
  kind: 'json',
  status,
  text: written,
})

/** Answers JSON that was written in pieces (`pageBytes`). */
export const jsonPieces = (pieces: readonly Uint8Array[]): WholeAnswer => ({
  kind: 'pieces',
  status: 200,
  pieces,
})

/** Answers a page for a browser, whole in itself: nothing may be loaded from elsewhere. */
export const html = (page: string): WholeAnswer => ({
  kind: 'bytes',
  status: 200,
  contentType: 'text/html; charset=utf-8',
  body: Buffer.from(page),
  headers: { 'Content-Security-Policy': PAGE_POLICY },
})

const PAGE_POLICY = [
  "default-src 'none'",
  "connect-src 'self'",
  "style-src 'unsafe-inline'",
  "script-src 'unsafe-inline'",
  "frame-ancestors 'none'",
].join('; ')

/** The answer to a call that was taken: 202 with `Date` and `Content-Length: 0` and nothing else. */
export const accepted = (): WholeAnswer => ({ kind: 'empty', status: 202 })

/** An answer without a body, such as that of `/health`. */
export const empty = (status: number, headers: Headers = {}): WholeAnswer => ({
  kind: 'empty',
  status,
  headers,
})

/** 307 to a `location` such as `//host:5050/api/v1/scheduler` (spec/clients.md Q9). */
export const redirect = (location: string): WholeAnswer => empty(307, { Location: location })

export const notFound = (): WholeAnswer => text(404, '404 Not Found.')

/** 405 in the words of libprocess. */
export function methodNotAllowed(allowed: readonly string[], received: string): WholeAnswer {
  const expected = `Expecting one of { '${allowed.join("', '")}' }, but received '${received}'.`
  return text(405, `405 Method Not Allowed. ${expected}`, { Allow: allowed.join(', ') })
}

/**
 * Answers with a stream of records.
 *
 * @example
 * return stream({ contentType: 'application/json', headers: { 'Mesos-Stream-Id': id }, open: (s) => s.send(event) })
 */
export const stream = (options: {
  readonly contentType: string
  readonly headers?: Headers
  readonly open: (stream: RecordStream) => void
}): StreamAnswer => ({ kind: 'stream', ...options })

/** A name that may be called in a page: dotted identifiers, as AngularJS and jQuery make them. */
const CALLBACK = /^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*$/
const LONGEST_CALLBACK = 128

/** Wraps JSON answers to GET requests with `?jsonp=NAME` (spec/clients.md Q8); refuses a name that is no function's. */
export function withCallback(answer: Answer, method: string, name: string | undefined): Answer {
  if (method !== 'GET' || name === undefined) return answer
  if (answer.kind !== 'json' && answer.kind !== 'pieces') return answer
  if (name.length > LONGEST_CALLBACK || !CALLBACK.test(name))
    return text(400, "Expecting 'jsonp' to be the name of a function, such as 'callback' or 'page.show'")
  // These two end a line in older JavaScript, though not in JSON.
  const written = answer.kind === 'json' ? answer.text : Buffer.concat(answer.pieces).toString()
  const safe = written.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  return {
    kind: 'bytes',
    status: answer.status,
    contentType: 'text/javascript',
    body: Buffer.from(`${name}(${safe});`),
    ...(answer.headers !== undefined && { headers: answer.headers }),
  }
}

/**
 * Keeps Node from adding `Connection` and `Keep-Alive` to answers on connections that stay open anyway: real answers
 * have neither. A client that asked for a close, or speaks HTTP/1.0, is told what happens.
 */
export function quietConnection(request: IncomingMessage, response: ServerResponse): void {
  if (response.shouldKeepAlive && request.httpVersion === '1.1') response.removeHeader('Connection')
}

/** The answer's bytes with their type; undefined when it has none. */
function content(answer: WholeAnswer): { type: string; pieces: readonly Uint8Array[] } | undefined {
  switch (answer.kind) {
    case 'text':
      return { type: 'text/plain; charset=utf-8', pieces: [Buffer.from(answer.text)] }
    case 'json':
      return { type: 'application/json', pieces: [Buffer.from(answer.text)] }
    case 'pieces':
      return { type: 'application/json', pieces: answer.pieces }
    case 'bytes':
      return { type: answer.contentType, pieces: [answer.body] }
    case 'empty':
      return undefined
  }
}

/** Writes an answer that is no stream; resolves when it is handed to the connection, not when the client has it. */
export async function writeAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: WholeAnswer,
  acceptEncoding: string | undefined,
): Promise<void> {
  const body = content(answer)
  quietConnection(request, response)
  if (body === undefined) {
    response.writeHead(answer.status, { ...answer.headers, 'Content-Length': '0' }).end()
    return
  }
  const zipped = sizeOf(body.pieces) >= GZIP_MINIMUM_BYTES && acceptsCoding(acceptEncoding, 'gzip')
  const pieces = zipped ? [await compress(Buffer.concat(body.pieces))] : body.pieces
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(zipped && { 'Content-Encoding': 'gzip' }),
    'Content-Type': body.type,
    'Content-Length': String(sizeOf(pieces)),
  })
  for (const piece of pieces) response.write(piece)
  response.end()
}

const sizeOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, piece) => sum + piece.length, 0)
