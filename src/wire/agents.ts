// Agents and masters as they describe themselves, and the draining of agents.
import { AgentID } from './ids.ts'
import { Address, DomainInfo } from './machines.ts'
import { Resource } from './resources.ts'
import { DurationInfo, TimeInfo } from './times.ts'
import { Attribute } from './values.ts'
import {
  bool,
  double,
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

export const MasterInfoCapabilityType = enumeration('mesos.v1.MasterInfo.Capability.Type', {
  UNKNOWN: 0,
  AGENT_UPDATE: 1,
  AGENT_DRAINING: 2,
  QUOTA_V2: 3,
})
export type MasterInfoCapabilityType = Static<typeof MasterInfoCapabilityType>

export const AgentInfoCapabilityType = enumeration('mesos.v1.AgentInfo.Capability.Type', {
  UNKNOWN: 0,
  MULTI_ROLE: 1,
  HIERARCHICAL_ROLE: 2,
  RESERVATION_REFINEMENT: 3,
  RESOURCE_PROVIDER: 4,
  RESIZE_VOLUME: 5,
  AGENT_OPERATION_FEEDBACK: 6,
  AGENT_DRAINING: 7,
  TASK_RESOURCE_LIMITS: 8,
})
export type AgentInfoCapabilityType = Static<typeof AgentInfoCapabilityType>

export const DrainState = enumeration('mesos.v1.DrainState', {
  UNKNOWN: 0,
  DRAINING: 1,
  DRAINED: 2,
})
export type DrainState = Static<typeof DrainState>

export const MasterInfoCapability = message('mesos.v1.MasterInfo.Capability', {
  type: optional(1, MasterInfoCapabilityType),
})
export type MasterInfoCapability = Static<typeof MasterInfoCapability>

export const MasterInfo = message('mesos.v1.MasterInfo', {
  id: required(1, string),
  ip: required(2, uint32),
  port: required(3, uint32),
  pid: optional(4, string),
  hostname: optional(5, string),
  version: optional(6, string),
  address: optional(7, Address),
  domain: optional(8, DomainInfo),
  capabilities: repeated(9, MasterInfoCapability),
})
export type MasterInfo = Static<typeof MasterInfo>

export const AgentInfo = message('mesos.v1.AgentInfo', {
  hostname: required(1, string),
  port: optional(8, int32, { default: 5051 }),
  resources: repeated(3, Resource),
  attributes: repeated(5, Attribute),
  id: optional(6, AgentID),
  domain: optional(10, DomainInfo),
})
export type AgentInfo = Static<typeof AgentInfo>

export const AgentInfoCapability = message('mesos.v1.AgentInfo.Capability', {
  type: optional(1, AgentInfoCapabilityType),
})
export type AgentInfoCapability = Static<typeof AgentInfoCapability>

export const VersionInfo = message('mesos.v1.VersionInfo', {
  version: required(1, string),
  build_date: optional(2, string),
  build_time: optional(3, double),
  build_user: optional(4, string),
  git_sha: optional(5, string),
  git_branch: optional(6, string),
  git_tag: optional(7, string),
})
export type VersionInfo = Static<typeof VersionInfo>

export const Flag = message('mesos.v1.Flag', {
  name: required(1, string),
  value: optional(2, string),
})
export type Flag = Static<typeof Flag>

export const Metric = message('mesos.v1.Metric', {
  name: required(1, string),
  value: optional(2, double),
})
export type Metric = Static<typeof Metric>

export const FileInfo = message('mesos.v1.FileInfo', {
  path: required(1, string),
  nlink: optional(2, int32),
  size: optional(3, uint64),
  mtime: optional(4, TimeInfo),
  mode: optional(5, uint32),
  uid: optional(6, string),
  gid: optional(7, string),
})
export type FileInfo = Static<typeof FileInfo>

export const DrainConfig = message('mesos.v1.DrainConfig', {
  max_grace_period: optional(1, DurationInfo),
  mark_gone: optional(2, bool, { default: false }),
})
export type DrainConfig = Static<typeof DrainConfig>

export const DrainInfo = message('mesos.v1.DrainInfo', {
  state: required(1, DrainState),
  config: required(2, DrainConfig),
})
export type DrainInfo = Static<typeof DrainInfo>
