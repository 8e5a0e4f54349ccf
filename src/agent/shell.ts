// Around the core: gives it events one after the other and carries out its effects in their order.
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf, unreachable } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { ExecutorEvent } from '../wire/executor.ts'
import { encodeMessage } from '../wire/json.ts'
import type { LinkCall } from '../wire/link.ts'
import type { Watch } from './core/checks.ts'
import type { AgentEffect, AgentEvent, LaunchRequest } from './core/events.ts'

type WithoutTime<T> = T extends { readonly now: number } ? Omit<T, 'now'> : never
/** An event as the edges give it; the shell adds the time. */
export type Happening = WithoutTime<AgentEvent>

/** What the shell needs of an executor's stream; `RecordStream` of http has it. */
export interface Sink {
  send(record: string): boolean
  end(): void
  onClose(fn: () => void): void
}

/** The link to the master, as the shell drives it. */
export interface LinkPort {
  /** Opens the link with this call. */
  open(call: LinkCall): void
  /** Sends beside the open link, in order; dropped when there is none. */
  send(call: LinkCall): void
  /** Closes the link, so that it is opened again after the usual wait. */
  reconnect(reason: string): void
}

/** The containers, as the shell drives them. */
export interface ContainerPort {
  launch(request: LaunchRequest): void
  kill(containerId: string, graceMs: number): void
  resize(
    containerId: string,
    resources: LaunchRequest['resources'],
    limits: LaunchRequest['limits'],
  ): Promise<void>
}

/** The checks of tasks, as the shell drives them. */
export interface CheckPort {
  watch(watch: Watch): void
  unwatch(containerId: string): void
}

export interface ShellDeps {
  readonly step: (event: AgentEvent) => readonly AgentEffect[]
  /** Writes down what the steps since the last call changed, before their effects are carried out. */
  readonly commit: () => void
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly link: LinkPort
  readonly containers: ContainerPort
  readonly checks: CheckPort
  /** Nothing is left to do: how that was asked for, or why the process must end. */
  readonly onDone: (end: ShellEnd) => void
}

export type ShellEnd =
  | { readonly trouble: OperatingError }
  | { readonly trouble: undefined; readonly forget: boolean }

/** Not configurable in Mesos; the first comes as late, and some executors end at an earlier one (spec/clients.md 2). */
const HEARTBEAT_MS = 30 * 60_000
const HEARTBEAT = encodeMessage(ExecutorEvent, { type: 'HEARTBEAT' })

/** One executor's stream; `heartbeat` is the next one, once it is subscribed. */
interface ExecutorStream {
  readonly sink: Sink
  heartbeat: Disposable | undefined
}

export class Shell implements Disposable {
  readonly #deps: ShellDeps
  readonly #executors = new Map<string, ExecutorStream>()
  readonly #timers = new Set<Disposable>()
  readonly #queue: Happening[] = []
  #stepping = false
  #closed = false

  constructor(deps: ShellDeps) {
    this.#deps = deps
  }

  /** Gives the core an event and carries out what follows. Called within a step, it waits for the end of that step. */
  dispatch(happening: Happening): void {
    if (this.#closed) return
    this.#queue.push(happening)
    if (this.#stepping) return
    this.#stepping = true
    try {
      while (this.#queue.length > 0) {
        const effects = this.#queue
          .splice(0)
          .flatMap((next) => this.#deps.step({ ...next, now: this.#deps.clock.now() } as AgentEvent))
        this.#deps.commit()
        for (const effect of effects) this.#perform(effect)
      }
    } catch (error) {
      // A bug: nothing that the core says can be trusted any more.
      this.#deps.log.error({ error: reasonOf(error), stack: (error as Error).stack }, 'the core failed')
      this.#closed = true
      const trouble = `The agent's core failed: ${reasonOf(error)}`
      this.#deps.onDone({ trouble: new OperatingError('STOPPED', trouble, { cause: error }) })
    } finally {
      this.#stepping = false
    }
  }

  /** An executor's stream is open: its SUBSCRIBE goes to the core, which answers on it. */
  openExecutor(
    connection: string,
    sink: Sink,
    happening: Extract<Happening, { type: 'executor-subscribe' }>,
  ): void {
    if (this.#closed) return sink.end()
    this.#executors.set(connection, { sink, heartbeat: undefined })
    this.dispatch(happening)
    sink.onClose(() => {
      this.#executors.get(connection)?.heartbeat?.[Symbol.dispose]()
      this.#executors.delete(connection)
      this.dispatch({ type: 'executor-disconnected', connection })
    })
  }

  /** Nothing is done any more: no timer fires, no event reaches the core. */
  [Symbol.dispose](): void {
    this.#closed = true
    for (const timer of this.#timers) timer[Symbol.dispose]()
    for (const { heartbeat } of this.#executors.values()) heartbeat?.[Symbol.dispose]()
    this.#timers.clear()
    this.#executors.clear()
  }

  #perform(effect: AgentEffect): void {
    const { checks, link, containers, metrics, log } = this.#deps
    switch (effect.type) {
      case 'subscribe':
        return link.open(effect.call)
      case 'to-master':
        return link.send(effect.call)
      case 'reconnect':
        return link.reconnect(effect.reason)
      case 'to-executor':
        return this.#toExecutor(effect.connection, effect.event)
      case 'close-executor':
        return this.#executors.get(effect.connection)?.sink.end()
      case 'launch':
        return containers.launch(effect.request)
      case 'kill':
        return containers.kill(effect.containerId, effect.graceMs)
      case 'resize':
        return void containers.resize(effect.containerId, effect.resources, effect.limits)
      case 'watch':
        return checks.watch(effect.watch)
      case 'unwatch':
        return checks.unwatch(effect.containerId)
      case 'timer':
        return this.#setTimer(effect)
      case 'count':
        return metrics.count(effect.metric, effect.by)
      case 'log':
        return log[effect.level](effect.fields, effect.message)
      case 'fatal':
        return this.#deps.onDone({ trouble: new OperatingError('REFUSED', effect.message) })
      case 'done':
        return this.#deps.onDone({ trouble: undefined, forget: effect.forget })
      default:
        return unreachable(effect, 'agent effect')
    }
  }

  #toExecutor(connection: string, event: ExecutorEvent): void {
    const stream = this.#executors.get(connection)
    if (stream === undefined) return
    stream.sink.send(encodeMessage(ExecutorEvent, event))
    if (event.type === 'SUBSCRIBED') this.#beatLater(stream)
  }

  #beatLater(stream: ExecutorStream): void {
    stream.heartbeat?.[Symbol.dispose]()
    stream.heartbeat = this.#deps.clock.after(HEARTBEAT_MS, () => {
      if (stream.sink.send(HEARTBEAT)) this.#beatLater(stream)
    })
  }

  #setTimer(effect: Extract<AgentEffect, { type: 'timer' }>): void {
    const timer = this.#deps.clock.after(effect.afterMs, () => {
      this.#timers.delete(timer)
      this.dispatch({ type: 'timer', timer: effect.timer })
    })
    this.#timers.add(timer)
  }
}
