// The v1 operator API of the master: its answers.
import {
  AgentInfo,
  AgentInfoCapability,
  DrainInfo,
  FileInfo,
  Flag,
  MasterInfo,
  Metric,
  VersionInfo,
} from './agents.ts'
import { FrameworkInfo, Role, WeightInfo } from './frameworks.ts'
import { AgentID } from './ids.ts'
import { ClusterStatus, Schedule } from './maintenance.ts'
import { OfferConstraints } from './offer-constraints.ts'
import { InverseOffer, Offer } from './offers.ts'
import { Operation } from './operations.ts'
import { ResourceProviderInfo } from './providers.ts'
import { QuotaStatus } from './quota.ts'
import { Resource } from './resources.ts'
import { ExecutorInfo, Task } from './tasks.ts'
import { TimeInfo } from './times.ts'
import {
  bool,
  bytes,
  double,
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

export const MasterResponseType = enumeration('mesos.v1.master.Response.Type', {
  UNKNOWN: 0,
  GET_HEALTH: 1,
  GET_FLAGS: 2,
  GET_VERSION: 3,
  GET_METRICS: 4,
  GET_LOGGING_LEVEL: 5,
  LIST_FILES: 6,
  READ_FILE: 7,
  GET_STATE: 8,
  GET_AGENTS: 9,
  GET_FRAMEWORKS: 10,
  GET_EXECUTORS: 11,
  GET_OPERATIONS: 19,
  GET_TASKS: 12,
  GET_ROLES: 13,
  GET_WEIGHTS: 14,
  GET_MASTER: 15,
  GET_MAINTENANCE_STATUS: 16,
  GET_MAINTENANCE_SCHEDULE: 17,
  GET_QUOTA: 18,
})
export type MasterResponseType = Static<typeof MasterResponseType>

export const MasterResponseGetHealth = message('mesos.v1.master.Response.GetHealth', {
  healthy: required(1, bool),
})
export type MasterResponseGetHealth = Static<typeof MasterResponseGetHealth>

export const MasterResponseGetFlags = message('mesos.v1.master.Response.GetFlags', {
  flags: repeated(1, Flag),
})
export type MasterResponseGetFlags = Static<typeof MasterResponseGetFlags>

export const MasterResponseGetVersion = message('mesos.v1.master.Response.GetVersion', {
  version_info: required(1, VersionInfo),
})
export type MasterResponseGetVersion = Static<typeof MasterResponseGetVersion>

export const MasterResponseGetMetrics = message('mesos.v1.master.Response.GetMetrics', {
  metrics: repeated(1, Metric),
})
export type MasterResponseGetMetrics = Static<typeof MasterResponseGetMetrics>

export const MasterResponseGetLoggingLevel = message('mesos.v1.master.Response.GetLoggingLevel', {
  level: required(1, uint32),
})
export type MasterResponseGetLoggingLevel = Static<typeof MasterResponseGetLoggingLevel>

export const MasterResponseListFiles = message('mesos.v1.master.Response.ListFiles', {
  file_infos: repeated(1, FileInfo),
})
export type MasterResponseListFiles = Static<typeof MasterResponseListFiles>

export const MasterResponseReadFile = message('mesos.v1.master.Response.ReadFile', {
  size: required(1, uint64),
  data: required(2, bytes),
})
export type MasterResponseReadFile = Static<typeof MasterResponseReadFile>

export const MasterResponseGetTasks = message('mesos.v1.master.Response.GetTasks', {
  pending_tasks: repeated(1, Task, { deprecated: true }),
  tasks: repeated(2, Task),
  unreachable_tasks: repeated(5, Task),
  completed_tasks: repeated(3, Task),
  orphan_tasks: repeated(4, Task, { deprecated: true }),
})
export type MasterResponseGetTasks = Static<typeof MasterResponseGetTasks>

export const MasterResponseGetExecutorsExecutor = message('mesos.v1.master.Response.GetExecutors.Executor', {
  executor_info: required(1, ExecutorInfo),
  agent_id: required(2, AgentID),
})
export type MasterResponseGetExecutorsExecutor = Static<typeof MasterResponseGetExecutorsExecutor>

export const MasterResponseGetExecutors = message('mesos.v1.master.Response.GetExecutors', {
  executors: repeated(1, MasterResponseGetExecutorsExecutor),
  orphan_executors: repeated(2, MasterResponseGetExecutorsExecutor, { deprecated: true }),
})
export type MasterResponseGetExecutors = Static<typeof MasterResponseGetExecutors>

export const MasterResponseGetFrameworksFramework = message(
  'mesos.v1.master.Response.GetFrameworks.Framework',
  {
    framework_info: required(1, FrameworkInfo),
    active: required(2, bool),
    connected: required(3, bool),
    recovered: required(11, bool),
    registered_time: optional(4, TimeInfo),
    reregistered_time: optional(5, TimeInfo),
    unregistered_time: optional(6, TimeInfo),
    offers: repeated(7, Offer),
    inverse_offers: repeated(8, InverseOffer),
    allocated_resources: repeated(9, Resource),
    offered_resources: repeated(10, Resource),
    offer_constraints: optional(12, OfferConstraints),
  },
)
export type MasterResponseGetFrameworksFramework = Static<typeof MasterResponseGetFrameworksFramework>

export const MasterResponseGetFrameworks = message('mesos.v1.master.Response.GetFrameworks', {
  frameworks: repeated(1, MasterResponseGetFrameworksFramework),
  completed_frameworks: repeated(2, MasterResponseGetFrameworksFramework),
  recovered_frameworks: repeated(3, FrameworkInfo, { deprecated: true }),
})
export type MasterResponseGetFrameworks = Static<typeof MasterResponseGetFrameworks>

export const MasterResponseGetAgentsAgentResourceProvider = message(
  'mesos.v1.master.Response.GetAgents.Agent.ResourceProvider',
  {
    resource_provider_info: required(1, ResourceProviderInfo),
    total_resources: repeated(2, Resource),
  },
)
export type MasterResponseGetAgentsAgentResourceProvider = Static<
  typeof MasterResponseGetAgentsAgentResourceProvider
>

export const MasterResponseGetAgentsAgent = message('mesos.v1.master.Response.GetAgents.Agent', {
  agent_info: required(1, AgentInfo),
  active: required(2, bool),
  deactivated: optional(12, bool),
  version: required(3, string),
  pid: optional(4, string),
  registered_time: optional(5, TimeInfo),
  reregistered_time: optional(6, TimeInfo),
  total_resources: repeated(7, Resource),
  allocated_resources: repeated(8, Resource),
  offered_resources: repeated(9, Resource),
  capabilities: repeated(10, AgentInfoCapability),
  resource_providers: repeated(11, MasterResponseGetAgentsAgentResourceProvider),
  drain_info: optional(13, DrainInfo),
  estimated_drain_start_time: optional(14, TimeInfo),
})
export type MasterResponseGetAgentsAgent = Static<typeof MasterResponseGetAgentsAgent>

export const MasterResponseGetAgents = message('mesos.v1.master.Response.GetAgents', {
  agents: repeated(1, MasterResponseGetAgentsAgent),
  recovered_agents: repeated(2, AgentInfo),
})
export type MasterResponseGetAgents = Static<typeof MasterResponseGetAgents>

export const MasterResponseGetState = message('mesos.v1.master.Response.GetState', {
  get_tasks: optional(1, MasterResponseGetTasks),
  get_executors: optional(2, MasterResponseGetExecutors),
  get_frameworks: optional(3, MasterResponseGetFrameworks),
  get_agents: optional(4, MasterResponseGetAgents),
})
export type MasterResponseGetState = Static<typeof MasterResponseGetState>

export const MasterResponseGetOperations = message('mesos.v1.master.Response.GetOperations', {
  operations: repeated(1, Operation),
})
export type MasterResponseGetOperations = Static<typeof MasterResponseGetOperations>

export const MasterResponseGetRoles = message('mesos.v1.master.Response.GetRoles', {
  roles: repeated(1, Role),
})
export type MasterResponseGetRoles = Static<typeof MasterResponseGetRoles>

export const MasterResponseGetWeights = message('mesos.v1.master.Response.GetWeights', {
  weight_infos: repeated(1, WeightInfo),
})
export type MasterResponseGetWeights = Static<typeof MasterResponseGetWeights>

export const MasterResponseGetMaster = message('mesos.v1.master.Response.GetMaster', {
  master_info: optional(1, MasterInfo),
  start_time: optional(2, double),
  elected_time: optional(3, double),
})
export type MasterResponseGetMaster = Static<typeof MasterResponseGetMaster>

export const MasterResponseGetMaintenanceStatus = message('mesos.v1.master.Response.GetMaintenanceStatus', {
  status: required(1, ClusterStatus),
})
export type MasterResponseGetMaintenanceStatus = Static<typeof MasterResponseGetMaintenanceStatus>

export const MasterResponseGetMaintenanceSchedule = message(
  'mesos.v1.master.Response.GetMaintenanceSchedule',
  {
    schedule: required(1, Schedule),
  },
)
export type MasterResponseGetMaintenanceSchedule = Static<typeof MasterResponseGetMaintenanceSchedule>

export const MasterResponseGetQuota = message('mesos.v1.master.Response.GetQuota', {
  status: required(1, QuotaStatus),
})
export type MasterResponseGetQuota = Static<typeof MasterResponseGetQuota>

export const MasterResponse = message('mesos.v1.master.Response', {
  type: optional(1, MasterResponseType),
  get_health: optional(2, MasterResponseGetHealth),
  get_flags: optional(3, MasterResponseGetFlags),
  get_version: optional(4, MasterResponseGetVersion),
  get_metrics: optional(5, MasterResponseGetMetrics),
  get_logging_level: optional(6, MasterResponseGetLoggingLevel),
  list_files: optional(7, MasterResponseListFiles),
  read_file: optional(8, MasterResponseReadFile),
  get_state: optional(9, MasterResponseGetState),
  get_agents: optional(10, MasterResponseGetAgents),
  get_frameworks: optional(11, MasterResponseGetFrameworks),
  get_executors: optional(12, MasterResponseGetExecutors),
  get_operations: optional(20, MasterResponseGetOperations),
  get_tasks: optional(13, MasterResponseGetTasks),
  get_roles: optional(14, MasterResponseGetRoles),
  get_weights: optional(15, MasterResponseGetWeights),
  get_master: optional(16, MasterResponseGetMaster),
  get_maintenance_status: optional(17, MasterResponseGetMaintenanceStatus),
  get_maintenance_schedule: optional(18, MasterResponseGetMaintenanceSchedule),
  get_quota: optional(19, MasterResponseGetQuota),
})
export type MasterResponse = Static<typeof MasterResponse>
