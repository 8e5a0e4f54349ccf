// One session in a container: who hears its output, who gives it input, and how it ended.
import type { Clock } from '../../base/clock.ts'
import type { RecordStream } from '../../http/stream.ts'
import type { OutputName, Session } from '../../containerizer/session.ts'
import { encodeMessage } from '../../wire/json.ts'
import { ProcessIO } from '../../wire/process-io.ts'
import { encodeRecord } from '../../wire/recordio.ts'

/** As Mesos sends it by default (`--http_heartbeat_interval`). */
export const HEARTBEAT_MS = 30_000
/** Bytes that wait for a reader before the process has to wait too. */
const MOST_UNSENT = 512 * 1024
/** Larger pieces are sent as several records. */
const PIECE_BYTES = 48 * 1024

const HEARTBEAT = encodeRecord(
  encodeMessage(ProcessIO, {
    type: 'CONTROL',
    control: { type: 'HEARTBEAT', heartbeat: { interval: { nanoseconds: HEARTBEAT_MS * 1e6 } } },
  }),
)

/** Where output goes that nobody needs to hear. */
export interface OutputFile {
  take(stream: OutputName, piece: Buffer): Promise<void>
  close(): void
}

export class RunningSession {
  /** Settles with the wait status when it ended and all output was handed out. */
  readonly ended: Promise<number>
  /** Whether somebody gives it input now. */
  hasInput = false
  readonly session: Session
  readonly #clock: Clock
  readonly #readers = new Set<RecordStream>()
  #file: OutputFile | undefined
  /** Nothing is read before somebody takes it. */
  readonly #wanted = Promise.withResolvers<void>()
  readonly #over = new AbortController()
  #heartbeat: Disposable | undefined

  constructor(session: Session, clock: Clock) {
    this.session = session
    this.#clock = clock
    this.ended = this.#run()
    this.#beatLater()
  }

  /** Aborts when it has ended. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** Sends it what is printed from now on; it ends with the session. */
  attach(reader: RecordStream): void {
    if (this.#over.signal.aborted) return reader.end()
    this.#readers.add(reader)
    reader.onClose(() => this.#readers.delete(reader))
    this.#wanted.resolve()
  }

  /** Writes all that is printed there. */
  keep(file: OutputFile): void {
    this.#file = file
    this.#wanted.resolve()
  }

  /** Ends it with all that it started; nothing happens once it has ended. */
  async end(): Promise<void> {
    this.#wanted.resolve()
    if (!this.#over.signal.aborted) await this.session.end()
  }

  async #run(): Promise<number> {
    const [status] = await Promise.all([
      this.session.exited,
      this.#wanted.promise.then(() => this.session.follow((stream, piece) => this.#tell(stream, piece))),
    ])
    this.#file?.close()
    this.#heartbeat?.[Symbol.dispose]()
    this.#over.abort()
    for (const reader of this.#readers) reader.end()
    return status
  }

  async #tell(type: OutputName, piece: Buffer): Promise<void> {
    await this.#file?.take(type, piece)
    if (this.#readers.size === 0) return
    for (let at = 0; at < piece.length; at += PIECE_BYTES) {
      const data = piece.subarray(at, at + PIECE_BYTES).toString('base64')
      const record = encodeRecord(encodeMessage(ProcessIO, { type: 'DATA', data: { type, data } }))
      for (const reader of this.#readers) reader.sendFramed(record)
      await Promise.all([...this.#readers].map((reader) => reader.room(MOST_UNSENT)))
    }
  }

  /** Also finds out who has gone without a word, and who takes nothing. */
  #beatLater(): void {
    this.#heartbeat = this.#clock.after(HEARTBEAT_MS, () => {
      for (const reader of this.#readers) reader.sendFramed(HEARTBEAT)
      this.#beatLater()
    })
  }
}
