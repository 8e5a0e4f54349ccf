// Operations on resources and the states that they go through.
import { AgentID, FrameworkID, OperationID, ResourceProviderID, UUID } from './ids.ts'
import { OfferOperation } from './offers.ts'
import { Resource } from './resources.ts'
import { enumeration, message, optional, repeated, required, string, type Static } from './message.ts'

export const OperationState = enumeration('mesos.v1.OperationState', {
  OPERATION_UNSUPPORTED: 0,
  OPERATION_PENDING: 1,
  OPERATION_FINISHED: 2,
  OPERATION_FAILED: 3,
  OPERATION_ERROR: 4,
  OPERATION_DROPPED: 5,
  OPERATION_UNREACHABLE: 6,
  OPERATION_GONE_BY_OPERATOR: 7,
  OPERATION_RECOVERING: 8,
  OPERATION_UNKNOWN: 9,
})
export type OperationState = Static<typeof OperationState>

export const OperationStatus = message('mesos.v1.OperationStatus', {
  operation_id: optional(1, OperationID),
  state: required(2, OperationState),
  message: optional(3, string),
  converted_resources: repeated(4, Resource),
  uuid: optional(5, UUID),
  agent_id: optional(6, AgentID),
  resource_provider_id: optional(7, ResourceProviderID),
})
export type OperationStatus = Static<typeof OperationStatus>

export const Operation = message('mesos.v1.Operation', {
  framework_id: optional(1, FrameworkID),
  agent_id: optional(2, AgentID),
  info: required(3, OfferOperation),
  latest_status: required(4, OperationStatus),
  statuses: repeated(5, OperationStatus),
  uuid: required(6, UUID),
})
export type Operation = Static<typeof Operation>
