/**
 * SUBSCRIBE of the operator API (spec/mesos.md 4.2): a snapshot of everything, then what happens, to every reader
 * alike. A reader that does not keep up is cut by its stream; when there are too many, the first that came is ended.
 */
import type { Clock } from '../../base/clock.ts'
import type { Metrics } from '../../base/metrics.ts'
import { double } from '../../http/pages/number.ts'
import { pageBytes } from '../../http/pages/page-text.ts'
import { stream, type Answer } from '../../http/response.ts'
import type { RecordStream } from '../../http/stream.ts'
import { encodeMessage } from '../../wire/json.ts'
import { MasterEvent } from '../../wire/master-event.ts'
import { encodeRecord } from '../../wire/recordio.ts'
import type { Cluster } from '../core/cluster.ts'
import type { Occurrence } from '../core/occurrences.ts'
import { OperatorEvents } from './events.ts'
import type { StateAnswers } from './state.ts'

export interface SubscribersDeps {
  readonly cluster: Cluster
  readonly state: StateAnswers
  readonly clock: Clock
  readonly metrics: Metrics
  /** Changes whenever the cluster may have changed. */
  readonly version: () => number
  /** `--max_operator_event_stream_subscribers`. */
  readonly limit: number
}

interface Reader {
  readonly sink: RecordStream
  /** What happened since the snapshot was begun; undefined once the snapshot is out. */
  waiting: Uint8Array[] | undefined
  heartbeat: Disposable | undefined
}

/** Not configurable in Mesos. */
const HEARTBEAT_SECONDS = 15
const HEARTBEAT = Buffer.from(encodeRecord(encodeMessage(MasterEvent, { type: 'HEARTBEAT' })))
/** Events that a reader may miss while its snapshot is written; it is cut rather than lose one. */
const MOST_WAITING = 10_000
const ENDED = 'master/operator_event_streams_ended'

export class Subscribers implements Disposable {
  readonly #deps: SubscribersDeps
  readonly #events: OperatorEvents
  /** Oldest first. */
  readonly #readers = new Set<Reader>()
  #snapshot: { readonly version: number; readonly record: Promise<Uint8Array> } | undefined

  constructor(deps: SubscribersDeps) {
    this.#deps = deps
    this.#events = new OperatorEvents(deps.cluster)
    deps.metrics.declare(ENDED)
    deps.metrics.gauge('master/operator_event_stream_subscribers', () => this.#readers.size)
  }

  /** For `Shell.watch`. */
  tell(what: Occurrence): void {
    const event = this.#events.of(what, this.#readers.size > 0)
    if (event === undefined) return
    // Framed once for all.
    const record = encodeRecord(encodeMessage(MasterEvent, event))
    for (const reader of this.#readers) {
      if (reader.waiting === undefined) reader.sink.sendFramed(record)
      else if (reader.waiting.push(record) > MOST_WAITING) reader.sink.cut()
    }
  }

  subscribe(): Answer {
    return stream({ contentType: 'application/json', open: (sink) => void this.#open(sink) })
  }

  async #open(sink: RecordStream): Promise<void> {
    const [oldest] = this.#readers
    if (this.#readers.size >= this.#deps.limit && oldest !== undefined) {
      oldest.sink.end()
      this.#deps.metrics.count(ENDED)
      this.#forget(oldest)
    }
    const reader: Reader = { sink, waiting: [], heartbeat: undefined }
    this.#readers.add(reader)
    sink.onClose(() => this.#forget(reader))
    const snapshot = await this.#subscribed()
    const { waiting = [] } = reader
    reader.waiting = undefined
    sink.sendFramed(snapshot)
    this.#beat(reader)
    for (const record of waiting) sink.sendFramed(record)
  }

  /** One for all that subscribe before anything changes. */
  #subscribed(): Promise<Uint8Array> {
    const version = this.#deps.version()
    if (this.#snapshot?.version !== version) this.#snapshot = { version, record: this.#write() }
    return this.#snapshot.record
  }

  async #write(): Promise<Uint8Array> {
    const subscribed = {
      get_state: this.#deps.state.state(),
      heartbeat_interval_seconds: double(HEARTBEAT_SECONDS),
    }
    const pieces = await pageBytes({ type: 'SUBSCRIBED', subscribed })
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    return Buffer.concat([Buffer.from(`${length}\n`), ...pieces])
  }

  #beat(reader: Reader): void {
    if (!reader.sink.sendFramed(HEARTBEAT)) return
    reader.heartbeat = this.#deps.clock.after(HEARTBEAT_SECONDS * 1000, () => this.#beat(reader))
  }

  #forget(reader: Reader): void {
    this.#readers.delete(reader)
    reader.heartbeat?.[Symbol.dispose]()
    // The last snapshot is kept for those that come next only while somebody reads.
    if (this.#readers.size === 0) this.#snapshot = undefined
  }

  /** The streams themselves are their server's to end. */
  [Symbol.dispose](): void {
    for (const reader of this.#readers) reader.heartbeat?.[Symbol.dispose]()
    this.#readers.clear()
  }
}
