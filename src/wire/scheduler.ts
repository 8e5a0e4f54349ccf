// The v1 scheduler API: what a framework calls, and the events that it is sent.
import { MasterInfo } from './agents.ts'
import { KillPolicy } from './commands.ts'
import { FrameworkInfo } from './frameworks.ts'
import { AgentID, ExecutorID, FrameworkID, OfferID, OperationID, ResourceProviderID, TaskID } from './ids.ts'
import { OfferConstraints } from './offer-constraints.ts'
import { Filters, InverseOffer, Offer, OfferOperation, Request } from './offers.ts'
import { OperationStatus } from './operations.ts'
import { TaskStatus } from './tasks.ts'
import {
  bytes,
  double,
  enumeration,
  int32,
  message,
  optional,
  repeated,
  required,
  string,
  uint32,
  type Static,
} from './message.ts'

export const SchedulerEventType = enumeration('mesos.v1.scheduler.Event.Type', {
  UNKNOWN: 0,
  SUBSCRIBED: 1,
  OFFERS: 2,
  INVERSE_OFFERS: 9,
  RESCIND: 3,
  RESCIND_INVERSE_OFFER: 10,
  UPDATE: 4,
  UPDATE_OPERATION_STATUS: 11,
  MESSAGE: 5,
  FAILURE: 6,
  ERROR: 7,
  HEARTBEAT: 8,
})
export type SchedulerEventType = Static<typeof SchedulerEventType>

export const SchedulerResponseType = enumeration('mesos.v1.scheduler.Response.Type', {
  UNKNOWN: 0,
  RECONCILE_OPERATIONS: 1,
})
export type SchedulerResponseType = Static<typeof SchedulerResponseType>

export const SchedulerCallType = enumeration('mesos.v1.scheduler.Call.Type', {
  UNKNOWN: 0,
  SUBSCRIBE: 1,
  TEARDOWN: 2,
  ACCEPT: 3,
  DECLINE: 4,
  ACCEPT_INVERSE_OFFERS: 13,
  DECLINE_INVERSE_OFFERS: 14,
  REVIVE: 5,
  KILL: 6,
  SHUTDOWN: 7,
  ACKNOWLEDGE: 8,
  ACKNOWLEDGE_OPERATION_STATUS: 15,
  RECONCILE: 9,
  RECONCILE_OPERATIONS: 16,
  MESSAGE: 10,
  REQUEST: 11,
  SUPPRESS: 12,
  UPDATE_FRAMEWORK: 17,
})
export type SchedulerCallType = Static<typeof SchedulerCallType>

export const SchedulerEventSubscribed = message('mesos.v1.scheduler.Event.Subscribed', {
  framework_id: required(1, FrameworkID),
  heartbeat_interval_seconds: optional(2, double),
  master_info: optional(3, MasterInfo),
})
export type SchedulerEventSubscribed = Static<typeof SchedulerEventSubscribed>

export const SchedulerEventOffers = message('mesos.v1.scheduler.Event.Offers', {
  offers: repeated(1, Offer),
})
export type SchedulerEventOffers = Static<typeof SchedulerEventOffers>

export const SchedulerEventInverseOffers = message('mesos.v1.scheduler.Event.InverseOffers', {
  inverse_offers: repeated(1, InverseOffer),
})
export type SchedulerEventInverseOffers = Static<typeof SchedulerEventInverseOffers>

export const SchedulerEventRescind = message('mesos.v1.scheduler.Event.Rescind', {
  offer_id: required(1, OfferID),
})
export type SchedulerEventRescind = Static<typeof SchedulerEventRescind>

export const SchedulerEventRescindInverseOffer = message('mesos.v1.scheduler.Event.RescindInverseOffer', {
  inverse_offer_id: required(1, OfferID),
})
export type SchedulerEventRescindInverseOffer = Static<typeof SchedulerEventRescindInverseOffer>

export const SchedulerEventUpdate = message('mesos.v1.scheduler.Event.Update', {
  status: required(1, TaskStatus),
})
export type SchedulerEventUpdate = Static<typeof SchedulerEventUpdate>

export const SchedulerEventUpdateOperationStatus = message('mesos.v1.scheduler.Event.UpdateOperationStatus', {
  status: required(1, OperationStatus),
})
export type SchedulerEventUpdateOperationStatus = Static<typeof SchedulerEventUpdateOperationStatus>

export const SchedulerEventMessage = message('mesos.v1.scheduler.Event.Message', {
  agent_id: required(1, AgentID),
  executor_id: required(2, ExecutorID),
  data: required(3, bytes),
})
export type SchedulerEventMessage = Static<typeof SchedulerEventMessage>

export const SchedulerEventFailure = message('mesos.v1.scheduler.Event.Failure', {
  agent_id: optional(1, AgentID),
  executor_id: optional(2, ExecutorID),
  status: optional(3, int32),
})
export type SchedulerEventFailure = Static<typeof SchedulerEventFailure>

export const SchedulerEventError = message('mesos.v1.scheduler.Event.Error', {
  message: required(1, string),
})
export type SchedulerEventError = Static<typeof SchedulerEventError>

export const SchedulerResponseReconcileOperations = message(
  'mesos.v1.scheduler.Response.ReconcileOperations',
  {
    operation_statuses: repeated(1, OperationStatus, { deprecated: true }),
  },
)
export type SchedulerResponseReconcileOperations = Static<typeof SchedulerResponseReconcileOperations>

export const SchedulerResponse = message('mesos.v1.scheduler.Response', {
  type: optional(1, SchedulerResponseType),
  reconcile_operations: optional(2, SchedulerResponseReconcileOperations, { deprecated: true }),
})
export type SchedulerResponse = Static<typeof SchedulerResponse>

export const SchedulerCallSubscribe = message('mesos.v1.scheduler.Call.Subscribe', {
  framework_info: required(1, FrameworkInfo),
  suppressed_roles: repeated(2, string),
  offer_constraints: optional(3, OfferConstraints),
})
export type SchedulerCallSubscribe = Static<typeof SchedulerCallSubscribe>

export const SchedulerCallAccept = message('mesos.v1.scheduler.Call.Accept', {
  offer_ids: repeated(1, OfferID),
  operations: repeated(2, OfferOperation),
  filters: optional(3, Filters),
})
export type SchedulerCallAccept = Static<typeof SchedulerCallAccept>

export const SchedulerCallDecline = message('mesos.v1.scheduler.Call.Decline', {
  offer_ids: repeated(1, OfferID),
  filters: optional(2, Filters),
})
export type SchedulerCallDecline = Static<typeof SchedulerCallDecline>

export const SchedulerCallAcceptInverseOffers = message('mesos.v1.scheduler.Call.AcceptInverseOffers', {
  inverse_offer_ids: repeated(1, OfferID),
  filters: optional(2, Filters),
})
export type SchedulerCallAcceptInverseOffers = Static<typeof SchedulerCallAcceptInverseOffers>

export const SchedulerCallDeclineInverseOffers = message('mesos.v1.scheduler.Call.DeclineInverseOffers', {
  inverse_offer_ids: repeated(1, OfferID),
  filters: optional(2, Filters),
})
export type SchedulerCallDeclineInverseOffers = Static<typeof SchedulerCallDeclineInverseOffers>

export const SchedulerCallRevive = message('mesos.v1.scheduler.Call.Revive', {
  roles: repeated(1, string),
})
export type SchedulerCallRevive = Static<typeof SchedulerCallRevive>

export const SchedulerCallKill = message('mesos.v1.scheduler.Call.Kill', {
  task_id: required(1, TaskID),
  agent_id: optional(2, AgentID),
  kill_policy: optional(3, KillPolicy),
})
export type SchedulerCallKill = Static<typeof SchedulerCallKill>

export const SchedulerCallShutdown = message('mesos.v1.scheduler.Call.Shutdown', {
  executor_id: required(1, ExecutorID),
  agent_id: required(2, AgentID),
})
export type SchedulerCallShutdown = Static<typeof SchedulerCallShutdown>

export const SchedulerCallAcknowledge = message('mesos.v1.scheduler.Call.Acknowledge', {
  agent_id: required(1, AgentID),
  task_id: required(2, TaskID),
  uuid: required(3, bytes),
})
export type SchedulerCallAcknowledge = Static<typeof SchedulerCallAcknowledge>

export const SchedulerCallAcknowledgeOperationStatus = message(
  'mesos.v1.scheduler.Call.AcknowledgeOperationStatus',
  {
    agent_id: optional(1, AgentID),
    resource_provider_id: optional(2, ResourceProviderID),
    uuid: required(3, bytes),
    operation_id: required(4, OperationID),
  },
)
export type SchedulerCallAcknowledgeOperationStatus = Static<typeof SchedulerCallAcknowledgeOperationStatus>

export const SchedulerCallReconcileTask = message('mesos.v1.scheduler.Call.Reconcile.Task', {
  task_id: required(1, TaskID),
  agent_id: optional(2, AgentID),
})
export type SchedulerCallReconcileTask = Static<typeof SchedulerCallReconcileTask>

export const SchedulerCallReconcile = message('mesos.v1.scheduler.Call.Reconcile', {
  tasks: repeated(1, SchedulerCallReconcileTask),
})
export type SchedulerCallReconcile = Static<typeof SchedulerCallReconcile>

export const SchedulerCallReconcileOperationsOperation = message(
  'mesos.v1.scheduler.Call.ReconcileOperations.Operation',
  {
    operation_id: required(1, OperationID),
    agent_id: optional(2, AgentID),
    resource_provider_id: optional(3, ResourceProviderID),
  },
)
export type SchedulerCallReconcileOperationsOperation = Static<
  typeof SchedulerCallReconcileOperationsOperation
>

export const SchedulerCallReconcileOperations = message('mesos.v1.scheduler.Call.ReconcileOperations', {
  operations: repeated(1, SchedulerCallReconcileOperationsOperation),
})
export type SchedulerCallReconcileOperations = Static<typeof SchedulerCallReconcileOperations>

export const SchedulerCallMessage = message('mesos.v1.scheduler.Call.Message', {
  agent_id: required(1, AgentID),
  executor_id: required(2, ExecutorID),
  data: required(3, bytes),
})
export type SchedulerCallMessage = Static<typeof SchedulerCallMessage>

export const SchedulerCallRequest = message('mesos.v1.scheduler.Call.Request', {
  requests: repeated(1, Request),
})
export type SchedulerCallRequest = Static<typeof SchedulerCallRequest>

export const SchedulerCallSuppress = message('mesos.v1.scheduler.Call.Suppress', {
  roles: repeated(1, string),
})
export type SchedulerCallSuppress = Static<typeof SchedulerCallSuppress>

export const SchedulerCallUpdateFramework = message('mesos.v1.scheduler.Call.UpdateFramework', {
  framework_info: required(1, FrameworkInfo),
  suppressed_roles: repeated(2, string),
  offer_constraints: optional(3, OfferConstraints),
})
export type SchedulerCallUpdateFramework = Static<typeof SchedulerCallUpdateFramework>

export const SchedulerAPIResult = message('mesos.v1.scheduler.APIResult', {
  status_code: required(1, uint32),
  response: optional(2, SchedulerResponse),
  error: optional(3, string),
})
export type SchedulerAPIResult = Static<typeof SchedulerAPIResult>

export const SchedulerEvent = message('mesos.v1.scheduler.Event', {
  type: optional(1, SchedulerEventType),
  subscribed: optional(2, SchedulerEventSubscribed),
  offers: optional(3, SchedulerEventOffers),
  inverse_offers: optional(9, SchedulerEventInverseOffers),
  rescind: optional(4, SchedulerEventRescind),
  rescind_inverse_offer: optional(10, SchedulerEventRescindInverseOffer),
  update: optional(5, SchedulerEventUpdate),
  update_operation_status: optional(11, SchedulerEventUpdateOperationStatus),
  message: optional(6, SchedulerEventMessage),
  failure: optional(7, SchedulerEventFailure),
  error: optional(8, SchedulerEventError),
})
export type SchedulerEvent = Static<typeof SchedulerEvent>

export const SchedulerCall = message('mesos.v1.scheduler.Call', {
  framework_id: optional(1, FrameworkID),
  type: optional(2, SchedulerCallType),
  subscribe: optional(3, SchedulerCallSubscribe),
  accept: optional(4, SchedulerCallAccept),
  decline: optional(5, SchedulerCallDecline),
  accept_inverse_offers: optional(13, SchedulerCallAcceptInverseOffers),
  decline_inverse_offers: optional(14, SchedulerCallDeclineInverseOffers),
  revive: optional(15, SchedulerCallRevive),
  kill: optional(6, SchedulerCallKill),
  shutdown: optional(7, SchedulerCallShutdown),
  acknowledge: optional(8, SchedulerCallAcknowledge),
  acknowledge_operation_status: optional(17, SchedulerCallAcknowledgeOperationStatus),
  reconcile: optional(9, SchedulerCallReconcile),
  reconcile_operations: optional(18, SchedulerCallReconcileOperations),
  message: optional(10, SchedulerCallMessage),
  request: optional(11, SchedulerCallRequest),
  suppress: optional(16, SchedulerCallSuppress),
  update_framework: optional(19, SchedulerCallUpdateFramework),
})
export type SchedulerCall = Static<typeof SchedulerCall>
