/**
 * What an executor has told and the agent has not acknowledged: kept until then, and told again when the executor
 * subscribes again (spec/mesos.md 3.5).
 */
import type { TaskInfo, TaskStatus } from '../wire/tasks.ts'

interface Update {
  readonly status: TaskStatus
  readonly taken: PromiseWithResolvers<void>
}

export class UpdateQueue {
  // By uuid, in the order in which they were told.
  readonly #unacknowledged = new Map<string, Update>()
  // Those of them that no agent has taken yet.
  readonly #unsent = new Set<string>()
  readonly #tasks = new Map<string, TaskInfo>()

  get unacknowledgedUpdates(): TaskStatus[] {
    return [...this.#unacknowledged.values()].map(({ status }) => status)
  }

  get unacknowledgedTasks(): TaskInfo[] {
    return [...this.#tasks.values()]
  }

  get size(): number {
    return this.#unacknowledged.size
  }

  /** The oldest update that no agent has taken. */
  get next(): TaskStatus | undefined {
    for (const uuid of this.#unsent) return this.#unacknowledged.get(uuid)?.status
    return undefined
  }

  launched(task: TaskInfo): void {
    this.#tasks.set(task.task_id.value, task)
  }

  /** Resolves when an agent has taken the update; rejects when it is refused or the executor ends. */
  add(uuid: string, status: TaskStatus): Promise<void> {
    const taken = Promise.withResolvers<void>()
    taken.promise.catch(() => {
      // Callers need not wait for it; those who do hear of the failure themselves.
    })
    this.#unacknowledged.set(uuid, { status, taken })
    this.#unsent.add(uuid)
    return taken.promise
  }

  taken(uuid: string): void {
    this.#unsent.delete(uuid)
    this.#unacknowledged.get(uuid)?.taken.resolve()
  }

  /** A subscription that carried these updates was accepted. */
  resubscribed(updates: readonly TaskStatus[]): void {
    for (const { uuid } of updates) if (uuid !== undefined) this.taken(uuid)
  }

  acknowledged(taskId: string, uuid: string): void {
    // A task is acknowledged with its first update.
    this.#tasks.delete(taskId)
    this.taken(uuid)
    this.#unacknowledged.delete(uuid)
  }

  /** The agent will never take this one: it would spoil every subscription that carries it. */
  refused(uuid: string, trouble: unknown): void {
    this.#unacknowledged.get(uuid)?.taken.reject(trouble)
    this.#unacknowledged.delete(uuid)
    this.#unsent.delete(uuid)
  }

  /** Fails what waits. */
  end(trouble: Error): void {
    for (const uuid of this.#unsent) this.#unacknowledged.get(uuid)?.taken.reject(trouble)
    this.#unsent.clear()
  }
}
