// The engine's requests for commands beside the first process of a container.
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { ExecBody } from './body.ts'
import type { ExecState } from './engine-answers.ts'
import { accepted, type Answer, parse } from './engine-reading.ts'
import type { Request } from './engine.ts'

/** What is needed of the door to the engine. */
interface Asking {
  ask(request: Request): Promise<Answer>
  /** Resolves with the headers; the body may last. */
  open(request: Request): Promise<IncomingMessage>
  read(request: Request, response: IncomingMessage): Promise<Answer>
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

  async inspect(exec: string): Promise<ExecState> {
    const doing = 'tell how a command in a container ended'
    const answer = await this.#engine.ask({ doing, method: 'GET', path: `/exec/${exec}/json` })
    return parse<ExecState>(accepted(doing, answer))
  }
}
