// A client that sends exactly the bytes it is given and shows exactly the bytes that come back.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A TCP connection to a server under test. */
export class RawConnection implements Disposable {
  readonly socket: Socket
  readonly #pieces: Buffer[] = []
  #byteCount = 0
  #wake: (() => void) | undefined
  #closed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (piece: Buffer) => {
      this.#pieces.push(piece)
      this.#byteCount += piece.length
      this.#wake?.()
    })
    const over = (): void => {
      this.#closed = true
      this.#wake?.()
    }
    // The server's end counts, whether or not this side has ended too.
    socket.on('end', over).on('close', over)
    // A reset is an end like any other; tests look at what came before.
    socket.on('error', () => undefined)
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    return new RawConnection(socket)
  }

  get received(): string {
    return this.bytes.toString('latin1')
  }

  get bytes(): Buffer {
    // Joined only when somebody looks: large answers come in many pieces.
    if (this.#pieces.length > 1) this.#pieces.splice(0, this.#pieces.length, Buffer.concat(this.#pieces))
    return this.#pieces[0] ?? Buffer.alloc(0)
  }

  /** Whether the server has ended the connection. */
  get closed(): boolean {
    return this.#closed
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes)
  }

  /** Waits until what came holds a text or matches, or the connection is closed; returns everything that came. */
  async until(what: string | RegExp | ((received: string) => boolean)): Promise<string> {
    const met = (): boolean => {
      if (typeof what === 'string') return this.received.includes(what)
      return what instanceof RegExp ? what.test(this.received) : what(this.received)
    }
    while (!met() && !this.#closed) await this.#next()
    return this.received
  }

  /** Waits for that many bytes in all, or the end of the connection. */
  async untilBytes(count: number): Promise<void> {
    while (this.#byteCount < count && !this.#closed) await this.#next()
  }

  /** Waits for the end of the connection; returns everything that came. */
  async end(): Promise<string> {
    while (!this.#closed) await this.#next()
    return this.received
  }

  #next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    return promise
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

export interface RawAnswer {
  readonly status: number
  /** Names as they were written. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Takes an answer with `Content-Length` apart. */
export function parseAnswer(received: string): RawAnswer {
  const split = received.indexOf('\r\n\r\n')
  const [first = '', ...lines] = received.slice(0, split).split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    }),
  )
  return { status: Number(first.split(' ')[1]), headers, body: received.slice(split + 4) }
}

/** Whether an answer with `Content-Length` is complete. */
export function isComplete(received: string): boolean {
  const split = received.indexOf('\r\n\r\n')
  if (split === -1) return false
  const length = Number(/^content-length: *(\d+)/im.exec(received.slice(0, split))?.[1] ?? 0)
  return received.length >= split + 4 + length
}

/** Sends a request on a connection of its own and reads one answer with `Content-Length`. */
export async function exchange(port: number, request: string | Uint8Array): Promise<RawAnswer> {
  using connection = await RawConnection.open(port)
  connection.send(request)
  return parseAnswer(await connection.until(isComplete))
}

/** The text of a request; `Content-Length` is added to a body. */
export function requestText(
  line: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): string {
  const all = { ...headers, ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${line} HTTP/1.1\r\nHost: test\r\n${lines.join('')}\r\n${body ?? ''}`
}
