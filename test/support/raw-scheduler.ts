// A scheduler written with nothing but node:http and Buffer, as somebody would who knows only Mesos' documentation. It
// shares no line with src/, so that an error there cannot hide in both.
import { EventEmitter } from 'node:events'
import { type IncomingMessage, request, type IncomingHttpHeaders } from 'node:http'

export interface Id {
  readonly value: string
}

export interface RawResource {
  readonly name: string
  readonly type: string
  readonly scalar?: { readonly value: number }
  readonly ranges?: { readonly range: readonly { readonly begin: number; readonly end: number }[] }
  readonly role?: string
  readonly revocable?: object
  readonly allocation_info?: { readonly role: string }
}

export interface RawOffer {
  readonly id: Id
  readonly agent_id: Id
  readonly framework_id: Id
  readonly hostname: string
  readonly resources: readonly RawResource[]
  readonly allocation_info?: { readonly role: string }
  readonly executor_ids?: readonly Id[]
  readonly attributes?: readonly { readonly name: string }[]
}

export interface RawStatus {
  readonly task_id: Id
  readonly agent_id?: Id
  readonly executor_id?: Id
  readonly state: string
  readonly source?: string
  readonly reason?: string
  readonly message?: string
  readonly uuid?: string
  readonly timestamp?: number
  readonly data?: string
  readonly container_status?: { readonly container_id?: Id; readonly executor_pid?: number }
  readonly limitation?: { readonly resources?: readonly RawResource[] }
}

export interface RawEvent {
  readonly type: string
  readonly subscribed?: { readonly framework_id: Id; readonly heartbeat_interval_seconds: number }
  readonly offers?: { readonly offers: readonly RawOffer[] }
  readonly rescind?: { readonly offer_id: Id }
  readonly update?: { readonly status: RawStatus }
  readonly message?: { readonly agent_id: Id; readonly executor_id: Id; readonly data: string }
  readonly failure?: { readonly agent_id?: Id; readonly executor_id?: Id; readonly status?: number }
  readonly error?: { readonly message: string }
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What a test waits for comes within this time, or the test fails and says what came in its place. */
const PATIENCE_MS = 60_000
const JSON_TYPE = { 'Content-Type': 'application/json', Accept: 'application/json' }

export function post(
  port: number,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path, method: 'POST', headers: { ...JSON_TYPE, ...headers } },
      (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('end', () => {
          const { statusCode: status = 0, headers: got } = answer
          resolve({ status, headers: got, body: Buffer.concat(parts).toString() })
        })
      },
    )
    asked.on('error', reject)
    asked.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
}

export class RawScheduler implements Disposable {
  /** Everything that came, in order. */
  readonly events: RawEvent[] = []
  readonly info: Record<string, unknown>
  readonly port: number
  frameworkId = ''
  streamId = ''
  /** Acknowledges each update as it comes; a test that looks at retries switches it off. */
  acknowledges = true
  /** Offers of no use to a test are declined as they come, so that what they hold is offered again with the rest. */
  declines: ((offer: RawOffer) => boolean) | undefined
  /** What went wrong with acknowledgements. */
  readonly troubles: unknown[] = []
  /** Set when the master has ended the stream. */
  ended = false
  #answer: IncomingMessage | undefined
  #rest = Buffer.alloc(0)
  #taken = 0
  readonly #news = new EventEmitter()

  constructor(port: number, info: Readonly<Record<string, unknown>> = {}) {
    this.port = port
    this.info = { user: 'root', name: 'raw', ...info }
  }

  /** Subscribes a new framework, or an old one when `info.id` is set; resolves with the first event. */
  static async subscribe(
    port: number,
    info: Readonly<Record<string, unknown>> = {},
    subscribe: Readonly<Record<string, unknown>> = {},
  ): Promise<RawScheduler> {
    const scheduler = new RawScheduler(port, info)
    await scheduler.open(subscribe)
    const first = await scheduler.event(() => true)
    scheduler.frameworkId = first.subscribed?.framework_id.value ?? ''
    return scheduler
  }

  open(subscribe: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const { id } = this.info as { id?: Id }
    const call = {
      type: 'SUBSCRIBE',
      ...(id && { framework_id: id }),
      subscribe: { framework_info: this.info, ...subscribe },
    }
    return new Promise((resolve, reject) => {
      const headers = { ...JSON_TYPE, Connection: 'close' }
      const target = { host: '127.0.0.1', port: this.port, path: '/api/v1/scheduler', method: 'POST' }
      // A connection of its own: Node would take one with `Connection: close` for another call after the stream's end.
      const asked = request({ ...target, headers, agent: false }, (answer) => {
        this.#answer = answer
        this.streamId = String(answer.headers['mesos-stream-id'] ?? '')
        answer.on('data', (part: Buffer) => this.#read(part))
        const over = (): void => {
          this.ended = true
          this.#news.emit('news')
        }
        answer.on('end', over).on('close', over).on('error', over)
        if (answer.statusCode === 200) resolve()
        else reject(new Error(`SUBSCRIBE was answered with ${answer.statusCode}`))
      })
      asked.on('error', reject)
      asked.end(JSON.stringify(call))
    })
  }

  /** RecordIO byte by byte: decimal digits, a newline, then so many bytes. */
  #read(part: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, part])
    for (;;) {
      const newline = this.#rest.indexOf(10)
      if (newline < 0) return
      const digits = this.#rest.subarray(0, newline).toString('latin1')
      if (!/^\d+$/.test(digits)) throw new Error(`The stream has '${digits}' where a length belongs`)
      const end = newline + 1 + Number(digits)
      if (this.#rest.length < end) return
      const event = JSON.parse(this.#rest.subarray(newline + 1, end).toString()) as RawEvent
      this.#rest = this.#rest.subarray(end)
      this.events.push(event)
      if (this.acknowledges && event.update !== undefined) void this.acknowledge(event.update.status)
      if (event.offers !== undefined) this.#decline(event.offers.offers)
      this.#news.emit('news')
    }
  }

  #decline(offers: readonly RawOffer[]): void {
    const offer_ids = offers.filter((offer) => this.declines?.(offer)).map(({ id }) => id)
    if (offer_ids.length > 0)
      void this.call('DECLINE', { decline: { offer_ids, filters: { refuse_seconds: 0 } } })
  }

  call(type: string, payload: Readonly<Record<string, unknown>> = {}): Promise<Reply> {
    const body = { type, framework_id: { value: this.frameworkId }, ...payload }
    return post(this.port, '/api/v1/scheduler', body, { 'Mesos-Stream-Id': this.streamId })
  }

  async acknowledge({ agent_id, task_id, uuid }: RawStatus): Promise<void> {
    if (uuid === undefined) return
    // A master that dies meanwhile is no failure of a test: the update comes again.
    const acknowledged = this.call('ACKNOWLEDGE', { acknowledge: { agent_id, task_id, uuid } })
    await acknowledged.catch((error: unknown) => this.troubles.push(error))
  }

  /** The first event since the last look that is wanted; those before it are passed over. */
  async event(wanted: (event: RawEvent) => boolean, patienceMs = PATIENCE_MS): Promise<RawEvent> {
    const deadline = AbortSignal.timeout(patienceMs)
    for (;;) {
      const at = this.events.findIndex((event, index) => index >= this.#taken && wanted(event))
      if (at >= 0) {
        this.#taken = at + 1
        return this.events[at] as RawEvent
      }
      if (deadline.aborted || this.ended) throw this.#disappointed(patienceMs)
      await this.#change(deadline)
    }
  }

  /** Waits until a condition on all that came is true; looks at nothing as taken. */
  async until(condition: () => boolean, patienceMs = PATIENCE_MS): Promise<void> {
    const deadline = AbortSignal.timeout(patienceMs)
    while (!condition()) {
      if (deadline.aborted) throw this.#disappointed(patienceMs)
      await this.#change(deadline)
    }
  }

  #change(deadline: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#news.off('news', done)
        deadline.removeEventListener('abort', done)
        resolve()
      }
      this.#news.on('news', done)
      deadline.addEventListener('abort', done)
    })
  }

  #disappointed(patienceMs: number): Error {
    const seen = this.events.map(({ type, update, error }) => {
      const { task_id, state, reason, message } = update?.status ?? {}
      return [type, task_id?.value, state, reason, message, error?.message].filter(Boolean).join(' ')
    })
    const end = this.ended ? 'The stream ended' : `${patienceMs} ms went by`
    return new Error(`${end} without what was waited for; there were\n${seen.join('\n')}`)
  }

  /** The next offer that a test wants: any with cpus unless it says otherwise. */
  async offer(wanted: (offer: RawOffer) => boolean = hasCpus, patienceMs = PATIENCE_MS): Promise<RawOffer> {
    const holds = (event: RawEvent): boolean => event.offers?.offers.some(wanted) ?? false
    const event = await this.event(holds, patienceMs)
    return event.offers?.offers.find(wanted) as RawOffer
  }

  /** The next one that was not taken back. */
  standingOffer(): Promise<RawOffer> {
    const isRescinded = ({ value }: Id): boolean =>
      this.events.some(({ rescind }) => rescind?.offer_id.value === value)
    return this.offer((offer) => hasCpus(offer) && !isRescinded(offer.id))
  }

  launch(offer: RawOffer, tasks: readonly Record<string, unknown>[], refuseSeconds = 0): Promise<Reply> {
    const operations = [{ type: 'LAUNCH', launch: { task_infos: tasks } }]
    const accept = { offer_ids: [offer.id], operations, filters: { refuse_seconds: refuseSeconds } }
    return this.call('ACCEPT', { accept })
  }

  /** All updates of a task so far, repeated ones too. */
  statuses(taskId: string): RawStatus[] {
    return this.events
      .flatMap(({ update }) => (update === undefined ? [] : [update.status]))
      .filter(({ task_id }) => task_id.value === taskId)
  }

  states(taskId: string): string[] {
    return this.statuses(taskId).map(({ state }) => state)
  }

  /** Waits for a state of a task. */
  async status(taskId: string, state: string | RegExp, patienceMs = PATIENCE_MS): Promise<RawStatus> {
    const is = (status: RawStatus): boolean =>
      typeof state === 'string' ? status.state === state : state.test(status.state)
    await this.until(() => this.ended || this.statuses(taskId).some(is), patienceMs)
    const found = this.statuses(taskId).find(is)
    if (found === undefined) throw this.#disappointed(patienceMs)
    return found
  }

  end(taskId: string, patienceMs = PATIENCE_MS): Promise<RawStatus> {
    return this.status(taskId, TERMINAL, patienceMs)
  }

  teardown(): Promise<Reply> {
    return this.call('TEARDOWN')
  }

  /** As by `kill -9`: the connection is gone without a word. */
  [Symbol.dispose](): void {
    this.#answer?.destroy()
  }
}

export const TERMINAL = /^TASK_(FINISHED|FAILED|KILLED|ERROR|LOST|DROPPED|GONE)$/

export const hasCpus = (offer: RawOffer): boolean => amount(offer, 'cpus') > 0

export function amount(offer: RawOffer, name: string): number {
  const all = offer.resources.filter((resource) => resource.name === name)
  return all.reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0)
}

export const scalar = (name: string, value: number): RawResource => ({
  name,
  type: 'SCALAR',
  scalar: { value },
})

/** A task on the agent of an offer with 0.1 cpus and 32 MB, of a shell command unless `more` says otherwise. */
export function task(
  offer: RawOffer,
  id: string,
  command: string | undefined,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    name: id,
    task_id: { value: id },
    agent_id: offer.agent_id,
    resources: [scalar('cpus', 0.1), scalar('mem', 32)],
    ...(command !== undefined && { command: { value: command } }),
    ...more,
  }
}

/** A framework of its own for one test, torn down at its end. */
export async function framework(
  port: number,
  info: Readonly<Record<string, unknown>> = {},
): Promise<RawScheduler & AsyncDisposable> {
  const scheduler = await RawScheduler.subscribe(port, info)
  return Object.assign(scheduler, {
    async [Symbol.asyncDispose]() {
      await scheduler.teardown()
      scheduler[Symbol.dispose]()
    },
  })
}
