// A master for the frameworks of the page: it writes down each call, and answers and offers when the test says so.
import { encodeRecord } from '../../src/wire/recordio.ts'
import type { Offer, Wish } from '../../ui/data/scheduler.ts'

export const WISH: Wish = {
  name: 'echo',
  command: 'echo it runs',
  image: '',
  cpus: 1,
  mem: 32,
  lent: false,
  user: 'root',
  role: '*',
  environment: {},
  uris: [],
}

interface Call {
  readonly type: string
  readonly subscribe?: {
    readonly framework_info: {
      readonly capabilities?: readonly { readonly type: string }[]
      readonly labels?: { readonly labels?: readonly { readonly key: string; readonly value?: string }[] }
    }
  }
  readonly accept?: { readonly offer_ids: readonly { readonly value: string }[] }
  readonly decline?: {
    readonly offer_ids: readonly { readonly value: string }[]
    readonly filters: { readonly refuse_seconds: number }
  }
}

export function offer(id: string, cpus: number, agent = `agent of ${id}`): Offer {
  const part = (name: string, value: number): NonNullable<Offer['resources']>[number] => ({
    name,
    type: 'SCALAR',
    scalar: { value },
  })
  return {
    id: { value: id },
    agent_id: { value: agent },
    allocation_info: { role: '*' },
    resources: [part('cpus', cpus), part('mem', 64)],
  }
}

/** A master that writes down each call and answers it at once, or when `answer` says how. */
export class ShowMaster {
  readonly calls: Call[] = []
  readonly answer: (type: string) => Response | Promise<Response>
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor(answer: (type: string) => Response | Promise<Response> = () => ok()) {
    this.answer = answer
  }

  readonly post = async (call: object, _stream?: string, signal?: AbortSignal): Promise<Response> => {
    const { type } = call as Call
    this.calls.push(call as Call)
    if (type !== 'SUBSCRIBE') return this.answer(type)
    const body = new ReadableStream<Uint8Array>({ start: (stream) => void (this.#stream = stream) })
    signal?.addEventListener('abort', () => this.#stream?.error(new Error('aborted')))
    this.send({ type: 'SUBSCRIBED', subscribed: { framework_id: { value: 'F' } } })
    return new Response(body, { headers: { 'Mesos-Stream-Id': 'one' } })
  }

  /** All of it in one piece, as a master writes what is ready together. */
  send(...events: readonly object[]): void {
    this.#stream?.enqueue(Buffer.concat(events.map((event) => encodeRecord(JSON.stringify(event)))))
  }

  offer(...offers: readonly Offer[]): void {
    this.send(...offers.map((one) => ({ type: 'OFFERS', offers: { offers: [one] } })))
  }

  end(): void {
    this.#stream?.close()
  }

  of(type: string): Call[] {
    return this.calls.filter((call) => call.type === type)
  }

  get declined(): string[] {
    return this.of('DECLINE').flatMap(({ decline }) => (decline?.offer_ids ?? []).map(({ value }) => value))
  }
}

export const ok = (): Response => new Response(null, { status: 202 })
