// The frameworks of the demo, each with what it runs: an owner with one service, a borrower with several workers.
import type { Clock } from '../../base/clock.ts'
import { OperatingError } from '../../base/errors.ts'
import { Scope } from '../../base/scope.ts'
import { BatchFramework, type BatchNote } from '../../frameworks/batch.ts'
import { Driver } from '../../frameworks/effects.ts'
import { type Placement, RunFramework } from '../../frameworks/run.ts'
import { SandboxFile } from '../../frameworks/sandbox-file.ts'
import { frameworkInfo, type TaskWish } from '../../frameworks/task-wish.ts'
import { HttpClient } from '../../http/client.ts'
import { SchedulerClient, type TaskStatus } from '../../sdk/sdk.ts'

export interface DemoDeps {
  readonly clock: Clock
  /** `host:port` */
  readonly master: string
  readonly signal: AbortSignal
}

const RUNNING_WITHIN_MS = 20_000

/** One task that shall stay: resolves when it runs. */
export class Service implements AsyncDisposable {
  readonly #client: SchedulerClient
  readonly placement: Placement
  /** Settles when the task ends, which a service should not. */
  readonly ended: Promise<TaskStatus | undefined>

  private constructor(client: SchedulerClient, placement: Placement, ended: Promise<TaskStatus | undefined>) {
    this.#client = client
    this.placement = placement
    this.ended = ended
  }

  /** @throws OperatingError LAUNCH when it does not come to run */
  static async start(deps: DemoDeps, framework: string, wish: TaskWish): Promise<Service> {
    const { clock, master, signal } = deps
    const info = frameworkInfo({ name: framework, roles: ['*'], borrows: false })
    const client = await SchedulerClient.subscribe({ master, framework: info, clock }, undefined)
    try {
      const decisions = new RunFramework(wish, wish.name)
      const driver = new Driver(client)
      const running = Promise.withResolvers<Placement>()
      const ended = Promise.withResolvers<TaskStatus | undefined>()
      let placement: Placement | undefined
      const events = driver.run(client.events, (event) => {
        const { effects, notes } = decisions.step({ type: 'scheduler', event })
        for (const note of notes) {
          if (note.kind === 'placed') placement = note.placement
          if (note.kind === 'status' && note.status.state === 'TASK_RUNNING' && placement !== undefined) {
            running.resolve(placement)
          }
        }
        const { outcome } = decisions
        if (outcome?.kind === 'task-ended') {
          const said = `${outcome.status.state}: ${outcome.status.message ?? ''}`
          running.reject(new OperatingError('LAUNCH', `The service '${wish.name}' ended: ${said}`))
          ended.resolve(outcome.status)
        }
        return effects
      })
      void events.then(() => ended.resolve(undefined), running.reject)
      using _ = clock.after(RUNNING_WITHIN_MS, () =>
        running.reject(
          new OperatingError(
            'LAUNCH',
            `The service '${wish.name}' does not run after ${RUNNING_WITHIN_MS / 1000} s`,
          ),
        ),
      )
      const stop = (): void => running.reject(signal.reason as Error)
      signal.addEventListener('abort', stop, { once: true })
      const service = new Service(client, await running.promise, ended.promise)
      signal.removeEventListener('abort', stop)
      return service
    } catch (error) {
      await client.teardown()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.teardown()
  }
}

/** How often the work of borrowers is counted. */
const COUNT_EVERY_MS = 500

/** Workers on lent resources; each writes one byte per piece of work that is done. */
export class Borrowers implements AsyncDisposable {
  readonly #client: SchedulerClient
  readonly #decisions: BatchFramework
  readonly #http: HttpClient
  readonly #scope = new Scope()
  readonly #work = new Map<string, { readonly file: SandboxFile; units: number }>()

  private constructor(deps: DemoDeps, client: SchedulerClient, decisions: BatchFramework) {
    this.#client = client
    this.#decisions = decisions
    this.#http = new HttpClient(deps.clock)
  }

  static async start(
    deps: DemoDeps,
    wish: TaskWish,
    most: number,
    onNote: (note: BatchNote) => void,
    onTrouble: (error: unknown) => void,
  ): Promise<Borrowers> {
    const { clock, master } = deps
    const info = frameworkInfo({ name: 'batch', roles: ['*'], borrows: true })
    const client = await SchedulerClient.subscribe({ master, framework: info, clock }, undefined)
    const decisions = new BatchFramework(wish, wish.name, most)
    const borrowers = new Borrowers(deps, client, decisions)
    const driver = new Driver(client)
    const events = driver.run(client.events, (event) => {
      const { effects, notes } = decisions.step({ type: 'scheduler', event })
      for (const note of notes) {
        if (note.kind === 'running') borrowers.#began(note.placement)
        onNote(note)
      }
      return effects
    })
    void events.catch(onTrouble)
    borrowers.#scope.spawn(
      'count',
      (signal) => borrowers.#count(clock, signal),
      (_, error) => onTrouble(error),
    )
    return borrowers
  }

  get running(): number {
    return this.#decisions.running.length
  }

  get takenBack(): number {
    return this.#decisions.takenBack
  }

  /** Pieces of work that were done so far, also by workers that are gone. */
  get units(): number {
    return [...this.#work.values()].reduce((sum, { units }) => sum + units, 0)
  }

  #began(placement: Placement): void {
    const { address, taskId } = placement
    if (address === undefined || this.#work.has(taskId)) return
    const place = { from: address, frameworkId: this.#client.frameworkId, executorId: taskId, run: 'latest' }
    this.#work.set(taskId, { file: new SandboxFile(this.#http, place, 'stdout'), units: 0 })
  }

  async #count(clock: Clock, signal: AbortSignal): Promise<void> {
    for (;;) {
      await clock.sleep(COUNT_EVERY_MS, signal)
      for (const work of this.#work.values()) work.units = (await work.file.size(signal)) ?? work.units
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]()
    await this.#client.teardown()
    this.#http[Symbol.dispose]()
  }
}
