/**
 * The agent's end of the link to the master: one stream of events, calls beside it, and for ever another try with
 * growing waits (spec/mesos.md 5.2). The order of starting master and agents never matters.
 */
import { readFile } from 'node:fs/promises'
import type { Clock } from '../base/clock.ts'
import { delays } from '../base/delays.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { HttpClient, type IncomingStream, PeerRefusal } from '../http/client.ts'
import { encodeMessage, parseMessage } from '../wire/json.ts'
import { LinkCall, LinkEvent } from '../wire/link.ts'
import type { LinkPort } from './shell.ts'

export interface LinkDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** `--master`. */
  readonly master: string
  /** The first wait after a failure, ms (`--registration_backoff_factor`). */
  readonly backoffMs: number
  /** The link is about to open: the answer comes as `open`. */
  readonly onOpening: () => void
  readonly onEvent: (event: LinkEvent) => void
  readonly onLost: () => void
}

const PATH = '/api/x1/agent'
const STREAM_ID = 'mesos-stream-id'
const MAX_BACKOFF_MS = 60_000
/** Before the first REGISTERED, and when it does not say: five pings of 15 s (spec/mesos.md 1.7). */
const DEFAULT_SILENCE_MS = 75_000
const MAX_REDIRECTS = 3
/** However the flag is set, a master that refuses is not asked in a busy loop. */
const LEAST_BACKOFF_MS = 10

interface Session {
  readonly base: string
  readonly streamId: string
  readonly client: HttpClient
  readonly stream: IncomingStream
}

export class Link implements LinkPort {
  readonly #deps: LinkDeps
  #asked: LinkCall | undefined
  #session: Session | undefined
  #silenceMs = DEFAULT_SILENCE_MS
  #silence: Disposable | undefined
  #registered = false
  #unsent: Promise<unknown> = Promise.resolve()
  /** Aborts when the agent ends: nothing is sent any more. */
  readonly #ended = new AbortController()

  constructor(deps: LinkDeps) {
    this.#deps = deps
  }

  /** The address of the master that the link is open to, for views. */
  get master(): string | undefined {
    return this.#registered ? this.#session?.base : undefined
  }

  open(call: LinkCall): void {
    this.#asked = call
  }

  send(call: LinkCall): void {
    const session = this.#session
    if (session === undefined) return
    const { base, streamId, client } = session
    const outgoing = {
      method: 'POST',
      url: `${base}${PATH}`,
      headers: { 'Content-Type': 'application/json', 'Mesos-Stream-Id': streamId },
      body: encodeMessage(LinkCall, call),
    } as const
    this.#unsent = client.request(outgoing, this.#ended.signal).catch((error: unknown) => {
      // What was lost is told again after the next registration.
      if (this.#session === session) this.reconnect(`a ${call.type} call failed: ${reasonOf(error)}`)
    })
  }

  /** Resolves when the calls so far are answered. */
  async flush(): Promise<void> {
    await this.#unsent
  }

  reconnect(reason: string): void {
    if (this.#session === undefined) return
    this.#deps.log.info({ reason }, 'closing the link to the master')
    this.#session.stream.close()
  }

  /** Keeps the link open until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    signal.addEventListener('abort', () => this.#ended.abort(signal.reason), { once: true })
    let waits = this.#waits()
    for (let failures = 0; !signal.aborted; ) {
      try {
        this.#registered = false
        await this.#once(signal)
        log.info({}, 'the link to the master ended')
      } catch (error) {
        if (signal.aborted) return
        failures++
        // The first failure and every tenth: a master that stays away does not fill the log.
        if (failures % 10 === 1)
          log.warn({ reason: reasonOf(error), failures }, 'no link to the master; trying again')
      }
      if (this.#registered) {
        waits = this.#waits()
        failures = 0
      }
      try {
        await clock.sleep(waits.next().value, signal)
      } catch (error) {
        if (!signal.aborted) throw error
      }
    }
  }

  #waits(): Generator<number, never> {
    const firstMs = Math.max(this.#deps.backoffMs, LEAST_BACKOFF_MS)
    const backoff = { firstMs, factor: 2, maxMs: MAX_BACKOFF_MS, jitter: 0.5 }
    return delays(backoff, this.#deps.random)
  }

  /** From connecting to the end of the stream. */
  async #once(signal: AbortSignal): Promise<void> {
    this.#deps.onOpening()
    const call = this.#asked
    if (call === undefined) throw new OperatingError('STOPPED', 'The agent is ending')
    using client = new HttpClient(this.#deps.clock, 1)
    try {
      const session = await this.#connect(client, encodeMessage(LinkCall, call), signal)
      await this.#follow(session)
    } finally {
      this.#deps.onLost()
    }
  }

  async #follow(session: Session): Promise<void> {
    this.#session = session
    this.#listen(session)
    try {
      for await (const record of session.stream.records) {
        this.#listen(session)
        this.#receive(record)
      }
    } finally {
      this.#silence?.[Symbol.dispose]()
      this.#session = undefined
      session.stream.close()
    }
  }

  async #connect(client: HttpClient, body: string, signal: AbortSignal): Promise<Session> {
    let base = await masterAddress(this.#deps.master)
    for (let redirects = 0; ; redirects++) {
      const headers = { 'Content-Type': 'application/json', Accept: 'application/json' }
      try {
        const stream = await client.openStream(
          { method: 'POST', url: `${base}${PATH}`, headers, body },
          signal,
        )
        const streamId = stream.headers.get(STREAM_ID)
        if (streamId === undefined)
          throw new OperatingError('PROTOCOL', `${base} opened no link: it is no Tepui master`)
        return { base, streamId, client, stream }
      } catch (error) {
        const leader = leaderIn(error)
        if (leader === undefined || redirects >= MAX_REDIRECTS) throw error
        base = leader
      }
    }
  }

  #receive(record: string): void {
    const parsed = parseMessage(LinkEvent, record)
    if (!parsed.ok)
      throw new OperatingError('PROTOCOL', `The master sent an event that cannot be read: ${parsed.error}`)
    const { registered } = parsed.value
    if (registered !== undefined) {
      const silenceMs = registered.total_ping_timeout_seconds * 1000
      if (!Number.isFinite(silenceMs) || silenceMs <= 0)
        throw new OperatingError('PROTOCOL', `The master's ping timeout is ${silenceMs} ms`)
      this.#registered = true
      this.#silenceMs = silenceMs
    }
    this.#deps.onEvent(parsed.value)
  }

  /** A master that neither speaks nor pings for its whole ping timeout is gone, whatever the socket says. */
  #listen(session: Session): void {
    this.#silence?.[Symbol.dispose]()
    this.#silence = this.#deps.clock.after(this.#silenceMs, () => {
      if (this.#session === session) this.reconnect(`the master was silent for ${this.#silenceMs / 1000} s`)
    })
  }
}

/** The leader that a 307 names, as `http://host:port`. */
function leaderIn(error: unknown): string | undefined {
  if (!(error instanceof PeerRefusal) || error.status !== 307) return undefined
  const host = /^(?:http:)?\/\/([^/]+)/.exec(error.location ?? '')?.[1]
  return host === undefined ? undefined : `http://${host}`
}

/**
 * Reads `--master`: `host:port`, `http://host:port`, or a file that holds either, read anew at every try.
 * @throws OperatingError USAGE
 */
export async function masterAddress(flag: string): Promise<string> {
  const text = flag.startsWith('file://')
    ? (await readFile(flag.slice('file://'.length), 'utf8')).trim()
    : flag
  const match = /^(?:http:\/\/)?([A-Za-z0-9_.-]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?\/?$/.exec(text)
  const port = Number(match?.[2] ?? 5050)
  if (match === null || port < 1 || port > 65_535) {
    throw new OperatingError(
      'USAGE',
      `Flag '--master' has the value '${text}': expected host:port, such as 10.0.0.1:5050`,
    )
  }
  return `http://${match[1]}:${port}`
}
