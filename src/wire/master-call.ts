// The v1 operator API of the master: its calls.
import { WeightInfo } from './frameworks.ts'
import { AgentID, FrameworkID } from './ids.ts'
import { MachineID } from './machines.ts'
import { Schedule } from './maintenance.ts'
import { QuotaConfig, QuotaRequest } from './quota.ts'
import { Resource } from './resources.ts'
import { DurationInfo, ProtobufDuration } from './times.ts'
import { ValueScalar } from './values.ts'
import {
  bool,
  enumeration,
  message,
  optional,
  repeated,
  required,
  string,
  uint32,
  uint64,
  type Static,
} from './message.ts'

export const MasterCallType = enumeration('mesos.v1.master.Call.Type', {
  UNKNOWN: 0,
  GET_HEALTH: 1,
  GET_FLAGS: 2,
  GET_VERSION: 3,
  GET_METRICS: 4,
  GET_LOGGING_LEVEL: 5,
  SET_LOGGING_LEVEL: 6,
  LIST_FILES: 7,
  READ_FILE: 8,
  GET_STATE: 9,
  GET_AGENTS: 10,
  GET_FRAMEWORKS: 11,
  GET_EXECUTORS: 12,
  GET_OPERATIONS: 33,
  GET_TASKS: 13,
  GET_ROLES: 14,
  GET_WEIGHTS: 15,
  UPDATE_WEIGHTS: 16,
  GET_MASTER: 17,
  SUBSCRIBE: 18,
  RESERVE_RESOURCES: 19,
  UNRESERVE_RESOURCES: 20,
  CREATE_VOLUMES: 21,
  DESTROY_VOLUMES: 22,
  GROW_VOLUME: 34,
  SHRINK_VOLUME: 35,
  GET_MAINTENANCE_STATUS: 23,
  GET_MAINTENANCE_SCHEDULE: 24,
  UPDATE_MAINTENANCE_SCHEDULE: 25,
  START_MAINTENANCE: 26,
  STOP_MAINTENANCE: 27,
  DRAIN_AGENT: 37,
  DEACTIVATE_AGENT: 38,
  REACTIVATE_AGENT: 39,
  GET_QUOTA: 28,
  UPDATE_QUOTA: 36,
  SET_QUOTA: 29,
  REMOVE_QUOTA: 30,
  TEARDOWN: 31,
  MARK_AGENT_GONE: 32,
})
export type MasterCallType = Static<typeof MasterCallType>

export const MasterCallGetMetrics = message('mesos.v1.master.Call.GetMetrics', {
  timeout: optional(1, DurationInfo),
})
export type MasterCallGetMetrics = Static<typeof MasterCallGetMetrics>

export const MasterCallSetLoggingLevel = message('mesos.v1.master.Call.SetLoggingLevel', {
  level: required(1, uint32),
  duration: required(2, DurationInfo),
})
export type MasterCallSetLoggingLevel = Static<typeof MasterCallSetLoggingLevel>

export const MasterCallListFiles = message('mesos.v1.master.Call.ListFiles', {
  path: required(1, string),
})
export type MasterCallListFiles = Static<typeof MasterCallListFiles>

export const MasterCallReadFile = message('mesos.v1.master.Call.ReadFile', {
  path: required(1, string),
  offset: required(2, uint64),
  length: optional(3, uint64),
})
export type MasterCallReadFile = Static<typeof MasterCallReadFile>

export const MasterCallUpdateWeights = message('mesos.v1.master.Call.UpdateWeights', {
  weight_infos: repeated(1, WeightInfo),
})
export type MasterCallUpdateWeights = Static<typeof MasterCallUpdateWeights>

export const MasterCallReserveResources = message('mesos.v1.master.Call.ReserveResources', {
  agent_id: required(1, AgentID),
  source: repeated(3, Resource),
  resources: repeated(2, Resource),
})
export type MasterCallReserveResources = Static<typeof MasterCallReserveResources>

export const MasterCallUnreserveResources = message('mesos.v1.master.Call.UnreserveResources', {
  agent_id: required(1, AgentID),
  resources: repeated(2, Resource),
})
export type MasterCallUnreserveResources = Static<typeof MasterCallUnreserveResources>

export const MasterCallCreateVolumes = message('mesos.v1.master.Call.CreateVolumes', {
  agent_id: required(1, AgentID),
  volumes: repeated(2, Resource),
})
export type MasterCallCreateVolumes = Static<typeof MasterCallCreateVolumes>

export const MasterCallDestroyVolumes = message('mesos.v1.master.Call.DestroyVolumes', {
  agent_id: required(1, AgentID),
  volumes: repeated(2, Resource),
})
export type MasterCallDestroyVolumes = Static<typeof MasterCallDestroyVolumes>

export const MasterCallGrowVolume = message('mesos.v1.master.Call.GrowVolume', {
  agent_id: optional(1, AgentID),
  volume: required(2, Resource),
  addition: required(3, Resource),
})
export type MasterCallGrowVolume = Static<typeof MasterCallGrowVolume>

export const MasterCallShrinkVolume = message('mesos.v1.master.Call.ShrinkVolume', {
  agent_id: optional(1, AgentID),
  volume: required(2, Resource),
  subtract: required(3, ValueScalar),
})
export type MasterCallShrinkVolume = Static<typeof MasterCallShrinkVolume>

export const MasterCallUpdateMaintenanceSchedule = message('mesos.v1.master.Call.UpdateMaintenanceSchedule', {
  schedule: required(1, Schedule),
})
export type MasterCallUpdateMaintenanceSchedule = Static<typeof MasterCallUpdateMaintenanceSchedule>

export const MasterCallStartMaintenance = message('mesos.v1.master.Call.StartMaintenance', {
  machines: repeated(1, MachineID),
})
export type MasterCallStartMaintenance = Static<typeof MasterCallStartMaintenance>

export const MasterCallStopMaintenance = message('mesos.v1.master.Call.StopMaintenance', {
  machines: repeated(1, MachineID),
})
export type MasterCallStopMaintenance = Static<typeof MasterCallStopMaintenance>

export const MasterCallDrainAgent = message('mesos.v1.master.Call.DrainAgent', {
  agent_id: required(1, AgentID),
  max_grace_period: optional(2, ProtobufDuration),
  mark_gone: optional(3, bool, { default: false }),
})
export type MasterCallDrainAgent = Static<typeof MasterCallDrainAgent>

export const MasterCallDeactivateAgent = message('mesos.v1.master.Call.DeactivateAgent', {
  agent_id: required(1, AgentID),
})
export type MasterCallDeactivateAgent = Static<typeof MasterCallDeactivateAgent>

export const MasterCallReactivateAgent = message('mesos.v1.master.Call.ReactivateAgent', {
  agent_id: required(1, AgentID),
})
export type MasterCallReactivateAgent = Static<typeof MasterCallReactivateAgent>

export const MasterCallUpdateQuota = message('mesos.v1.master.Call.UpdateQuota', {
  force: optional(1, bool),
  quota_configs: repeated(2, QuotaConfig),
})
export type MasterCallUpdateQuota = Static<typeof MasterCallUpdateQuota>

export const MasterCallTeardown = message('mesos.v1.master.Call.Teardown', {
  framework_id: required(1, FrameworkID),
})
export type MasterCallTeardown = Static<typeof MasterCallTeardown>

export const MasterCallMarkAgentGone = message('mesos.v1.master.Call.MarkAgentGone', {
  agent_id: required(1, AgentID),
})
export type MasterCallMarkAgentGone = Static<typeof MasterCallMarkAgentGone>

export const MasterCallSetQuota = message('mesos.v1.master.Call.SetQuota', {
  quota_request: required(1, QuotaRequest),
})
export type MasterCallSetQuota = Static<typeof MasterCallSetQuota>

export const MasterCallRemoveQuota = message('mesos.v1.master.Call.RemoveQuota', {
  role: required(1, string),
})
export type MasterCallRemoveQuota = Static<typeof MasterCallRemoveQuota>

export const MasterCall = message('mesos.v1.master.Call', {
  type: optional(1, MasterCallType),
  get_metrics: optional(2, MasterCallGetMetrics),
  set_logging_level: optional(3, MasterCallSetLoggingLevel),
  list_files: optional(4, MasterCallListFiles),
  read_file: optional(5, MasterCallReadFile),
  update_weights: optional(6, MasterCallUpdateWeights),
  reserve_resources: optional(7, MasterCallReserveResources),
  unreserve_resources: optional(8, MasterCallUnreserveResources),
  create_volumes: optional(9, MasterCallCreateVolumes),
  destroy_volumes: optional(10, MasterCallDestroyVolumes),
  grow_volume: optional(18, MasterCallGrowVolume),
  shrink_volume: optional(19, MasterCallShrinkVolume),
  update_maintenance_schedule: optional(11, MasterCallUpdateMaintenanceSchedule),
  start_maintenance: optional(12, MasterCallStartMaintenance),
  stop_maintenance: optional(13, MasterCallStopMaintenance),
  drain_agent: optional(21, MasterCallDrainAgent),
  deactivate_agent: optional(22, MasterCallDeactivateAgent),
  reactivate_agent: optional(23, MasterCallReactivateAgent),
  update_quota: optional(20, MasterCallUpdateQuota),
  teardown: optional(16, MasterCallTeardown),
  mark_agent_gone: optional(17, MasterCallMarkAgentGone),
  set_quota: optional(14, MasterCallSetQuota, { deprecated: true }),
  remove_quota: optional(15, MasterCallRemoveQuota, { deprecated: true }),
})
export type MasterCall = Static<typeof MasterCall>
