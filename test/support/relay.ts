// Stands between a client and a server and lets everything through, until it is told to be a bad network.
import { rmSync } from 'node:fs'
import { createServer, connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { systemClock } from '../../src/base/clock.ts'

/**
 * - `open`: everything passes.
 * - `away`: every connection is cut, and new ones are cut at once.
 * - `silent`: nothing is cut and nothing passes; what was sent meanwhile passes afterwards.
 * - `slow`: everything passes so much later.
 * - `failing`: every connection is cut, and requests on new ones are answered with 500.
 */
export type RelayMode =
  | { readonly kind: 'open' | 'away' | 'silent' | 'failing' }
  | { readonly kind: 'slow'; readonly ms: number }

/** A port, on 127.0.0.1 unless another address is named, or the path of a socket. */
export type Place = { readonly port: number; readonly host?: string } | { readonly path: string }

export interface Relay extends AsyncDisposable {
  readonly place: Place
  mode: RelayMode
}

const REFUSAL = '{"message":"the engine is out of order"}'
const FAILURE = [
  'HTTP/1.1 500 Internal Server Error',
  'Content-Type: application/json',
  `Content-Length: ${REFUSAL.length}`,
  'Connection: close',
  '',
  REFUSAL,
].join('\r\n')

/** @param from where clients come to; port 0 takes a free one */
export async function openRelay(from: Place, to: Place): Promise<Relay> {
  const relay = new OpenRelay(to)
  await relay.listen(from)
  return relay
}

class OpenRelay implements Relay {
  place: Place = { port: 0 }
  readonly #to: Place
  readonly #server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
  readonly #open = new Set<Socket>()
  #mode: RelayMode = { kind: 'open' }

  constructor(to: Place) {
    this.#to = to
  }

  get mode(): RelayMode {
    return this.#mode
  }

  set mode(mode: RelayMode) {
    this.#mode = mode
    if (mode.kind === 'away' || mode.kind === 'failing') for (const socket of this.#open) socket.destroy()
    for (const socket of this.#open) {
      if (mode.kind === 'silent') socket.pause()
      else socket.resume()
    }
  }

  async listen(from: Place): Promise<void> {
    if ('path' in from) this.#server.listen(from.path)
    else this.#server.listen(from.port, from.host ?? '127.0.0.1')
    await once(this.#server, 'listening')
    const { port } = this.#server.address() as { port: number }
    this.place = 'path' in from ? from : { ...from, port }
  }

  #accept(client: Socket): void {
    const { kind } = this.#mode
    if (kind === 'away') return void client.destroy()
    if (kind === 'failing') return this.#refuse(client)
    const server = connect({ ...this.#to, allowHalfOpen: true })
    this.#join(client, server)
    this.#join(server, client)
    if (kind === 'silent') for (const socket of [client, server]) socket.pause()
  }

  #refuse(client: Socket): void {
    client.on('error', () => client.destroy())
    client.once('data', () => client.end(FAILURE))
  }

  /** One direction; parts keep their order when the delay changes. */
  #join(from: Socket, to: Socket): void {
    this.#open.add(from)
    let before: Promise<unknown> = Promise.resolve()
    const inTurn = (work: () => void): void => {
      const due = this.#mode.kind === 'slow' ? systemClock.sleep(this.#mode.ms) : Promise.resolve()
      before = Promise.all([before, due]).then(() => to.destroyed || work())
    }
    from.on('data', (part: Buffer) => inTurn(() => to.write(part)))
    from.on('end', () => inTurn(() => to.end()))
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#open.delete(from)
      inTurn(() => to.destroySoon())
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#open) socket.destroy()
    await closed
    if ('path' in this.place) rmSync(this.place.path, { force: true })
  }
}
