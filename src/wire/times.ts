// Moments and spans of time, in nanoseconds, and spans in which a machine is away.
import { int64, message, optional, required, type Static } from './message.ts'

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
