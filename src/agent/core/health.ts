// What a check found of a running task becomes an update; a task that stays unhealthy is ended (spec/mesos.md 3.7).
import { uuidBytes } from '../../base/random.ts'
import type { TaskStatus } from '../../wire/tasks.ts'
import { defaultGraceMs, endTold, type Supervised } from './command-tasks.ts'
import type { AgentEvent } from './events.ts'
import { record } from './tasks.ts'
import type { Turn } from './turn.ts'

type Judged = Extract<AgentEvent, { type: 'health' }>
type Found = Extract<AgentEvent, { type: 'check' }>

export function healthJudged(turn: Turn, at: Supervised, { ends, failures, healthy, message }: Judged): void {
  // A kill was quicker, or the end: it says all that is left to be said.
  if (at.executor.life.kind !== 'running') return
  at.task.healthFailures = failures
  tell(turn, at, 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED', message, { healthy })
  if (ends) endTold(turn, at, { kind: 'unhealthy', message: message ?? '' }, defaultGraceMs(turn, at))
}

export function checkFound(turn: Turn, at: Supervised, { status, message }: Found): void {
  if (at.executor.life.kind !== 'running') return
  tell(turn, at, 'REASON_TASK_CHECK_STATUS_UPDATED', message, { check_status: status })
}

/** The last status once more, with what is new: what another check found stays in it. */
function tell(
  turn: Turn,
  at: Supervised,
  reason: NonNullable<TaskStatus['reason']>,
  message: string | undefined,
  found: Pick<TaskStatus, 'healthy' | 'check_status'>,
): void {
  const last = at.task.statuses.at(-1)
  if (last === undefined)
    throw new Error(`Task ${at.task.info.task_id.value} runs and nothing was told of it`)
  const { message: _, ...kept } = last
  record(turn, at, {
    ...kept,
    ...(message !== undefined && { message }),
    reason,
    timestamp: turn.now / 1000,
    uuid: uuidBytes(turn.random.uuid()),
    ...found,
  })
}
