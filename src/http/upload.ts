// A request whose body is an endless stream of records, for calls that are many and small: our end of it.
import { request as nodeRequest, type ClientRequest } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { drained } from '../base/drained.ts'
import { OperatingError } from '../base/errors.ts'
import { encodeRecord } from '../wire/recordio.ts'
import { checked, readText, trouble } from './client.ts'

export const RECORDS_TYPE = 'application/recordio'

/**
 * How a client asks whether later calls may come as records, and how the server says that they may: `Prefer` and
 * `Preference-Applied` of RFC 7240. A server that knows nothing of it, as Mesos, passes it over.
 */
export const RECORDS_PREFERENCE = 'records'

export interface UploadOptions {
  readonly clock: Clock
  /** `http://host:port/path`. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Most bytes that may wait for the peer to take them. Default 64 MiB. */
  readonly unsentBytes?: number
  /** Longest time from `end` to the answer, ms. Default 10 s. */
  readonly timeoutMs?: number
}

const UNSENT_BYTES = 64 * 1024 * 1024
const TIMEOUT_MS = 10_000
const SHOWN_BYTES = 4096

/**
 * Records to one peer, in order, on a connection of their own. Those sent in one turn of the loop leave together.
 *
 * @example
 * const upload = new Upload({ clock, url })
 * upload.send(encodeMessage(LinkCall, call))
 * upload.end()
 * await upload.answered
 */
export class Upload {
  /**
   * Resolves when the peer has taken all after `end`. Rejects as soon as it refuses a record (PeerRefusal), the
   * connection breaks (UNREACHABLE), the peer takes too little (LIMIT) or `close` is called (STOPPED).
   */
  readonly answered: Promise<void>
  readonly #options: UploadOptions
  readonly #what: string
  readonly #sent: ClientRequest
  #ended = false
  #late: Disposable | undefined

  constructor(options: UploadOptions) {
    const { url, headers } = options
    this.#options = options
    this.#what = `POST ${url}`
    const all = { ...headers, 'Content-Type': RECORDS_TYPE, 'Transfer-Encoding': 'chunked' }
    this.#sent = nodeRequest(url, { method: 'POST', headers: all, agent: false })
    this.#sent.setNoDelay(true)
    this.answered = this.#answer().finally(() => {
      this.#late?.[Symbol.dispose]()
      this.#sent.destroy()
    })
    this.answered.catch(() => {
      // Whoever asks hears of a failure; one that nobody asks about must not end the process.
    })
  }

  /** Sends one record; dropped when the upload is over. */
  send(record: string): void {
    if (this.#ended || this.#sent.destroyed) return
    this.#sent.write(encodeRecord(record))
    const { unsentBytes = UNSENT_BYTES } = this.#options
    if (this.#sent.writableLength <= unsentBytes) return
    this.#sent.destroy(
      new OperatingError('LIMIT', `The peer of ${this.#what} leaves more than ${unsentBytes} bytes untaken`),
    )
  }

  /** Resolves when the peer has taken what was sent, as far as the system has room for it, or the upload is over. */
  async room(): Promise<void> {
    if (!this.#sent.destroyed && this.#sent.writableNeedDrain) await drained(this.#sent)
  }

  /** Says that nothing follows; the answer is on its way. */
  end(): void {
    if (this.#ended || this.#sent.destroyed) return
    this.#ended = true
    const { clock, timeoutMs = TIMEOUT_MS } = this.#options
    this.#late = clock.after(timeoutMs, () => {
      const sentence = `${this.#what} had no answer within ${timeoutMs} ms`
      this.#sent.destroy(new OperatingError('UNREACHABLE', sentence))
    })
    this.#sent.end()
  }

  /** Breaks off: what was not taken yet is lost. */
  close(): void {
    this.#sent.destroy(new OperatingError('STOPPED', `${this.#what} was closed`))
  }

  async #answer(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#sent.on('response', (response) => {
      response.on('error', () => undefined)
      readText(response, SHOWN_BYTES, this.#what)
        .then((text) => {
          checked(response, text, this.#what)
          if (this.#ended) resolve()
          else reject(new OperatingError('PROTOCOL', `${this.#what} was answered before its end`))
        })
        .catch((error: unknown) => reject(this.#trouble(error)))
    })
    this.#sent.on('error', (error) => reject(this.#trouble(error)))
    return promise
  }

  #trouble(error: unknown): OperatingError {
    return error instanceof OperatingError ? error : trouble(this.#what, error as Error)
  }
}
