// What draining makes of statuses, and when it is over (spec/mesos.md 5.5).
import type { FrameworkInfo } from '../../wire/frameworks.ts'
import type { TaskStatus } from '../../wire/tasks.ts'
import { hasCapability } from './statuses.ts'
import { log, type Turn } from './turn.ts'

/**
 * While the agent drains, the end of a killed task has its reason from that, and is final for a machine that goes away
 * for good. TASK_KILLING stays what it is, because the task still runs.
 */
export function duringDrain(turn: Turn, framework: FrameworkInfo, status: TaskStatus): TaskStatus {
  const { draining } = turn.state
  if (draining === undefined || (status.state !== 'TASK_KILLING' && status.state !== 'TASK_KILLED'))
    return status
  const isGone =
    draining.config.mark_gone === true &&
    status.state === 'TASK_KILLED' &&
    hasCapability(framework, 'PARTITION_AWARE')
  const state = isGone ? 'TASK_GONE_BY_OPERATOR' : status.state
  return { ...status, state, reason: 'REASON_AGENT_DRAINING' }
}

/** With nothing left here, draining is over for the agent; that it gets nothing new is the master's to see to. */
export function settleDrain(turn: Turn): void {
  if (turn.state.draining === undefined || turn.state.frameworks.size > 0) return
  turn.state.draining = undefined
  turn.changes.agent = true
  log(turn, 'info', 'nothing is left here: the agent is drained', {})
}
