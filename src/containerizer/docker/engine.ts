// The only door to the Docker Engine: the few requests that are needed, typed, timed, with its words as errors.
import { Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { Clock } from '../../base/clock.ts'
import { OperatingError } from '../../base/errors.ts'
import { endWith } from '../../http/client.ts'
import type { CreateBody, HostConfig } from './body.ts'
import type {
  ContainerDescription,
  ContainerEvent,
  EngineDescription,
  EngineStatistics,
  Inspection,
  ListedContainer,
  PullLine,
  RegistryAuth,
} from './engine-answers.ts'
import type { StreamName } from './log-text.ts'
import { brokenConnection, lateAnswer } from './engine-errors.ts'
import { Execs } from './engine-execs.ts'
import { EngineStore } from './engine-store.ts'
import Dockerode from './lean-dockerode.ts'
import { hijack, readAnswer, readLines, sendAsItIs } from './engine-http.ts'
import { accepted, type Answer, eventOf, parse, tooLong, wordsOf } from './engine-reading.ts'

export interface Engine {
  describe(): Promise<EngineDescription>
  /** Whether the image is on this machine. */
  hasImage(reference: string): Promise<boolean>
  /** Asks for an image; the lines tell how far it is, and one with `error` that it failed. */
  pull(reference: string, auth: RegistryAuth | undefined, signal: AbortSignal): AsyncIterable<PullLine>
  /** The id, or undefined with the engine's words when something that the body names (the image) is missing. */
  create(name: string, body: CreateBody): Promise<{ id: string } | { id: undefined; missing: string }>
  /** Standard output and error from now on: frames, or raw bytes for a terminal. Ends when the container ends. */
  attach(id: string, signal: AbortSignal): Promise<Readable>
  start(id: string): Promise<void>
  /** The exit status, once it does not run (any more). Undefined when there is no such container. */
  wait(id: string, signal: AbortSignal): Promise<number | undefined>
  /** Ends of, and signals to, all containers with this label from now on; resolves when the engine begins to tell. */
  ends(label: string, value: string, signal: AbortSignal): Promise<AsyncIterable<ContainerEvent>>
  inspect(id: string): Promise<Inspection | undefined>
  /** False when it does not run (any more). */
  kill(id: string, signal: string): Promise<boolean>
  /** Removes it with its anonymous volumes, running or not. False when it was not there. */
  remove(id: string): Promise<boolean>
  /** False when it runs, or is being removed already. */
  removeUnstarted(id: string): Promise<boolean>
  /** What the engine kept of one stream's output, each piece with its time; undefined when it kept nothing. */
  logs(id: string, stream: StreamName, sinceSeconds: number | undefined): Promise<Buffer | undefined>
  /** Changes shares, quota and memory of a running container. Throws `EngineError`. */
  update(id: string, limits: Partial<HostConfig>): Promise<void>
  /** All containers with this label, running or not. */
  list(label: string, value: string): Promise<readonly ListedContainer[]>
  statistics(id: string): Promise<EngineStatistics | undefined>
  /** Commands beside the first process of a container. */
  readonly execs: Execs
  readonly store: EngineStore
  close(): void
}

/** Milliseconds after which a request counts as failed. Starting may have to wait for volumes and networks. */
interface EngineTimeouts {
  readonly shortMs: number
  readonly createMs: number
  readonly startMs: number
}

const ENGINE_TIMEOUTS: EngineTimeouts = { shortMs: 30_000, createMs: 120_000, startMs: 300_000 }

/** Of `/info`. */
interface Powers {
  readonly CgroupDriver?: string
  readonly CgroupVersion?: string
  readonly IndexServerAddress?: string
  readonly DockerRootDir?: string
}

interface EngineOptions {
  readonly socket: string
  readonly clock: Clock
  readonly timeouts?: EngineTimeouts
}

/** No answer of the engine that is kept in memory may be larger (an inspect answer has about 8 KB). */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024
/** A container's log has two files of `--max_log_size` (10 MB) as a rule, and more only where a task asked for it. */
const LOG_BYTES_MAX = 256 * 1024 * 1024
/** Of what the engine tells line by line. */
const LINE_LENGTH_MAX = 1024 * 1024
/** Kept open between requests; a connection costs the engine a few hundred microseconds. */
const IDLE_CONNECTIONS_MAX = 16

/** How this door asks; parts of it are handed it. */
export interface Request {
  readonly doing: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean>>
  readonly body?: object
  readonly auth?: RegistryAuth
  readonly timeoutMs?: number
  /** Ends the request, and its answer with it. */
  readonly signal?: AbortSignal
  readonly onSent?: (sent: ClientRequest) => void
}

// The modem refuses every status that is not marked true; here all are answers, and each request judges its own.
const EVERY_STATUS: Readonly<Record<number, true>> = Object.fromEntries(
  Array.from({ length: 500 }, (_, index) => [index + 100, true as const]),
)

/** Opens nothing yet: the first request does. */
export function openEngine(options: EngineOptions): Engine {
  return new SocketEngine(options)
}

class SocketEngine implements Engine {
  readonly execs = new Execs({
    ask: (request) => this.#ask(request),
    open: (request) => this.#timed(request, this.#timeouts.shortMs),
    read: (request, response) => this.#read(request, response),
    hijack: (one) => this.#within(one, this.#timeouts.shortMs, (timed) => hijack(this.#socket, timed)),
  })
  readonly store = new EngineStore({ ask: (request) => this.#ask(request) })
  readonly #socket: string
  readonly #clock: Clock
  readonly #timeouts: EngineTimeouts
  readonly #connections: Agent
  readonly #docker: InstanceType<typeof Dockerode>

  constructor(options: EngineOptions) {
    this.#socket = options.socket
    this.#clock = options.clock
    this.#timeouts = options.timeouts ?? ENGINE_TIMEOUTS
    this.#connections = new Agent({ keepAlive: true, maxFreeSockets: IDLE_CONNECTIONS_MAX })
    // The modem hands the agent of connections on to Node; only its types do not say so.
    const modem = { socketPath: options.socket, agent: this.#connections }
    this.#docker = new Dockerode(modem)
    Object.assign(this.#docker.modem, { buildRequest: sendAsItIs })
  }

  async describe(): Promise<EngineDescription> {
    const doing = 'describe itself'
    const [version, info] = await Promise.all([
      this.#ask({ doing, method: 'GET', path: '/version' }),
      this.#ask({ doing, method: 'GET', path: '/info' }),
    ])
    const about = parse<{ Version: string; ApiVersion: string }>(accepted(doing, version))
    const powers = parse<Powers>(accepted(doing, info))
    return {
      version: about.Version,
      apiVersion: about.ApiVersion,
      cgroupDriver: powers.CgroupDriver ?? 'none',
      cgroupVersion: powers.CgroupVersion ?? '1',
      indexServer: powers.IndexServerAddress,
      folder: powers.DockerRootDir,
    }
  }

  async hasImage(reference: string): Promise<boolean> {
    return (await this.store.image(reference)) !== undefined
  }

  async *pull(
    reference: string,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): AsyncIterable<PullLine> {
    const request: Request = {
      doing: `pull the image ${reference}`,
      method: 'POST',
      path: '/images/create',
      query: { fromImage: reference },
      signal,
      ...(auth === undefined ? {} : { auth }),
    }
    const response = await this.#open(request)
    if (response.statusCode !== 200) accepted(request.doing, await this.#read(request, response))
    for await (const line of this.#lines(request, response)) yield parse<PullLine>(line)
  }

  async create(name: string, body: CreateBody): Promise<{ id: string } | { id: undefined; missing: string }> {
    const doing = `create the container ${name}`
    const request: Request = { doing, method: 'POST', path: '/containers/create', query: { name }, body }
    const answer = await this.#ask({ ...request, timeoutMs: this.#timeouts.createMs })
    if (answer.status === 404) return { id: undefined, missing: wordsOf(answer.text) }
    return { id: parse<{ Id: string }>(accepted(doing, answer)).Id }
  }

  async attach(id: string, signal: AbortSignal): Promise<Readable> {
    const doing = `attach to the container ${id}`
    const request: Request = {
      doing,
      method: 'POST',
      path: `/containers/${id}/attach`,
      query: { stream: true, stdout: true, stderr: true },
      signal,
    }
    const response = await this.#timed(request, this.#timeouts.shortMs)
    if (response.statusCode !== 200) accepted(doing, await this.#read(request, response))
    return response
  }

  async logs(id: string, stream: StreamName, since: number | undefined): Promise<Buffer | undefined> {
    const doing = `read the log of the container ${id}`
    const query = { [stream]: true, timestamps: true, ...(since === undefined ? {} : { since }) }
    const request: Request = { doing, method: 'GET', path: `/containers/${id}/logs`, query }
    return this.#within(request, this.#timeouts.createMs, async (timed) => {
      const response = await this.#open(timed)
      if (response.statusCode === 200) return this.#bytes(timed, response, LOG_BYTES_MAX)
      const answer = await this.#read(timed, response)
      return answer.status === 404 ? undefined : Buffer.from(accepted(doing, answer).text)
    })
  }

  async start(id: string): Promise<void> {
    const doing = `start the container ${id}`
    const request: Request = { doing, method: 'POST', path: `/containers/${id}/start` }
    const answer = await this.#ask({ ...request, timeoutMs: this.#timeouts.startMs })
    if (answer.status !== 304) accepted(doing, answer)
  }

  async wait(id: string, signal: AbortSignal): Promise<number | undefined> {
    const doing = `wait for the container ${id}`
    const request: Request = { doing, method: 'POST', path: `/containers/${id}/wait`, signal }
    const answer = await this.#read(request, await this.#open(request))
    if (answer.status === 404) return undefined
    return parse<{ StatusCode: number }>(accepted(doing, answer)).StatusCode
  }

  async ends(label: string, value: string, signal: AbortSignal): Promise<AsyncIterable<ContainerEvent>> {
    const doing = 'tell which containers end'
    const filters = { type: ['container'], event: ['die', 'kill'], label: [`${label}=${value}`] }
    const query = { filters: JSON.stringify(filters) }
    const request: Request = { doing, method: 'GET', path: '/events', query, signal }
    const response = await this.#timed(request, this.#timeouts.shortMs)
    if (response.statusCode !== 200) accepted(doing, await this.#read(request, response))
    return this.#ends(request, response)
  }

  async inspect(id: string): Promise<Inspection | undefined> {
    const doing = `inspect the container ${id}`
    const answer = await this.#ask({ doing, method: 'GET', path: `/containers/${id}/json` })
    if (answer.status === 404) return undefined
    const raw = accepted(doing, answer).text.trim()
    return { description: parse<ContainerDescription>(answer), raw }
  }

  async kill(id: string, signal: string): Promise<boolean> {
    const doing = `send ${signal} to the container ${id}`
    const answer = await this.#ask({
      doing,
      method: 'POST',
      path: `/containers/${id}/kill`,
      query: { signal },
    })
    // 404: gone; 409: it does not run.
    if (answer.status === 404 || answer.status === 409) return false
    accepted(doing, answer)
    return true
  }

  async update(id: string, limits: Partial<HostConfig>): Promise<void> {
    const doing = `change the limits of the container ${id}`
    accepted(
      doing,
      await this.#ask({ doing, method: 'POST', path: `/containers/${id}/update`, body: limits }),
    )
  }

  async remove(id: string): Promise<boolean> {
    const doing = `remove the container ${id}`
    const request: Request = {
      doing,
      method: 'DELETE',
      path: `/containers/${id}`,
      query: { force: true, v: true },
    }
    const answer = await this.#ask({ ...request, timeoutMs: this.#timeouts.createMs })
    // 409: a removal is already under way.
    if (answer.status === 404 || answer.status === 409) return false
    accepted(doing, answer)
    return true
  }

  async removeUnstarted(id: string): Promise<boolean> {
    const doing = `remove the container ${id}, which was not started`
    const request: Request = { doing, method: 'DELETE', path: `/containers/${id}`, query: { v: true } }
    const answer = await this.#ask({ ...request, timeoutMs: this.#timeouts.createMs })
    if (answer.status === 409) return false
    if (answer.status !== 404) accepted(doing, answer)
    return true
  }

  async list(label: string, value: string): Promise<readonly ListedContainer[]> {
    const doing = 'list the containers'
    const filters = JSON.stringify({ label: [`${label}=${value}`] })
    const query = { all: true, filters }
    const answer = await this.#ask({ doing, method: 'GET', path: '/containers/json', query })
    return parse<ListedContainer[]>(accepted(doing, answer))
  }

  async statistics(id: string): Promise<EngineStatistics | undefined> {
    const doing = `read the statistics of the container ${id}`
    const query = { stream: false, 'one-shot': true }
    const answer = await this.#ask({ doing, method: 'GET', path: `/containers/${id}/stats`, query })
    if (answer.status === 404) return undefined
    return parse<EngineStatistics>(accepted(doing, answer))
  }

  close(): void {
    this.#connections.destroy()
  }

  /** A request whose whole answer must be there in time. */
  async #ask(request: Request): Promise<Answer> {
    const ms = request.timeoutMs ?? this.#timeouts.shortMs
    return this.#within(request, ms, async (timed) => this.#read(timed, await this.#open(timed)))
  }

  /** A request whose first line must be there in time, and which then may last. */
  async #timed(request: Request, ms: number): Promise<IncomingMessage> {
    return this.#within(request, ms, (timed) => this.#open(timed))
  }

  async #within<T>(request: Request, ms: number, work: (timed: Request) => Promise<T>): Promise<T> {
    let late: Error | undefined
    let sent: ClientRequest | undefined
    using _timer = this.#clock.after(ms, () => {
      late = lateAnswer(request.doing, ms)
      sent?.destroy(late)
    })
    try {
      return await work({ ...request, onSent: (one) => (sent = one) })
    } catch (error) {
      throw late ?? error
    }
  }

  #open(request: Request): Promise<IncomingMessage> {
    const { signal, onSent } = request
    const path = request.query === undefined ? request.path : `${request.path}?`
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(this.#trouble(request, signal.reason))
        return
      }
      const dial = {
        path,
        method: request.method,
        isStream: true,
        statusCodes: EVERY_STATUS,
        onSent: (sent: ClientRequest) => {
          if (signal !== undefined) endWith(sent, signal)
          onSent?.(sent)
        },
        ...(request.auth === undefined ? {} : { authconfig: request.auth }),
        ...(request.query === undefined && request.body === undefined
          ? {}
          : { options: { _query: request.query ?? {}, _body: request.body ?? {} } }),
      }
      this.#docker.modem.dial(dial, (error: unknown, response: unknown) => {
        if (error === null || error === undefined) resolve(response as IncomingMessage)
        else reject(this.#trouble(request, error))
      })
    })
  }

  async #read(request: Request, response: IncomingMessage): Promise<Answer> {
    const bytes = await this.#bytes(request, response, ANSWER_BYTES_MAX)
    return { status: response.statusCode ?? 0, text: bytes.toString('utf8') }
  }

  async #bytes(request: Request, response: IncomingMessage, max: number): Promise<Buffer> {
    try {
      return await readAnswer(response, max, () => tooLong(request.doing, max))
    } catch (error) {
      throw this.#trouble(request, error)
    }
  }

  async *#ends(request: Request, response: IncomingMessage): AsyncGenerator<ContainerEvent> {
    for await (const line of this.#lines(request, response)) yield eventOf(parse(line))
  }

  async *#lines(request: Request, response: IncomingMessage): AsyncGenerator<string> {
    try {
      yield* readLines(response, LINE_LENGTH_MAX, () => tooLong(request.doing, LINE_LENGTH_MAX))
    } catch (error) {
      throw this.#trouble(request, error)
    }
  }

  #trouble(request: Request, error: unknown): Error {
    if (error instanceof OperatingError) return error
    if (request.signal?.aborted === true && request.signal.reason instanceof Error)
      return request.signal.reason
    return brokenConnection(request.doing, this.#socket, error)
  }
}
