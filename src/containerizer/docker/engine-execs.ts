// The engine's requests for commands beside the first process of a container.
import type { IncomingMessage } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import { OperatingError } from '../../base/errors.ts'
import type { WindowSize } from '../session.ts'
import type { ExecBody } from './body.ts'
import type { ExecState } from './engine-answers.ts'
import type { Hijacked } from './engine-http.ts'
import { accepted, type Answer, parse } from './engine-reading.ts'
import type { Request } from './engine.ts'

/** What is needed of the door to the engine. */
interface Asking {
  ask(request: Request): Promise<Answer>
  /** Resolves with the headers; the body may last. */
  open(request: Request): Promise<IncomingMessage>
  read(request: Request, response: IncomingMessage): Promise<Answer>
  /** Resolves with a connection for both directions. */
  hijack(request: Request): Promise<Hijacked>
}

/** All of them throw `EngineError`. */
export class Execs {
  readonly #engine: Asking

  constructor(engine: Asking) {
    this.#engine = engine
  }

  /** Returns the id of the execution, which has not begun. */
  async prepare(container: string, body: ExecBody): Promise<string> {
    const doing = `run a command in the container ${container}`
    const path = `/containers/${container}/exec`
    const answer = await this.#engine.ask({ doing, method: 'POST', path, body })
    return parse<{ Id: string }>(accepted(doing, answer)).Id
  }

  /** What it prints comes in frames, to its end. */
  async start(exec: string, signal: AbortSignal): Promise<Readable> {
    const doing = 'run a command in a container'
    const body = { Detach: false, Tty: false }
    const request: Request = { doing, method: 'POST', path: `/exec/${exec}/start`, body, signal }
    const response = await this.#engine.open(request)
    if (response.statusCode !== 200) accepted(doing, await this.#engine.read(request, response))
    return response
  }

  /** The connection carries its input and its output; without a terminal the output comes in frames. */
  async join(exec: string, terminal: boolean): Promise<Duplex> {
    const doing = 'run a command in a container'
    const body = { Detach: false, Tty: terminal }
    const request: Request = { doing, method: 'POST', path: `/exec/${exec}/start`, body }
    const answer = await this.#engine.hijack(request)
    if ('connection' in answer) return answer.connection
    accepted(doing, await this.#engine.read(request, answer.refused))
    answer.refused.destroy()
    throw new OperatingError('ENGINE', 'The Docker Engine did not hand over the connection of a command')
  }

  /** False when it does not run. */
  async resize(exec: string, { columns, rows }: WindowSize): Promise<boolean> {
    const doing = 'change the size of a terminal'
    const path = `/exec/${exec}/resize`
    const answer = await this.#engine.ask({ doing, method: 'POST', path, query: { h: rows, w: columns } })
    return answer.status >= 200 && answer.status < 300
  }

  async inspect(exec: string): Promise<ExecState> {
    const doing = 'tell how a command in a container ended'
    const answer = await this.#engine.ask({ doing, method: 'GET', path: `/exec/${exec}/json` })
    return parse<ExecState>(accepted(doing, answer))
  }
}
