/**
 * Tasks as text, each written once for every change of it: most of a large page is tasks, and most tasks have not
 * changed since the page was written the last time.
 */
import type { ToldTask } from '../operator/task-message.ts'

interface Written {
  readonly text: string
  readonly state: unknown
  readonly update: unknown
  readonly statuses: number
  readonly last: unknown
}

export class TaskTexts {
  readonly #write: (task: ToldTask) => string
  /** Goes with the tasks. */
  readonly #written = new WeakMap<ToldTask, Written>()

  constructor(write: (task: ToldTask) => string) {
    this.#write = write
  }

  of(task: ToldTask): string {
    const { state, statuses, update } = task
    const last = statuses.at(-1)
    const known = this.#written.get(task)
    if (known?.state === state && known.update === update) {
      if (known.last === last && known.statuses === statuses.length) return known.text
    }
    const text = this.#write(task)
    this.#written.set(task, { text, state, update, statuses: statuses.length, last })
    return text
  }
}
