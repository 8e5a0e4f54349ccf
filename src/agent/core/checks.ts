// What is checked in a task that the agent supervises: when that begins and ends, and what stands in statuses before.
import type { CheckStatusInfo } from '../../wire/health.ts'
import type { TaskInfo } from '../../wire/tasks.ts'
import type { SupervisedExecutor, Task } from './state.ts'
import type { Turn } from './turn.ts'

/** A container whose task's checks run from now on; what was told last of them, so that only changes are told. */
export interface Watch {
  readonly containerId: string
  readonly task: TaskInfo
  /** Wall time of the task's start, ms: delay and grace period count from it, also in a later life of the agent. */
  readonly startedAt: number
  /** Undefined while nothing was told. */
  readonly healthy: boolean | undefined
  readonly checkStatus: CheckStatusInfo | undefined
  /** Of the health check, in a row, when the agent looked last. */
  readonly failures: number
}

interface Checked {
  readonly executor: SupervisedExecutor
  readonly task: Task
}

const hasChecks = ({ info }: Task): boolean => info.health_check !== undefined || info.check !== undefined

/** To be called when a task runs: after its start, and when a later life of the agent found its container again. */
export function watchChecks(turn: Turn, { executor, task }: Checked): void {
  if (!hasChecks(task) || executor.process === undefined) return
  const last = task.statuses.at(-1)
  turn.emit({
    type: 'watch',
    watch: {
      containerId: executor.containerId,
      task: task.info,
      startedAt: executor.process.startedAt,
      healthy: last?.healthy,
      checkStatus: last?.check_status,
      failures: task.healthFailures,
    },
  })
}

/** Its container ends or has ended: nothing that a check would find says anything about the task any more. */
export function unwatchChecks(turn: Turn, { executor, task }: Checked): void {
  if (hasChecks(task)) turn.emit({ type: 'unwatch', containerId: executor.containerId })
}

/**
 * What stands in every change of state of a task that has a check: its type, and that nothing is known yet
 * (spec/mesos.md 3.7).
 */
export function emptyCheckStatus({ check }: TaskInfo): CheckStatusInfo | undefined {
  switch (check?.type) {
    case 'COMMAND':
      return { type: 'COMMAND', command: {} }
    case 'HTTP':
      return { type: 'HTTP', http: {} }
    case 'TCP':
      return { type: 'TCP', tcp: {} }
    case undefined:
    case 'UNKNOWN':
      return undefined
  }
}
