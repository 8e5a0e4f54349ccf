// Frameworks: what they say about themselves, their filters, roles, weights and rate limits.
import { FrameworkID } from './ids.ts'
import { Labels } from './labels.ts'
import { Resource } from './resources.ts'
import { ValueScalar } from './values.ts'
import {
  bool,
  double,
  enumeration,
  mapOf,
  message,
  optional,
  repeated,
  required,
  string,
  uint64,
  type Static,
} from './message.ts'

export const FrameworkInfoCapabilityType = enumeration('mesos.v1.FrameworkInfo.Capability.Type', {
  UNKNOWN: 0,
  REVOCABLE_RESOURCES: 1,
  TASK_KILLING_STATE: 2,
  GPU_RESOURCES: 3,
  SHARED_RESOURCES: 4,
  PARTITION_AWARE: 5,
  MULTI_ROLE: 6,
  RESERVATION_REFINEMENT: 7,
  REGION_AWARE: 8,
})
export type FrameworkInfoCapabilityType = Static<typeof FrameworkInfoCapabilityType>

export const FrameworkInfoCapability = message('mesos.v1.FrameworkInfo.Capability', {
  type: optional(1, FrameworkInfoCapabilityType),
})
export type FrameworkInfoCapability = Static<typeof FrameworkInfoCapability>

export const OfferFiltersResourceQuantities = message('mesos.v1.OfferFilters.ResourceQuantities', {
  quantities: mapOf(1, ValueScalar),
})
export type OfferFiltersResourceQuantities = Static<typeof OfferFiltersResourceQuantities>

export const OfferFiltersMinAllocatableResources = message('mesos.v1.OfferFilters.MinAllocatableResources', {
  quantities: repeated(1, OfferFiltersResourceQuantities),
})
export type OfferFiltersMinAllocatableResources = Static<typeof OfferFiltersMinAllocatableResources>

export const OfferFilters = message('mesos.v1.OfferFilters', {
  min_allocatable_resources: optional(1, OfferFiltersMinAllocatableResources),
})
export type OfferFilters = Static<typeof OfferFilters>

export const FrameworkInfo = message('mesos.v1.FrameworkInfo', {
  user: required(1, string),
  name: required(2, string),
  id: optional(3, FrameworkID),
  failover_timeout: optional(4, double, { default: 0 }),
  checkpoint: optional(5, bool, { default: false }),
  role: optional(6, string, { default: '*', deprecated: true }),
  roles: repeated(12, string),
  hostname: optional(7, string),
  principal: optional(8, string),
  webui_url: optional(9, string),
  capabilities: repeated(10, FrameworkInfoCapability),
  labels: optional(11, Labels),
  offer_filters: mapOf(13, OfferFilters),
})
export type FrameworkInfo = Static<typeof FrameworkInfo>

export const RateLimit = message('mesos.v1.RateLimit', {
  qps: optional(1, double),
  principal: required(2, string),
  capacity: optional(3, uint64),
})
export type RateLimit = Static<typeof RateLimit>

export const RateLimits = message('mesos.v1.RateLimits', {
  limits: repeated(1, RateLimit),
  aggregate_default_qps: optional(2, double),
  aggregate_default_capacity: optional(3, uint64),
})
export type RateLimits = Static<typeof RateLimits>

export const WeightInfo = message('mesos.v1.WeightInfo', {
  weight: required(1, double),
  role: optional(2, string),
})
export type WeightInfo = Static<typeof WeightInfo>

export const Role = message('mesos.v1.Role', {
  name: required(1, string),
  weight: required(2, double),
  frameworks: repeated(3, FrameworkID),
  resources: repeated(4, Resource),
})
export type Role = Static<typeof Role>
