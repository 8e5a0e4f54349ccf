// The owner's programs' end of the line: a question a line, an answer a line.
import { createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { reasonOf } from '../../src/base/errors.ts'

/** Answers each line of the one who connects, one after the other. */
export function serveWorker<Q, A>(port: number, answer: (question: Q) => Promise<A>): void {
  const talk = async (socket: Socket): Promise<void> => {
    socket.on('error', () => socket.destroy())
    for await (const line of createInterface({ input: socket })) {
      let reply: unknown
      try {
        reply = await answer(JSON.parse(line) as Q)
      } catch (error) {
        reply = { error: reasonOf(error) }
      }
      socket.write(`${JSON.stringify(reply)}\n`)
    }
  }
  createServer((socket) => void talk(socket)).listen(port, '127.0.0.1')
}
