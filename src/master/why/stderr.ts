// The last lines that a task wrote to its standard error, from its sandbox or what is kept of one that was collected.
import type { Task } from '../core/cluster.ts'
import { shownExecutorId } from '../core/tasks.ts'

const LINES = 20
const BYTES = 8192

type Read = (query: ReadonlyMap<string, string>) => Promise<unknown>

/** @throws what `read` throws */
export async function lastLines(task: Task, read: Read): Promise<readonly string[]> {
  const path = `${sandboxOf(task)}/stderr`
  const { offset: size } = pieceOf(await read(new Map([['path', path]])))
  if (size === 0) return []
  const from = Math.max(0, size - BYTES)
  const query = new Map([
    ['path', path],
    ['offset', String(from)],
    ['length', String(BYTES)],
  ])
  const { data } = pieceOf(await read(query))
  const lines = data.replace(/\n$/, '').split('\n')
  // The first of a piece may be half of one.
  return (from > 0 ? lines.slice(1) : lines).slice(-LINES)
}

function sandboxOf(task: Task): string {
  const container = task.statuses.findLast(
    ({ container_status: status }) => status?.container_id !== undefined,
  )
  const run = container?.container_status?.container_id?.value ?? 'latest'
  return `/frameworks/${task.frameworkId}/executors/${shownExecutorId(task)}/runs/${run}`
}

function pieceOf(answer: unknown): { readonly offset: number; readonly data: string } {
  const { data, offset } = (answer ?? {}) as { readonly data?: unknown; readonly offset?: unknown }
  return { offset: typeof offset === 'number' ? offset : 0, data: typeof data === 'string' ? data : '' }
}
