// How a task's status is written: which fields the agent fills in, which states are ends, who hears LOST instead.
import { uuidBytes } from '../../base/random.ts'
import type { ContainerStatus } from '../../wire/containers.ts'
import type { FrameworkInfo, FrameworkInfoCapabilityType } from '../../wire/frameworks.ts'
import type { NetworkInfo } from '../../wire/network.ts'
import type { TaskInfo, TaskStatus } from '../../wire/tasks.ts'
import type { Executor } from './state.ts'
import type { Turn } from './turn.ts'

/** What the decider of a status says; all else is filled in by `statusOf`. */
export type Draft = Pick<
  TaskStatus,
  'state' | 'message' | 'reason' | 'data' | 'limitation' | 'healthy' | 'check_status'
> & {
  /** SOURCE_EXECUTOR where Mesos's own executor would have said it, SOURCE_AGENT where its agent would. */
  readonly source: 'SOURCE_AGENT' | 'SOURCE_EXECUTOR'
  readonly containerStatus?: ContainerStatus
}

export function hasCapability(info: FrameworkInfo, capability: FrameworkInfoCapabilityType): boolean {
  return info.capabilities?.some(({ type }) => type === capability) ?? false
}

/** Only partition-aware frameworks know DROPPED and GONE; all others hear LOST (spec/mesos.md 2.8). */
export function lostAs(
  info: FrameworkInfo | undefined,
  precise: 'TASK_DROPPED' | 'TASK_GONE',
): 'TASK_DROPPED' | 'TASK_GONE' | 'TASK_LOST' {
  return info !== undefined && hasCapability(info, 'PARTITION_AWARE') ? precise : 'TASK_LOST'
}

/** A new status in the order of fields in which Mesos writes them. */
export function statusOf(
  turn: Turn,
  taskId: string,
  executorId: string | undefined,
  draft: Draft,
): TaskStatus {
  return {
    task_id: { value: taskId },
    state: draft.state,
    ...(draft.data !== undefined && { data: draft.data }),
    ...(draft.message !== undefined && { message: draft.message }),
    source: draft.source,
    ...(draft.reason !== undefined && { reason: draft.reason }),
    ...(turn.state.agentId !== undefined && { agent_id: { value: turn.state.agentId } }),
    ...(executorId !== undefined && { executor_id: { value: executorId } }),
    timestamp: turn.now / 1000,
    uuid: uuidBytes(turn.random.uuid()),
    ...(draft.healthy !== undefined && { healthy: draft.healthy }),
    ...(draft.check_status !== undefined && { check_status: draft.check_status }),
    ...(draft.containerStatus !== undefined && { container_status: draft.containerStatus }),
    ...(draft.limitation !== undefined && { limitation: draft.limitation }),
  }
}

/**
 * Container id, addresses (the agent's own where the container shares its network, spec/mesos.md 6.1) and pid. A real
 * Mesos gives no `executor_pid` for Docker tasks (spec/recorded/scheduler-session.json).
 */
export function containerStatusOf(turn: Turn, executor: Executor, task?: TaskInfo): ContainerStatus {
  const own = executor.process?.addresses ?? []
  const docker = executor.kind === 'supervised' && executor.docker
  const pid = docker ? undefined : executor.process?.pid
  return {
    container_id: { value: executor.containerId },
    network_infos: [networkOf(own.length > 0 ? own : [turn.settings.ip], task)],
    ...(pid !== undefined && { executor_pid: pid }),
  }
}

function networkOf(addresses: readonly string[], task: TaskInfo | undefined): NetworkInfo {
  const asked = task?.container?.network_infos?.[0]
  const ip_addresses = addresses.map((ip_address) => ({
    protocol: ip_address.includes(':') ? ('IPv6' as const) : ('IPv4' as const),
    ip_address,
  }))
  return { ...asked, ip_addresses }
}
