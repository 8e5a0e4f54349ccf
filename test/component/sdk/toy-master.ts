// A master of a few lines, on the real server: tests script what it says and look at what it was told.
import type { HttpRequest } from '../../../src/http/request.ts'
import { takeRecords } from '../../../src/http/records.ts'
import type { Answer } from '../../../src/http/response.ts'
import { accepted, stream } from '../../../src/http/response.ts'
import type { RecordStream } from '../../../src/http/stream.ts'
import { RECORDS_TYPE } from '../../../src/http/upload.ts'
import { encodeMessage } from '../../../src/wire/json.ts'
import { RECORD_LIMITS } from '../../../src/wire/recordio.ts'
import { SchedulerCall, SchedulerEvent } from '../../../src/wire/scheduler.ts'
import { decodeMessage } from '../../../src/wire/json.ts'
import { serving, type Serving } from '../http/serving.ts'

/** A subscription that a test can speak on. */
export class Subscription {
  readonly call: SchedulerCall
  readonly stream: RecordStream

  constructor(call: SchedulerCall, one: RecordStream) {
    this.call = call
    this.stream = one
  }

  send(event: SchedulerEvent): void {
    this.stream.send(encodeMessage(SchedulerEvent, event))
  }
}

export const subscribed = (id: string, heartbeatSeconds = 15): SchedulerEvent => ({
  type: 'SUBSCRIBED',
  subscribed: { framework_id: { value: id }, heartbeat_interval_seconds: heartbeatSeconds },
})

export interface ToyOptions {
  /** Takes acknowledgements as records, as our master does. */
  readonly records?: boolean
  /** Answers in place of the toy, when it returns something. */
  readonly answer?: (call: SchedulerCall, streamId: string | undefined) => Answer | undefined
  /** Speaks first on every subscription; by default says SUBSCRIBED. */
  readonly welcome?: (subscription: Subscription, count: number) => void
  readonly port?: number
}

export interface ToyCall {
  readonly call: SchedulerCall
  readonly streamId: string | undefined
  /** It came as a record of an upload, not in a request of its own. */
  readonly byRecord: boolean
}

export interface ToyMaster extends AsyncDisposable {
  readonly address: string
  readonly calls: readonly ToyCall[]
  /** The next subscription that was not handed out yet. */
  subscription(): Promise<Subscription>
  /** The next call of a type that was not handed out yet. */
  next(type: string): Promise<SchedulerCall>
}

function decodeCall(text: string): SchedulerCall {
  const decoded = decodeMessage(SchedulerCall, JSON.parse(text))
  if (!decoded.ok) throw new Error(decoded.error)
  return decoded.value
}

async function takeAll(request: HttpRequest, take: (record: string) => Answer | undefined): Promise<Answer> {
  const refusal = await takeRecords(request, RECORD_LIMITS, (record) => {
    const answer = take(record)
    return answer?.kind === 'empty' ? undefined : answer
  })
  return refusal ?? accepted()
}

export async function toyMaster(options: ToyOptions = {}): Promise<ToyMaster> {
  const calls: ToyCall[] = []
  const waiting: (() => void)[] = []
  const subscriptions: Subscription[] = []
  let count = 0
  let handedSubscriptions = 0
  const handed = new Set<SchedulerCall>()
  const wake = (): void => {
    for (const one of waiting.splice(0)) one()
  }
  const changed = (): Promise<void> => new Promise((resolve) => waiting.push(resolve))
  const served: Serving = await serving(
    [
      {
        path: '/api/v1/scheduler',
        async handle(request) {
          const streamId = request.header('Mesos-Stream-Id')
          const take = (text: string, byRecord: boolean): SchedulerCall => {
            const call = decodeCall(text)
            calls.push({ call, streamId, byRecord })
            wake()
            return call
          }
          const scripted = (call: SchedulerCall): Answer | undefined => options.answer?.(call, streamId)
          if (request.header('content-type') === RECORDS_TYPE)
            return takeAll(request, (record) => scripted(take(record, true)))
          const body = await request.body()
          if (!body.ok) return body.answer
          const call = take(body.bytes.toString(), false)
          const other = scripted(call) ?? (call.type === 'SUBSCRIBE' ? undefined : accepted())
          if (other !== undefined) return other
          count++
          const prefers = options.records === true && request.header('prefer') === 'records'
          const applied = prefers && { 'Preference-Applied': 'records' }
          return stream({
            contentType: 'application/json',
            headers: { 'Mesos-Stream-Id': `stream-${count}`, ...applied },
            open(one) {
              const subscription = new Subscription(call, one)
              if (options.welcome === undefined) subscription.send(subscribed('F-0001'))
              else options.welcome(subscription, count)
              subscriptions.push(subscription)
              wake()
            },
          })
        },
      },
    ],
    { port: options.port ?? 0 },
  )
  return {
    address: `127.0.0.1:${served.port}`,
    calls,
    async subscription() {
      while (subscriptions.length <= handedSubscriptions) await changed()
      return subscriptions[handedSubscriptions++] as Subscription
    },
    async next(type) {
      for (;;) {
        const found = calls.find(({ call }) => call.type === type && !handed.has(call))
        if (found !== undefined) {
          handed.add(found.call)
          return found.call
        }
        await changed()
      }
    },
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  }
}
