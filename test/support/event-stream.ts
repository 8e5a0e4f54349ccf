// A stream of records as a test reads it: the raw bytes of a chunked answer, taken apart, one record a chunk.
import { RecordDecoder } from '../../src/wire/recordio.ts'
import { parseAnswer, RawConnection } from './raw-http.ts'

/** What tests look at of an event, whatever its API. */
export type TestEvent = { readonly type: string } & Readonly<Record<string, unknown>>

export class EventStream implements Disposable {
  readonly connection: RawConnection
  #read = 0

  private constructor(connection: RawConnection) {
    this.connection = connection
  }

  /** Sends a request whose answer is a stream and waits for its headers. */
  static async open(port: number, request: string): Promise<EventStream> {
    const connection = await RawConnection.open(port)
    connection.send(request)
    await connection.until('\r\n\r\n')
    return new EventStream(connection)
  }

  get status(): number {
    return parseAnswer(this.connection.received).status
  }

  /** A header by the name under which it was written; empty when it is not there. */
  header(name: string): string {
    return parseAnswer(this.connection.received).headers[name] ?? ''
  }

  /** All events so far. */
  get events(): TestEvent[] {
    const decoder = new RecordDecoder()
    return chunksOf(this.connection.bytes)
      .flatMap((chunk) => decoder.push(chunk))
      .map((record) => JSON.parse(Buffer.from(record).toString()) as TestEvent)
  }

  /** The next event of this type behind the last that was returned; fails when the stream ends before it. */
  async next(type: string): Promise<TestEvent> {
    const found = await this.find((event) => event.type === type)
    if (found === undefined) {
      const seen = this.events.map((event) => event.type).join(', ')
      throw new Error(`The stream ended without ${type}; there were ${seen}`)
    }
    return found
  }

  /** Like `next`, for any condition; undefined when the stream ends before. */
  async find(wanted: (event: TestEvent) => boolean): Promise<TestEvent | undefined> {
    const search = (): number => this.events.findIndex((event, at) => at >= this.#read && wanted(event))
    await this.connection.until(() => search() >= 0 || this.ended)
    const at = search()
    if (at < 0) return undefined
    this.#read = at + 1
    return this.events[at]
  }

  /** Whether the other side has ended it; the connection below may stay for another request. */
  get ended(): boolean {
    return this.connection.closed || this.connection.received.endsWith('\r\n0\r\n\r\n')
  }

  /** Waits until the other side ends it; returns all events. */
  async end(): Promise<TestEvent[]> {
    await this.connection.until(() => this.ended)
    return this.events
  }

  /** As by `kill -9`: the connection is gone without a word. */
  [Symbol.dispose](): void {
    this.connection[Symbol.dispose]()
  }
}

/** The complete chunks of a chunked answer. */
export function chunksOf(received: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  let at = received.indexOf('\r\n\r\n') + 4
  while (at >= 4) {
    const lineEnd = received.indexOf('\r\n', at)
    if (lineEnd < 0) break
    const size = Number.parseInt(received.subarray(at, lineEnd).toString(), 16)
    const begin = lineEnd + 2
    if (!(size > 0) || received.length < begin + size + 2) break
    chunks.push(received.subarray(begin, begin + size))
    at = begin + size + 2
  }
  return chunks
}
