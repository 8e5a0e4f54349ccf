// Free pairs of key and value that people attach to things.
import { message, optional, repeated, required, string, type Static } from './message.ts'

export const Parameter = message('mesos.v1.Parameter', {
  key: required(1, string),
  value: required(2, string),
})
export type Parameter = Static<typeof Parameter>

export const Parameters = message('mesos.v1.Parameters', {
  parameter: repeated(1, Parameter),
})
export type Parameters = Static<typeof Parameters>

export const Label = message('mesos.v1.Label', {
  key: required(1, string),
  value: optional(2, string),
})
export type Label = Static<typeof Label>

export const Labels = message('mesos.v1.Labels', {
  labels: repeated(1, Label),
})
export type Labels = Static<typeof Labels>
