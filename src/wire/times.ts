// Moments and spans of time, in nanoseconds, and spans in which a machine is away.
import { int32, int64, message, optional, required, type Static } from './message.ts'

export const TimeInfo = message('mesos.v1.TimeInfo', {
  nanoseconds: required(1, int64),
})
export type TimeInfo = Static<typeof TimeInfo>

export const DurationInfo = message('mesos.v1.DurationInfo', {
  nanoseconds: required(1, int64),
})
export type DurationInfo = Static<typeof DurationInfo>

export const Unavailability = message('mesos.v1.Unavailability', {
  start: required(1, TimeInfo),
  duration: optional(2, DurationInfo),
})
export type Unavailability = Static<typeof Unavailability>

/** A span as DRAIN_AGENT has it, alone among the calls: `{"seconds": 600}`. */
export const ProtobufDuration = message('google.protobuf.Duration', {
  seconds: optional(1, int64),
  nanos: optional(2, int32),
})
export type ProtobufDuration = Static<typeof ProtobufDuration>
