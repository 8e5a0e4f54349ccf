// Amounts, ranges, sets and texts, and the attributes of agents that are made of them.
import {
  double,
  enumeration,
  message,
  optional,
  repeated,
  required,
  string,
  uint64,
  type Static,
} from './message.ts'

export const ValueType = enumeration('mesos.v1.Value.Type', {
  SCALAR: 0,
  RANGES: 1,
  SET: 2,
  TEXT: 3,
})
export type ValueType = Static<typeof ValueType>

export const ValueScalar = message('mesos.v1.Value.Scalar', {
  value: required(1, double),
})
export type ValueScalar = Static<typeof ValueScalar>

export const ValueRange = message('mesos.v1.Value.Range', {
  begin: required(1, uint64),
  end: required(2, uint64),
})
export type ValueRange = Static<typeof ValueRange>

export const ValueRanges = message('mesos.v1.Value.Ranges', {
  range: repeated(1, ValueRange),
})
export type ValueRanges = Static<typeof ValueRanges>

export const ValueSet = message('mesos.v1.Value.Set', {
  item: repeated(1, string),
})
export type ValueSet = Static<typeof ValueSet>

export const ValueText = message('mesos.v1.Value.Text', {
  value: required(1, string),
})
export type ValueText = Static<typeof ValueText>

export const Value = message('mesos.v1.Value', {
  type: required(1, ValueType),
  scalar: optional(2, ValueScalar),
  ranges: optional(3, ValueRanges),
  set: optional(4, ValueSet),
  text: optional(5, ValueText),
})
export type Value = Static<typeof Value>

export const Attribute = message('mesos.v1.Attribute', {
  name: required(1, string),
  type: required(2, ValueType),
  scalar: optional(3, ValueScalar),
  ranges: optional(4, ValueRanges),
  set: optional(6, ValueSet),
  text: optional(5, ValueText),
})
export type Attribute = Static<typeof Attribute>
