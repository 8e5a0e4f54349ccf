// The framework of the run: keeps so many tasks alive, kills those that are due, asks after those that it hears nothing
// of, subscribes again whenever its stream is gone, and writes down everything that it hears.
import { systemClock } from '../../src/base/clock.ts'
import { RawScheduler, type RawEvent, type RawOffer, type RawStatus } from '../support/raw-scheduler.ts'
import { isOver, type TaskRecord } from './history.ts'
import { fits, taskInfo, type TaskPlan, type TaskSettings } from './tasks.ts'

export interface WorkloadOptions {
  /** Where the master is to be found. */
  readonly port: number
  readonly settings: TaskSettings
  /** Time since the run began, ms. */
  readonly now: () => number
  /** Whether the master has the agent: only then it can say that a task is nowhere. */
  readonly settled: () => Promise<boolean>
}

/** What is to be alive. */
export interface Goal {
  readonly tasks: number
  readonly perSecond: number
  readonly draw: (number: number) => TaskPlan
}

interface Following {
  readonly agentId: string
  killedAt: number
  reconciledAt: number
}

const INFO = {
  name: 'faults',
  user: 'root',
  checkpoint: true,
  failover_timeout: 3600,
  capabilities: [{ type: 'PARTITION_AWARE' }, { type: 'REVOCABLE_RESOURCES' }],
}
const TICK_MS = 100
const SUBSCRIBE_MS = 5000
const AGAIN_MS = 500
/** A kill that nothing came of is repeated; it may have been lost on the way. */
const KILL_AGAIN_MS = 4000
/** A task of which nothing was heard for so long is asked after. */
const SILENCE_MS = 10_000
const PER_OFFER = 8
const IDLE_REFUSAL_S = 1

export class Workload {
  readonly tasks = new Map<string, TaskRecord>()
  readonly #options: WorkloadOptions
  readonly #following = new Map<string, Following>()
  #scheduler: RawScheduler | undefined
  #subscribing = false
  #triedAt = 0
  #read = 0
  #frameworkId: string | undefined
  #goal: Goal = {
    tasks: 0,
    perSecond: 0,
    draw: () => {
      throw new Error('nothing is to run')
    },
  }
  #drawn = 0
  #next: TaskPlan | undefined
  #budget = 0
  #draining = false
  #over = false
  /** Calls that did not reach the master, or that it refused. */
  failedCalls = 0
  /** Streams that ended and were opened again. */
  lostStreams = 0

  constructor(options: WorkloadOptions) {
    this.#options = options
  }

  /** From now on so much is kept alive, of plans drawn anew. */
  want(goal: Goal): void {
    this.#goal = goal
    this.#draining = false
    this.#next = undefined
  }

  /** Nothing new begins, and everything that lives is killed. */
  drain(): void {
    this.#draining = true
  }

  get living(): TaskRecord[] {
    return [...this.tasks.values()].filter((task) => !isOver(task))
  }

  /** Works until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted && !this.#over) {
        await this.#tick()
        await systemClock.sleep(TICK_MS, signal)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.#scheduler?.[Symbol.dispose]()
    }
  }

  /** Torn down, so that neither master nor agent waits for us. */
  async leave(): Promise<void> {
    this.#over = true
    this.#call('TEARDOWN')
    await systemClock.sleep(TICK_MS)
  }

  async #tick(): Promise<void> {
    const { now } = this.#options
    const { perSecond } = this.#goal
    this.#budget = Math.min(PER_OFFER, this.#budget + (perSecond * TICK_MS) / 1000)
    this.#readEvents()
    if (this.#scheduler === undefined || this.#scheduler.ended) this.#subscribe()
    const silent: TaskRecord[] = []
    for (const task of this.living) {
      if (this.#isDue(task)) this.#kill(task)
      const asked = this.#following.get(task.plan.id)?.reconciledAt ?? 0
      const isSilent = task.heard.length === 0 || this.#draining
      if (isSilent && now() - Math.max(task.launchedAt, asked) > SILENCE_MS) silent.push(task)
    }
    if (silent.length > 0 && (await this.#options.settled())) this.#reconcile(silent)
  }

  #subscribe(): void {
    const at = this.#options.now()
    if (this.#subscribing || at - this.#triedAt < AGAIN_MS) return
    this.#triedAt = at
    this.#subscribing = true
    if (this.#scheduler !== undefined) this.lostStreams += 1
    this.#scheduler = undefined
    const id = this.#frameworkId === undefined ? {} : { id: { value: this.#frameworkId } }
    const scheduler = new RawScheduler(this.#options.port, { ...INFO, ...id })
    const settle = (): void => {
      this.#subscribing = false
    }
    const timer = systemClock.after(SUBSCRIBE_MS, settle)
    scheduler
      .open()
      .then(() => this.#subscribed(scheduler))
      .catch(() => (this.failedCalls += 1))
      .finally(() => {
        timer[Symbol.dispose]()
        settle()
      })
  }

  /** A late answer of a try that was given up is as good as any: the master ends the other stream. */
  #subscribed(scheduler: RawScheduler): void {
    this.#scheduler?.[Symbol.dispose]()
    scheduler.frameworkId = this.#frameworkId ?? ''
    this.#scheduler = scheduler
    this.#read = 0
  }

  #readEvents(): void {
    const scheduler = this.#scheduler
    if (scheduler === undefined) return
    for (; this.#read < scheduler.events.length; this.#read++) {
      const event = scheduler.events[this.#read] as RawEvent
      const id = event.subscribed?.framework_id.value
      if (id !== undefined) {
        this.#frameworkId = id
        scheduler.frameworkId = id
      }
      if (event.update !== undefined) this.#hear(event.update.status)
      for (const offer of event.offers?.offers ?? []) this.#use(offer)
    }
  }

  #hear(status: RawStatus): void {
    const { state, source = '', reason = '', message = '', uuid = '' } = status
    const at = this.#options.now()
    this.tasks.get(status.task_id.value)?.heard.push({ at, state, source, reason, message, uuid })
  }

  #use(offer: RawOffer): void {
    const plans: TaskPlan[] = []
    const missing = this.#draining ? 0 : this.#goal.tasks - this.living.length
    while (plans.length < Math.min(missing, PER_OFFER, Math.floor(this.#budget))) {
      this.#next ??= this.#goal.draw(this.#drawn++)
      if (!fits(this.#next, offer, plans)) break
      plans.push(this.#next)
      this.#next = undefined
    }
    this.#budget -= plans.length
    const filters = { refuse_seconds: missing > 0 ? 0 : IDLE_REFUSAL_S }
    const offer_ids = [offer.id]
    if (plans.length === 0) return this.#call('DECLINE', { decline: { offer_ids, filters } })
    const at = this.#options.now()
    for (const plan of plans) {
      this.tasks.set(plan.id, { plan, launchedAt: at, heard: [], killAskedAt: undefined, hitAt: undefined })
      this.#following.set(plan.id, {
        agentId: offer.agent_id.value,
        killedAt: Number.NEGATIVE_INFINITY,
        reconciledAt: 0,
      })
    }
    const task_infos = plans.map((plan) => taskInfo(plan, offer, this.#options.settings))
    const operations = [{ type: 'LAUNCH', launch: { task_infos } }]
    this.#call('ACCEPT', { accept: { offer_ids, operations, filters } })
  }

  #isDue(task: TaskRecord): boolean {
    const { now } = this.#options
    const last = this.#following.get(task.plan.id)?.killedAt ?? 0
    if (now() - last < KILL_AGAIN_MS) return false
    if (this.#draining) return true
    const running = task.heard.find(({ state }) => state === 'TASK_RUNNING')
    const { end } = task.plan
    return end.kind === 'killed' && running !== undefined && now() - running.at >= end.afterMs
  }

  #kill(task: TaskRecord): void {
    const at = this.#options.now()
    task.killAskedAt ??= at
    const following = this.#following.get(task.plan.id)
    if (following !== undefined) following.killedAt = at
    this.#call('KILL', { kill: this.#ids(task) })
  }

  #reconcile(tasks: readonly TaskRecord[]): void {
    for (const { plan } of tasks) {
      const following = this.#following.get(plan.id)
      if (following !== undefined) following.reconciledAt = this.#options.now()
    }
    this.#call('RECONCILE', { reconcile: { tasks: tasks.map((task) => this.#ids(task)) } })
  }

  #ids({ plan: { id } }: TaskRecord): { task_id: { value: string }; agent_id: { value: string } } {
    return { task_id: { value: id }, agent_id: { value: this.#following.get(id)?.agentId ?? '' } }
  }

  /** Not waited for: what is lost on the way is told by silence, as to any framework. */
  #call(type: string, payload: Readonly<Record<string, unknown>> = {}): void {
    this.#scheduler
      ?.call(type, payload)
      .then(({ status }) => {
        if (status !== 202) this.failedCalls += 1
      })
      .catch(() => (this.failedCalls += 1))
  }
}
