// The two frameworks of the lending bench: one reserves (owners), the other borrows; both through our SDK.
import type { Clock } from '../../src/base/clock.ts'
import { OperatingError } from '../../src/base/errors.ts'
import {
  amountsOf,
  commandTask,
  dockerTask,
  isTerminal,
  launch,
  type Offer,
  SchedulerClient,
  type TaskInfo,
  type TaskStatus,
} from '../../src/sdk/sdk.ts'

/** Made by scripts/bench-images.sh. */
export const IMAGE = 'tepui/bench:latest'
const OFFER_MS = 30_000
const START_MS = 30_000

export interface Wish {
  readonly name: string
  readonly cpus: number
  /** MB. */
  readonly mem: number
  /** Words of the command. */
  readonly run: readonly [string, ...string[]]
  /** In a Docker container of our image; else a process of the host. */
  readonly docker: boolean
  /** CPU quota of the container, cores: what an owner that hits its own limit has. */
  readonly quotaCpus?: number
}

export interface Started {
  readonly taskId: string
  /** Resolves at the end with the last status, whatever it is. */
  readonly over: Promise<TaskStatus>
  kill(): Promise<void>
}

interface Known {
  readonly running: PromiseWithResolvers<void>
  readonly over: PromiseWithResolvers<TaskStatus>
}

interface Waiting {
  readonly wish: Wish
  readonly started: PromiseWithResolvers<Started>
}

export class Tenant implements AsyncDisposable {
  readonly #client: SchedulerClient
  readonly #clock: Clock
  readonly #revocable: boolean
  readonly #name: string
  readonly #tasks = new Map<string, Known>()
  readonly #ended: Promise<void>
  #waiting: Waiting | undefined
  #next = 0

  private constructor(client: SchedulerClient, clock: Clock, name: string, revocable: boolean) {
    this.#client = client
    this.#clock = clock
    this.#name = name
    this.#revocable = revocable
    this.#ended = this.#listen().catch((error: unknown) => this.#fail(error))
  }

  /** @param revocable asks for lent resources and takes nothing else */
  static async subscribe(
    master: string,
    options: { readonly name: string; readonly revocable: boolean; readonly clock: Clock },
    signal: AbortSignal,
  ): Promise<Tenant> {
    const { clock, name, revocable } = options
    const capabilities = [
      { type: 'MULTI_ROLE' as const },
      ...(revocable ? [{ type: 'REVOCABLE_RESOURCES' as const }] : []),
    ]
    const framework = { user: 'root', name, roles: ['*'], capabilities }
    const client = await SchedulerClient.subscribe({ master, framework, reconnect: false, clock }, signal)
    return new Tenant(client, clock, name, revocable)
  }

  /** Resolves when the task runs. @throws OperatingError LAUNCH without an offer in time or when it ends before */
  async start(wish: Wish, signal: AbortSignal): Promise<Started> {
    const started = Promise.withResolvers<Started>()
    this.#waiting = { wish, started }
    const fail = (why: string): void =>
      started.reject(new OperatingError('LAUNCH', `The task '${wish.name}' of the bench ${why}`))
    using _ = this.#clock.after(OFFER_MS, () => fail(`got no offer within ${OFFER_MS / 1000} s`))
    const stop = (): void => started.reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    try {
      await this.#client.revive()
      const task = await started.promise
      using __ = this.#clock.after(START_MS, () => this.#tasks.get(task.taskId)?.running.reject(late(wish)))
      await this.#tasks.get(task.taskId)?.running.promise
      return task
    } finally {
      this.#waiting = undefined
      signal.removeEventListener('abort', stop)
    }
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

  async #listen(): Promise<void> {
    for await (const event of this.#client.events) {
      if (event.type === 'UPDATE' && event.update !== undefined) this.#take(event.update.status)
      for (const offer of event.type === 'OFFERS' ? (event.offers?.offers ?? []) : []) await this.#use(offer)
    }
  }

  /** Whatever is not wanted goes back until the next revival, so that the other framework has it. */
  async #use(offer: Offer): Promise<void> {
    const waiting = this.#waiting
    const has = amountsOf(offer, { revocable: this.#revocable })
    const memory = Math.max(has.mem, amountsOf(offer).mem)
    if (waiting === undefined || has.cpus < waiting.wish.cpus - 1e-6 || memory < waiting.wish.mem) {
      await this.#client.decline([offer], { refuse_seconds: waiting === undefined ? 600 : 0.2 })
      return
    }
    this.#waiting = undefined
    const task = this.#task(waiting.wish, offer, has.mem)
    const taskId = task.task_id.value
    const known = { running: Promise.withResolvers<void>(), over: Promise.withResolvers<TaskStatus>() }
    // Whoever does not wait for the one or the other is told by the other.
    void Promise.allSettled([known.running.promise, known.over.promise])
    this.#tasks.set(taskId, known)
    await this.#client.accept([offer], [launch([task])], { refuse_seconds: 600 })
    const kill = (): Promise<void> => this.#client.kill(taskId, { graceMs: 0 })
    waiting.started.resolve({ taskId, over: known.over.promise, kill })
  }

  #task(wish: Wish, offer: Offer, revocableMem: number): TaskInfo {
    const id = `${this.#name}.${wish.name}.${this.#next++}`
    const { cpus, mem, run, quotaCpus } = wish
    const lentMem = this.#revocable && revocableMem >= mem
    const options = {
      id,
      offer,
      cpus,
      mem: this.#revocable && !lentMem ? 0 : mem,
      revocable: this.#revocable,
    }
    const task = wish.docker
      ? dockerTask({ ...options, image: IMAGE, command: run })
      : commandTask({ ...options, command: run })
    // Memory that is not lent is reserved: only cpu can be taken back without harm.
    if (this.#revocable && !lentMem)
      task.resources?.push({ name: 'mem', type: 'SCALAR', scalar: { value: mem } })
    if (quotaCpus !== undefined && task.container?.docker !== undefined) {
      task.container.docker.parameters = [
        { key: 'cpu-period', value: '100000' },
        { key: 'cpu-quota', value: String(Math.round(quotaCpus * 100_000)) },
      ]
    }
    return task
  }

  #take(status: TaskStatus): void {
    void this.#client.acknowledge(status).catch((error: unknown) => this.#fail(error))
    const known = this.#tasks.get(status.task_id.value)
    if (known === undefined || status.state === undefined) return
    if (status.state === 'TASK_RUNNING') known.running.resolve()
    if (!isTerminal(status.state)) return
    const words = `Task ${status.task_id.value} ended as ${status.state}: ${status.message ?? 'no message'}`
    known.running.reject(new OperatingError('LAUNCH', words))
    known.over.resolve(status)
  }

  #fail(error: unknown): void {
    this.#waiting?.started.reject(error)
    for (const { running, over } of this.#tasks.values()) {
      running.reject(error)
      over.reject(error)
    }
  }
}

function late(wish: Wish): OperatingError {
  return new OperatingError('LAUNCH', `The task '${wish.name}' did not run within ${START_MS / 1000} s`)
}
