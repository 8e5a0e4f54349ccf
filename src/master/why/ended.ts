// The card of a task that has ended: one sentence, its figures, the exit or the signal and who sent it, the next step.
import type { TaskStatus } from '../../wire/tasks.ts'
import type { Task } from '../core/cluster.ts'
import { isTerminal } from '../../wire/terminal-states.ts'

export interface EndedCard {
  readonly state: string
  /** Wall time, ms. */
  readonly at: number | undefined
  readonly sentence: string
  readonly reason: string | undefined
  readonly source: string | undefined
  readonly exit: number | undefined
  readonly signal: string | undefined
  /** Who ended it, as far as it is known. */
  readonly by: string | undefined
  /** It was borrowed and its owner wanted it: no failure of its own. */
  readonly taken_back: boolean
  readonly figures: Readonly<Record<string, number>>
  readonly next: readonly string[]
}

/** Undefined for a task that has not ended. */
export function endedCard(task: Task): EndedCard | undefined {
  const status = task.statuses.findLast(({ state }) => isTerminal(state) || state === 'TASK_UNREACHABLE')
  if (status === undefined) return undefined
  const { message = '', reason, source, state, timestamp } = status
  const exit = /exited with status (\d+)/.exec(message)?.[1]
  const signal = /terminated with signal ([A-Za-z0-9 ]+?)(?:$|[:;,(.])/.exec(message)?.[1]?.trim()
  return {
    state,
    at: timestamp === undefined ? undefined : Math.round(timestamp * 1000),
    sentence: message === '' ? (SENTENCES[state] ?? `It is ${state}`) : message,
    reason,
    source,
    exit: exit === undefined ? undefined : Number(exit),
    signal,
    by: senderOf(status),
    taken_back: reason === 'REASON_CONTAINER_PREEMPTED',
    figures: figuresOf(task, status),
    next: nextOf(task, status),
  }
}

const SENTENCES: Readonly<Record<string, string>> = {
  TASK_FINISHED: 'It did what it had to do and ended with 0',
  TASK_KILLED: 'It was ended because its framework or an operator asked for it',
}

const SENDERS: Readonly<Record<string, string>> = {
  REASON_CONTAINER_PREEMPTED: "the agent's controller, for an owner",
  REASON_CONTAINER_LIMITATION_MEMORY: 'the kernel, at a limit of memory',
  REASON_CONTAINER_LIMITATION_DISK: 'the agent, at the limit of its disk',
  REASON_MAX_COMPLETION_TIME_REACHED: 'the agent, at its max_completion_time',
  REASON_TASK_HEALTH_CHECK_STATUS_UPDATED: 'the agent, because its health check failed',
  REASON_AGENT_DRAINING: 'an operator, who drains the agent',
  REASON_FRAMEWORK_REMOVED: 'the master, because its framework is gone',
  REASON_AGENT_REMOVED_BY_OPERATOR: 'an operator, who gave its agent up',
}

function senderOf({ reason, source, state }: TaskStatus): string | undefined {
  if (reason !== undefined && SENDERS[reason] !== undefined) return SENDERS[reason]
  if (state === 'TASK_KILLED') return 'its framework or an operator'
  return source === 'SOURCE_MASTER' ? 'the master' : undefined
}

function figuresOf({ resources }: Task, { limitation }: TaskStatus): Readonly<Record<string, number>> {
  const limits = (limitation?.resources ?? []).flatMap(({ name, scalar }) =>
    scalar === undefined ? [] : [[`limit_${name}`, scalar.value] as const],
  )
  return {
    cpus: resources.scalar('cpus'),
    lent_cpus: resources.revocable().scalar('cpus'),
    mem: resources.scalar('mem'),
    ...Object.fromEntries(limits),
  }
}

function nextOf(task: Task, { reason, state }: TaskStatus): readonly string[] {
  const id = task.info.task_id.value
  switch (reason) {
    case 'REASON_CONTAINER_LIMITATION_MEMORY': {
      const mem = task.resources.scalar('mem')
      return [`Give it more memory (now ${mem} MB): --mem ${Math.ceil(mem * 2)}`, `tepui logs --stderr ${id}`]
    }
    case 'REASON_CONTAINER_LIMITATION_DISK':
      return ['Write less into the sandbox, or ask for more disk', `tepui fs ls ${id}`]
    case 'REASON_CONTAINER_PREEMPTED':
      return ['Start it again: it was no failure of its own', 'tepui lend history']
    case 'REASON_CONTAINER_LAUNCH_FAILED':
      return ['Look whether its image, command and files exist', 'tepui doctor']
    default:
  }
  if (state === 'TASK_FAILED') return [`tepui logs --stderr ${id}`, `tepui fs ls ${id}`]
  if (state === 'TASK_LOST' || state === 'TASK_UNREACHABLE')
    return ['tepui agents', `tepui events --agent ${task.agentId}`]
  return []
}
