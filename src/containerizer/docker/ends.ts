// Hears of the ends of this agent's containers on one stream of the engine, which spares each a request of its own.
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Engine } from './engine.ts'
import { LABELS } from './options.ts'

export interface EndsOptions {
  readonly engine: Pick<Engine, 'ends'>
  readonly agentTag: string
  readonly clock: Clock
  readonly log: Logger
  readonly closed: AbortSignal
}

/** What is heard of one container; disposing it stops the listening. */
export interface Listening extends Disposable {
  /** The exit status; undefined when the stream broke before the end was told, and the engine has to be asked. */
  readonly end: Promise<number | undefined>
  /** Numbers of the signals that the engine was asked to send, by whomever. */
  readonly signals: ReadonlySet<number>
}

interface Expected {
  readonly signals: Set<number>
  readonly tell: (exitCode: number | undefined) => void
}

const RETRY_MS = 1000

export class Ends {
  readonly #options: EndsOptions
  readonly #expected = new Map<string, Expected>()
  #opening = Promise.withResolvers<void>()
  #open = false
  /** Ends of containers that nobody expects yet; only kept while somebody is about to. */
  #remembered: Map<string, number> | undefined

  /** Begins to listen, and does so until `closed` aborts. */
  constructor(options: EndsOptions) {
    this.#options = options
    void this.#listen()
  }

  /**
   * From when this resolves until what it returns is disposed, ends of containers that are not expected yet are
   * remembered. Resolves also when the engine does not begin to tell in time.
   */
  async remember(timeoutMs: number): Promise<Disposable> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    using _timer = this.#options.clock.after(timeoutMs, resolve)
    await Promise.race([this.#opening.promise, late])
    this.#remembered = new Map()
    return { [Symbol.dispose]: () => (this.#remembered = undefined) }
  }

  /** To be called before the container is started. Undefined while the engine does not tell us anything. */
  expect(dockerId: string): Listening | undefined {
    if (!this.#open) return undefined
    const { promise, resolve } = Promise.withResolvers<number | undefined>()
    const signals = new Set<number>()
    this.#expected.set(dockerId, { tell: resolve, signals })
    const heard = this.#remembered?.get(dockerId)
    if (heard !== undefined) this.#tell(dockerId, heard)
    return { end: promise, signals, [Symbol.dispose]: () => void this.#expected.delete(dockerId) }
  }

  #tell(id: string, exitCode: number): void {
    this.#expected.get(id)?.tell(Number.isInteger(exitCode) ? exitCode : undefined)
    this.#expected.delete(id)
  }

  async #listen(): Promise<void> {
    const { clock, closed, log } = this.#options
    let failing = false
    while (!closed.aborted) {
      try {
        await this.#follow(() => (failing = false))
      } catch (error) {
        if (closed.aborted) return
        const fields = { reason: reasonOf(error) }
        if (!(error instanceof OperatingError)) log.error(fields, 'the stream of ended containers failed')
        else if (!failing) log.info(fields, 'no stream of ended containers: the engine is asked about each')
        failing = true
      }
      try {
        await clock.sleep(RETRY_MS, closed)
      } catch (error) {
        if (!closed.aborted) throw error
      }
    }
  }

  async #follow(onOpen: () => void): Promise<void> {
    const { engine, agentTag, closed } = this.#options
    const ends = await engine.ends(LABELS.agent, agentTag, closed)
    this.#open = true
    this.#opening.resolve()
    onOpen()
    try {
      for await (const event of ends) {
        const expected = this.#expected.get(event.id)
        if (event.kind === 'signal') expected?.signals.add(event.signal)
        else if (expected === undefined) this.#remembered?.set(event.id, event.exitCode)
        else this.#tell(event.id, event.exitCode)
      }
    } finally {
      this.#open = false
      this.#opening = Promise.withResolvers<void>()
      for (const { tell } of this.#expected.values()) tell(undefined)
      this.#expected.clear()
    }
  }
}
