// A session that was recorded with a real Mesos, played again to our master and agent: all calls with ids of today,
// every event held against the recorded one. Where ours differs, the list below says how and why; nothing else may.
import { afterAll, beforeAll, expect, test } from 'vitest'
import session from '../recorded/scheduler-session.json' with { type: 'json' }
import { Cluster, nothingLeft } from '../support/cluster.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { amount, type RawEvent, RawScheduler, type Reply } from '../support/raw-scheduler.ts'

interface Recorded {
  readonly call?: { readonly type: string } & Readonly<Record<string, unknown>>
  readonly response?: { readonly status: number; readonly headers: Readonly<Record<string, string>> }
  readonly event?: RawEvent
}

/** Each difference, written as `event.path: recorded -> ours`, and why it is meant. */
const DIFFERENCES: readonly (readonly [RegExp, string])[] = [
  [
    /^SUBSCRIBED\.\S+capabilities\.\d: .*(AGENT_DRAINING|QUOTA_V2).* -> undefined$/,
    'We cannot do these yet; mesos-go 0.0.11 breaks on QUOTA_V2.',
  ],
  [/^OFFERS\.\S+attributes\.\w+: undefined -> /, 'Our agent tells what its machine is.'],
  [
    /^UPDATE \w+ TASK_STARTING\S+executor_pid: "number" -> undefined$/,
    'No process of ours supervises a task: there is a pid when the task itself runs.',
  ],
  [
    /^UPDATE killed TASK_KILLED\S+message: "(.*)" -> "\1; Ended on request by SIGTERM"$/,
    'We add the true cause of death.',
  ],
  [
    /^UPDATE noimage TASK_FAILED: comes after TASK_STARTING$/,
    'The progress of a pull is told as TASK_STARTING.',
  ],
  [
    /^UPDATE noimage TASK_FAILED\S+message: "(Failed to launch container: ).* -> "\1Cannot pull the image no-such/,
    'We talk to the engine without the docker command, and give its words.',
  ],
  [
    /^UPDATE toobig TASK_ERROR\S+message: "(Total .* available) ports.* -> "\1 cpus.*ports/,
    'The order of resources in a text is not told by Mesos; ours is always the same.',
  ],
]

let before: string[]
let cluster: Cluster

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
  const agent = [
    '--resources=cpus:8;mem:16384;disk:50000;ports:[31000-32000]',
    '--attributes=rack:r1;zone:z1',
  ]
  cluster = await Cluster.start({ agents: [agent] })
})

afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await nothingLeft(before)
})

test('the recorded session runs the same way here', async () => {
  const player = new Player()
  for (const step of causesFirst(session as unknown as readonly Recorded[])) await player.play(step)
  const unexplained = player.differences.filter((one) => !DIFFERENCES.some(([pattern]) => pattern.test(one)))
  const mended = DIFFERENCES.filter(([pattern]) => !player.differences.some((one) => pattern.test(one)))
  expect({ unexplained, mended }).toEqual({ unexplained: [], mended: [] })
})

/** The recorder wrote a call down with its answer: what the master itself said about it stands before it. */
function causesFirst(steps: readonly Recorded[]): readonly Recorded[] {
  const ordered: Recorded[] = []
  let early: Recorded[] = []
  for (const step of steps) {
    if (step.event?.update?.status.source === 'SOURCE_MASTER') early.push(step)
    else ordered.push(step)
    if (step.call === undefined) continue
    ordered.push(...early)
    early = []
  }
  return ordered
}

const taskOf = ({ update }: RawEvent): string | undefined => update?.status.task_id.value

class Player {
  readonly differences: string[] = []
  /** Ids of then and what they are today. */
  readonly #names = new Map<string, string>([['busybox:local', TEST_IMAGE]])
  #scheduler: RawScheduler | undefined

  async play({ call, response, event }: Recorded): Promise<void> {
    if (call?.type === 'SUBSCRIBE') {
      const { subscribe } = call as unknown as { subscribe: { framework_info: Record<string, unknown> } }
      this.#scheduler = await RawScheduler.subscribe(cluster.port, subscribe.framework_info)
      this.#scheduler.acknowledges = false
    } else if (call !== undefined) {
      const { type, framework_id: _, ...payload } = call
      const reply = await this.#open.call(type, this.#today(payload) as Record<string, unknown>)
      this.#compareReply(type, response, reply)
    } else if (event !== undefined) {
      await this.#expect(event)
    }
  }

  get #open(): RawScheduler {
    if (this.#scheduler === undefined) throw new Error('The session does not begin with SUBSCRIBE')
    return this.#scheduler
  }

  async #expect(recorded: RawEvent): Promise<void> {
    const { task_id, state } = recorded.update?.status ?? {}
    const label = [recorded.type, task_id?.value, state].filter(Boolean).join(' ')
    await this.#open.until(() => this.#open.events.some((event) => this.#matches(recorded, event)))
    const ours = this.#open.events.find((event) => this.#matches(recorded, event)) as RawEvent
    this.#taken.add(ours)
    if (ours.update?.status.state === 'TASK_STARTING' && state === 'TASK_FAILED') {
      this.differences.push(`${label}: comes after TASK_STARTING`)
      await this.#open.acknowledge(ours.update.status)
      return this.#expect(recorded)
    }
    this.#learn(recorded, ours)
    this.differences.push(...differences(label, masked(recorded), masked(ours)))
  }

  readonly #taken = new Set<RawEvent>()

  /**
   * The order of offers and updates of several tasks is a matter of time; that of a task's own updates is not. When the
   * part of an ended task is offered again is one too: such small offers are passed over, and amounts not compared.
   */
  #matches(recorded: RawEvent, event: RawEvent): boolean {
    if (event.type !== recorded.type || this.#taken.has(event)) return false
    // One that waited ten seconds for its acknowledgement comes again.
    const uuid = event.update?.status.uuid
    if (uuid !== undefined && [...this.#taken].some(({ update }) => update?.status.uuid === uuid))
      return false
    if (recorded.update !== undefined) return taskOf(event) === taskOf(recorded)
    return event.offers === undefined || event.offers.offers.some((offer) => amount(offer, 'cpus') > 1)
  }

  #learn(recorded: RawEvent, ours: RawEvent): void {
    const offers = (event: RawEvent): readonly { id: { value: string }; agent_id: { value: string } }[] =>
      event.offers?.offers ?? []
    for (const [at, then] of offers(recorded).entries()) {
      const today = offers(ours)[at]
      this.#names.set(then.id.value, today?.id.value ?? '')
      this.#names.set(then.agent_id.value, today?.agent_id.value ?? '')
    }
    const uuid = (event: RawEvent): string | undefined => event.update?.status.uuid
    if (uuid(recorded) !== undefined) this.#names.set(uuid(recorded) ?? '', uuid(ours) ?? '')
    const framework = (event: RawEvent): string | undefined => event.subscribed?.framework_id.value
    if (framework(recorded) !== undefined) this.#names.set(framework(recorded) ?? '', framework(ours) ?? '')
  }

  #today(value: unknown): unknown {
    if (typeof value === 'string') return this.#names.get(value) ?? value
    if (Array.isArray(value)) return value.map((item) => this.#today(item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.#today(item)]))
  }

  #compareReply(type: string, recorded: Recorded['response'], reply: Reply): void {
    const names = (headers: object): string[] => Object.keys(headers).map((name) => name.toLowerCase())
    const then = { status: recorded?.status, headers: names(recorded?.headers ?? {}).toSorted() }
    const today = { status: reply.status, headers: names(reply.headers).toSorted() }
    this.differences.push(...differences(`${type} answered`, then, today))
  }
}

/** What is different from run to run has a name in place of its value. */
function masked(event: RawEvent): unknown {
  const text = JSON.stringify(event, (key, value: unknown) => {
    if (key === 'used') return undefined
    if (key === 'data' && typeof value === 'string') return shapeOfInspect(value)
    if (['timestamp', 'executor_pid', 'port'].includes(key)) return typeof value
    if (key === 'uuid') return 'UUID'
    if (key === 'scalar') return 'AMOUNT'
    if (key === 'resources' || key === 'attributes') return byName(value as Named[])
    return value
  })
  return JSON.parse(
    text
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}(-[A-Z]?)?\d*/g, 'ID$1')
      .replaceAll(/(cpus|mem)\(allocated: \*\):\d[\d.]*/g, '$1(allocated: *):AMOUNT')
      .replaceAll(/@127\.0\.0\.1:\d+/g, '@127.0.0.1:PORT'),
  )
}

interface Named {
  readonly name: string
}

/** By their names: their order means nothing. */
const byName = (things: readonly Named[]): Record<string, Named> =>
  Object.fromEntries(things.map((thing) => [thing.name, thing]))

/** The data of a running Docker task: what the engine says of its container, of which only the names are the same. */
function shapeOfInspect(data: string): unknown {
  const [container] = JSON.parse(Buffer.from(data, 'base64').toString()) as [Record<string, unknown>]
  return Object.keys(container).filter((key) =>
    ['Id', 'Name', 'State', 'NetworkSettings', 'Config'].includes(key),
  )
}

/** One line for each value, missing or other than recorded. */
function differences(path: string, recorded: unknown, ours: unknown): string[] {
  const both = [recorded, ours]
  if (both.every((value) => typeof value === 'object' && value !== null)) {
    const [a, b] = both as Record<string, unknown>[]
    const keys = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])
    return [...keys].flatMap((key) =>
      differences(`${path}: ${key}`.replaceAll(/: (\w+)$/g, '.$1'), a?.[key], b?.[key]),
    )
  }
  return recorded === ours ? [] : [`${path}: ${JSON.stringify(recorded)} -> ${JSON.stringify(ours)}`]
}
