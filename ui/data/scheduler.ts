/** A small framework in the page: it brings tasks to agents as `tepui run` does, over the scheduler API of Mesos. */
import { RecordReader } from './records.ts'

interface Scalar {
  readonly name: string
  readonly type: string
  readonly scalar?: { readonly value: number }
  readonly revocable?: object
  readonly [field: string]: unknown
}

export interface Offer {
  readonly id: { readonly value: string }
  readonly agent_id: { readonly value: string }
  readonly allocation_info?: { readonly role?: string }
  readonly resources?: readonly Scalar[]
}

export interface Update {
  readonly task_id: { readonly value: string }
  readonly agent_id?: { readonly value: string }
  readonly state: string
  readonly uuid?: string
  readonly message?: string
}

interface SchedulerEvent {
  readonly type: string
  readonly subscribed?: { readonly framework_id: { readonly value: string } }
  readonly offers?: { readonly offers?: readonly Offer[] }
  readonly update?: { readonly status: Update }
  readonly error?: { readonly message: string }
}

export interface Wish {
  readonly name: string
  readonly command: string
  readonly image: string
  readonly cpus: number
  readonly mem: number
  readonly lent: boolean
  readonly user: string
  readonly role: string
  readonly environment: Readonly<Record<string, string>>
  readonly uris: readonly string[]
}

/** Brings a call to the scheduler API of the master. */
export type Post = (call: object, streamId?: string, signal?: AbortSignal) => Promise<Response>

export interface Told {
  onOffers(offers: readonly Offer[]): void
  onUpdate(update: Update): void
}

export class PageFramework {
  readonly id: string
  readonly #post: Post
  readonly #streamId: string
  readonly #events: AsyncIterator<SchedulerEvent>
  readonly #ending: AbortController
  readonly #underWay = new Set<Promise<void>>()
  #isOver = false

  private constructor(
    id: string,
    post: Post,
    streamId: string,
    events: AsyncIterator<SchedulerEvent>,
    ending: AbortController,
  ) {
    this.id = id
    this.#post = post
    this.#streamId = streamId
    this.#events = events
    this.#ending = ending
  }

  /**
   * Nothing is read of its events before `read`.
   * @param staysS how long its tasks stay when the page closes
   * @throws Error with what the master said when it refused
   */
  static async subscribe(post: Post, wish: Wish, staysS: number): Promise<PageFramework> {
    const ending = new AbortController()
    const call = { type: 'SUBSCRIBE', subscribe: { framework_info: frameworkInfo(wish, staysS) } }
    const answer = await post(call, undefined, ending.signal)
    if (!answer.ok || answer.body === null)
      throw new Error((await answer.text()) || `status ${answer.status}`)
    const events = eventsOf(answer.body)
    const first = (await events.next()).value as SchedulerEvent | undefined
    const id = first?.subscribed?.framework_id.value
    if (id === undefined) throw new Error(first?.error?.message ?? 'The master ended the stream')
    return new PageFramework(id, post, answer.headers.get('Mesos-Stream-Id') ?? '', events, ending)
  }

  /** Tells of all that happens until the framework ends here. @throws Error when the stream ends before */
  async read(told: Told): Promise<void> {
    try {
      for (let next = await this.#events.next(); next.done !== true; next = await this.#events.next()) {
        const { error, offers, update } = next.value
        if (error !== undefined) throw new Error(error.message)
        if (offers?.offers !== undefined) told.onOffers(offers.offers)
        if (update === undefined) continue
        const { agent_id, task_id, uuid } = update.status
        // Before it is told: who hears of the last end may tear the framework down at once.
        if (uuid !== undefined) await this.#call('ACKNOWLEDGE', { agent_id, task_id, uuid })
        told.onUpdate(update.status)
      }
      if (!this.#isOver) throw new Error('The master ended the stream')
    } catch (error) {
      // The end was wanted.
      if (!this.#isOver) throw error
    }
  }

  /** @throws Error with what the master said when it refused, or for an offer that is too small (`isEnough`) */
  launch(offer: Offer, wish: Wish, taskId: string): Promise<void> {
    const resources = taken(offer, wish)
    if (resources === undefined) return Promise.reject(new Error('The offer is too small for the task'))
    const task = taskInfo(wish, taskId, offer, resources)
    return this.#call('ACCEPT', {
      offer_ids: [offer.id],
      operations: [{ type: 'LAUNCH', launch: { task_infos: [task] } }],
      filters: { refuse_seconds: 0 },
    })
  }

  decline(offers: readonly Offer[], seconds: number): Promise<void> {
    return this.#call('DECLINE', {
      offer_ids: offers.map(({ id }) => id),
      filters: { refuse_seconds: seconds },
    })
  }

  suppress(): Promise<void> {
    return this.#call('SUPPRESS', {})
  }

  /** Ends the framework with all its tasks. Calls after it are not sent: the master would refuse them. */
  async tearDown(): Promise<void> {
    this.#isOver = true
    await Promise.allSettled(this.#underWay)
    try {
      await this.#send('TEARDOWN', undefined)
    } finally {
      this.#ending.abort()
    }
  }

  async #call(type: string, body: object): Promise<void> {
    if (this.#isOver) return
    const sent = this.#send(type, body)
    this.#underWay.add(sent)
    try {
      await sent
    } finally {
      this.#underWay.delete(sent)
    }
  }

  async #send(type: string, body: object | undefined): Promise<void> {
    const part = body === undefined ? {} : { [type.toLowerCase()]: body }
    const answer = await this.#post({ type, framework_id: { value: this.id }, ...part }, this.#streamId)
    if (!answer.ok) throw new Error(`${type} was refused: ${await answer.text()}`)
  }
}

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<SchedulerEvent> {
  const reader = body.getReader()
  const records = new RecordReader()
  for (let piece = await reader.read(); piece.value !== undefined; piece = await reader.read())
    for (const record of records.push(piece.value)) yield JSON.parse(record) as SchedulerEvent
}

/**
 * As `tepui run -d` makes one that stays, so that `tepui kill` knows it. It is not told of TASK_KILLING: nobody would
 * acknowledge that once the page is closed, and the end of the task would wait behind it.
 */
function frameworkInfo(wish: Wish, staysS: number): object {
  const { cpus, lent, mem, name, role, user } = wish
  const capabilities = ['MULTI_ROLE', 'PARTITION_AWARE', ...(lent ? ['REVOCABLE_RESOURCES'] : [])]
  return {
    user,
    name,
    roles: [role],
    failover_timeout: staysS,
    checkpoint: true,
    capabilities: capabilities.map((type) => ({ type })),
    labels: {
      labels: [
        // Says what it waits for as long as it has found no place.
        { key: 'tepui_needs', value: JSON.stringify({ name, cpus, mem, lent }) },
        ...(staysS > 0 ? [{ key: 'tepui_detached', value: 'true' }] : []),
      ],
    },
  }
}

/** Whether nothing comes after this state. */
export function isOver(state: string): boolean {
  return !/STAGING|STARTING|RUNNING|KILLING|UNREACHABLE/.test(state)
}

/** Whether the task finds in the offer what it needs. */
export function isEnough(offer: Offer, wish: Wish): boolean {
  return taken(offer, wish) !== undefined
}

/** The part of an offer that the task takes; lent cpus when lent ones are wanted. */
function taken({ allocation_info, resources = [] }: Offer, { cpus, lent, mem }: Wish): Scalar[] | undefined {
  const part = (name: string, amount: number, isLent: boolean): Scalar | undefined => {
    const found = resources.find(
      (one) =>
        one.name === name && (one.revocable !== undefined) === isLent && (one.scalar?.value ?? 0) >= amount,
    )
    return found === undefined ? undefined : { ...found, allocation_info, scalar: { value: amount } }
  }
  const [cpu, memory] = [part('cpus', cpus, lent), part('mem', mem, false)]
  return cpu === undefined || memory === undefined ? undefined : [cpu, memory]
}

function taskInfo(wish: Wish, taskId: string, offer: Offer, resources: readonly Scalar[]): object {
  const { command, environment, image, name, uris } = wish
  const variables = Object.entries(environment).map(([key, value]) => ({ name: key, value }))
  const isBare = image !== '' && command === ''
  return {
    name,
    task_id: { value: taskId },
    agent_id: offer.agent_id,
    resources,
    command: {
      shell: !isBare,
      ...(!isBare && { value: command }),
      ...(variables.length > 0 && { environment: { variables } }),
      ...(uris.length > 0 && { uris: uris.map((value) => ({ value })) }),
    },
    ...(image !== '' && { container: { type: 'DOCKER', docker: { image, network: 'HOST' } } }),
  }
}
