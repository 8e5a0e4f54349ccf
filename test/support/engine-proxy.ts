// Stands between an agent and the real engine: lets everything through, holds it back, or is away.
import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'

const ENGINE = '/var/run/docker.sock'

export interface EngineProxy extends AsyncDisposable {
  readonly socket: string
  /** `METHOD /path` of each request that reached it, in order. */
  readonly requests: readonly string[]
  /** What is sent from now on reaches the engine when it is released. */
  hold(): void
  release(): void
  /** Cuts every connection and takes no new one until it is back. */
  away(): void
  back(): void
}

/** @param socket path of the socket to make; it must fit into the 107 bytes of an address */
export async function engineProxy(socket: string): Promise<EngineProxy> {
  const requests: string[] = []
  const open = new Set<Socket>()
  let held: PromiseWithResolvers<void> | undefined
  let isAway = false
  const server = createServer((client) => {
    if (isAway) return void client.destroy()
    const engine = connect(ENGINE)
    for (const one of [client, engine]) {
      open.add(one)
      const other = one === client ? engine : client
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
    }
    // One after the other: parts must not overtake each other.
    let before: Promise<unknown> = Promise.resolve()
    client.on('data', (part: Buffer) => {
      for (const [, line] of part.toString('latin1').matchAll(/^((?:GET|POST|DELETE) \S+) HTTP/gm))
        if (line !== undefined) requests.push(line)
      before = Promise.all([before, held?.promise]).then(() => !engine.destroyed && engine.write(part))
    })
    engine.on('data', (part: Buffer) => client.write(part))
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(socket, resolve)
  await promise
  const cut = (): void => {
    for (const one of open) one.destroy()
  }
  return {
    socket,
    requests,
    hold: () => (held ??= Promise.withResolvers<void>()),
    release: () => {
      held?.resolve()
      held = undefined
    },
    away: () => {
      isAway = true
      cut()
    },
    back: () => (isAway = false),
    [Symbol.asyncDispose]: async () => {
      const closed = Promise.withResolvers<unknown>()
      server.close(closed.resolve)
      cut()
      await closed.promise
      rmSync(socket, { force: true })
    },
  }
}
