// The v1 executor API: what an executor calls, and the events that it is sent.
import { AgentInfo } from './agents.ts'
import { KillPolicy } from './commands.ts'
import { FrameworkInfo } from './frameworks.ts'
import { ContainerID, ExecutorID, FrameworkID, TaskID } from './ids.ts'
import { ExecutorInfo, TaskGroupInfo, TaskInfo, TaskStatus } from './tasks.ts'
import { bytes, enumeration, message, optional, repeated, required, string, type Static } from './message.ts'

export const ExecutorEventType = enumeration('mesos.v1.executor.Event.Type', {
  UNKNOWN: 0,
  SUBSCRIBED: 1,
  LAUNCH: 2,
  LAUNCH_GROUP: 8,
  KILL: 3,
  ACKNOWLEDGED: 4,
  MESSAGE: 5,
  ERROR: 6,
  SHUTDOWN: 7,
  HEARTBEAT: 9,
})
export type ExecutorEventType = Static<typeof ExecutorEventType>

export const ExecutorCallType = enumeration('mesos.v1.executor.Call.Type', {
  UNKNOWN: 0,
  SUBSCRIBE: 1,
  UPDATE: 2,
  MESSAGE: 3,
  HEARTBEAT: 4,
})
export type ExecutorCallType = Static<typeof ExecutorCallType>

export const ExecutorEventSubscribed = message('mesos.v1.executor.Event.Subscribed', {
  executor_info: required(1, ExecutorInfo),
  framework_info: required(2, FrameworkInfo),
  agent_info: required(3, AgentInfo),
  container_id: optional(4, ContainerID),
})
export type ExecutorEventSubscribed = Static<typeof ExecutorEventSubscribed>

export const ExecutorEventLaunch = message('mesos.v1.executor.Event.Launch', {
  task: required(1, TaskInfo),
})
export type ExecutorEventLaunch = Static<typeof ExecutorEventLaunch>

export const ExecutorEventLaunchGroup = message('mesos.v1.executor.Event.LaunchGroup', {
  task_group: required(1, TaskGroupInfo),
})
export type ExecutorEventLaunchGroup = Static<typeof ExecutorEventLaunchGroup>

export const ExecutorEventKill = message('mesos.v1.executor.Event.Kill', {
  task_id: required(1, TaskID),
  kill_policy: optional(2, KillPolicy),
})
export type ExecutorEventKill = Static<typeof ExecutorEventKill>

export const ExecutorEventAcknowledged = message('mesos.v1.executor.Event.Acknowledged', {
  task_id: required(1, TaskID),
  uuid: required(2, bytes),
})
export type ExecutorEventAcknowledged = Static<typeof ExecutorEventAcknowledged>

export const ExecutorEventMessage = message('mesos.v1.executor.Event.Message', {
  data: required(1, bytes),
})
export type ExecutorEventMessage = Static<typeof ExecutorEventMessage>

export const ExecutorEventError = message('mesos.v1.executor.Event.Error', {
  message: required(1, string),
})
export type ExecutorEventError = Static<typeof ExecutorEventError>

export const ExecutorCallUpdate = message('mesos.v1.executor.Call.Update', {
  status: required(1, TaskStatus),
})
export type ExecutorCallUpdate = Static<typeof ExecutorCallUpdate>

export const ExecutorCallSubscribe = message('mesos.v1.executor.Call.Subscribe', {
  unacknowledged_tasks: repeated(1, TaskInfo),
  unacknowledged_updates: repeated(2, ExecutorCallUpdate),
})
export type ExecutorCallSubscribe = Static<typeof ExecutorCallSubscribe>

export const ExecutorCallMessage = message('mesos.v1.executor.Call.Message', {
  data: required(2, bytes),
})
export type ExecutorCallMessage = Static<typeof ExecutorCallMessage>

export const ExecutorEvent = message('mesos.v1.executor.Event', {
  type: optional(1, ExecutorEventType),
  subscribed: optional(2, ExecutorEventSubscribed),
  acknowledged: optional(3, ExecutorEventAcknowledged),
  launch: optional(4, ExecutorEventLaunch),
  launch_group: optional(8, ExecutorEventLaunchGroup),
  kill: optional(5, ExecutorEventKill),
  message: optional(6, ExecutorEventMessage),
  error: optional(7, ExecutorEventError),
})
export type ExecutorEvent = Static<typeof ExecutorEvent>

export const ExecutorCall = message('mesos.v1.executor.Call', {
  executor_id: required(1, ExecutorID),
  framework_id: required(2, FrameworkID),
  type: optional(3, ExecutorCallType),
  subscribe: optional(4, ExecutorCallSubscribe),
  update: optional(5, ExecutorCallUpdate),
  message: optional(6, ExecutorCallMessage),
})
export type ExecutorCall = Static<typeof ExecutorCall>
