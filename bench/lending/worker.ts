// A program of ours that runs as an owner's task and is told over a socket what to do: the bench's end of the line.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { OperatingError, reasonOf } from '../../src/base/errors.ts'
import type { LendRig } from './rig.ts'
import type { Started } from './tasks.ts'

const READY_MS = 15_000
const RETRY_MS = 50

export interface WorkerWish {
  /** Program beside this file, such as `load`. */
  readonly program: string
  readonly cpus: number
  readonly mem: number
}

/** Sends a line, waits for a line; one at a time. */
export class Worker<Q, A> implements AsyncDisposable {
  readonly task: Started
  readonly #socket: Socket
  readonly #answers: AsyncIterator<string>
  readonly #signal: AbortSignal

  private constructor(task: Started, socket: Socket, signal: AbortSignal) {
    this.task = task
    this.#socket = socket
    this.#answers = createInterface({ input: socket })[Symbol.asyncIterator]()
    this.#signal = signal
  }

  static async start<Q, A>(rig: LendRig, { program, cpus, mem }: WorkerWish): Promise<Worker<Q, A>> {
    const port = await freePort()
    const file = fileURLToPath(new URL(`./${program}.ts`, import.meta.url))
    const task = await rig.start(rig.owners, {
      name: program,
      cpus,
      mem,
      docker: false,
      run: [process.execPath, file, String(port)],
    })
    const socket = await dial(rig, port, program)
    return new Worker<Q, A>(task, socket, rig.context.signal)
  }

  /** @throws OperatingError LAUNCH with the worker's words; the signal's reason */
  async ask(question: Q): Promise<A> {
    const stopped = Promise.withResolvers<never>()
    const stop = (): void => stopped.reject(this.#signal.reason)
    this.#signal.throwIfAborted()
    this.#signal.addEventListener('abort', stop, { once: true })
    try {
      this.#socket.write(`${JSON.stringify(question)}\n`)
      const { value, done } = await Promise.race([this.#answers.next(), stopped.promise])
      if (done === true) throw new OperatingError('LAUNCH', `Task ${this.task.taskId} has ended`)
      const answer = JSON.parse(value) as A & { readonly error?: string }
      if (answer.error !== undefined) throw new OperatingError('LAUNCH', answer.error)
      return answer
    } finally {
      this.#signal.removeEventListener('abort', stop)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
    await this.task.kill()
    await this.task.over
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function dial(rig: LendRig, port: number, program: string): Promise<Socket> {
  const { clock } = rig.context
  const begun = clock.monotonic()
  for (;;) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    try {
      await once(socket, 'connect')
      return socket
    } catch (error) {
      socket.destroy()
      if (clock.monotonic() - begun > READY_MS)
        throw new OperatingError('LAUNCH', `The program '${program}' does not answer: ${reasonOf(error)}`)
      await rig.sleep(RETRY_MS)
    }
  }
}
