/**
 * Streaming answers: one record is one HTTP chunk of `LENGTH\n` and JSON (spec/clients.md 1). What the client has not
 * taken is counted; a reader that falls behind is cut, and never waited for.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { encodeRecord } from '../wire/recordio.ts'

/** Why a stream is over: our `end()`, the client's leaving, or a reader too slow. */
export type StreamEnd = 'ended' | 'left' | 'slow'

export interface StreamLimits {
  /** Most bytes that may wait for a reader, beside the largest record among them. */
  readonly unsentBytes: number
  /** Longest time, in ms, that a record may wait; looked at when the next one is sent. */
  readonly stallMs: number
}

/** Four heartbeats of a scheduler's stream; and offers of thousands of agents, or thousands of updates, wait easily. */
export const STREAM_LIMITS: StreamLimits = { unsentBytes: 16 * 1024 * 1024, stallMs: 60_000 }

/** What a handler writes to. Nothing here waits or throws; a stream that is over swallows what is sent. */
export class RecordStream {
  readonly #response: ServerResponse
  readonly #clock: Clock
  readonly #limits: StreamLimits
  readonly #listeners: ((end: StreamEnd) => void)[] = []
  readonly #waiting: number[] = []
  readonly #forRoom: { readonly bytes: number; readonly go: () => void }[] = []
  #waitingBytes = 0
  #largest = 0
  // When the oldest waiting record became the oldest.
  #since = 0
  #asked: StreamEnd | undefined
  #end: StreamEnd | undefined

  constructor(response: ServerResponse, clock: Clock, limits: StreamLimits) {
    this.#response = response
    this.#clock = clock
    this.#limits = limits
    response.on('close', () => this.#finish())
    if (response.destroyed) this.#finish()
  }

  /** True once the stream is over or ending. */
  get closed(): boolean {
    return this.#asked !== undefined || this.#end !== undefined
  }

  /** Bytes handed in that the connection has not taken yet. */
  get unsentBytes(): number {
    return this.#waitingBytes
  }

  /**
   * Sends one record as one chunk.
   *
   * @param record one line of ASCII JSON, as `encodeMessage` writes it
   * @returns false when the stream is over, or is cut now because its reader does not keep up
   */
  send(record: string): boolean {
    return this.closed ? false : this.sendFramed(encodeRecord(record))
  }

  /** The same of a record that is framed already; one that goes to many is framed once. */
  sendFramed(framed: Uint8Array): boolean {
    if (this.closed) return false
    if (this.#behind()) {
      this.#asked = 'slow'
      this.#response.destroy()
      return false
    }
    if (this.#waiting.length === 0) this.#since = this.#clock.monotonic()
    this.#waiting.push(framed.length)
    this.#waitingBytes += framed.length
    this.#largest = Math.max(this.#largest, framed.length)
    this.#response.write(framed, () => this.#taken())
    return true
  }

  /** Resolves when no more than so many bytes wait for the reader, or the stream is over: for who can wait to send. */
  async room(bytes: number): Promise<void> {
    if (this.#end !== undefined || this.#waitingBytes <= bytes) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#forRoom.push({ bytes, go: resolve })
    await promise
  }

  /** Ends the stream after what was sent; the client sees a regular end. */
  end(): void {
    if (this.closed) return
    this.#asked = 'ended'
    this.#response.end()
  }

  /** Ends the stream now, with whatever is unsent; the client sees a broken connection. */
  cut(): void {
    this.#asked ??= 'ended'
    this.#response.destroy()
  }

  /** Calls `fn` once when the stream is over; at once if it is over already. */
  onClose(fn: (end: StreamEnd) => void): void {
    if (this.#end === undefined) this.#listeners.push(fn)
    else fn(this.#end)
  }

  #behind(): boolean {
    if (this.#waiting.length === 0) return false
    // The largest is let through, so that a snapshot bigger than the budget does not cut a healthy reader.
    if (this.#waitingBytes - this.#largest > this.#limits.unsentBytes) return true
    return this.#clock.monotonic() - this.#since > this.#limits.stallMs
  }

  #taken(): void {
    this.#waitingBytes -= this.#waiting.shift() ?? 0
    this.#since = this.#clock.monotonic()
    if (this.#waiting.length === 0) this.#largest = 0
    if (this.#forRoom.length > 0) this.#letGo(this.#waitingBytes)
  }

  #letGo(waitingBytes: number): void {
    const all = this.#forRoom.splice(0)
    for (const one of all) {
      if (waitingBytes <= one.bytes) one.go()
      else this.#forRoom.push(one)
    }
  }

  #finish(): void {
    if (this.#end !== undefined) return
    this.#end = this.#asked ?? 'left'
    this.#letGo(0)
    for (const listener of this.#listeners.splice(0)) listener(this.#end)
  }
}

/** Sends the headers of a streaming answer at once, and returns what its records go to. */
export function openStreamAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: { readonly contentType: string; readonly headers?: Readonly<Record<string, string>> },
  deps: { readonly clock: Clock; readonly limits: StreamLimits },
): RecordStream {
  // Never `Connection: close`, even when asked for it: clients that ask still expect an endless chunked answer (Q5).
  response.removeHeader('Connection')
  response.writeHead(200, {
    'Transfer-Encoding': 'chunked',
    ...answer.headers,
    'Content-Type': answer.contentType,
  })
  response.flushHeaders()
  // Small events leave at once; a peer that vanished without a word is found by the kernel's probes.
  request.socket.setNoDelay(true)
  request.socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS)
  return new RecordStream(response, deps.clock, deps.limits)
}

const KEEP_ALIVE_PROBE_MS = 15_000
