/**
 * Asks agents what they use, as long as somebody looks at the page: each second those that are due, so many at a time
 * that a thousand agents cost no more than fifty. One that does not answer is asked less and less often.
 */
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { HttpClient } from '../../http/client.ts'
import type { LendEvent, UsagePage } from '../../wire/page.ts'
import type { Agent, Cluster } from '../core/cluster.ts'

export interface UsageWatchDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly cluster: Cluster
}

/** What one agent told. */
export interface Told {
  readonly agentId: string
  readonly points: readonly (readonly number[])[]
  readonly events: readonly Omit<LendEvent, 'agent'>[]
}

interface Watched {
  /** Monotonic; not asked before. */
  due: number
  failures: number
  busy: boolean
}

const MOST_A_SECOND = 50
const EVERY_MS = 1000
const LONGEST_WAIT_MS = 30_000
const TIMEOUT_MS = 2000
const MAX_BYTES = 1024 * 1024
const MAX_NUMBERS = 64

export class UsageWatch implements Disposable {
  readonly #deps: UsageWatchDeps
  readonly #http: HttpClient
  readonly #watched = new Map<string, Watched>()
  readonly #ending = new AbortController()

  constructor(deps: UsageWatchDeps) {
    this.#deps = deps
    this.#http = new HttpClient(deps.clock, 2)
  }

  [Symbol.dispose](): void {
    this.#ending.abort(new OperatingError('STOPPED', 'The master ends'))
    this.#http[Symbol.dispose]()
  }

  /**
   * Asks who is due for what is new since the last answer.
   *
   * @param lastEvent the newest event of lending that is known of an agent
   */
  async ask(lastEvent: (agentId: string) => number, take: (told: Told) => void): Promise<void> {
    const { clock } = this.#deps
    const now = clock.monotonic()
    const due = this.#connected().filter(({ id }) => this.#of(id).due <= now && !this.#of(id).busy)
    due.sort((a, b) => this.#of(a.id).due - this.#of(b.id).due)
    const since = clock.now() - 5 * EVERY_MS
    await Promise.all(
      due.slice(0, MOST_A_SECOND).map(async (agent) => {
        const query = `step=1&since=${Math.max(0, since)}&events=${lastEvent(agent.id)}`
        const told = await this.#askOne(agent, query)
        if (told !== undefined) take(told)
      }),
    )
  }

  /**
   * Asks every connected agent for what it remembers; agents that have not answered when it ends are left out.
   *
   * @param span points so many seconds apart, of the last so many ms
   */
  async askHistory(
    span: { readonly step: 10 | 300; readonly ms: number },
    take: (told: Told) => void,
    until?: AbortSignal,
  ): Promise<void> {
    const agents = this.#connected()
    const since = Math.max(0, this.#deps.clock.now() - span.ms)
    const worker = async (): Promise<void> => {
      for (let agent = agents.shift(); agent !== undefined; agent = agents.shift()) {
        if (until?.aborted === true) return
        const told = await this.#askOne(agent, `step=${span.step}&since=${since}&events=0`)
        if (told !== undefined) take(told)
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
  }

  #connected(): Agent[] {
    const { agents } = this.#deps.cluster
    for (const id of this.#watched.keys()) if (!agents.has(id)) this.#watched.delete(id)
    return [...agents.values()].filter(({ state }) => state.kind === 'connected')
  }

  #of(agentId: string): Watched {
    const known = this.#watched.get(agentId) ?? { due: 0, failures: 0, busy: false }
    this.#watched.set(agentId, known)
    return known
  }

  async #askOne(agent: Agent, query: string): Promise<Told | undefined> {
    const watched = this.#of(agent.id)
    const { clock, log } = this.#deps
    watched.busy = true
    try {
      const { ip, port } = agent.address
      const url = `http://${ip.includes(':') ? `[${ip}]` : ip}:${port}/api/x1/usage?${query}`
      const outgoing = { url, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES }
      const told = readUsage((await this.#http.request(outgoing, this.#ending.signal)).text)
      watched.failures = 0
      return { agentId: agent.id, ...told }
    } catch (error) {
      if (watched.failures === 0 && !this.#ending.signal.aborted)
        log.debug({ agentId: agent.id, reason: reasonOf(error) }, 'An agent did not tell its usage')
      watched.failures++
      return undefined
    } finally {
      watched.busy = false
      const waitMs = Math.min(LONGEST_WAIT_MS, EVERY_MS * 2 ** Math.min(10, watched.failures))
      watched.due = clock.monotonic() + (watched.failures === 0 ? EVERY_MS / 2 : waitMs)
    }
  }
}

/** What stands in the page of an agent, as far as it has the right form: agents of other versions may say else. */
function readUsage(written: string): Omit<Told, 'agentId'> {
  const page = JSON.parse(written) as Partial<UsagePage>
  const points = (Array.isArray(page.points) ? page.points : []).filter(
    (point) =>
      Array.isArray(point) && point.length <= MAX_NUMBERS && point.every((one) => Number.isFinite(one)),
  )
  const events = (Array.isArray(page.events) ? page.events : []).filter(
    (event) =>
      typeof event?.event === 'number' && typeof event.at === 'number' && typeof event.kind === 'string',
  )
  return { points, events }
}
