/**
 * A small framework in the page: it brings tasks to agents as `tepui run -d` does, over the scheduler API of Mesos. Its
 * tasks stay when the page closes.
 */
import { address } from './requests.ts'
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

const WEEKS_4_S = 4 * 7 * 86_400
const HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' }

export interface Told {
  onOffers(offers: readonly Offer[]): void
  onUpdate(update: Update): void
}

export class PageFramework {
  readonly id: string
  readonly #streamId: string
  readonly #ending: AbortController
  readonly #underWay = new Set<Promise<void>>()
  #isOver = false

  private constructor(id: string, streamId: string, ending: AbortController) {
    this.id = id
    this.#streamId = streamId
    this.#ending = ending
  }

  /** @throws Error with what the master said when it refused */
  static async subscribe(
    wish: Pick<Wish, 'name' | 'lent' | 'role' | 'user'>,
    told: Told,
  ): Promise<PageFramework> {
    const ending = new AbortController()
    const answer = await fetch(address('api/v1/scheduler'), {
      method: 'POST',
      headers: HEADERS,
      body: JSON.stringify({ type: 'SUBSCRIBE', subscribe: { framework_info: frameworkInfo(wish) } }),
      signal: ending.signal,
    })
    if (!answer.ok || answer.body === null)
      throw new Error((await answer.text()) || `status ${answer.status}`)
    const events = eventsOf(answer.body)
    const first = (await events.next()).value as SchedulerEvent | undefined
    const id = first?.subscribed?.framework_id.value
    if (id === undefined) throw new Error(first?.error?.message ?? 'The master ended the stream')
    const framework = new PageFramework(id, answer.headers.get('Mesos-Stream-Id') ?? '', ending)
    void framework.#read(events, told)
    return framework
  }

  /** Launches a task of what is offered; false when the offer is too small. */
  async launch(offer: Offer, wish: Wish, taskId: string): Promise<boolean> {
    const resources = taken(offer, wish)
    if (resources === undefined) return false
    const task = taskInfo(wish, taskId, offer, resources)
    await this.#call('ACCEPT', {
      offer_ids: [offer.id],
      operations: [{ type: 'LAUNCH', launch: { task_infos: [task] } }],
      filters: { refuse_seconds: 0 },
    })
    return true
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
    await this.#send('TEARDOWN', undefined)
    this.#ending.abort()
  }

  /** Leaves its tasks as they are. */
  leave(): void {
    this.#ending.abort()
  }

  async #read(events: AsyncIterator<SchedulerEvent>, told: Told): Promise<void> {
    try {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        const { offers, update } = next.value
        if (offers?.offers !== undefined) told.onOffers(offers.offers)
        if (update === undefined) continue
        const { agent_id, task_id, uuid } = update.status
        // Before it is told: who hears of the last end may tear the framework down at once.
        if (uuid !== undefined) await this.#call('ACKNOWLEDGE', { agent_id, task_id, uuid })
        told.onUpdate(update.status)
      }
    } catch (error) {
      if (!this.#ending.signal.aborted) console.warn('The stream of the framework broke', error)
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
    const answer = await fetch(address('api/v1/scheduler'), {
      method: 'POST',
      headers: { ...HEADERS, 'Mesos-Stream-Id': this.#streamId },
      body: JSON.stringify({ type, framework_id: { value: this.id }, ...part }),
    })
    if (!answer.ok) throw new Error(`${type} was refused: ${await answer.text()}`)
  }
}

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<SchedulerEvent> {
  const reader = body.getReader()
  const records = new RecordReader()
  for (let piece = await reader.read(); piece.value !== undefined; piece = await reader.read())
    for (const record of records.push(piece.value)) yield JSON.parse(record) as SchedulerEvent
}

/** As `tepui run -d` makes it, so that `tepui kill` knows it. */
function frameworkInfo({ lent, name, role, user }: Pick<Wish, 'name' | 'lent' | 'role' | 'user'>): object {
  const capabilities = [
    'MULTI_ROLE',
    'PARTITION_AWARE',
    'TASK_KILLING_STATE',
    ...(lent ? ['REVOCABLE_RESOURCES'] : []),
  ]
  return {
    user,
    name,
    roles: [role],
    failover_timeout: WEEKS_4_S,
    checkpoint: true,
    capabilities: capabilities.map((type) => ({ type })),
    labels: { labels: [{ key: 'tepui_detached', value: 'true' }] },
  }
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
