// The HTTP server of the daemons: node:http with our routes, limits, byte habits, and a quick end.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { writeBody } from './body.ts'
import { HttpRequest, targetOf } from './request.ts'
import {
  methodNotAllowed,
  notFound,
  quietConnection,
  text,
  withCallback,
  writeAnswer,
  type Answer,
  type StreamAnswer,
} from './response.ts'
import { Routes, type Route } from './routes.ts'
import { openStreamAnswer, STREAM_LIMITS, type RecordStream, type StreamLimits } from './stream.ts'

export interface ListenOptions {
  /** The address to listen on: `0.0.0.0`, `127.0.0.1`. */
  readonly host: string
  /** 0 lets the system choose; see `HttpServer.port`. */
  readonly port: number
  readonly routes: readonly Route[]
  /** Names of processes below which every path is reachable too, e.g. `['master']`. */
  readonly processes: readonly string[]
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Most bytes of a request's body, zipped or not. Default 64 MiB. */
  readonly maxBodyBytes?: number
  /** Longest time for a body that is read whole, ms. Default 60 s. Uploads that are streamed have no limit. */
  readonly bodyTimeoutMs?: number
  /** Most connections at a time; more are closed unheard. Default 20,000. */
  readonly maxConnections?: number
  readonly streams?: StreamLimits
  /** How long answers that are being made may take when the server closes, ms. Default 1 s. */
  readonly closeGraceMs?: number
}

/** A listening server; disposing it stops listening, ends the streams and closes all connections. */
export interface HttpServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
}

const MIB = 1024 * 1024
const MAX_BODY_BYTES = 64 * MIB
const BODY_TIMEOUT_MS = 60_000
const MAX_CONNECTIONS = 20_000
const CLOSE_GRACE_MS = 1000
/** One for all: every answer ends with it, and a stack of its own would cost more than a small answer. */
const CLIENT_LEFT = new OperatingError('STOPPED', 'The client left')

const SERVER_SETTINGS = {
  maxHeaderSize: 32 * 1024,
  // Against clients that send their headers drop by drop; looked at every few seconds.
  headersTimeout: 20_000,
  connectionsCheckingInterval: 5000,
  // Uploads may last for days; bodies that are read whole have their own limit.
  requestTimeout: 0,
  // Longer than any client of ours keeps an idle connection, so that it is never closed under a call.
  keepAliveTimeout: 300_000,
  // Libprocess asks for none, and hand-written clients forget it.
  requireHostHeader: false,
} as const

/**
 * Starts to listen.
 *
 * Counts `http/requests`, `http/bad_requests` (no HTTP), `http/failed_requests` (answered 500),
 * `http/streams_cut` (slow readers) and `http/connections_refused`; shows `http/connections` and `http/streams`.
 *
 * @throws OperatingError PORT_TAKEN when the port is in use or may not be used
 *
 * @example
 * await using server = await listen({
 *   host: '127.0.0.1', port: 0, processes: ['master'], clock: systemClock, log, metrics: new Metrics(),
 *   routes: [{ path: '/health', methods: ['GET'], handle: () => empty(200) }],
 * })
 */
export async function listen(options: ListenOptions): Promise<HttpServer> {
  const listener = new Listener(options)
  await listener.start()
  return listener
}

class Listener implements HttpServer {
  readonly #options: ListenOptions
  readonly #routes: Routes
  readonly #server: Server
  readonly #closing = new AbortController()
  readonly #streams = new Set<RecordStream>()
  readonly #sockets = new Set<Socket>()
  #answering = 0
  #idle: (() => void) | undefined
  port = 0

  constructor(options: ListenOptions) {
    this.#options = options
    this.#routes = new Routes(options.routes)
    this.#server = createServer(SERVER_SETTINGS, (request, response) => {
      void this.#serve(request, response)
    })
    this.#server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS
    this.#server.on('clientError', (error, socket) => this.#refuseBytes(error, socket as Socket))
    this.#server.on('drop', () => options.metrics.count('http/connections_refused'))
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    const { metrics } = options
    metrics.declare('http/requests', 'http/bad_requests', 'http/failed_requests', 'http/streams_cut')
    metrics.declare('http/connections_refused')
    metrics.gauge('http/connections', () => this.#sockets.size)
    metrics.gauge('http/streams', () => this.#streams.size)
  }

  get host(): string {
    return this.#options.host
  }

  async start(): Promise<void> {
    const { host, port } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', (error) => reject(listenTrouble(error, host, port)))
    this.#server.listen({ host, port }, resolve)
    await promise
    this.#server.removeAllListeners('error')
    this.#server.on('error', (error) => {
      this.#options.log.error({ error: reasonOf(error) }, 'The HTTP server had an error')
    })
    this.port = (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const stream of this.#streams) stream.end()
    this.#closing.abort(new OperatingError('STOPPED', 'The HTTP server is closing'))
    if (this.#answering > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#idle = resolve
      using _ = this.#options.clock.after(this.#options.closeGraceMs ?? CLOSE_GRACE_MS, resolve)
      await promise
    }
    // What was written goes to the kernel in this turn and is still delivered after the close.
    await new Promise((resolve) => setImmediate(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  async #serve(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#options.metrics.count('http/requests')
    this.#answering++
    // A client that leaves is seen by 'close'; errors of its socket have no further meaning.
    raw.on('error', () => undefined)
    response.on('error', () => undefined)
    try {
      await this.#answer(raw, response)
    } catch (error) {
      this.#fail(raw, response, error)
    } finally {
      this.#answering--
      if (this.#answering === 0) this.#idle?.()
    }
  }

  async #answer(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = targetOf(raw, this.#options.processes)
    if (target === undefined) {
      await this.#write(raw, response, text(400, 'Expecting the request target to be a path'), undefined)
      return
    }
    const match = this.#routes.match(target.path, raw.method ?? '')
    const request = new HttpRequest(raw, target, match.kind === 'found' ? match.rest : '', {
      clock: this.#options.clock,
      limits: {
        bytes: this.#options.maxBodyBytes ?? MAX_BODY_BYTES,
        ms: this.#options.bodyTimeoutMs ?? BODY_TIMEOUT_MS,
      },
      signal: () => this.#lifeOf(response),
    })
    if (match.kind === 'not-found') return this.#write(raw, response, notFound(), request)
    if (match.kind === 'wrong-method')
      return this.#write(raw, response, methodNotAllowed(match.allowed, request.method), request)
    const answer = await match.route.handle(request)
    await this.#write(
      raw,
      response,
      withCallback(answer, request.method, request.query.get('jsonp')),
      request,
    )
  }

  /** Aborts when the client leaves or the server closes. */
  #lifeOf(response: ServerResponse): AbortSignal {
    const left = new AbortController()
    const leave = (): void => left.abort(CLIENT_LEFT)
    if (response.destroyed) leave()
    else response.on('close', leave)
    return AbortSignal.any([left.signal, this.#closing.signal])
  }

  async #write(
    raw: IncomingMessage,
    response: ServerResponse,
    answer: Answer,
    request: HttpRequest | undefined,
  ): Promise<void> {
    if (response.destroyed) {
      if (answer.kind === 'body') await answer.close()
      return
    }
    if (answer.kind === 'stream') {
      this.#openStream(raw, response, answer)
      return
    }
    if (answer.kind === 'file') {
      for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value)
      quietConnection(raw, response)
      answer.write(raw, response)
      return
    }
    if (answer.kind === 'body') return writeBody(raw, response, answer, this.#options.clock)
    await writeAnswer(raw, response, answer, request?.header('accept-encoding'))
    if (!raw.complete) this.#discard(raw)
  }

  #openStream(raw: IncomingMessage, response: ServerResponse, answer: StreamAnswer): void {
    const { clock, metrics, log } = this.#options
    const stream = openStreamAnswer(raw, response, answer, {
      clock,
      limits: this.#options.streams ?? STREAM_LIMITS,
    })
    this.#streams.add(stream)
    const remote = `${raw.socket.remoteAddress}:${raw.socket.remotePort}`
    stream.onClose((end) => {
      this.#streams.delete(stream)
      if (end !== 'slow') return
      metrics.count('http/streams_cut')
      log.warn(
        { remote, path: raw.url, unsent: stream.unsentBytes },
        'Cut a stream whose reader did not keep up',
      )
    })
    answer.open(stream)
    if (this.#closing.signal.aborted) stream.end()
  }

  /** Lets the rest of a body that nobody wants run out, so that the client reads the answer; but not for ever. */
  #discard(raw: IncomingMessage): void {
    const { clock, maxBodyBytes = MAX_BODY_BYTES, bodyTimeoutMs = BODY_TIMEOUT_MS } = this.#options
    let left = maxBodyBytes
    const timer = clock.after(bodyTimeoutMs, () => raw.socket.destroy())
    raw.on('data', (piece: Buffer) => {
      left -= piece.length
      if (left < 0) raw.socket.destroy()
    })
    raw.on('close', () => timer[Symbol.dispose]())
  }

  /** Answers a request whose handler failed; a client that has left is no failure. */
  #fail(raw: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.destroyed || raw.destroyed) return
    const fields = { method: raw.method, path: raw.url, error: reasonOf(error) }
    this.#options.metrics.count('http/failed_requests')
    const stack = error instanceof Error && !(error instanceof OperatingError) ? { stack: error.stack } : {}
    this.#options.log.error({ ...fields, ...stack }, 'Failed to answer a request')
    if (response.headersSent) {
      response.destroy()
      return
    }
    void writeAnswer(raw, response, text(500, `Failed to answer: ${reasonOf(error)}`), undefined)
  }

  /** Answers bytes that are no HTTP, or too many or too slow headers, and closes the connection. */
  #refuseBytes(error: Error & { readonly code?: string }, socket: Socket): void {
    this.#options.metrics.count('http/bad_requests')
    // A response under way must not be mixed up with this one.
    if (!socket.writable || error.code === 'ECONNRESET' || socket.bytesWritten > 0) {
      socket.destroy()
      return
    }
    const [status, sentence] = BYTE_TROUBLES[error.code ?? ''] ?? [
      '400 Bad Request',
      'The request is not HTTP/1.1',
    ]
    const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n`
    socket.end(`${head}Content-Length: ${sentence.length}\r\n\r\n${sentence}`, () => socket.destroy())
  }
}

const BYTE_TROUBLES: Readonly<Record<string, readonly [string, string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    `The headers have more than ${SERVER_SETTINGS.maxHeaderSize} bytes`,
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    `The headers were not complete after ${SERVER_SETTINGS.headersTimeout / 1000} seconds`,
  ],
}

function listenTrouble(
  error: Error & { readonly code?: string },
  host: string,
  port: number,
): OperatingError {
  switch (error.code) {
    case 'EADDRINUSE':
      return new OperatingError('PORT_TAKEN', `Port ${port} on ${host} is in use by another program`, {
        cause: error,
        hint: `Stop that program (find it with: ss -ltnp 'sport = :${port}'), or choose another port with --port`,
      })
    case 'EACCES':
      return new OperatingError('PORT_TAKEN', `Port ${port} on ${host} may not be used without more rights`, {
        cause: error,
        hint: 'Choose a port from 1024 on with --port, or run as root',
      })
    case 'EADDRNOTAVAIL':
      return new OperatingError('PORT_TAKEN', `${host} is no address of this machine`, {
        cause: error,
        hint: 'Give one of its addresses with --ip, or 0.0.0.0 for all',
      })
    default:
      return new OperatingError('PORT_TAKEN', `Cannot listen on ${host}:${port}`, { cause: error })
  }
}
