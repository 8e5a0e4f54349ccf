// The framework of the bench: launches Docker tasks as fast as offers allow and notes when it hears what.
import type { Clock } from '../../src/base/clock.ts'
import { OperatingError } from '../../src/base/errors.ts'
import { isTerminal, type Offer, type TaskInfo, type TaskStatus } from '../../src/sdk/sdk.ts'
import { amountsOf, dockerTask, launch, SchedulerClient } from '../../src/sdk/sdk.ts'

/** The image that scripts/image.sh makes. */
const IMAGE = 'tepui/busybox:latest'
export const TASK_CPUS = 0.1
export const TASK_MEM = 32

/** When the framework did or heard something, ms on its own clock. */
export interface Launched {
  readonly taskId: string
  /** Just before ACCEPT was sent. */
  readonly acceptedAt: number
  /** When TASK_RUNNING was received. */
  readonly running: Promise<number>
  /** When TASK_FINISHED was received; rejects for any other end. */
  readonly finished: Promise<number>
  /** Resolves at the end, whatever it was. */
  readonly over: Promise<unknown>
}

interface Waiting {
  readonly running: PromiseWithResolvers<number>
  readonly finished: PromiseWithResolvers<number>
}

export class BenchFramework implements AsyncDisposable {
  readonly #client: SchedulerClient
  readonly #clock: Clock
  readonly #offers: Offer[] = []
  readonly #tasks = new Map<string, Waiting>()
  readonly #ended: Promise<void>
  #offered = Promise.withResolvers<void>()
  #failure: { readonly error: unknown } | undefined
  #next = 0

  private constructor(client: SchedulerClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
    this.#ended = this.#listen().catch((error: unknown) => this.#fail(error))
  }

  static async subscribe(master: string, clock: Clock, signal: AbortSignal): Promise<BenchFramework> {
    const framework = {
      user: 'root',
      name: 'bench',
      roles: ['*'],
      capabilities: [{ type: 'MULTI_ROLE' as const }],
    }
    const client = await SchedulerClient.subscribe({ master, framework, reconnect: false, clock }, signal)
    return new BenchFramework(client, clock)
  }

  /** Resolves when an offer is in hand, so that no launch has to wait for one. */
  async offer(): Promise<void> {
    while (this.#offers.length === 0) {
      if (this.#failure !== undefined) throw this.#failure.error
      await this.#offered.promise
    }
  }

  /** Launches up to `count` tasks with one ACCEPT of the offer in hand; its rest is welcome again at once. */
  async launch(command: readonly string[], count: number): Promise<readonly Launched[]> {
    await this.offer()
    const offer = this.#offers.shift()
    if (offer === undefined) return this.launch(command, count)
    const fitting = Math.floor(amountsOf(offer).cpus / TASK_CPUS + 1e-6)
    const tasks = Array.from({ length: Math.min(count, fitting) }, () => this.#task(command, offer))
    const acceptedAt = this.#clock.monotonic()
    const launched = tasks.map((task) => this.#expect(task.task_id.value, acceptedAt))
    await this.#client.accept([offer], [launch(tasks)], { refuse_seconds: 0 })
    return launched
  }

  /** Launches the task that is made of an offer. */
  async launchOne(make: (id: string, offer: Offer) => TaskInfo): Promise<Launched> {
    await this.offer()
    const offer = this.#offers.shift()
    if (offer === undefined) return this.launchOne(make)
    const task = make(`bench.${this.#next++}`, offer)
    const acceptedAt = this.#clock.monotonic()
    const launched = this.#expect(task.task_id.value, acceptedAt)
    await this.#client.accept([offer], [launch([task])], { refuse_seconds: 0 })
    return launched
  }

  async kill(taskId: string): Promise<void> {
    await this.#client.kill(taskId, { graceMs: 0 })
  }

  /** Tears the framework down: its tasks are killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#client.teardown()
    } catch {
      // The master is gone or has ended the subscription; the agent's end will kill what runs.
    }
    await this.#client[Symbol.asyncDispose]()
    await this.#ended
  }

  #task(command: readonly string[], offer: Offer): TaskInfo {
    const id = `bench.${this.#next++}`
    return dockerTask({ id, offer, image: IMAGE, command, cpus: TASK_CPUS, mem: TASK_MEM })
  }

  #expect(taskId: string, acceptedAt: number): Launched {
    const waiting = { running: Promise.withResolvers<number>(), finished: Promise.withResolvers<number>() }
    const [running, finished] = [waiting.running.promise, waiting.finished.promise]
    this.#tasks.set(taskId, waiting)
    // Also keeps the failure of one that nobody waits for from ending the bench.
    return { taskId, acceptedAt, running, finished, over: Promise.allSettled([running, finished]) }
  }

  async #listen(): Promise<void> {
    for await (const event of this.#client.events) {
      const at = this.#clock.monotonic()
      if (event.type === 'UPDATE' && event.update !== undefined) this.#take(event.update.status, at)
      if (event.type === 'OFFERS') this.#offers.push(...(event.offers?.offers ?? []))
      if (event.type === 'RESCIND') this.#forget(event.rescind?.offer_id.value)
      if (this.#offers.length === 0) continue
      this.#offered.resolve()
      this.#offered = Promise.withResolvers<void>()
    }
  }

  #take(status: TaskStatus, at: number): void {
    void this.#client.acknowledge(status).catch((error: unknown) => this.#fail(error))
    const waiting = this.#tasks.get(status.task_id.value)
    if (waiting === undefined || status.state === undefined) return
    if (status.state === 'TASK_RUNNING') waiting.running.resolve(at)
    if (!isTerminal(status.state)) return
    this.#tasks.delete(status.task_id.value)
    if (status.state === 'TASK_FINISHED') return waiting.finished.resolve(at)
    const words = `Task ${status.task_id.value} ended as ${status.state}: ${status.message ?? 'no message'}`
    const trouble = new OperatingError('LAUNCH', words)
    waiting.running.reject(trouble)
    waiting.finished.reject(trouble)
  }

  #forget(offerId: string | undefined): void {
    const index = this.#offers.findIndex(({ id }) => id.value === offerId)
    if (index >= 0) this.#offers.splice(index, 1)
  }

  #fail(error: unknown): void {
    this.#failure = { error }
    this.#offered.resolve()
    for (const { running, finished } of this.#tasks.values()) {
      running.reject(error)
      finished.reject(error)
    }
  }
}
