// A task and its statuses as the pages of master and agent show them (spec/mesos.md 4.4).
import type { Resources } from '../../resources/resources.ts'
import type { ContainerStatus } from '../../wire/containers.ts'
import type { TaskInfo, TaskState, TaskStatus } from '../../wire/tasks.ts'
import { double } from './number.ts'
import { resourceMap, type Page } from './resources.ts'

/** What a page tells of a task; the tasks of both daemons have it. */
export interface ShownTask {
  readonly info: TaskInfo
  readonly frameworkId: string
  readonly agentId: string
  /** Undefined for a command task. */
  readonly executorId: string | undefined
  readonly state: TaskState
  readonly resources: Resources
  readonly role: string
  readonly statuses: readonly TaskStatus[]
}

/** A task as it stands in a page. */
export const taskPageText = (task: ShownTask): string => JSON.stringify(taskPage(task))

export function taskPage(task: ShownTask): Page {
  const { info } = task
  const limits = Object.entries(info.limits ?? {})
  const user = info.command?.user ?? info.executor?.command?.user
  return {
    id: info.task_id.value,
    name: info.name,
    framework_id: task.frameworkId,
    // Empty for a command task, though its status names an executor.
    executor_id: task.executorId ?? '',
    slave_id: task.agentId,
    state: task.state,
    resources: resourceMap(task.resources),
    ...(limits.length > 0 && {
      limits: Object.fromEntries(
        limits.map(([name, { value }]) => [name, Number.isFinite(value) ? double(value) : 'Infinity']),
      ),
    }),
    role: task.role,
    statuses: task.statuses.map(statusPage),
    // Only a user of its own; that of the framework is not repeated here.
    ...(user !== undefined && { user }),
    ...(info.labels?.labels !== undefined && { labels: info.labels.labels }),
    ...(info.discovery !== undefined && { discovery: info.discovery }),
    ...(info.container !== undefined && { container: info.container }),
    ...(info.health_check !== undefined && { health_check: info.health_check }),
  }
}

function statusPage(status: TaskStatus): Page {
  return {
    state: status.state,
    timestamp: double(status.timestamp ?? 0),
    ...(status.labels?.labels !== undefined && { labels: status.labels.labels }),
    ...(status.container_status !== undefined && {
      container_status: containerStatusPage(status.container_status),
    }),
    ...(status.healthy !== undefined && { healthy: status.healthy }),
  }
}

/** All but the pid, which no page has. */
function containerStatusPage(status: ContainerStatus): Page {
  const { container_id, network_infos, cgroup_info } = status
  return {
    ...(container_id !== undefined && { container_id }),
    ...(network_infos !== undefined && { network_infos }),
    ...(cgroup_info !== undefined && { cgroup_info }),
  }
}
