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
}

const RETRY_MS = 1000

export class Ends {
  readonly #options: EndsOptions
  readonly #expected = new Map<string, (exitCode: number | undefined) => void>()
  #open = false

  /** Begins to listen, and does so until `closed` aborts. */
  constructor(options: EndsOptions) {
    this.#options = options
    void this.#listen()
  }

  /** To be called before the container is started. Undefined while the engine does not tell us anything. */
  expect(dockerId: string): Listening | undefined {
    if (!this.#open) return undefined
    const { promise, resolve } = Promise.withResolvers<number | undefined>()
    this.#expected.set(dockerId, resolve)
    return { end: promise, [Symbol.dispose]: () => void this.#expected.delete(dockerId) }
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
    onOpen()
    try {
      for await (const { id, exitCode } of ends) {
        this.#expected.get(id)?.(Number.isInteger(exitCode) ? exitCode : undefined)
        this.#expected.delete(id)
      }
    } finally {
      this.#open = false
      for (const tell of this.#expected.values()) tell(undefined)
      this.#expected.clear()
    }
  }
}
