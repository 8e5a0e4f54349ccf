// Resources with all that can be said of them: role, reservation, disk, revocable, shared, allocation.
import { ResourceProviderID } from './ids.ts'
import { Labels } from './labels.ts'
import { ValueRanges, ValueScalar, ValueSet, ValueType } from './values.ts'
import { Volume } from './volumes.ts'
import { enumeration, message, optional, repeated, required, string, type Static } from './message.ts'

export const ResourceReservationInfoType = enumeration('mesos.v1.Resource.ReservationInfo.Type', {
  UNKNOWN: 0,
  STATIC: 1,
  DYNAMIC: 2,
})
export type ResourceReservationInfoType = Static<typeof ResourceReservationInfoType>

export const ResourceDiskInfoSourceType = enumeration('mesos.v1.Resource.DiskInfo.Source.Type', {
  UNKNOWN: 0,
  PATH: 1,
  MOUNT: 2,
  BLOCK: 3,
  RAW: 4,
})
export type ResourceDiskInfoSourceType = Static<typeof ResourceDiskInfoSourceType>

export const ResourceAllocationInfo = message('mesos.v1.Resource.AllocationInfo', {
  role: optional(1, string),
})
export type ResourceAllocationInfo = Static<typeof ResourceAllocationInfo>

export const ResourceReservationInfo = message('mesos.v1.Resource.ReservationInfo', {
  type: optional(4, ResourceReservationInfoType),
  role: optional(3, string),
  principal: optional(1, string),
  labels: optional(2, Labels),
})
export type ResourceReservationInfo = Static<typeof ResourceReservationInfo>

export const ResourceDiskInfoPersistence = message('mesos.v1.Resource.DiskInfo.Persistence', {
  id: required(1, string),
  principal: optional(2, string),
})
export type ResourceDiskInfoPersistence = Static<typeof ResourceDiskInfoPersistence>

export const ResourceDiskInfoSourcePath = message('mesos.v1.Resource.DiskInfo.Source.Path', {
  root: optional(1, string),
})
export type ResourceDiskInfoSourcePath = Static<typeof ResourceDiskInfoSourcePath>

export const ResourceDiskInfoSourceMount = message('mesos.v1.Resource.DiskInfo.Source.Mount', {
  root: optional(1, string),
})
export type ResourceDiskInfoSourceMount = Static<typeof ResourceDiskInfoSourceMount>

export const ResourceDiskInfoSource = message('mesos.v1.Resource.DiskInfo.Source', {
  type: required(1, ResourceDiskInfoSourceType),
  path: optional(2, ResourceDiskInfoSourcePath),
  mount: optional(3, ResourceDiskInfoSourceMount),
  vendor: optional(7, string),
  id: optional(4, string),
  metadata: optional(5, Labels),
  profile: optional(6, string),
})
export type ResourceDiskInfoSource = Static<typeof ResourceDiskInfoSource>

export const ResourceDiskInfo = message('mesos.v1.Resource.DiskInfo', {
  persistence: optional(1, ResourceDiskInfoPersistence),
  volume: optional(2, Volume),
  source: optional(3, ResourceDiskInfoSource),
})
export type ResourceDiskInfo = Static<typeof ResourceDiskInfo>

export const ResourceRevocableInfo = message('mesos.v1.Resource.RevocableInfo', {})
export type ResourceRevocableInfo = Static<typeof ResourceRevocableInfo>

export const ResourceSharedInfo = message('mesos.v1.Resource.SharedInfo', {})
export type ResourceSharedInfo = Static<typeof ResourceSharedInfo>

export const Resource = message('mesos.v1.Resource', {
  provider_id: optional(12, ResourceProviderID),
  name: required(1, string),
  type: required(2, ValueType),
  scalar: optional(3, ValueScalar),
  ranges: optional(4, ValueRanges),
  set: optional(5, ValueSet),
  role: optional(6, string, { default: '*', deprecated: true }),
  allocation_info: optional(11, ResourceAllocationInfo),
  reservation: optional(8, ResourceReservationInfo),
  reservations: repeated(13, ResourceReservationInfo),
  disk: optional(7, ResourceDiskInfo),
  revocable: optional(9, ResourceRevocableInfo),
  shared: optional(10, ResourceSharedInfo),
})
export type Resource = Static<typeof Resource>
