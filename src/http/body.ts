// Answers whose bodies are read while they are sent: files of any size, of which only a piece is in memory at a time.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { drained } from '../base/drained.ts'
import { OperatingError } from '../base/errors.ts'
import { type Headers, quietConnection } from './response.ts'

export interface BodyAnswer {
  readonly kind: 'body'
  readonly status: number
  readonly contentType: string
  /** Bytes of the whole body; undefined when they are not known. */
  readonly length: number | undefined
  readonly headers?: Headers
  /** To be read once. When they end early or throw, the connection is cut: nobody takes a part for the whole. */
  readonly pieces: AsyncIterable<Uint8Array>
  /** Called once, whether the pieces were read or not. */
  readonly close: () => Promise<void>
}

/** A client that takes nothing for so long is let go, and so is one whose body does not go on. */
const STALL_MS = 60_000

/** @throws what reading the pieces threw, after the head was sent */
export async function writeBody(
  request: IncomingMessage,
  response: ServerResponse,
  answer: BodyAnswer,
  clock: Clock,
): Promise<void> {
  const { contentType, headers, length, pieces, status } = answer
  try {
    quietConnection(request, response)
    const told = length === undefined ? {} : { 'Content-Length': String(length) }
    response.writeHead(status, { ...headers, 'Content-Type': contentType, ...told })
    if (request.method === 'HEAD') return void response.end()
    // A body of unknown length may come by and by, and its first piece late.
    if (length === undefined) response.flushHeaders()
    using watch = new Watch(clock, () => response.destroy())
    let sent = 0
    for await (const piece of until(response, pieces)) {
      watch.moved()
      sent += piece.length
      if (!response.write(piece)) await drained(response)
      watch.moved()
    }
    if (response.destroyed) return
    if (length !== undefined && sent !== length)
      throw new OperatingError('FILE', `The body ended after ${sent} of ${length} bytes`)
    response.end()
  } finally {
    await answer.close()
  }
}

/** The pieces, until the connection is gone: whoever reads from a source that stands still has to hear of it. */
async function* until(
  response: ServerResponse,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const gone = Promise.withResolvers<undefined>()
  response.once('close', () => gone.resolve(undefined))
  const source = pieces[Symbol.asyncIterator]()
  while (!response.destroyed) {
    const next = await Promise.race([source.next(), gone.promise])
    if (next === undefined || next.done === true) return
    yield next.value
  }
}

/** Calls out when nothing moved for a time. */
class Watch implements Disposable {
  readonly #clock: Clock
  readonly #late: () => void
  #at: number
  #timer: Disposable

  constructor(clock: Clock, late: () => void) {
    this.#clock = clock
    this.#late = late
    this.#at = clock.monotonic()
    this.#timer = clock.after(STALL_MS, () => this.#look())
  }

  moved(): void {
    this.#at = this.#clock.monotonic()
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }

  #look(): void {
    const left = this.#at + STALL_MS - this.#clock.monotonic()
    if (left > 0) this.#timer = this.#clock.after(left, () => this.#look())
    else this.#late()
  }
}
