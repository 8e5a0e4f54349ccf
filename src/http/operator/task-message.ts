// A task as the operator APIs tell it, from the tasks of either daemon.
import { encodeMessage } from '../../wire/json.ts'
import { Task, type TaskState } from '../../wire/tasks.ts'
import type { ShownTask } from '../pages/tasks.ts'

export interface ToldTask extends ShownTask {
  /** The update that waits for an acknowledgement, or was the last that did. */
  readonly update?: { readonly state: TaskState; readonly uuid: string } | undefined
}

export function taskMessage(task: ToldTask): Task {
  const { info, update } = task
  const user = info.command?.user ?? info.executor?.command?.user
  return {
    name: info.name,
    task_id: info.task_id,
    framework_id: { value: task.frameworkId },
    ...(task.executorId !== undefined && { executor_id: { value: task.executorId } }),
    agent_id: { value: task.agentId },
    state: task.state,
    resources: task.resources.toWire(),
    statuses: [...task.statuses],
    ...(update !== undefined && { status_update_state: update.state, status_update_uuid: update.uuid }),
    ...(info.labels !== undefined && { labels: info.labels }),
    ...(info.discovery !== undefined && { discovery: info.discovery }),
    ...(info.container !== undefined && { container: info.container }),
    ...(info.health_check !== undefined && { health_check: info.health_check }),
    ...(info.kill_policy !== undefined && { kill_policy: info.kill_policy }),
    ...(user !== undefined && { user }),
    ...(info.limits !== undefined && { limits: info.limits }),
  }
}

export const taskMessageText = (task: ToldTask): string => encodeMessage(Task, taskMessage(task))
