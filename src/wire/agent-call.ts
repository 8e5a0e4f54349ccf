// The v1 operator API of the agent: its calls.
import { CommandInfo } from './commands.ts'
import { ContainerInfo } from './containers.ts'
import { ContainerID, ResourceProviderID } from './ids.ts'
import { Image } from './images.ts'
import { ProcessIO } from './process-io.ts'
import { ResourceProviderInfo } from './providers.ts'
import { Resource } from './resources.ts'
import { DurationInfo } from './times.ts'
import { ValueScalar } from './values.ts'
import {
  bool,
  enumeration,
  int32,
  mapOf,
  message,
  optional,
  repeated,
  required,
  string,
  uint32,
  uint64,
  type Static,
} from './message.ts'

export const AgentCallType = enumeration('mesos.v1.agent.Call.Type', {
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
  GET_CONTAINERS: 10,
  GET_FRAMEWORKS: 11,
  GET_EXECUTORS: 12,
  GET_OPERATIONS: 31,
  GET_TASKS: 13,
  GET_AGENT: 20,
  GET_RESOURCE_PROVIDERS: 26,
  LAUNCH_NESTED_CONTAINER: 14,
  WAIT_NESTED_CONTAINER: 15,
  KILL_NESTED_CONTAINER: 16,
  REMOVE_NESTED_CONTAINER: 21,
  LAUNCH_NESTED_CONTAINER_SESSION: 17,
  ATTACH_CONTAINER_INPUT: 18,
  ATTACH_CONTAINER_OUTPUT: 19,
  LAUNCH_CONTAINER: 22,
  WAIT_CONTAINER: 23,
  KILL_CONTAINER: 24,
  REMOVE_CONTAINER: 25,
  ADD_RESOURCE_PROVIDER_CONFIG: 27,
  UPDATE_RESOURCE_PROVIDER_CONFIG: 28,
  REMOVE_RESOURCE_PROVIDER_CONFIG: 29,
  MARK_RESOURCE_PROVIDER_GONE: 32,
  PRUNE_IMAGES: 30,
})
export type AgentCallType = Static<typeof AgentCallType>

export const AgentCallAttachContainerInputType = enumeration(
  'mesos.v1.agent.Call.AttachContainerInput.Type',
  {
    UNKNOWN: 0,
    CONTAINER_ID: 1,
    PROCESS_IO: 2,
  },
)
export type AgentCallAttachContainerInputType = Static<typeof AgentCallAttachContainerInputType>

export const AgentCallGetMetrics = message('mesos.v1.agent.Call.GetMetrics', {
  timeout: optional(1, DurationInfo),
})
export type AgentCallGetMetrics = Static<typeof AgentCallGetMetrics>

export const AgentCallSetLoggingLevel = message('mesos.v1.agent.Call.SetLoggingLevel', {
  level: required(1, uint32),
  duration: required(2, DurationInfo),
})
export type AgentCallSetLoggingLevel = Static<typeof AgentCallSetLoggingLevel>

export const AgentCallListFiles = message('mesos.v1.agent.Call.ListFiles', {
  path: required(1, string),
})
export type AgentCallListFiles = Static<typeof AgentCallListFiles>

export const AgentCallReadFile = message('mesos.v1.agent.Call.ReadFile', {
  path: required(1, string),
  offset: required(2, uint64),
  length: optional(3, uint64),
})
export type AgentCallReadFile = Static<typeof AgentCallReadFile>

export const AgentCallGetContainers = message('mesos.v1.agent.Call.GetContainers', {
  show_nested: optional(1, bool),
  show_standalone: optional(2, bool),
})
export type AgentCallGetContainers = Static<typeof AgentCallGetContainers>

export const AgentCallLaunchNestedContainer = message('mesos.v1.agent.Call.LaunchNestedContainer', {
  container_id: required(1, ContainerID),
  command: optional(2, CommandInfo),
  container: optional(3, ContainerInfo),
})
export type AgentCallLaunchNestedContainer = Static<typeof AgentCallLaunchNestedContainer>

export const AgentCallWaitNestedContainer = message('mesos.v1.agent.Call.WaitNestedContainer', {
  container_id: required(1, ContainerID),
})
export type AgentCallWaitNestedContainer = Static<typeof AgentCallWaitNestedContainer>

export const AgentCallKillNestedContainer = message('mesos.v1.agent.Call.KillNestedContainer', {
  container_id: required(1, ContainerID),
  signal: optional(2, int32),
})
export type AgentCallKillNestedContainer = Static<typeof AgentCallKillNestedContainer>

export const AgentCallRemoveNestedContainer = message('mesos.v1.agent.Call.RemoveNestedContainer', {
  container_id: required(1, ContainerID),
})
export type AgentCallRemoveNestedContainer = Static<typeof AgentCallRemoveNestedContainer>

export const AgentCallLaunchNestedContainerSession = message(
  'mesos.v1.agent.Call.LaunchNestedContainerSession',
  {
    container_id: required(1, ContainerID),
    command: optional(2, CommandInfo),
    container: optional(3, ContainerInfo),
  },
)
export type AgentCallLaunchNestedContainerSession = Static<typeof AgentCallLaunchNestedContainerSession>

export const AgentCallAttachContainerInput = message('mesos.v1.agent.Call.AttachContainerInput', {
  type: optional(1, AgentCallAttachContainerInputType),
  container_id: optional(2, ContainerID),
  process_io: optional(3, ProcessIO),
})
export type AgentCallAttachContainerInput = Static<typeof AgentCallAttachContainerInput>

export const AgentCallAttachContainerOutput = message('mesos.v1.agent.Call.AttachContainerOutput', {
  container_id: required(1, ContainerID),
})
export type AgentCallAttachContainerOutput = Static<typeof AgentCallAttachContainerOutput>

export const AgentCallLaunchContainer = message('mesos.v1.agent.Call.LaunchContainer', {
  container_id: required(1, ContainerID),
  command: optional(2, CommandInfo),
  resources: repeated(3, Resource),
  container: optional(4, ContainerInfo),
  limits: mapOf(5, ValueScalar),
})
export type AgentCallLaunchContainer = Static<typeof AgentCallLaunchContainer>

export const AgentCallWaitContainer = message('mesos.v1.agent.Call.WaitContainer', {
  container_id: required(1, ContainerID),
})
export type AgentCallWaitContainer = Static<typeof AgentCallWaitContainer>

export const AgentCallKillContainer = message('mesos.v1.agent.Call.KillContainer', {
  container_id: required(1, ContainerID),
  signal: optional(2, int32),
})
export type AgentCallKillContainer = Static<typeof AgentCallKillContainer>

export const AgentCallRemoveContainer = message('mesos.v1.agent.Call.RemoveContainer', {
  container_id: required(1, ContainerID),
})
export type AgentCallRemoveContainer = Static<typeof AgentCallRemoveContainer>

export const AgentCallAddResourceProviderConfig = message('mesos.v1.agent.Call.AddResourceProviderConfig', {
  info: required(1, ResourceProviderInfo),
})
export type AgentCallAddResourceProviderConfig = Static<typeof AgentCallAddResourceProviderConfig>

export const AgentCallUpdateResourceProviderConfig = message(
  'mesos.v1.agent.Call.UpdateResourceProviderConfig',
  {
    info: required(1, ResourceProviderInfo),
  },
)
export type AgentCallUpdateResourceProviderConfig = Static<typeof AgentCallUpdateResourceProviderConfig>

export const AgentCallRemoveResourceProviderConfig = message(
  'mesos.v1.agent.Call.RemoveResourceProviderConfig',
  {
    type: required(1, string),
    name: required(2, string),
  },
)
export type AgentCallRemoveResourceProviderConfig = Static<typeof AgentCallRemoveResourceProviderConfig>

export const AgentCallMarkResourceProviderGone = message('mesos.v1.agent.Call.MarkResourceProviderGone', {
  resource_provider_id: required(1, ResourceProviderID),
})
export type AgentCallMarkResourceProviderGone = Static<typeof AgentCallMarkResourceProviderGone>

export const AgentCallPruneImages = message('mesos.v1.agent.Call.PruneImages', {
  excluded_images: repeated(1, Image),
})
export type AgentCallPruneImages = Static<typeof AgentCallPruneImages>

export const AgentCall = message('mesos.v1.agent.Call', {
  type: optional(1, AgentCallType),
  get_metrics: optional(2, AgentCallGetMetrics),
  set_logging_level: optional(3, AgentCallSetLoggingLevel),
  list_files: optional(4, AgentCallListFiles),
  read_file: optional(5, AgentCallReadFile),
  get_containers: optional(20, AgentCallGetContainers),
  launch_nested_container: optional(6, AgentCallLaunchNestedContainer, { deprecated: true }),
  wait_nested_container: optional(7, AgentCallWaitNestedContainer, { deprecated: true }),
  kill_nested_container: optional(8, AgentCallKillNestedContainer, { deprecated: true }),
  remove_nested_container: optional(12, AgentCallRemoveNestedContainer, { deprecated: true }),
  launch_nested_container_session: optional(9, AgentCallLaunchNestedContainerSession),
  attach_container_input: optional(10, AgentCallAttachContainerInput),
  attach_container_output: optional(11, AgentCallAttachContainerOutput),
  launch_container: optional(13, AgentCallLaunchContainer),
  wait_container: optional(14, AgentCallWaitContainer),
  kill_container: optional(15, AgentCallKillContainer),
  remove_container: optional(16, AgentCallRemoveContainer),
  add_resource_provider_config: optional(17, AgentCallAddResourceProviderConfig),
  update_resource_provider_config: optional(18, AgentCallUpdateResourceProviderConfig),
  remove_resource_provider_config: optional(19, AgentCallRemoveResourceProviderConfig),
  mark_resource_provider_gone: optional(22, AgentCallMarkResourceProviderGone),
  prune_images: optional(21, AgentCallPruneImages),
})
export type AgentCall = Static<typeof AgentCall>
