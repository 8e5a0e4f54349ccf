/**
 * The sessions in the containers of this agent: opened within limits, found by their ids, remembered for a while after
 * their end, so that whoever asks then how it was is told.
 */
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { counted } from '../../base/words.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { Container } from '../../containerizer/containerizer.ts'
import type { SessionWish } from '../../containerizer/session.ts'
import type { ContainerID } from '../../wire/ids.ts'
import { RunningSession } from './running.ts'

export interface SessionsDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** `--disable_exec`. */
  readonly isOff: boolean
  /** `--max_sessions`. */
  readonly most: number
  /** `--max_container_sessions`. */
  readonly mostOfOne: number
  /** Undefined while it does not run. */
  readonly running: (containerId: string) => Container | undefined
}

const MOST_REMEMBERED = 1000
const OPENED = 'slave/sessions_opened'
const REFUSED = 'slave/sessions_refused'

export type Refusal = { readonly status: number; readonly sentence: string }

/** As Mesos writes ids that have parents. */
export function pathOf(id: ContainerID | undefined): string {
  if (id === undefined) return ''
  return id.parent === undefined ? id.value : `${pathOf(id.parent)}.${id.value}`
}

export function openSessions(
  flags: {
    readonly disable_exec: boolean
    readonly max_sessions: number
    readonly max_container_sessions: number
  },
  metrics: Metrics,
  containers: Pick<SessionsDeps, 'running'>,
  { clock, log }: Pick<SessionsDeps, 'clock' | 'log'>,
): Sessions {
  const { disable_exec: isOff, max_container_sessions: mostOfOne, max_sessions: most } = flags
  const running = (id: string): Container | undefined => containers.running(id)
  return new Sessions({ clock, log, metrics, isOff, most, mostOfOne, running })
}

export class Sessions {
  readonly #deps: SessionsDeps
  readonly #running = new Map<string, RunningSession>()
  readonly #ended = new Map<string, number>()
  /** Being opened. */
  readonly #opening = new Set<string>()

  constructor(deps: SessionsDeps) {
    this.#deps = deps
    const { metrics } = deps
    metrics.declare(OPENED, REFUSED)
    metrics.gauge('slave/sessions', () => this.#running.size)
  }

  get(id: ContainerID | undefined): RunningSession | undefined {
    return this.#running.get(pathOf(id))
  }

  /** How it ended, as wait(2) tells it. */
  status(id: ContainerID | undefined): number | undefined {
    return this.#ended.get(pathOf(id))
  }

  /** Forgets one that has ended: its id may be used again. */
  forget(id: ContainerID): void {
    this.#ended.delete(pathOf(id))
  }

  /** @throws nothing: a refusal has the status of HTTP that fits */
  async open(id: ContainerID, wish: Omit<SessionWish, 'id'>): Promise<RunningSession | Refusal> {
    const opened = await this.#open(id, wish)
    this.#deps.metrics.count('sentence' in opened ? REFUSED : OPENED)
    return opened
  }

  async #open(id: ContainerID, wish: Omit<SessionWish, 'id'>): Promise<RunningSession | Refusal> {
    const { clock, isOff, log } = this.#deps
    const path = pathOf(id)
    if (isOff)
      return {
        status: 403,
        sentence: 'Sessions in containers are switched off on this agent (--disable_exec)',
      }
    const container = this.#deps.running(id.parent?.value ?? '')
    if (container === undefined || id.parent?.parent !== undefined)
      return { status: 404, sentence: `Container '${pathOf(id.parent)}' cannot be found` }
    if (container.open === undefined)
      return { status: 501, sentence: 'The containerizer of this container cannot run commands beside it' }
    if (this.#running.has(path) || this.#opening.has(path) || this.#ended.has(path))
      return { status: 409, sentence: `There is a container '${path}' already` }
    const full = this.#full(pathOf(id.parent))
    if (full !== undefined) return { status: 503, sentence: full }
    this.#opening.add(path)
    try {
      const session = await container.open({ ...wish, id: path })
      const running = new RunningSession(session, clock)
      this.#keep(path, running)
      void container.exit.then(() => running.end())
      log.info({ container: path, command: wish.command.value }, 'A session was opened')
      return running
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      const hint = error.hint === undefined ? '' : `. ${error.hint}`
      return { status: error.code === 'LAUNCH' ? 400 : 500, sentence: `${reasonOf(error)}${hint}` }
    } finally {
      this.#opening.delete(path)
    }
  }

  /** Why no more are taken, in this container or at all. */
  #full(container: string): string | undefined {
    const { most, mostOfOne } = this.#deps
    const open = [...this.#running.keys(), ...this.#opening]
    if (open.length >= most) return `This agent has ${most} sessions already, its limit (--max_sessions)`
    const here = open.filter((path) => path.startsWith(`${container}.`)).length
    if (here < mostOfOne) return undefined
    return `Container '${container}' has ${counted(here, 'session')} already, its limit (--max_container_sessions)`
  }

  /** Ends all; resolves when that was asked for. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map((one) => one.end()))
  }

  #keep(path: string, running: RunningSession): void {
    this.#running.set(path, running)
    void running.ended.then((status) => {
      this.#running.delete(path)
      this.#ended.set(path, status)
      for (const oldest of this.#ended.keys()) {
        if (this.#ended.size <= MOST_REMEMBERED) break
        this.#ended.delete(oldest)
      }
      this.#deps.log.info({ container: path, status }, 'A session has ended')
    })
  }
}
