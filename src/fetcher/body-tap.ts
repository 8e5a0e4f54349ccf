/**
 * Takes the body of an answer off its connection past Node's HTTP parser, which copies every piece into memory of its
 * own: here the pieces come in a few buffers that are filled again and again. Only for bodies whose length was told and
 * that come in the clear; others take the usual way.
 */
import { Agent, type ClientRequestArgs, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** Of one download: one is being filled while others wait to be written. */
const BUFFERS = 4
const BUFFER_BYTES = 256 * 1024
/** With less room than this the next buffer is begun. */
const LEAST_ROOM = 64 * 1024

interface Piece {
  readonly bytes: Buffer
  /** The buffer that is free when this piece was used. */
  readonly frees: Buffer | undefined
}

/** An agent whose plain connections can be tapped. */
export class TappedAgent extends Agent {
  readonly #taps = new WeakMap<object, Tap>()

  override createConnection(
    options: ClientRequestArgs,
    callback?: Parameters<Agent['createConnection']>[1],
  ): ReturnType<Agent['createConnection']> {
    const tap = new Tap()
    // Node reads into our memory, and says how much (`onread` of net.connect). To a proxy it connects without that.
    const onread = { buffer: () => tap.room, callback: (bytes: number) => tap.took(bytes) }
    const socket = super.createConnection({ ...options, onread } as ClientRequestArgs, callback)
    if (socket === null || socket === undefined) return socket
    tap.socket = socket as Socket
    this.#taps.set(socket, tap)
    return socket
  }

  /**
   * The `bytes` of a body of which nobody has read anything yet; it ends early when the connection does. A piece is
   * good until the next one is asked for. Undefined when this body cannot be had so.
   */
  bodyOf(response: IncomingMessage, bytes: number): AsyncIterable<Buffer> | undefined {
    if (response.complete || response.destroyed || 'transfer-encoding' in response.headers) return undefined
    return this.#taps.get(response.socket)?.open(response, bytes)
  }
}

/** What one connection is read into. Until it is open everything goes to the parser. */
class Tap {
  socket: Socket | undefined
  #current: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  /** Of the current buffer: up to here pieces were taken, up to here it is filled. */
  #begin = 0
  #end = 0
  #made = 1
  readonly #free: Buffer[] = []
  readonly #filled: Piece[] = []
  /** Of the body, not here yet; undefined before it is open. */
  #left: number | undefined
  #isRead = false
  #isStopped = false
  #isClosed = false
  #news = Promise.withResolvers<void>()

  get room(): Buffer {
    return this.#current.subarray(this.#end)
  }

  /** So many bytes came into the room. @returns false: no more for now */
  took(came: number): boolean {
    this.#isRead = true
    if (this.#left === undefined) {
      // The parser copies what it keeps.
      this.socket?.emit('data', this.#current.subarray(0, came))
      return true
    }
    const bytes = Math.min(came, this.#left)
    this.#end += bytes
    this.#left -= bytes
    const isWhole = this.#left === 0
    if (isWhole || BUFFER_BYTES - this.#end < LEAST_ROOM) this.#turn()
    this.#isStopped = isWhole || (this.#free.length === 0 && this.#made >= BUFFERS)
    this.#wake()
    return !this.#isStopped
  }

  open(response: IncomingMessage, bytes: number): AsyncIterable<Buffer> | undefined {
    const { socket } = this
    if (!this.#isRead || socket === undefined || socket.destroyed) return undefined
    this.#left = bytes
    // What came with the head has been through the parser.
    for (let piece = readFrom(response); piece !== null; piece = readFrom(response)) {
      this.#left -= piece.length
      this.#filled.push({ bytes: piece, frees: undefined })
    }
    socket.once('close', () => {
      this.#isClosed = true
      this.#wake()
    })
    socket.resume()
    return this.#pieces(socket)
  }

  async *#pieces(socket: Socket): AsyncGenerator<Buffer> {
    for (;;) {
      const piece = this.#next()
      if (piece !== undefined) {
        yield piece.bytes
        if (piece.frees === undefined) continue
        this.#free.push(piece.frees)
        if (!this.#isStopped || this.#left === 0) continue
        this.#isStopped = false
        socket.resume()
      } else if (this.#left === 0 || this.#isClosed) return
      else await this.#news.promise
    }
  }

  #next(): Piece | undefined {
    const filled = this.#filled.shift()
    if (filled !== undefined || this.#begin === this.#end) return filled
    // Rather a small piece than none: whoever writes has nothing else to do.
    const bytes = this.#current.subarray(this.#begin, this.#end)
    this.#begin = this.#end
    return { bytes, frees: undefined }
  }

  /** Goes on in the next buffer: a free one, as nothing more is read when the last of them is begun. */
  #turn(): void {
    const bytes = this.#current.subarray(this.#begin, this.#end)
    this.#filled.push({ bytes, frees: this.#current })
    const next = this.#free.pop()
    if (next === undefined) this.#made++
    this.#current = next ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
    this.#begin = 0
    this.#end = 0
  }

  #wake(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }
}

const readFrom = (response: IncomingMessage): Buffer | null => response.read() as Buffer | null
