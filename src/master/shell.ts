/**
 * Around the core: gives it events one after the other and carries out its effects in their order. Streams, timers,
 * metrics and the times of allocation live here, decisions do not.
 */
import type { Clock } from '../base/clock.ts'
import { assert, OperatingError, reasonOf, unreachable } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { encodeMessage } from '../wire/json.ts'
import { LinkEvent, type LinkCall } from '../wire/link.ts'
import { SchedulerEvent, type SchedulerCall } from '../wire/scheduler.ts'
import type { MasterEffect, MasterEvent, MasterTimer } from './core/events.ts'
import type { Occurrence } from './core/occurrences.ts'

/** What the shell needs of a stream; `RecordStream` of http has it. */
export interface Sink {
  send(record: string): boolean
  end(): void
  onClose(fn: (end: 'ended' | 'left' | 'slow') => void): void
}

export interface ShellOptions {
  /** The core: changes its state and says what is to be done. Synchronous. */
  readonly step: (event: MasterEvent) => readonly MasterEffect[]
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Time between two batch allocations in ms (`--allocation_interval`). */
  readonly allocationIntervalMs: number
}

type WithoutTime<T> = T extends { readonly now: number } ? Omit<T, 'now'> : never
/** An event as the edges give it; the shell adds the time. */
export type Happening = WithoutTime<MasterEvent>
/** Called within the step: it reads what it needs and returns; `now` is wall time in ms. */
export type Watcher = (what: Occurrence, now: number) => void
export type SyncAnswer = Extract<MasterEffect, { type: 'answer' }>

/** Not configurable in Mesos (spec/mesos.md 2.3). */
const HEARTBEAT_MS = 15_000
const HEARTBEAT = encodeMessage(SchedulerEvent, { type: 'HEARTBEAT' })

/** One scheduler's stream; `heartbeat` is the next one, once the framework is subscribed. */
interface SchedulerStream {
  readonly sink: Sink
  heartbeat: Disposable | undefined
}

/**
 * @example
 * const shell = new Shell({ step: (event) => step(cluster, event), clock, log, metrics, allocationIntervalMs: 1000 })
 * shell.start()
 * shell.dispatch({ type: 'framework-call', frameworkId, call })
 */
export class Shell implements Disposable {
  readonly #options: ShellOptions
  readonly #schedulers = new Map<string, SchedulerStream>()
  readonly #agents = new Map<string, Sink>()
  readonly #timers = new Map<string, Disposable>()
  readonly #queue: Happening[] = []
  readonly #watchers: Watcher[] = []
  #batch: Disposable | undefined
  #soon: Disposable | undefined
  /** Where the run that `#soon` waits for is wished for. */
  #wished: Set<string> | 'everywhere' = new Set()
  #lastRunMs = 0
  /** On the monotonic clock: no run that is wished for begins sooner. */
  #restUntil = 0
  #steps = 0
  #stepping = false
  #closed = false

  constructor(options: ShellOptions) {
    this.#options = options
    options.metrics.declare('allocator/mesos/allocation_runs')
    options.metrics.gauge('allocator/mesos/allocation_run_ms', () => this.#lastRunMs)
  }

  /** Grows with every event, so that what was computed from the state is known to be still true. */
  get steps(): number {
    return this.#steps
  }

  /** Tells everything that happens from now on, in its order. */
  watch(watcher: Watcher): void {
    this.#watchers.push(watcher)
  }

  /** Begins the batch allocations. */
  start(): void {
    this.#batch = this.#options.clock.after(this.#options.allocationIntervalMs, () => {
      this.#allocate('everywhere')
      if (!this.#closed) this.start()
    })
  }

  /**
   * Gives the core an event and carries out what follows. Called from within a step, it waits for the end of that step.
   *
   * @returns the core's answer, if the event has one (UPDATE_FRAMEWORK)
   */
  dispatch(happening: Happening): SyncAnswer | undefined {
    if (this.#closed) return undefined
    this.#queue.push(happening)
    if (this.#stepping) return undefined
    this.#stepping = true
    let answer: SyncAnswer | undefined
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        const said = this.#step(next)
        if (next === happening) answer = said
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#stepping = false
    }
    return answer
  }

  /** A framework's stream is open: its SUBSCRIBE goes to the core, which answers on it. */
  openScheduler(connection: string, sink: Sink, call: SchedulerCall, principal: string | undefined): void {
    this.#schedulers.set(connection, { sink, heartbeat: undefined })
    this.dispatch({ type: 'framework-subscribe', connection, call, principal })
    sink.onClose(() => {
      this.#forgetScheduler(connection)
      this.dispatch({ type: 'framework-disconnected', connection })
    })
  }

  /** An agent's stream is open: its SUBSCRIBE goes to the core, which answers on it. */
  openAgent(
    connection: string,
    sink: Sink,
    call: LinkCall,
    address: { readonly ip: string; readonly port: number },
  ): void {
    this.#agents.set(connection, sink)
    this.dispatch({ type: 'agent-subscribe', connection, call, address })
    sink.onClose(() => {
      this.#agents.delete(connection)
      this.dispatch({ type: 'agent-disconnected', connection })
    })
  }

  /** An event that the core has no part in. */
  tellAgent(connection: string, event: LinkEvent): void {
    this.#agents.get(connection)?.send(encodeMessage(LinkEvent, event))
  }

  /** Nothing is done any more: no timer fires, no event reaches the core. The streams are their server's to end. */
  [Symbol.dispose](): void {
    this.#closed = true
    this.#batch?.[Symbol.dispose]()
    this.#soon?.[Symbol.dispose]()
    for (const timer of this.#timers.values()) timer[Symbol.dispose]()
    for (const { heartbeat } of this.#schedulers.values()) heartbeat?.[Symbol.dispose]()
    this.#timers.clear()
    this.#schedulers.clear()
    this.#agents.clear()
  }

  #step(happening: Happening): SyncAnswer | undefined {
    const { clock, step } = this.#options
    this.#steps++
    const now = clock.now()
    let answer: SyncAnswer | undefined
    for (const effect of step({ ...happening, now })) {
      if (effect.type === 'happened') for (const watcher of this.#watchers) watcher(effect.what, now)
      else if (effect.type === 'answer') {
        assert(answer === undefined, `${happening.type} is answered once`)
        answer = effect
      } else this.#carryOut(effect)
    }
    return answer
  }

  #carryOut(effect: Exclude<MasterEffect, SyncAnswer | { readonly type: 'happened' }>): void {
    const { log, metrics } = this.#options
    switch (effect.type) {
      case 'to-framework':
        return this.#toFramework(effect.connection, effect.event)
      case 'close-framework':
        this.#schedulers.get(effect.connection)?.sink.end()
        return this.#forgetScheduler(effect.connection)
      case 'to-agent':
        this.#agents.get(effect.connection)?.send(encodeMessage(LinkEvent, effect.event))
        return
      case 'close-agent':
        this.#agents.get(effect.connection)?.end()
        this.#agents.delete(effect.connection)
        return
      case 'timer':
        return this.#setTimer(effect.afterMs, effect.timer)
      case 'allocate-soon':
        return this.#allocateSoon(effect.agentId)
      case 'count':
        return metrics.count(effect.metric, effect.by)
      case 'log':
        return log[effect.level](effect.fields, effect.message)
      default:
        return unreachable(effect, 'effect of the core')
    }
  }

  #toFramework(connection: string, event: SchedulerEvent): void {
    const stream = this.#schedulers.get(connection)
    if (stream === undefined) return
    stream.sink.send(encodeMessage(SchedulerEvent, event))
    // Some clients see an event only when the next one comes (spec/clients.md Q20), so the first follows at once.
    if (event.type === 'SUBSCRIBED') this.#beat(stream)
  }

  #beat(stream: SchedulerStream): void {
    stream.heartbeat?.[Symbol.dispose]()
    stream.heartbeat = undefined
    if (stream.sink.send(HEARTBEAT))
      stream.heartbeat = this.#options.clock.after(HEARTBEAT_MS, () => this.#beat(stream))
  }

  #forgetScheduler(connection: string): void {
    this.#schedulers.get(connection)?.heartbeat?.[Symbol.dispose]()
    this.#schedulers.delete(connection)
  }

  /** A later timer of the same thing takes the place of the earlier one, which would be ignored anyway. */
  #setTimer(afterMs: number, timer: MasterTimer): void {
    const key = timerKey(timer)
    this.#timers.get(key)?.[Symbol.dispose]()
    const armed = this.#options.clock.after(afterMs, () => {
      this.#timers.delete(key)
      this.dispatch({ type: 'timer', timer })
    })
    this.#timers.set(key, armed)
  }

  /**
   * Many wishes become one allocation, and after a long one the next waits twice as long as that took, so that
   * allocation never takes more than a third of the time.
   */
  #allocateSoon(agentId: string | undefined): void {
    if (agentId === undefined) this.#wished = 'everywhere'
    else if (this.#wished !== 'everywhere') this.#wished.add(agentId)
    if (this.#soon !== undefined) return
    const { clock, allocationIntervalMs } = this.#options
    const wait = Math.min(Math.max(0, this.#restUntil - clock.monotonic()), allocationIntervalMs)
    this.#soon = clock.after(wait, () => this.#allocate(this.#wished))
  }

  #allocate(where: ReadonlySet<string> | 'everywhere'): void {
    const { clock, metrics } = this.#options
    this.#soon?.[Symbol.dispose]()
    this.#soon = undefined
    this.#wished = new Set()
    const before = clock.monotonic()
    this.dispatch({ type: 'allocate', ...(where !== 'everywhere' && { agentIds: [...where] }) })
    this.#lastRunMs = clock.monotonic() - before
    this.#restUntil = before + 3 * this.#lastRunMs
    metrics.count('allocator/mesos/allocation_runs')
  }

  /** A failing core is a bug after which its state cannot be trusted: the process ends, and its next start recovers. */
  #fail(error: unknown): void {
    this.#options.log.error(
      { error: reasonOf(error), stack: error instanceof Error ? error.stack : undefined },
      'The core of the master failed',
    )
    this[Symbol.dispose]()
    setImmediate(() => {
      throw error
    })
    throw new OperatingError('STOPPED', 'The master ends because of an error of its own', { cause: error })
  }
}

function timerKey(timer: MasterTimer): string {
  switch (timer.kind) {
    case 'failover':
      return `failover ${timer.frameworkId}`
    case 'offer-timeout':
      return `offer ${timer.offerId}`
    case 'ping':
      return `ping ${timer.agentId}`
    case 'agent-reregister':
      return `reregister ${timer.agentId}`
    default:
      return unreachable(timer, 'timer')
  }
}
