/**
 * An executor's side of the v1 executor API: subscribes at the agent that started it, survives restarts of the agent
 * when checkpointed, and keeps what was not acknowledged (spec/mesos.md 3.5).
 */
import { Channel } from '../base/channel.ts'
import { every, systemClock, type Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { silentLogger, type Logger } from '../base/log.ts'
import { systemRandom, uuidBytes, type Random } from '../base/random.ts'
import { HttpClient } from '../http/client.ts'
import { ExecutorCall, ExecutorEvent } from '../wire/executor.ts'
import { encodeMessage } from '../wire/json.ts'
import type { TaskStatus } from '../wire/tasks.ts'
import { passes, Refused, Retry, sorted } from './errors.ts'
import { deliver, JSON_HEADERS, openEventStream } from './event-stream.ts'
import { readEnvironment, type ExecutorEnvironment } from './executor-environment.ts'
import { UpdateQueue } from './update-queue.ts'

/** A status as the executor gives it; id, time, source and uuid are filled in. */
export type StatusReport = Omit<TaskStatus, 'uuid' | 'source' | 'timestamp' | 'executor_id' | 'agent_id'>

export interface ExecutorOptions {
  /**
   * Called when the grace period after a SHUTDOWN is over and the client was not closed. Default: kills the process
   * group of this process with SIGKILL, as Mesos' own library does.
   */
  readonly afterGrace?: () => void
  /** Most events that may wait for the loop over `events`. Default 10,000. */
  readonly queueLimit?: number
  /** Most updates without acknowledgement. Default 10,000. */
  readonly updateLimit?: number
  readonly log?: Logger
  readonly clock?: Clock
  readonly random?: Random
}

const HEARTBEAT_MS = 30 * 60_000
const FIRST_SUBSCRIPTION_MS = 60_000
const RETRY_MS = 1000
const LIMIT = 10_000
const STOPPED = new OperatingError('STOPPED', 'The executor client was closed')

/**
 * A subscribed executor.
 *
 * @example
 * await using client = await ExecutorClient.subscribe(process.env)
 * for await (const event of client.events) {
 *   if (event.launch !== undefined)
 *     await client.update({ task_id: event.launch.task.task_id, state: 'TASK_FINISHED' })
 * }
 */
export class ExecutorClient implements AsyncDisposable {
  readonly environment: ExecutorEnvironment
  readonly #options: ExecutorOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #log: Logger
  readonly #http: HttpClient
  readonly #events: Channel<ExecutorEvent>
  readonly #queue = new UpdateQueue()
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #ready = Promise.withResolvers<void>()
  #wakeSender: (() => void) | undefined
  #connected = false
  #subscribed = false
  #running: Promise<unknown> | undefined
  #grace: Disposable | undefined

  private constructor(
    environment: ExecutorEnvironment,
    options: ExecutorOptions,
    signal: AbortSignal | undefined,
  ) {
    this.environment = environment
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.#log = options.log ?? silentLogger
    // One connection beside the subscription, so that updates arrive in order.
    this.#http = new HttpClient(this.#clock, 1)
    this.#events = new Channel(options.queueLimit ?? LIMIT, 'close')
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])
  }

  /**
   * Subscribes at the agent named in the environment, trying for a minute.
   *
   * @param environment usually `process.env`; the authentication token is taken out of it
   * @throws Refused when the agent does not know the executor
   * @throws OperatingError USAGE when a variable is missing, UNREACHABLE after a minute; the signal's reason
   */
  static async subscribe(
    environment: Record<string, string | undefined>,
    signal?: AbortSignal,
    options: ExecutorOptions = {},
  ): Promise<ExecutorClient> {
    const client = new ExecutorClient(readEnvironment(environment), options, signal)
    client.#running = client.#run()
    await client.#ready.promise
    return client
  }

  /**
   * What the agent says, to be iterated once; heartbeats are left out. Its last event is SHUTDOWN, from the agent or,
   * when the agent is gone for good, from this client; the executor then has `environment.shutdownGraceMs` to end.
   */
  get events(): AsyncIterable<ExecutorEvent> {
    return this.#events
  }

  /**
   * Tells the state of a task; told again after a restart of the agent until it is acknowledged.
   *
   * @returns when an agent has taken it; need not be waited for, order is kept anyway
   * @throws Refused when the agent does not accept it; OperatingError LIMIT when too many are unacknowledged
   */
  async update(report: StatusReport): Promise<void> {
    const limit = this.#options.updateLimit ?? LIMIT
    if (this.#queue.size >= limit)
      throw new OperatingError('LIMIT', `${limit} updates wait for an acknowledgement of the agent`)
    this.#signal.throwIfAborted()
    const uuid = uuidBytes(this.#random.uuid())
    const { agentId, executorId } = this.environment
    const told = this.#queue.add(uuid, {
      ...report,
      uuid,
      source: 'SOURCE_EXECUTOR',
      timestamp: this.#clock.now() / 1000,
      executor_id: { value: executorId },
      ...(agentId !== undefined && { agent_id: { value: agentId } }),
    })
    this.#wakeSender?.()
    await told
  }

  /** Sends bytes to the framework's scheduler; they may be lost. Text goes as UTF-8. */
  async message(data: string | Uint8Array): Promise<void> {
    await this.#send({ type: 'MESSAGE', message: { data: Buffer.from(data).toString('base64') } })
  }

  /** Disconnects and releases all timers. Updates that no agent has taken are given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#grace?.[Symbol.dispose]()
    this.#stop.abort(STOPPED)
    await this.#running
  }

  async #run(): Promise<void> {
    const beats = every(
      this.#clock,
      {
        ms: HEARTBEAT_MS,
        name: 'executor heartbeat',
        onFailure: (error) => this.#log.warn({ error: reasonOf(error) }, 'Could not send a heartbeat'),
      },
      () => this.#send({ type: 'HEARTBEAT' }),
      this.#signal,
    )
    const sender = this.#sendUpdates()
    try {
      await this.#staySubscribed()
    } catch (error) {
      // Without a subscription there is nothing left to do; a close on purpose is no failure.
      if (!this.#stop.signal.aborted) this.#fail(error as Error)
    }
    this.#events.close()
    this.#ready.reject(STOPPED)
    // After a SHUTDOWN the last updates are still sent, until the client is closed.
    await Promise.all([beats, sender])
    this.#queue.end(STOPPED)
    this.#http[Symbol.dispose]()
  }

  async #staySubscribed(): Promise<void> {
    let lostAt = this.#clock.monotonic()
    for (;;) {
      const trouble = sorted(await this.#session())
      this.#signal.throwIfAborted()
      if (this.#grace !== undefined) return
      if (this.#connected) lostAt = this.#clock.monotonic()
      this.#connected = false
      if (!passes(trouble)) throw trouble as Error
      const patience = this.#patience()
      if (this.#clock.monotonic() - lostAt >= patience) return this.#giveUp(trouble)
      this.#log.warn({ error: reasonOf(trouble) }, 'Lost the agent, will subscribe again')
      const longest = this.#subscribed ? this.environment.backoffMaxMs : RETRY_MS
      await this.#clock.sleep(this.#random.next() * longest, this.#signal)
    }
  }

  /** How long the agent may be gone, ms: without checkpointing it takes its executors with it. */
  #patience(): number {
    if (!this.#subscribed) return FIRST_SUBSCRIPTION_MS
    return this.environment.checkpoint ? this.environment.recoveryTimeoutMs : 0
  }

  #giveUp(trouble: unknown): void {
    if (!this.#subscribed) throw trouble as Error
    this.#shutDown()
  }

  /** One subscription; resolves to why it ended. */
  async #session(): Promise<unknown> {
    const updates = this.#queue.unacknowledgedUpdates
    const body = this.#encode({
      type: 'SUBSCRIBE',
      subscribe: {
        unacknowledged_tasks: this.#queue.unacknowledgedTasks,
        unacknowledged_updates: updates.map((status) => ({ status })),
      },
    })
    const request = { url: this.environment.url, body, headers: this.#authorization(), event: ExecutorEvent }
    try {
      const stream = await openEventStream(this.#http, request, this.#signal)
      try {
        for await (const event of stream.events) {
          if (event.type === 'SUBSCRIBED') this.#welcome(updates)
          this.#take(event)
        }
      } finally {
        stream.close()
      }
      return new Retry('The agent ended the subscription')
    } catch (error) {
      return error
    }
  }

  #welcome(updates: readonly TaskStatus[]): void {
    this.#queue.resubscribed(updates)
    this.#connected = true
    this.#subscribed = true
    this.#ready.resolve()
    this.#wakeSender?.()
  }

  #take(event: ExecutorEvent): void {
    if (event.type === undefined || event.type === 'HEARTBEAT') return
    if (event.type === 'SHUTDOWN') {
      this.#ready.resolve()
      this.#shutDown()
      return
    }
    const launched = event.launch === undefined ? event.launch_group?.task_group.tasks : [event.launch.task]
    for (const task of launched ?? []) this.#queue.launched(task)
    if (event.acknowledged !== undefined)
      this.#queue.acknowledged(event.acknowledged.task_id.value, event.acknowledged.uuid)
    deliver(this.#events, event)
    if (event.type !== 'ERROR') return
    const words = event.error?.message ?? ''
    throw new Refused(`The agent ended the subscription: ${words}`, words, undefined)
  }

  /** The end has begun: the connection stays for the last updates, until the client is closed or killed. */
  #shutDown(): void {
    if (this.#grace !== undefined) return
    deliver(this.#events, { type: 'SHUTDOWN' })
    this.#events.close()
    const kill = this.#options.afterGrace ?? killProcessGroup
    this.#grace = this.#clock.after(this.environment.shutdownGraceMs, kill)
  }

  /** Sends updates one after the other; what fails is sent again, here or with the next subscription. */
  async #sendUpdates(): Promise<void> {
    this.#signal.addEventListener('abort', () => this.#wakeSender?.(), { once: true })
    while (!this.#signal.aborted) {
      const status = this.#queue.next
      if (status?.uuid === undefined || !this.#connected) {
        await this.#untilWoken()
        continue
      }
      try {
        await this.#send({ type: 'UPDATE', update: { status } })
        this.#queue.taken(status.uuid)
      } catch (error) {
        if (!passes(error)) {
          this.#queue.refused(status.uuid, error)
          continue
        }
        using _ = this.#clock.after(RETRY_MS, () => this.#wakeSender?.())
        await this.#untilWoken()
      }
    }
  }

  async #untilWoken(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wakeSender = resolve
    await promise
    this.#wakeSender = undefined
  }

  async #send(call: Omit<ExecutorCall, 'framework_id' | 'executor_id'>): Promise<void> {
    const headers = { ...JSON_HEADERS, ...this.#authorization() }
    const { url } = this.environment
    try {
      await this.#http.request({ method: 'POST', url, headers, body: this.#encode(call) }, this.#signal)
    } catch (error) {
      throw sorted(error)
    }
  }

  #encode(call: Omit<ExecutorCall, 'framework_id' | 'executor_id'>): string {
    const { frameworkId, executorId } = this.environment
    return encodeMessage(ExecutorCall, {
      framework_id: { value: frameworkId },
      executor_id: { value: executorId },
      ...call,
    })
  }

  #authorization(): Record<string, string> {
    const { token } = this.environment
    return token === undefined ? {} : { Authorization: `Bearer ${token}` }
  }

  #fail(trouble: Error): void {
    this.#ready.reject(trouble)
    this.#events.close(trouble)
    this.#queue.end(trouble)
    this.#stop.abort(trouble)
  }
}

/** A process may ignore the end of its work; its group may not. */
function killProcessGroup(): void {
  process.kill(0, 'SIGKILL')
}
