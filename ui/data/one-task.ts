/** One task brought to the first offer that is large enough; what else is offered goes back to the others. */
import {
  isEnough,
  isOver,
  type Offer,
  PageFramework,
  type Post,
  type Update,
  type Wish,
} from './scheduler.ts'

/** How it goes. */
export interface Run {
  readonly task: string
  /** Its framework, once it is known. */
  readonly framework: string
  readonly update?: Update
  /** What went wrong, as the master said it. */
  readonly trouble?: string
}

/** The task outlives the page, as one of `tepui run -d` does. */
const WEEKS_4_S = 4 * 7 * 86_400
const SOON_S = 2
const NO_MORE_S = 3600

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Resolves when the task has ended, or when no more is heard of it, which `show` says. */
export async function runOne(post: Post, wish: Wish, task: string, show: (run: Run) => void): Promise<void> {
  const framework = await PageFramework.subscribe(post, wish, WEEKS_4_S)
  await new OneTask(framework, wish, task, show).run()
}

class OneTask {
  readonly #framework: PageFramework
  readonly #wish: Wish
  readonly #show: (run: Run) => void
  #run: Run
  /** From before ACCEPT is sent: while its answer is awaited more is offered. */
  #isClaimed = false
  #end: Promise<void> | undefined

  constructor(framework: PageFramework, wish: Wish, task: string, show: (run: Run) => void) {
    this.#framework = framework
    this.#wish = wish
    this.#show = show
    this.#run = { task, framework: framework.id }
  }

  async run(): Promise<void> {
    this.#tell({})
    try {
      await this.#framework.read({
        onOffers: (offers) =>
          void this.#take(offers).catch((error: unknown) => this.#tell({ trouble: wordsOf(error) })),
        onUpdate: (update) => {
          this.#tell({ update })
          // Nothing is left to do for it; a task that runs keeps it.
          if (isOver(update.state)) this.#tearDown()
        },
      })
    } catch (error) {
      this.#tell({ trouble: `No more is heard of it here: ${wordsOf(error)}` })
    }
    await this.#end
  }

  async #take(offers: readonly Offer[]): Promise<void> {
    const taken = this.#isClaimed ? undefined : offers.find((offer) => isEnough(offer, this.#wish))
    if (taken !== undefined) this.#isClaimed = true
    const others = offers.filter((offer) => offer !== taken)
    const seconds = this.#isClaimed ? NO_MORE_S : SOON_S
    await Promise.all([
      taken !== undefined && this.#launch(taken),
      others.length > 0 && this.#framework.decline(others, seconds),
    ])
  }

  async #launch(offer: Offer): Promise<void> {
    try {
      await this.#framework.launch(offer, this.#wish, this.#run.task)
    } catch (error) {
      return this.#giveUp(error)
    }
    return this.#framework.suppress()
  }

  /** Whether the master has heard the call is not known, so nothing of it may go on unseen. */
  #giveUp(error: unknown): void {
    this.#tell({ trouble: `It was given up: ${wordsOf(error)}` })
    this.#tearDown()
  }

  #tearDown(): void {
    this.#end ??= this.#framework.tearDown().catch((error: unknown) => {
      const trouble = `Its framework could not be ended: ${wordsOf(error)}`
      this.#tell({ trouble: [this.#run.trouble, trouble].filter((one) => one !== undefined).join('. ') })
    })
  }

  #tell(news: Partial<Run>): void {
    this.#run = { ...this.#run, ...news }
    this.#show(this.#run)
  }
}
