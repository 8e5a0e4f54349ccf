// Offers, inverse offers, and the operations with which an offer is accepted.
import { AgentID, ExecutorID, FrameworkID, OfferID, OperationID } from './ids.ts'
import { DomainInfo, URL } from './machines.ts'
import { Resource, ResourceAllocationInfo, ResourceDiskInfoSourceType } from './resources.ts'
import { ExecutorInfo, TaskGroupInfo, TaskInfo } from './tasks.ts'
import { Unavailability } from './times.ts'
import { Attribute, ValueScalar } from './values.ts'
import { double, enumeration, message, optional, repeated, required, string, type Static } from './message.ts'

export const OfferOperationType = enumeration('mesos.v1.Offer.Operation.Type', {
  UNKNOWN: 0,
  LAUNCH: 1,
  LAUNCH_GROUP: 6,
  RESERVE: 2,
  UNRESERVE: 3,
  CREATE: 4,
  DESTROY: 5,
  GROW_VOLUME: 11,
  SHRINK_VOLUME: 12,
  CREATE_DISK: 13,
  DESTROY_DISK: 14,
})
export type OfferOperationType = Static<typeof OfferOperationType>

export const Request = message('mesos.v1.Request', {
  agent_id: optional(1, AgentID),
  resources: repeated(2, Resource),
})
export type Request = Static<typeof Request>

export const Offer = message('mesos.v1.Offer', {
  id: required(1, OfferID),
  framework_id: required(2, FrameworkID),
  agent_id: required(3, AgentID),
  hostname: required(4, string),
  url: optional(8, URL),
  domain: optional(11, DomainInfo),
  resources: repeated(5, Resource),
  attributes: repeated(7, Attribute),
  executor_ids: repeated(6, ExecutorID),
  unavailability: optional(9, Unavailability),
  allocation_info: optional(10, ResourceAllocationInfo),
})
export type Offer = Static<typeof Offer>

export const OfferOperationLaunch = message('mesos.v1.Offer.Operation.Launch', {
  task_infos: repeated(1, TaskInfo),
})
export type OfferOperationLaunch = Static<typeof OfferOperationLaunch>

export const OfferOperationLaunchGroup = message('mesos.v1.Offer.Operation.LaunchGroup', {
  executor: required(1, ExecutorInfo),
  task_group: required(2, TaskGroupInfo),
})
export type OfferOperationLaunchGroup = Static<typeof OfferOperationLaunchGroup>

export const OfferOperationReserve = message('mesos.v1.Offer.Operation.Reserve', {
  source: repeated(2, Resource),
  resources: repeated(1, Resource),
})
export type OfferOperationReserve = Static<typeof OfferOperationReserve>

export const OfferOperationUnreserve = message('mesos.v1.Offer.Operation.Unreserve', {
  resources: repeated(1, Resource),
})
export type OfferOperationUnreserve = Static<typeof OfferOperationUnreserve>

export const OfferOperationCreate = message('mesos.v1.Offer.Operation.Create', {
  volumes: repeated(1, Resource),
})
export type OfferOperationCreate = Static<typeof OfferOperationCreate>

export const OfferOperationDestroy = message('mesos.v1.Offer.Operation.Destroy', {
  volumes: repeated(1, Resource),
})
export type OfferOperationDestroy = Static<typeof OfferOperationDestroy>

export const OfferOperationGrowVolume = message('mesos.v1.Offer.Operation.GrowVolume', {
  volume: required(1, Resource),
  addition: required(2, Resource),
})
export type OfferOperationGrowVolume = Static<typeof OfferOperationGrowVolume>

export const OfferOperationShrinkVolume = message('mesos.v1.Offer.Operation.ShrinkVolume', {
  volume: required(1, Resource),
  subtract: required(2, ValueScalar),
})
export type OfferOperationShrinkVolume = Static<typeof OfferOperationShrinkVolume>

export const OfferOperationCreateDisk = message('mesos.v1.Offer.Operation.CreateDisk', {
  source: required(1, Resource),
  target_type: required(2, ResourceDiskInfoSourceType),
  target_profile: optional(3, string),
})
export type OfferOperationCreateDisk = Static<typeof OfferOperationCreateDisk>

export const OfferOperationDestroyDisk = message('mesos.v1.Offer.Operation.DestroyDisk', {
  source: required(1, Resource),
})
export type OfferOperationDestroyDisk = Static<typeof OfferOperationDestroyDisk>

export const OfferOperation = message('mesos.v1.Offer.Operation', {
  type: optional(1, OfferOperationType),
  id: optional(12, OperationID),
  launch: optional(2, OfferOperationLaunch),
  launch_group: optional(7, OfferOperationLaunchGroup),
  reserve: optional(3, OfferOperationReserve),
  unreserve: optional(4, OfferOperationUnreserve),
  create: optional(5, OfferOperationCreate),
  destroy: optional(6, OfferOperationDestroy),
  grow_volume: optional(13, OfferOperationGrowVolume),
  shrink_volume: optional(14, OfferOperationShrinkVolume),
  create_disk: optional(15, OfferOperationCreateDisk),
  destroy_disk: optional(16, OfferOperationDestroyDisk),
})
export type OfferOperation = Static<typeof OfferOperation>

export const InverseOffer = message('mesos.v1.InverseOffer', {
  id: required(1, OfferID),
  url: optional(2, URL),
  framework_id: required(3, FrameworkID),
  agent_id: optional(4, AgentID),
  unavailability: required(5, Unavailability),
  resources: repeated(6, Resource),
})
export type InverseOffer = Static<typeof InverseOffer>

export const Filters = message('mesos.v1.Filters', {
  refuse_seconds: optional(1, double, { default: 5 }),
})
export type Filters = Static<typeof Filters>
