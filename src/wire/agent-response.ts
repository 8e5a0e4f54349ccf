// The v1 operator API of the agent: its answers.
import { AgentInfo, DrainConfig, FileInfo, Flag, Metric, VersionInfo } from './agents.ts'
import { ContainerStatus } from './containers.ts'
import { FrameworkInfo } from './frameworks.ts'
import { ContainerID, ExecutorID, FrameworkID } from './ids.ts'
import { Operation } from './operations.ts'
import { ResourceProviderInfo } from './providers.ts'
import { Resource } from './resources.ts'
import { ResourceStatistics } from './statistics.ts'
import { ExecutorInfo, Task, TaskResourceLimitation, TaskState, TaskStatusReason } from './tasks.ts'
import { TimeInfo } from './times.ts'
import {
  bool,
  bytes,
  enumeration,
  int32,
  message,
  optional,
  repeated,
  required,
  string,
  uint32,
  uint64,
  type Static,
} from './message.ts'

export const AgentResponseType = enumeration('mesos.v1.agent.Response.Type', {
  UNKNOWN: 0,
  GET_HEALTH: 1,
  GET_FLAGS: 2,
  GET_VERSION: 3,
  GET_METRICS: 4,
  GET_LOGGING_LEVEL: 5,
  LIST_FILES: 6,
  READ_FILE: 7,
  GET_STATE: 8,
  GET_CONTAINERS: 9,
  GET_FRAMEWORKS: 10,
  GET_EXECUTORS: 11,
  GET_OPERATIONS: 17,
  GET_TASKS: 12,
  GET_AGENT: 14,
  GET_RESOURCE_PROVIDERS: 16,
  WAIT_NESTED_CONTAINER: 13,
  WAIT_CONTAINER: 15,
})
export type AgentResponseType = Static<typeof AgentResponseType>

export const AgentResponseGetHealth = message('mesos.v1.agent.Response.GetHealth', {
  healthy: required(1, bool),
})
export type AgentResponseGetHealth = Static<typeof AgentResponseGetHealth>

export const AgentResponseGetFlags = message('mesos.v1.agent.Response.GetFlags', {
  flags: repeated(1, Flag),
})
export type AgentResponseGetFlags = Static<typeof AgentResponseGetFlags>

export const AgentResponseGetVersion = message('mesos.v1.agent.Response.GetVersion', {
  version_info: required(1, VersionInfo),
})
export type AgentResponseGetVersion = Static<typeof AgentResponseGetVersion>

export const AgentResponseGetMetrics = message('mesos.v1.agent.Response.GetMetrics', {
  metrics: repeated(1, Metric),
})
export type AgentResponseGetMetrics = Static<typeof AgentResponseGetMetrics>

export const AgentResponseGetLoggingLevel = message('mesos.v1.agent.Response.GetLoggingLevel', {
  level: required(1, uint32),
})
export type AgentResponseGetLoggingLevel = Static<typeof AgentResponseGetLoggingLevel>

export const AgentResponseListFiles = message('mesos.v1.agent.Response.ListFiles', {
  file_infos: repeated(1, FileInfo),
})
export type AgentResponseListFiles = Static<typeof AgentResponseListFiles>

export const AgentResponseReadFile = message('mesos.v1.agent.Response.ReadFile', {
  size: required(1, uint64),
  data: required(2, bytes),
})
export type AgentResponseReadFile = Static<typeof AgentResponseReadFile>

export const AgentResponseGetTasks = message('mesos.v1.agent.Response.GetTasks', {
  pending_tasks: repeated(1, Task),
  queued_tasks: repeated(2, Task),
  launched_tasks: repeated(3, Task),
  terminated_tasks: repeated(4, Task),
  completed_tasks: repeated(5, Task),
})
export type AgentResponseGetTasks = Static<typeof AgentResponseGetTasks>

export const AgentResponseGetExecutorsExecutor = message('mesos.v1.agent.Response.GetExecutors.Executor', {
  executor_info: required(1, ExecutorInfo),
})
export type AgentResponseGetExecutorsExecutor = Static<typeof AgentResponseGetExecutorsExecutor>

export const AgentResponseGetExecutors = message('mesos.v1.agent.Response.GetExecutors', {
  executors: repeated(1, AgentResponseGetExecutorsExecutor),
  completed_executors: repeated(2, AgentResponseGetExecutorsExecutor),
})
export type AgentResponseGetExecutors = Static<typeof AgentResponseGetExecutors>

export const AgentResponseGetFrameworksFramework = message(
  'mesos.v1.agent.Response.GetFrameworks.Framework',
  {
    framework_info: required(1, FrameworkInfo),
  },
)
export type AgentResponseGetFrameworksFramework = Static<typeof AgentResponseGetFrameworksFramework>

export const AgentResponseGetFrameworks = message('mesos.v1.agent.Response.GetFrameworks', {
  frameworks: repeated(1, AgentResponseGetFrameworksFramework),
  completed_frameworks: repeated(2, AgentResponseGetFrameworksFramework),
})
export type AgentResponseGetFrameworks = Static<typeof AgentResponseGetFrameworks>

export const AgentResponseGetState = message('mesos.v1.agent.Response.GetState', {
  get_tasks: optional(1, AgentResponseGetTasks),
  get_executors: optional(2, AgentResponseGetExecutors),
  get_frameworks: optional(3, AgentResponseGetFrameworks),
})
export type AgentResponseGetState = Static<typeof AgentResponseGetState>

export const AgentResponseGetContainersContainer = message(
  'mesos.v1.agent.Response.GetContainers.Container',
  {
    framework_id: optional(1, FrameworkID),
    executor_id: optional(2, ExecutorID),
    executor_name: optional(3, string),
    container_id: required(4, ContainerID),
    container_status: optional(5, ContainerStatus),
    resource_statistics: optional(6, ResourceStatistics),
  },
)
export type AgentResponseGetContainersContainer = Static<typeof AgentResponseGetContainersContainer>

export const AgentResponseGetContainers = message('mesos.v1.agent.Response.GetContainers', {
  containers: repeated(1, AgentResponseGetContainersContainer),
})
export type AgentResponseGetContainers = Static<typeof AgentResponseGetContainers>

export const AgentResponseGetOperations = message('mesos.v1.agent.Response.GetOperations', {
  operations: repeated(1, Operation),
})
export type AgentResponseGetOperations = Static<typeof AgentResponseGetOperations>

export const AgentResponseGetAgent = message('mesos.v1.agent.Response.GetAgent', {
  agent_info: optional(1, AgentInfo),
  drain_config: optional(2, DrainConfig),
  estimated_drain_start_time: optional(3, TimeInfo),
})
export type AgentResponseGetAgent = Static<typeof AgentResponseGetAgent>

export const AgentResponseGetResourceProvidersResourceProvider = message(
  'mesos.v1.agent.Response.GetResourceProviders.ResourceProvider',
  {
    resource_provider_info: required(1, ResourceProviderInfo),
    total_resources: repeated(2, Resource),
  },
)
export type AgentResponseGetResourceProvidersResourceProvider = Static<
  typeof AgentResponseGetResourceProvidersResourceProvider
>

export const AgentResponseGetResourceProviders = message('mesos.v1.agent.Response.GetResourceProviders', {
  resource_providers: repeated(1, AgentResponseGetResourceProvidersResourceProvider),
})
export type AgentResponseGetResourceProviders = Static<typeof AgentResponseGetResourceProviders>

export const AgentResponseWaitNestedContainer = message('mesos.v1.agent.Response.WaitNestedContainer', {
  exit_status: optional(1, int32),
  state: optional(2, TaskState),
  reason: optional(3, TaskStatusReason),
  limitation: optional(4, TaskResourceLimitation),
  message: optional(5, string),
})
export type AgentResponseWaitNestedContainer = Static<typeof AgentResponseWaitNestedContainer>

export const AgentResponseWaitContainer = message('mesos.v1.agent.Response.WaitContainer', {
  exit_status: optional(1, int32),
  state: optional(2, TaskState),
  reason: optional(3, TaskStatusReason),
  limitation: optional(4, TaskResourceLimitation),
  message: optional(5, string),
})
export type AgentResponseWaitContainer = Static<typeof AgentResponseWaitContainer>

export const AgentResponse = message('mesos.v1.agent.Response', {
  type: optional(1, AgentResponseType),
  get_health: optional(2, AgentResponseGetHealth),
  get_flags: optional(3, AgentResponseGetFlags),
  get_version: optional(4, AgentResponseGetVersion),
  get_metrics: optional(5, AgentResponseGetMetrics),
  get_logging_level: optional(6, AgentResponseGetLoggingLevel),
  list_files: optional(7, AgentResponseListFiles),
  read_file: optional(8, AgentResponseReadFile),
  get_state: optional(9, AgentResponseGetState),
  get_containers: optional(10, AgentResponseGetContainers),
  get_frameworks: optional(11, AgentResponseGetFrameworks),
  get_executors: optional(12, AgentResponseGetExecutors),
  get_operations: optional(18, AgentResponseGetOperations),
  get_tasks: optional(13, AgentResponseGetTasks),
  get_agent: optional(15, AgentResponseGetAgent),
  get_resource_providers: optional(17, AgentResponseGetResourceProviders),
  wait_nested_container: optional(14, AgentResponseWaitNestedContainer),
  wait_container: optional(16, AgentResponseWaitContainer),
})
export type AgentResponse = Static<typeof AgentResponse>
