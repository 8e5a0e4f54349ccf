// Input and output of a process in a container, as ATTACH_CONTAINER_INPUT and ATTACH_CONTAINER_OUTPUT carry it.
import { TTYInfo } from './linux.ts'
import { DurationInfo } from './times.ts'
import { bytes, enumeration, message, optional, type Static } from './message.ts'

export const ProcessIOType = enumeration('mesos.v1.agent.ProcessIO.Type', {
  UNKNOWN: 0,
  DATA: 1,
  CONTROL: 2,
})
export type ProcessIOType = Static<typeof ProcessIOType>

export const ProcessIODataType = enumeration('mesos.v1.agent.ProcessIO.Data.Type', {
  UNKNOWN: 0,
  STDIN: 1,
  STDOUT: 2,
  STDERR: 3,
})
export type ProcessIODataType = Static<typeof ProcessIODataType>

export const ProcessIOControlType = enumeration('mesos.v1.agent.ProcessIO.Control.Type', {
  UNKNOWN: 0,
  TTY_INFO: 1,
  HEARTBEAT: 2,
})
export type ProcessIOControlType = Static<typeof ProcessIOControlType>

export const ProcessIOData = message('mesos.v1.agent.ProcessIO.Data', {
  type: optional(1, ProcessIODataType),
  data: optional(2, bytes),
})
export type ProcessIOData = Static<typeof ProcessIOData>

export const ProcessIOControlHeartbeat = message('mesos.v1.agent.ProcessIO.Control.Heartbeat', {
  interval: optional(1, DurationInfo),
})
export type ProcessIOControlHeartbeat = Static<typeof ProcessIOControlHeartbeat>

export const ProcessIOControl = message('mesos.v1.agent.ProcessIO.Control', {
  type: optional(1, ProcessIOControlType),
  tty_info: optional(2, TTYInfo),
  heartbeat: optional(3, ProcessIOControlHeartbeat),
})
export type ProcessIOControl = Static<typeof ProcessIOControl>

export const ProcessIO = message('mesos.v1.agent.ProcessIO', {
  type: optional(1, ProcessIOType),
  data: optional(2, ProcessIOData),
  control: optional(3, ProcessIOControl),
})
export type ProcessIO = Static<typeof ProcessIO>
