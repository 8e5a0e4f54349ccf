// RECONCILE: the state of tasks and operations as the master knows it, asked for one by one or all at once.
import type { SchedulerCallReconcile, SchedulerCallReconcileOperations } from '../../wire/scheduler.ts'
import type { OperationState } from '../../wire/operations.ts'
import type { TaskStatus } from '../../wire/tasks.ts'
import type { Cluster, Framework, Task } from './cluster.ts'
import { type MasterStatus, masterStatus, shownExecutorId, stateFor, tellStatus } from './tasks.ts'
import { type Turn, count, sendToFramework } from './turn.ts'

/** An empty list asks for all tasks of the framework that are in the books (spec/mesos.md 2.8). */
export function reconcileTasks(turn: Turn, framework: Framework, asked: SchedulerCallReconcile): void {
  count(turn, 'master/messages_reconcile_tasks')
  const wanted = asked.tasks ?? []
  if (wanted.length === 0) {
    for (const task of framework.tasks.values()) tellStatus(turn, framework, latestStatus(turn.now, task))
    return
  }
  for (const { task_id: id, agent_id: agentId } of wanted) {
    reconcileTask(turn, framework, id.value, agentId?.value)
  }
}

/** The first rule that fits (spec/mesos.md 2.8); the one about recovered agents comes with the registry. */
export function reconcileTask(
  turn: Turn,
  framework: Framework,
  taskId: string,
  agentId: string | undefined,
): void {
  const task = framework.tasks.get(taskId)
  if (task !== undefined) {
    tellStatus(turn, framework, latestStatus(turn.now, task))
    return
  }
  const said = fateOf(turn.cluster, taskId, agentId)
  tellStatus(turn, framework, masterStatus(turn.now, { ...said, state: stateFor(framework, said.state) }))
}

function fateOf(cluster: Cluster, taskId: string, agentId: string | undefined): MasterStatus {
  const base = { taskId, agentId, reason: 'REASON_RECONCILIATION' } as const
  if (agentId !== undefined && cluster.agents.has(agentId)) {
    return { ...base, state: 'TASK_GONE', message: 'Reconciliation: Task is gone' }
  }
  const since = agentId === undefined ? undefined : cluster.unreachableAgents.get(agentId)?.since
  if (since !== undefined) {
    const message = 'Reconciliation: Task is unreachable'
    return { ...base, state: 'TASK_UNREACHABLE', message, unreachableSince: since }
  }
  if (agentId !== undefined && cluster.goneAgents.has(agentId)) {
    const message = 'Reconciliation: Task is gone by operator'
    return { ...base, state: 'TASK_GONE_BY_OPERATOR', message }
  }
  return { ...base, state: 'TASK_UNKNOWN', message: 'Reconciliation: Task is unknown' }
}

/** What the framework was told last, not what the agent may know beyond it. */
function latestStatus(now: number, task: Task): TaskStatus {
  const status = masterStatus(now, {
    taskId: task.info.task_id.value,
    state: task.update?.state ?? task.state,
    message: 'Reconciliation: Latest task state',
    reason: 'REASON_RECONCILIATION',
    agentId: task.agentId,
    executorId: shownExecutorId(task),
  })
  const last = task.statuses.at(-1)
  if (last?.healthy !== undefined) status.healthy = last.healthy
  if (last?.check_status !== undefined) status.check_status = last.check_status
  if (last?.container_status !== undefined) status.container_status = last.container_status
  return status
}

/** No operation is ever accepted yet: each that is asked for is unknown, or out of reach or gone with its agent. */
export function reconcileOperations(
  turn: Turn,
  framework: Framework,
  asked: SchedulerCallReconcileOperations,
): void {
  count(turn, 'master/messages_reconcile_operations')
  for (const { operation_id, agent_id, resource_provider_id } of asked.operations ?? []) {
    sendToFramework(turn, framework, {
      type: 'UPDATE_OPERATION_STATUS',
      update_operation_status: {
        status: {
          operation_id,
          state: fateOfOperation(turn.cluster, agent_id?.value),
          message: 'Reconciliation: Operation is unknown to the master',
          ...(agent_id === undefined ? {} : { agent_id }),
          ...(resource_provider_id === undefined ? {} : { resource_provider_id }),
        },
      },
    })
  }
}

function fateOfOperation(cluster: Cluster, agentId: string | undefined): OperationState {
  if (agentId === undefined) return 'OPERATION_UNKNOWN'
  if (cluster.unreachableAgents.has(agentId)) return 'OPERATION_UNREACHABLE'
  return cluster.goneAgents.has(agentId) ? 'OPERATION_GONE_BY_OPERATOR' : 'OPERATION_UNKNOWN'
}
