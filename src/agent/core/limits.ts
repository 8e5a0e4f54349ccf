// What a container may use beyond what it reserves, summed over the tasks in it (spec/mesos.md 5.9, last paragraph).
import type { Resources } from '../../resources/resources.ts'
import type { TaskInfo } from '../../wire/tasks.ts'

export interface Limits {
  /** Cores. */
  readonly cpus?: number
  /** Megabytes. */
  readonly mem?: number
}

/** One wish of a task: `request` undefined when it reserves none, `limit` undefined when it sets none. */
interface Wish {
  readonly request: number | undefined
  readonly limit: number | undefined
}

/**
 * Cores and megabytes, `Infinity` when a task says so; a field is unset when no task limits it.
 *
 * @param own what the executor itself reserves
 * @param cfs `--cgroups_enable_cfs`: without it, a task that requests cpus and limits none frees the whole container
 */
export function limitsOf(tasks: readonly TaskInfo[], own: Resources, cfs: boolean): Limits {
  const wishes = (name: 'cpus' | 'mem'): Wish[] =>
    tasks.map((task) => ({ request: requestOf(task, name), limit: task.limits?.[name]?.value }))
  const cpuWishes = wishes('cpus')
  const unbound = !cfs && cpuWishes.some(({ request, limit }) => request !== undefined && limit === undefined)
  const cpus = unbound ? undefined : sumOf(cpuWishes, own.scalar('cpus'))
  const mem = sumOf(wishes('mem'), own.scalar('mem'))
  return { ...(cpus !== undefined && { cpus }), ...(mem !== undefined && { mem }) }
}

function requestOf(task: TaskInfo, name: string): number | undefined {
  const values = (task.resources ?? []).flatMap((resource) =>
    resource.name === name && resource.scalar !== undefined ? [resource.scalar.value] : [],
  )
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0)
}

function sumOf(wishes: readonly Wish[], own: number): number | undefined {
  if (wishes.every(({ limit }) => limit === undefined)) return undefined
  return wishes.reduce((sum, { request, limit }) => sum + (limit ?? request ?? 0), own)
}
