// The bare loop that we are held against: create, start, wait, remove over the engine's socket, and nothing else.
import { Agent, request } from 'node:http'
import { OperatingError } from '../../src/base/errors.ts'

const SOCKET = '/var/run/docker.sock'
const TIMEOUT_MS = 60_000
/** On every container of a bare loop, so that it can be found again. */
export const BENCH_LABEL = 'tepui.bench'

/** The part of an inspect answer that is needed to create such a container again. */
export interface Described {
  readonly Config: {
    readonly Image: string
    readonly Cmd: readonly string[] | null
    readonly Entrypoint: readonly string[] | null
    readonly Env: readonly string[]
    readonly Labels: Readonly<Record<string, string>>
  }
  readonly HostConfig: Readonly<Record<string, unknown>>
}

/** The times of one turn of the loop, ms on the clock of `performance`. */
export interface BareTurn {
  readonly begun: number
  readonly created: number
  readonly started: number
}

/** Speaks HTTP over the socket with connections that are kept: no library stands between. */
export class BareEngine implements Disposable {
  readonly #agent = new Agent({ keepAlive: true })
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** @throws OperatingError ENGINE with the engine's words for any answer but 2xx and those of `also` */
  async ask<T>(method: string, path: string, body?: object, also: readonly number[] = []): Promise<T> {
    const { status, text } = await this.#send(method, path, body)
    if ((status < 200 || status >= 300) && !also.includes(status))
      throw new OperatingError('ENGINE', `${method} ${path} was answered with ${status}: ${text.trim()}`)
    return (text.trim() === '' ? undefined : JSON.parse(text)) as T
  }

  /** One turn; `done` resolves when the container has ended and is removed. */
  async turn(body: object): Promise<BareTurn & { readonly done: Promise<void> }> {
    const begun = this.#now()
    const { Id } = await this.ask<{ Id: string }>('POST', '/containers/create', body)
    const created = this.#now()
    await this.ask('POST', `/containers/${Id}/start`)
    const started = this.#now()
    return { begun, created, started, done: this.#finish(Id) }
  }

  async list(label: string): Promise<readonly { readonly Id: string }[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }))
    return this.ask('GET', `/containers/json?all=1&filters=${filters}`)
  }

  /** Removes every container with this label, running or not. */
  async sweep(label: string): Promise<void> {
    for (const { Id } of await this.list(label))
      await this.ask('DELETE', `/containers/${Id}?force=1&v=1`, undefined, [404, 409])
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  async #finish(id: string): Promise<void> {
    await this.ask('POST', `/containers/${id}/wait`)
    await this.ask('DELETE', `/containers/${id}?force=1&v=1`)
  }

  #send(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }
    const fail = (error: Error): void =>
      reject(new OperatingError('ENGINE', `${method} ${path} failed`, { cause: error }))
    const sent = request({ socketPath: SOCKET, agent: this.#agent, method, path, headers }, (answer) => {
      let said = ''
      answer.setEncoding('utf8')
      answer.on('data', (part: string) => (said += part))
      answer.on('error', fail)
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: said }))
    })
    sent.setTimeout(TIMEOUT_MS, () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
    sent.on('error', fail)
    sent.end(text)
    return promise
  }
}

/**
 * The create request of a container that is like the one described in everything that costs the engine time: command,
 * environment, number of labels, mounts, limits, parent group, network, log driver.
 *
 * @param sandbox the folder that takes the place of the described container's own
 */
export function alike(described: Described, run: string, sandbox: string): object {
  const { Image, Cmd, Entrypoint, Env, Labels } = described.Config
  const labels = Object.entries(Labels).map(([, value], index) => [`${BENCH_LABEL}.${index}`, value])
  const mounts = (described.HostConfig['Mounts'] as readonly object[] | undefined) ?? []
  return {
    Image,
    Cmd,
    Entrypoint,
    Env,
    AttachStdout: true,
    AttachStderr: true,
    Labels: { ...Object.fromEntries(labels.slice(1)), [BENCH_LABEL]: run },
    HostConfig: {
      ...described.HostConfig,
      // The first is the sandbox; the task of this bench has no other.
      Mounts: mounts.map((mount) => ({ ...mount, Source: sandbox })),
    },
  }
}
