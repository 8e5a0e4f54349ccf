// The identifiers that messages are about: frameworks, agents, tasks, executors, containers, offers, operations.
import { bytes, lazy, message, optional, required, string, type Static, type Message } from './message.ts'

export const FrameworkID = message('mesos.v1.FrameworkID', {
  value: required(1, string),
})
export type FrameworkID = Static<typeof FrameworkID>

export const OfferID = message('mesos.v1.OfferID', {
  value: required(1, string),
})
export type OfferID = Static<typeof OfferID>

export const AgentID = message('mesos.v1.AgentID', {
  value: required(1, string),
})
export type AgentID = Static<typeof AgentID>

export const TaskID = message('mesos.v1.TaskID', {
  value: required(1, string),
})
export type TaskID = Static<typeof TaskID>

export const ExecutorID = message('mesos.v1.ExecutorID', {
  value: required(1, string),
})
export type ExecutorID = Static<typeof ExecutorID>

export interface ContainerID {
  value: string
  parent?: ContainerID
}
export const ContainerID: Message<ContainerID> = message('mesos.v1.ContainerID', {
  value: required(1, string),
  parent: optional(
    2,
    lazy('mesos.v1.ContainerID', () => ContainerID),
  ),
})

export const ResourceProviderID = message('mesos.v1.ResourceProviderID', {
  value: required(1, string),
})
export type ResourceProviderID = Static<typeof ResourceProviderID>

export const OperationID = message('mesos.v1.OperationID', {
  value: required(1, string),
})
export type OperationID = Static<typeof OperationID>

export const UUID = message('mesos.v1.UUID', {
  value: required(1, bytes),
})
export type UUID = Static<typeof UUID>
