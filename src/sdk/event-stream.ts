// A subscription as it is on the wire: one POST answered by a stream of events, each decoded and checked.
import type { Channel } from '../base/channel.ts'
import { OperatingError } from '../base/errors.ts'
import type { HttpClient } from '../http/client.ts'
import { parseMessage } from '../wire/json.ts'
import type { Message } from '../wire/message.ts'

export interface EventStreamRequest<E> {
  readonly url: string
  /** The SUBSCRIBE call as JSON. */
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly event: Message<E>
}

export interface EventStream<E> {
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly events: AsyncGenerator<E>
  close(): void
}

export const JSON_HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' } as const

/**
 * Subscribes.
 *
 * @throws what `HttpClient.openStream` throws; iterating throws PROTOCOL for a record that is no event
 */
export async function openEventStream<E>(
  http: HttpClient,
  request: EventStreamRequest<E>,
  signal: AbortSignal,
): Promise<EventStream<E>> {
  const headers = { ...JSON_HEADERS, ...request.headers }
  const stream = await http.openStream(
    { method: 'POST', url: request.url, headers, body: request.body },
    signal,
  )
  return {
    headers: stream.headers,
    events: decodeEvents(stream.records, request),
    close: () => stream.close(),
  }
}

async function* decodeEvents<E>(
  records: AsyncIterable<string>,
  request: EventStreamRequest<E>,
): AsyncGenerator<E> {
  for await (const record of records) {
    const decoded = parseMessage(request.event, record)
    if (!decoded.ok)
      throw new OperatingError('PROTOCOL', `${request.url} sent a record that is no event: ${decoded.error}`)
    yield decoded.value
  }
}

/**
 * Puts an event into the queue of the user's loop. A loop that was left does not matter: the subscription goes on,
 * because calls need it.
 *
 * @throws OperatingError LIMIT when the loop is too slow; the queue is closed then
 */
export function deliver<E>(events: Channel<E>, event: E): void {
  if (!events.closed && !events.push(event))
    throw new OperatingError('LIMIT', 'Too many events wait for the loop over `events`', {
      hint: 'Do long work beside the loop, or raise queueLimit',
    })
}
