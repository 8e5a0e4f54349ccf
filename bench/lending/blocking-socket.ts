/**
 * A connection that is written and read synchronously. A load generator needs that: an event loop wakes by whole
 * milliseconds, which is more than the latencies that are measured.
 */
import { readSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { OperatingError } from '../../src/base/errors.ts'

/** What libuv's handle of a socket has; Node gives no other way to its descriptor. */
interface Handle {
  readonly fd: number
  setBlocking(on: boolean): number
}

export class BlockingSocket implements Disposable {
  readonly #fd: number
  readonly #close: () => void

  private constructor(fd: number, close: () => void) {
    this.#fd = fd
    this.#close = close
  }

  /** @throws OperatingError LAUNCH when nothing listens there */
  static async connect(port: number): Promise<BlockingSocket> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    // Nothing may be read by the event loop: every byte is for readSync.
    socket.pause()
    socket.once('connect', () => resolve())
    socket.once('error', (error) =>
      reject(
        new OperatingError('LAUNCH', `Nothing answers at port ${port}: ${error.message}`, { cause: error }),
      ),
    )
    await promise
    const handle = (socket as unknown as { readonly _handle: Handle })._handle
    if (handle.fd < 0 || handle.setBlocking(true) !== 0)
      throw new OperatingError('LAUNCH', `The connection to port ${port} cannot be made synchronous`)
    return new BlockingSocket(handle.fd, () => socket.destroy())
  }

  write(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) at += writeSync(this.#fd, bytes, at)
  }

  /** Waits for exactly so many bytes. */
  read(into: Uint8Array, length: number): void {
    let at = 0
    while (at < length) {
      const count = readSync(this.#fd, into, at, length - at, null)
      if (count === 0) throw new OperatingError('UNREACHABLE', 'The server has closed the connection')
      at += count
    }
  }

  /** Waits for some bytes and returns how many came. */
  readSome(into: Uint8Array): number {
    return readSync(this.#fd, into, 0, into.length, null)
  }

  [Symbol.dispose](): void {
    this.#close()
  }
}
