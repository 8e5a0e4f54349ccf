/** A command once on each of some agents: a task for each, whose outputs come in as they end. */
import {
  isEnough,
  isOver,
  type Offer,
  PageFramework,
  type Post,
  type Update,
  type Wish,
} from './scheduler.ts'
import { stateWords } from './words.ts'

export interface Result {
  readonly agent: string
  readonly state: 'waits' | 'runs' | 'ok' | 'failed'
  readonly output: string
}

export interface Each {
  readonly wish: Wish
  /** Of the tasks, of which the last part is the number of the agent. */
  readonly prefix: string
  readonly agents: readonly string[]
  /** What a task has written. */
  readonly outputOf: (framework: string, agent: string, task: string) => Promise<string>
  readonly show: (result: Result) => void
}

const NO_MORE_S = 3600
const SOON_S = 2

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/**
 * Resolves when each has ended, or when it is to stop: then what runs is ended.
 * @throws Error when the stream breaks
 */
export async function runOnEach(post: Post, each: Each, stop: AbortSignal): Promise<void> {
  // Without the page nobody reads what comes of it.
  const framework = await PageFramework.subscribe(post, each.wish, 0)
  await new EachAgent(framework, each).run(stop)
}

class EachAgent {
  readonly #framework: PageFramework
  readonly #each: Each
  /** Agents where it is still to be launched. */
  readonly #waiting: Set<string>
  /** Agents of which the result is missing. */
  readonly #left: Set<string>
  readonly #over = Promise.withResolvers<void>()

  constructor(framework: PageFramework, each: Each) {
    this.#framework = framework
    this.#each = each
    this.#waiting = new Set(each.agents)
    this.#left = new Set(each.agents)
  }

  async run(stop: AbortSignal): Promise<void> {
    const onStop = (): void => this.#over.resolve()
    stop.addEventListener('abort', onStop)
    if (stop.aborted) onStop()
    const told = {
      onOffers: (offers: readonly Offer[]) => void this.#take(offers).catch(this.#over.reject),
      onUpdate: (update: Update) => void this.#hear(update),
    }
    this.#framework.read(told).catch(this.#over.reject)
    try {
      await this.#over.promise
    } catch (error) {
      this.#endAll(`no more was heard: ${wordsOf(error)}`)
      throw error
    } finally {
      stop.removeEventListener('abort', onStop)
      this.#endAll('stopped before it ended')
      await this.#framework.tearDown()
    }
  }

  /** Each is launched, or returned at once: what stays open here is kept from everybody. */
  async #take(offers: readonly Offer[]): Promise<void> {
    const launched: [Offer, string][] = []
    const small: Offer[] = []
    const unwanted: Offer[] = []
    for (const offer of offers) {
      const agent = offer.agent_id.value
      if (!this.#waiting.has(agent)) unwanted.push(offer)
      else if (!isEnough(offer, this.#each.wish)) small.push(offer)
      else {
        // From now on: more is offered while the answer to ACCEPT is awaited.
        this.#waiting.delete(agent)
        launched.push([offer, agent])
      }
    }
    await Promise.all([
      ...launched.map(([offer, agent]) => this.#launch(offer, agent)),
      small.length > 0 && this.#framework.decline(small, SOON_S),
      unwanted.length > 0 && this.#framework.decline(unwanted, NO_MORE_S),
    ])
  }

  async #launch(offer: Offer, agent: string): Promise<void> {
    const { agents, prefix, wish } = this.#each
    try {
      await this.#framework.launch(offer, wish, `${prefix}.${agents.indexOf(agent)}`)
    } catch (error) {
      this.#end({ agent, state: 'failed', output: `not run: ${wordsOf(error)}` })
    }
  }

  async #hear({ message, state, task_id }: Update): Promise<void> {
    const { agents, outputOf, show } = this.#each
    const task = task_id.value
    const agent = agents[Number(task.split('.').at(-1))] ?? ''
    if (!this.#left.has(agent)) return
    if (!isOver(state)) return show({ agent, state: 'runs', output: '' })
    const isOk = state === 'TASK_FINISHED'
    const why = isOk ? '' : `${stateWords(state).word}: ${message ?? ''}\n`
    const output = await outputOf(this.#framework.id, agent, task)
    this.#end({ agent, state: isOk ? 'ok' : 'failed', output: `${why}${output}` })
  }

  #end(result: Result): void {
    if (!this.#left.delete(result.agent)) return
    this.#waiting.delete(result.agent)
    this.#each.show(result)
    if (this.#left.size === 0) this.#over.resolve()
  }

  #endAll(why: string): void {
    for (const agent of this.#left) {
      const output = this.#waiting.has(agent) ? `not run: ${why}` : why
      this.#end({ agent, state: 'failed', output })
    }
  }
}
