// Calls every agent back when it has registered: what the master cannot reach, a browser and a framework cannot either.
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { HttpClient } from '../http/client.ts'
import type { LinkEvent } from '../wire/link.ts'

export interface CallBackDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** `--agent_callback_timeout`, ms; with 0 nobody is called. */
  readonly timeoutMs: number
  /** Says something to the agent of this connection, if it still is there. */
  readonly tell: (connection: string, event: LinkEvent) => void
}

export interface CalledAgent {
  readonly agentId: string
  readonly ip: string
  readonly port: number
}

/** A fail-over brings ten thousand agents at once. */
const AT_ONCE = 32
/** Between two tries; it doubles. */
const FIRST_WAIT_MS = 10_000
const LAST_WAIT_MS = 300_000
const ANSWER_BYTES_MAX = 64 * 1024
const FAILED = 'master/agent_callbacks_failed'
const UNREACHED = 'master/agents_not_called_back'

/** Tries again until it reaches the agent or that leaves, and tells it how it went: once each way. */
export class CallBacks implements Disposable {
  readonly #deps: CallBackDeps
  readonly #http: HttpClient
  readonly #watched = new Map<string, AbortController>()
  readonly #unreached = new Set<string>()
  readonly #queue: (() => void)[] = []
  #under = 0

  constructor(deps: CallBackDeps) {
    this.#deps = deps
    this.#http = new HttpClient(deps.clock)
    deps.metrics.declare(FAILED)
    deps.metrics.gauge(UNREACHED, () => this.#unreached.size)
  }

  watch(connection: string, agent: CalledAgent): void {
    if (this.#deps.timeoutMs === 0) return
    const stop = new AbortController()
    this.#watched.set(connection, stop)
    void this.#try(connection, agent, stop.signal)
      .catch((error: unknown) => {
        if (!stop.signal.aborted) throw error
      })
      .finally(() => this.forget(connection))
  }

  /** The agent has left. */
  forget(connection: string): void {
    this.#watched.get(connection)?.abort(new OperatingError('STOPPED', 'The agent has left'))
    this.#watched.delete(connection)
    this.#unreached.delete(connection)
  }

  [Symbol.dispose](): void {
    for (const connection of this.#watched.keys()) this.forget(connection)
    this.#http[Symbol.dispose]()
  }

  async #try(connection: string, agent: CalledAgent, signal: AbortSignal): Promise<void> {
    const { clock, log, metrics, tell } = this.#deps
    const at = `${agent.ip}:${agent.port}`
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LAST_WAIT_MS)) {
      const trouble = await this.#inTurn(() => this.#call(agent, signal), signal)
      const before = this.#unreached.has(connection)
      if (trouble === undefined) {
        if (before)
          tell(connection, { type: 'REACHED', reached: { message: `the master reaches you at ${at} now` } })
        return
      }
      metrics.count(FAILED)
      if (!before) {
        this.#unreached.add(connection)
        const message = `the master cannot reach you at ${at}: ${trouble}. See --advertise_ip and --ip`
        log.warn({ agent: agent.agentId, at, reason: trouble }, 'An agent cannot be reached by this master')
        tell(connection, { type: 'UNREACHED', unreached: { message } })
      }
      await clock.sleep(waitMs, signal)
    }
  }

  /** Why it was not reached; undefined when it was. */
  async #call({ agentId, ip, port }: CalledAgent, signal: AbortSignal): Promise<string | undefined> {
    const { timeoutMs } = this.#deps
    const limits = { timeoutMs, maxBytes: ANSWER_BYTES_MAX }
    // A connection to each of ten thousand agents is not kept.
    const headers = { Connection: 'close' }
    try {
      const url = `http://${ip}:${port}/slave(1)/api/x1/self`
      const { text } = await this.#http.request({ url, headers, ...limits }, signal)
      const id = idIn(text)
      if (id === undefined) return 'something answers there that is no agent of Tepui'
      // One that has not read its registration yet knows no id.
      return id === '' || id === agentId ? undefined : `agent ${id} answers there`
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof OperatingError)) throw error
      return reasonOf(error.cause ?? error)
    }
  }

  async #inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    while (this.#under >= AT_ONCE) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#queue.push(resolve)
      await promise
    }
    this.#under++
    try {
      signal.throwIfAborted()
      return await work()
    } finally {
      this.#under--
      this.#queue.shift()?.()
    }
  }
}

function idIn(text: string): string | undefined {
  try {
    const page: unknown = JSON.parse(text)
    if (typeof page !== 'object' || page === null || !('id' in page)) return undefined
    return typeof page.id === 'string' ? page.id : undefined
  } catch {
    // Not JSON, so it is another program.
    return undefined
  }
}
