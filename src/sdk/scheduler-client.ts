/**
 * A framework's side of the v1 scheduler API: finds the leading master, subscribes, stays subscribed.
 *
 *   connecting ──SUBSCRIBED──▶ subscribed ──close, abort, teardown, ERROR──▶ ended
 *       ▲                          │
 *       └─backoff── disconnected ◀─┘ end of stream, broken bytes, five heartbeats missed
 */
import { Channel } from '../base/channel.ts'
import { systemClock, type Clock } from '../base/clock.ts'
import { delays, type Backoff } from '../base/delays.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { silentLogger, type Logger } from '../base/log.ts'
import { systemRandom, type Random } from '../base/random.ts'
import { HttpClient, PeerRefusal } from '../http/client.ts'
import { RECORDS_PREFERENCE, Upload } from '../http/upload.ts'
import type { MasterInfo } from '../wire/agents.ts'
import type { FrameworkInfo } from '../wire/frameworks.ts'
import { encodeMessage } from '../wire/json.ts'
import type { OfferConstraints } from '../wire/offer-constraints.ts'
import { SchedulerCall, SchedulerEvent } from '../wire/scheduler.ts'
import { passes, Refused, Retry, sorted } from './errors.ts'
import { deliver, JSON_HEADERS, openEventStream, type EventStream } from './event-stream.ts'
import { Masters } from './masters.ts'
import { SchedulerCalls, type FrameworkCall } from './scheduler-calls.ts'
import { SilenceWatch } from './silence.ts'

export interface SubscribeOptions {
  /** `host:port` of a master, or several joined by commas; redirects to the leader are followed. */
  readonly master: string
  /** Who the framework is. With `id` it takes over what a framework of that id runs. */
  readonly framework: FrameworkInfo
  /** Roles of the framework in which it wants no offers yet. */
  readonly suppressedRoles?: readonly string[]
  readonly offerConstraints?: OfferConstraints
  /** Waits between attempts, or false to give up at the first failure. Default 0.5 s doubling to 15 s, by chance. */
  readonly reconnect?: Backoff | false
  /** Heartbeats that may be missed before the connection counts as dead. Default 5. */
  readonly missedHeartbeats?: number
  /** Longest time for the answer to a call, ms. Default 10 s. */
  readonly callTimeoutMs?: number
  /** Most events that may wait for the loop over `events`; then the subscription fails. Default 10,000. */
  readonly queueLimit?: number
  /** Sent with every request, e.g. `Authorization`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly log?: Logger
  readonly clock?: Clock
  readonly random?: Random
}

const PATH = '/api/v1/scheduler'
const RECONNECT: Backoff = { firstMs: 500, factor: 2, maxMs: 15_000, jitter: 1 }
const MISSED_HEARTBEATS = 5
// What spec/mesos.md 2.3 gives, for a master that does not say.
const HEARTBEAT_SECONDS = 15
const CALL_TIMEOUT_MS = 10_000
const QUEUE_LIMIT = 10_000
const MOST_REDIRECTS = 5

interface Connection {
  readonly url: string
  /** Names the stream in every call. */
  readonly headers: Readonly<Record<string, string>>
  /** The master takes acknowledgements as records of one request, which saves both sides most of the work. */
  takesRecords: boolean
  /** That request, from the first acknowledgement on. */
  acknowledgements: Upload | undefined
}

/**
 * A subscribed framework.
 *
 * @example
 * await using client = await SchedulerClient.subscribe({
 *   master: '127.0.0.1:5050',
 *   framework: { user: 'root', name: 'hello', roles: ['*'], capabilities: [{ type: 'MULTI_ROLE' }] },
 * })
 * for await (const event of client.events) {
 *   for (const offer of event.offers?.offers ?? []) await client.decline([offer])
 * }
 */
export class SchedulerClient extends SchedulerCalls implements AsyncDisposable {
  readonly #options: SubscribeOptions
  readonly #clock: Clock
  readonly #log: Logger
  readonly #http: HttpClient
  readonly #masters: Masters
  readonly #signal: AbortSignal
  readonly #stop = new AbortController()
  readonly #events: Channel<SchedulerEvent>
  readonly #ready = Promise.withResolvers<void>()
  readonly #calls = new Set<Promise<unknown>>()
  readonly #suppressed: Set<string>
  #framework: FrameworkInfo
  #connection: Connection | undefined
  #subscriptions = 0
  #leaving = false
  #masterInfo: MasterInfo | undefined
  #running: Promise<void> | undefined

  private constructor(options: SubscribeOptions, signal: AbortSignal | undefined) {
    super()
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? silentLogger
    // One connection, so that calls arrive in the order in which they are made.
    this.#http = new HttpClient(this.#clock, 1)
    this.#masters = new Masters(options.master)
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])
    this.#events = new Channel(options.queueLimit ?? QUEUE_LIMIT, 'close')
    this.#suppressed = new Set(options.suppressedRoles)
    this.#framework = options.framework
  }

  /**
   * Subscribes, trying again until it succeeds, the master says no, or the signal aborts.
   *
   * @throws Refused when the master does not take the framework
   * @throws OperatingError USAGE for an address or framework that cannot be sent; the signal's reason
   */
  static async subscribe(options: SubscribeOptions, signal?: AbortSignal): Promise<SchedulerClient> {
    const client = new SchedulerClient(options, signal)
    client.#running = client.#run()
    await client.#ready.promise
    return client
  }

  /**
   * What the master says, to be iterated once; heartbeats are left out, every new subscription shows as SUBSCRIBED.
   * Ends after `teardown()` or disposal; throws `Refused` after an ERROR event, or what ended the subscription.
   */
  get events(): AsyncIterable<SchedulerEvent> {
    return this.#events
  }

  /** Given by the master; to be kept by frameworks that want to come back. */
  get frameworkId(): string {
    return this.#framework.id?.value ?? ''
  }

  /** The master of the newest subscription, in its own words. */
  get masterInfo(): MasterInfo | undefined {
    return this.#masterInfo
  }

  /** False while the connection is being made again; calls throw `Retry` meanwhile. */
  get connected(): boolean {
    return this.#connection !== undefined
  }

  override async call(call: FrameworkCall): Promise<void> {
    if (this.#signal.aborted) throw this.#signal.reason
    const connection = this.#connection
    if (connection === undefined) throw new Retry(`Cannot send ${call.type}: not subscribed at the moment`)
    const { url } = connection
    const body = encodeMessage(SchedulerCall, { framework_id: { value: this.frameworkId }, ...call })
    if (call.type === 'ACKNOWLEDGE' && connection.takesRecords) {
      connection.acknowledgements ??= this.#openUpload(connection)
      connection.acknowledgements.send(body)
      return
    }
    const headers = { ...connection.headers, ...JSON_HEADERS }
    const timeoutMs = this.#options.callTimeoutMs ?? CALL_TIMEOUT_MS
    const sent = this.#http.request({ method: 'POST', url, headers, body, timeoutMs }, this.#signal)
    this.#calls.add(sent)
    try {
      await sent
    } catch (error) {
      throw sorted(error)
    } finally {
      this.#calls.delete(sent)
    }
    this.#remember(call)
  }

  override async teardown(): Promise<void> {
    this.#leaving = true
    try {
      await super.teardown()
    } catch (error) {
      this.#leaving = false
      throw error
    }
    await this[Symbol.asyncDispose]()
  }

  /** Waits for calls under way and disconnects; the framework's failover_timeout begins. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving = true
    const acknowledgements = this.#connection?.acknowledgements
    acknowledgements?.end()
    await Promise.allSettled([...this.#calls, acknowledgements?.answered])
    this.#stop.abort(new OperatingError('STOPPED', 'The scheduler client was closed'))
    await this.#running
  }

  async #run(): Promise<void> {
    try {
      await this.#staySubscribed()
      this.#finish(undefined)
    } catch (error) {
      this.#finish(this.#stop.signal.aborted ? undefined : (error as Error))
    } finally {
      // The answer to TEARDOWN may come after the end of the stream that it ended.
      await Promise.allSettled(this.#calls)
      this.#http[Symbol.dispose]()
    }
  }

  async #staySubscribed(): Promise<void> {
    const { reconnect = RECONNECT, random = systemRandom } = this.#options
    let waits = delays(reconnect || RECONNECT, random)
    while (!this.#leaving) {
      const before = this.#subscriptions
      const trouble = sorted(await this.#session())
      this.#signal.throwIfAborted()
      if (this.#leaving) return
      if (reconnect === false || !passes(trouble)) throw trouble
      this.#masters.failed()
      if (this.#subscriptions > before) waits = delays(reconnect, random)
      const { value: waitMs } = waits.next()
      this.#log.warn(
        { error: reasonOf(trouble), waitMs: Math.round(waitMs) },
        'Lost the master, will subscribe again',
      )
      await this.#clock.sleep(waitMs, this.#signal)
    }
  }

  /** One subscription from its request to its end; resolves to why it ended. */
  async #session(): Promise<unknown> {
    try {
      const stream = await this.#open()
      const silentMs = (this.#options.missedHeartbeats ?? MISSED_HEARTBEATS) * 1000
      let silent = false
      using watch = new SilenceWatch(this.#clock, silentMs * HEARTBEAT_SECONDS, () => {
        silent = true
        stream.close()
      })
      try {
        for await (const event of stream.events) {
          watch.heard()
          const interval = event.subscribed?.heartbeat_interval_seconds ?? 0
          if (interval > 0) watch.expect(silentMs * interval)
          this.#take(event, stream)
        }
      } finally {
        stream.close()
      }
      return new Retry(
        silent ? 'The master sent no heartbeat for too long' : 'The master ended the subscription',
      )
    } catch (error) {
      return error
    } finally {
      this.#connection?.acknowledgements?.close()
      this.#connection = undefined
    }
  }

  async #open(): Promise<EventStream<SchedulerEvent> & { readonly url: string }> {
    const id = this.#framework.id
    const { offerConstraints } = this.#options
    const body = encodeMessage(SchedulerCall, {
      type: 'SUBSCRIBE',
      ...(id !== undefined && { framework_id: id }),
      subscribe: {
        framework_info: this.#framework,
        suppressed_roles: [...this.#suppressed],
        ...(offerConstraints !== undefined && { offer_constraints: offerConstraints }),
      },
    })
    const headers = { Prefer: RECORDS_PREFERENCE, ...this.#options.headers }
    for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
      const url = this.#masters.url(PATH)
      try {
        const stream = await openEventStream(
          this.#http,
          { url, body, headers, event: SchedulerEvent },
          this.#signal,
        )
        return { ...stream, url }
      } catch (error) {
        if (!(error instanceof PeerRefusal) || error.status !== 307) throw error
        this.#masters.follow(error.location)
      }
    }
    throw new Retry(`The masters redirected more than ${MOST_REDIRECTS} times: they do not agree who leads`)
  }

  #take(event: SchedulerEvent, stream: EventStream<SchedulerEvent> & { readonly url: string }): void {
    if (event.type === 'SUBSCRIBED' && event.subscribed !== undefined) {
      const { framework_id, master_info } = event.subscribed
      this.#framework = { ...this.#framework, id: framework_id }
      this.#masterInfo = master_info
      this.#connection = this.#connectionOf(stream)
      this.#subscriptions++
      this.#ready.resolve()
    }
    // Heartbeats have done their work; events of types that came after this version are not for us.
    if (event.type === undefined || event.type === 'HEARTBEAT') return
    deliver(this.#events, event)
    if (event.type === 'ERROR') {
      const words = event.error?.message ?? ''
      throw new Refused(`The master ended the subscription: ${words}`, words, undefined)
    }
  }

  #connectionOf({
    url,
    headers: received,
  }: EventStream<SchedulerEvent> & { readonly url: string }): Connection {
    const streamId = received.get('mesos-stream-id')
    const headers = {
      ...this.#options.headers,
      ...(streamId !== undefined && { 'Mesos-Stream-Id': streamId }),
    }
    const takesRecords = received.get('preference-applied') === RECORDS_PREFERENCE
    return { url, headers, takesRecords, acknowledgements: undefined }
  }

  #openUpload(connection: Connection): Upload {
    const { url, headers } = connection
    const upload = new Upload({ clock: this.#clock, url, headers })
    upload.answered.catch((error: unknown) => {
      if (this.#connection !== connection || this.#leaving) return
      // What was not taken is acknowledged when its update comes again, by a request of its own.
      this.#log.warn({ error: reasonOf(error) }, 'Acknowledgements go one by one from now on')
      connection.takesRecords = false
    })
    return upload
  }

  /** Keeps what a later SUBSCRIBE has to say again, because it replaces what the master knows. */
  #remember(call: FrameworkCall): void {
    const all = this.#framework.roles ?? []
    const named = (roles: readonly string[] | undefined): readonly string[] =>
      roles === undefined || roles.length === 0 ? all : roles
    if (call.type === 'SUPPRESS') for (const role of named(call.suppress?.roles)) this.#suppressed.add(role)
    if (call.type === 'REVIVE') for (const role of named(call.revive?.roles)) this.#suppressed.delete(role)
    if (call.type !== 'UPDATE_FRAMEWORK' || call.update_framework === undefined) return
    this.#framework = { ...call.update_framework.framework_info, id: { value: this.frameworkId } }
    this.#suppressed.clear()
    for (const role of call.update_framework.suppressed_roles ?? []) this.#suppressed.add(role)
  }

  #finish(trouble: Error | undefined): void {
    this.#ready.reject(trouble ?? new OperatingError('STOPPED', 'The scheduler client was closed'))
    this.#events.close(trouble)
  }
}
