// A real master on a free port with a clock moved by hand, and the frameworks and toy agents that talk to it over HTTP.
import { parseFlags } from '../../src/base/flags.ts'
import { silentLogger } from '../../src/base/log.ts'
import { seededRandom, uuidBytes } from '../../src/base/random.ts'
import { MASTER_FLAGS, MASTER_FLAGS_NOT_YET } from '../../src/master/flags.ts'
import { startMaster, type Master } from '../../src/master/master.ts'
import { encodeRecord } from '../../src/wire/recordio.ts'
import { ManualClock } from './clock.ts'
import { EventStream, type TestEvent } from './event-stream.ts'
import { exchange, requestText, type RawAnswer } from './raw-http.ts'

const JSON_HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' }
const SCHEDULER = 'POST /api/v1/scheduler'
const AGENT = 'POST /api/x1/agent'
const random = seededRandom(7)

/** Calls as the records of one upload. */
export const recordsOf = (...calls: readonly object[]): string =>
  calls.map((call) => Buffer.from(encodeRecord(JSON.stringify(call))).toString('latin1')).join('')

export const recordsHeaders = (streamId: string): Record<string, string> => ({
  'Content-Type': 'application/recordio',
  'Mesos-Stream-Id': streamId,
})

export class TestMaster implements AsyncDisposable {
  readonly clock: ManualClock
  readonly #master: Master

  private constructor(master: Master, clock: ManualClock) {
    this.#master = master
    this.clock = clock
  }

  static async start(...argv: string[]): Promise<TestMaster> {
    const clock = new ManualClock()
    // Toy agents have no server that could be called back.
    const mute = argv.some((one) => one.startsWith('--agent_callback_timeout'))
      ? []
      : ['--agent_callback_timeout=0ns']
    const all = ['--port=0', '--ip=127.0.0.1', '--hostname=127.0.0.1', ...mute, ...argv]
    const flags = parseFlags(MASTER_FLAGS, all, {}, MASTER_FLAGS_NOT_YET)
    return new TestMaster(
      await startMaster(flags, { clock, random: seededRandom(1), log: silentLogger }),
      clock,
    )
  }

  get id(): string {
    return this.#master.id
  }

  get port(): number {
    return this.#master.address.port
  }

  get address(): Master['address'] {
    return this.#master.address
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
    return exchange(this.port, requestText(`GET ${path}`, headers))
  }

  /** The JSON of a page. */
  async page(path: string): Promise<Record<string, unknown>> {
    const { status, body } = await this.get(path)
    if (status !== 200) throw new Error(`${path} was answered with ${status}: ${body}`)
    return JSON.parse(body) as Record<string, unknown>
  }

  async metric(name: string): Promise<unknown> {
    return (await this.page('/metrics/snapshot'))[name]
  }

  post(line: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
    return exchange(this.port, requestText(line, { ...JSON_HEADERS, ...headers }, body))
  }

  /** Lets the next batch allocation take place. */
  async allocate(): Promise<void> {
    await this.clock.advance(1000)
  }

  /** Subscribes a framework and waits until it is. */
  async framework(
    info: Readonly<Record<string, unknown>> = {},
    subscribe: Readonly<Record<string, unknown>> = {},
  ): Promise<TestFramework> {
    const { id } = info as { readonly id?: unknown }
    const body = {
      type: 'SUBSCRIBE',
      ...(id !== undefined && { framework_id: id }),
      subscribe: { framework_info: { user: 'nobody', name: 'test', ...info }, ...subscribe },
    }
    const stream = await EventStream.open(
      this.port,
      requestText(SCHEDULER, JSON_HEADERS, JSON.stringify(body)),
    )
    const subscribed = (await stream.next('SUBSCRIBED'))['subscribed'] as { framework_id: { value: string } }
    return new TestFramework(this, stream, subscribed.framework_id.value)
  }

  /** Registers a toy agent and waits until it is. */
  async agent(subscribe: Readonly<Record<string, unknown>> = {}): Promise<ToyAgent> {
    const stream = await EventStream.open(
      this.port,
      requestText(AGENT, JSON_HEADERS, JSON.stringify(agentSubscribe(subscribe))),
    )
    const registered = (await stream.next('REGISTERED'))['registered'] as { agent_id: { value: string } }
    return new ToyAgent(this, stream, registered.agent_id.value)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#master[Symbol.asyncDispose]()
  }
}

export const scalar = (name: string, value: number): Record<string, unknown> => ({
  name,
  type: 'SCALAR',
  scalar: { value },
})

/** The SUBSCRIBE of a toy agent with 4 cpus. */
export function agentSubscribe(subscribe: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const resources = [scalar('cpus', 4), scalar('mem', 4096), scalar('disk', 1000), ports(31_000, 32_000)]
  const agent_info = { hostname: '127.0.0.1', port: 5051, resources, attributes: [rack('r1')] }
  return { type: 'SUBSCRIBE', subscribe: { agent_info, version: '1.12.0', ...subscribe } }
}

const ports = (begin: number, end: number): Record<string, unknown> => ({
  name: 'ports',
  type: 'RANGES',
  ranges: { range: [{ begin, end }] },
})

const rack = (value: string): Record<string, unknown> => ({ name: 'rack', type: 'TEXT', text: { value } })

export class TestFramework implements Disposable {
  readonly stream: EventStream
  readonly id: string
  readonly #master: TestMaster

  constructor(master: TestMaster, stream: EventStream, id: string) {
    this.#master = master
    this.stream = stream
    this.id = id
  }

  call(type: string, payload: Readonly<Record<string, unknown>> = {}): Promise<RawAnswer> {
    const body = { type, framework_id: { value: this.id }, ...payload }
    return this.#master.post(SCHEDULER, JSON.stringify(body), {
      'Mesos-Stream-Id': this.stream.header('Mesos-Stream-Id'),
    })
  }

  /** The next offers, once the allocator has run. */
  async offers(): Promise<OfferLike[]> {
    await this.#master.allocate()
    const { offers } = (await this.stream.next('OFFERS'))['offers'] as { offers: OfferLike[] }
    return offers
  }

  /** The first of them. */
  async offer(): Promise<OfferLike> {
    const [offer] = await this.offers()
    if (offer === undefined) throw new Error('There was no offer.')
    return offer
  }

  /** Launches command tasks of 1 cpu and 128 MB on an offer. */
  launch(offer: OfferLike, ...ids: string[]): Promise<RawAnswer> {
    const task_infos = ids.map((id) => ({
      name: id,
      task_id: { value: id },
      agent_id: offer.agent_id,
      command: { value: 'sleep 1' },
      resources: [scalar('cpus', 1), scalar('mem', 128)],
    }))
    const operations = [{ type: 'LAUNCH', launch: { task_infos } }]
    return this.call('ACCEPT', {
      accept: { offer_ids: [offer.id], operations, filters: { refuse_seconds: 0 } },
    })
  }

  /** The next status that it is told. */
  async status(): Promise<StatusLike> {
    return ((await this.stream.next('UPDATE'))['update'] as { status: StatusLike }).status
  }

  acknowledge(status: StatusLike): Promise<RawAnswer> {
    const { agent_id, task_id, uuid } = status
    return this.call('ACKNOWLEDGE', { acknowledge: { agent_id, task_id, uuid } })
  }

  /** As by `kill -9`. */
  [Symbol.dispose](): void {
    this.stream[Symbol.dispose]()
  }
}

export interface LaunchedTask extends Disposable {
  readonly agent: ToyAgent
  readonly framework: TestFramework
  /** Says that it runs; to be sent by the agent. */
  readonly update: { readonly status: { readonly uuid: string } }
}

/** A task `t` of a framework of its own, which an agent of its own was told to run. */
export async function launchTask(master: TestMaster): Promise<LaunchedTask> {
  const agent = await master.agent()
  const framework = await master.framework()
  const offer = await framework.offer()
  await framework.launch(offer, 't')
  await agent.next('RUN_TASK')
  const state = 'TASK_RUNNING'
  const uuid = uuidBytes(random.uuid())
  const status = { task_id: { value: 't' }, state, agent_id: { value: agent.id }, uuid }
  const update = { framework_id: { value: framework.id }, status, latest_state: state }
  return {
    agent,
    framework,
    update,
    [Symbol.dispose]() {
      framework[Symbol.dispose]()
      agent[Symbol.dispose]()
    },
  }
}

export interface OfferLike {
  readonly id: { readonly value: string }
  readonly agent_id: { readonly value: string }
  readonly resources: readonly Record<string, unknown>[]
}

export interface StatusLike {
  readonly state: string
  readonly task_id: { readonly value: string }
  readonly agent_id: { readonly value: string }
  readonly uuid?: string
  readonly reason?: string
  readonly source?: string
  readonly message?: string
}

export class ToyAgent implements Disposable {
  readonly stream: EventStream
  readonly id: string
  readonly #master: TestMaster

  constructor(master: TestMaster, stream: EventStream, id: string) {
    this.#master = master
    this.stream = stream
    this.id = id
  }

  call(type: string, payload: Readonly<Record<string, unknown>> = {}): Promise<RawAnswer> {
    const body = { type, agent_id: { value: this.id }, ...payload }
    return this.#master.post(AGENT, JSON.stringify(body), {
      'Mesos-Stream-Id': this.stream.header('Mesos-Stream-Id'),
    })
  }

  next(type: string): Promise<TestEvent> {
    return this.stream.next(type)
  }

  /** Says that a task of a framework is in a state. */
  update(
    framework: { readonly id: string },
    taskId: string,
    state: string,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<RawAnswer> {
    const status = {
      task_id: { value: taskId },
      state,
      source: 'SOURCE_EXECUTOR',
      agent_id: { value: this.id },
      executor_id: { value: taskId },
      timestamp: this.#master.clock.now() / 1000,
      uuid: uuidBytes(random.uuid()),
      container_status: { container_id: { value: `container-of-${taskId}` }, executor_pid: 1234 },
      ...more,
    }
    return this.call('UPDATE', { update: { framework_id: { value: framework.id }, status } })
  }

  /** As by `kill -9`. */
  [Symbol.dispose](): void {
    this.stream[Symbol.dispose]()
  }
}
