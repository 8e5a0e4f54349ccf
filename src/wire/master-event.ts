// The v1 operator API of the master: the events of SUBSCRIBE.
import { FrameworkInfo } from './frameworks.ts'
import { AgentID, FrameworkID } from './ids.ts'
import {
  MasterResponseGetAgentsAgent,
  MasterResponseGetFrameworksFramework,
  MasterResponseGetState,
} from './master-response.ts'
import { Task, TaskState, TaskStatus } from './tasks.ts'
import { double, enumeration, message, optional, required, type Static } from './message.ts'

export const MasterEventType = enumeration('mesos.v1.master.Event.Type', {
  UNKNOWN: 0,
  SUBSCRIBED: 1,
  TASK_ADDED: 2,
  TASK_UPDATED: 3,
  AGENT_ADDED: 4,
  AGENT_REMOVED: 5,
  FRAMEWORK_ADDED: 6,
  FRAMEWORK_UPDATED: 7,
  FRAMEWORK_REMOVED: 8,
  HEARTBEAT: 9,
})
export type MasterEventType = Static<typeof MasterEventType>

export const MasterEventSubscribed = message('mesos.v1.master.Event.Subscribed', {
  get_state: optional(1, MasterResponseGetState),
  heartbeat_interval_seconds: optional(2, double),
})
export type MasterEventSubscribed = Static<typeof MasterEventSubscribed>

export const MasterEventTaskAdded = message('mesos.v1.master.Event.TaskAdded', {
  task: required(1, Task),
})
export type MasterEventTaskAdded = Static<typeof MasterEventTaskAdded>

export const MasterEventTaskUpdated = message('mesos.v1.master.Event.TaskUpdated', {
  framework_id: required(1, FrameworkID),
  status: required(2, TaskStatus),
  state: required(3, TaskState),
})
export type MasterEventTaskUpdated = Static<typeof MasterEventTaskUpdated>

export const MasterEventAgentAdded = message('mesos.v1.master.Event.AgentAdded', {
  agent: required(1, MasterResponseGetAgentsAgent),
})
export type MasterEventAgentAdded = Static<typeof MasterEventAgentAdded>

export const MasterEventAgentRemoved = message('mesos.v1.master.Event.AgentRemoved', {
  agent_id: required(1, AgentID),
})
export type MasterEventAgentRemoved = Static<typeof MasterEventAgentRemoved>

export const MasterEventFrameworkAdded = message('mesos.v1.master.Event.FrameworkAdded', {
  framework: required(1, MasterResponseGetFrameworksFramework),
})
export type MasterEventFrameworkAdded = Static<typeof MasterEventFrameworkAdded>

export const MasterEventFrameworkUpdated = message('mesos.v1.master.Event.FrameworkUpdated', {
  framework: required(1, MasterResponseGetFrameworksFramework),
})
export type MasterEventFrameworkUpdated = Static<typeof MasterEventFrameworkUpdated>

export const MasterEventFrameworkRemoved = message('mesos.v1.master.Event.FrameworkRemoved', {
  framework_info: required(1, FrameworkInfo),
})
export type MasterEventFrameworkRemoved = Static<typeof MasterEventFrameworkRemoved>

export const MasterEvent = message('mesos.v1.master.Event', {
  type: optional(1, MasterEventType),
  subscribed: optional(2, MasterEventSubscribed),
  task_added: optional(3, MasterEventTaskAdded),
  task_updated: optional(4, MasterEventTaskUpdated),
  agent_added: optional(5, MasterEventAgentAdded),
  agent_removed: optional(6, MasterEventAgentRemoved),
  framework_added: optional(7, MasterEventFrameworkAdded),
  framework_updated: optional(8, MasterEventFrameworkUpdated),
  framework_removed: optional(9, MasterEventFrameworkRemoved),
})
export type MasterEvent = Static<typeof MasterEvent>
