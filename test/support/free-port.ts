// A port for a program that is told its port before it listens.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { systemRandom } from '../../src/base/random.ts'

/** Below those that the kernel gives to whoever asks for any, and beside those that agents of tests offer. */
const [FIRST, COUNT] = [12_000, 18_000]

/**
 * A port of the loopback that nobody listens at, and that no connection and no other test is given by the kernel: not
 * before the program listens, nor while it is away to be started again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(systemRandom.next() * COUNT)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
