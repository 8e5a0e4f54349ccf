// Resource providers and the storage plug-ins behind them.
import { CommandInfo } from './commands.ts'
import { ContainerInfo } from './containers.ts'
import { ResourceProviderID } from './ids.ts'
import { Resource, ResourceReservationInfo } from './resources.ts'
import { Attribute } from './values.ts'
import {
  bool,
  double,
  enumeration,
  message,
  optional,
  repeated,
  required,
  string,
  type Static,
} from './message.ts'

export const CSIPluginContainerInfoService = enumeration('mesos.v1.CSIPluginContainerInfo.Service', {
  UNKNOWN: 0,
  CONTROLLER_SERVICE: 1,
  NODE_SERVICE: 2,
})
export type CSIPluginContainerInfoService = Static<typeof CSIPluginContainerInfoService>

export const CSIPluginContainerInfo = message('mesos.v1.CSIPluginContainerInfo', {
  services: repeated(1, CSIPluginContainerInfoService),
  command: optional(2, CommandInfo),
  resources: repeated(3, Resource),
  container: optional(4, ContainerInfo),
})
export type CSIPluginContainerInfo = Static<typeof CSIPluginContainerInfo>

export const CSIPluginEndpoint = message('mesos.v1.CSIPluginEndpoint', {
  csi_service: required(1, CSIPluginContainerInfoService),
  endpoint: required(2, string),
})
export type CSIPluginEndpoint = Static<typeof CSIPluginEndpoint>

export const CSIPluginInfo = message('mesos.v1.CSIPluginInfo', {
  type: required(1, string),
  name: optional(2, string, { default: 'default' }),
  containers: repeated(3, CSIPluginContainerInfo),
  endpoints: repeated(4, CSIPluginEndpoint),
  target_path_root: optional(5, string),
  target_path_exists: optional(6, bool),
})
export type CSIPluginInfo = Static<typeof CSIPluginInfo>

export const ResourceProviderInfoStorage = message('mesos.v1.ResourceProviderInfo.Storage', {
  plugin: required(1, CSIPluginInfo),
  reconciliation_interval_seconds: optional(2, double),
})
export type ResourceProviderInfoStorage = Static<typeof ResourceProviderInfoStorage>

export const ResourceProviderInfo = message('mesos.v1.ResourceProviderInfo', {
  id: optional(1, ResourceProviderID),
  attributes: repeated(2, Attribute),
  type: required(3, string),
  name: required(4, string),
  default_reservations: repeated(5, ResourceReservationInfo),
  storage: optional(6, ResourceProviderInfoStorage),
})
export type ResourceProviderInfo = Static<typeof ResourceProviderInfo>
