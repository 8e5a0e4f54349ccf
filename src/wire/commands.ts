// What to run: command, environment, files to fetch, and how to end it.
import { Secret } from './secrets.ts'
import { DurationInfo } from './times.ts'
import { bool, enumeration, message, optional, repeated, required, string, type Static } from './message.ts'

export const EnvironmentVariableType = enumeration('mesos.v1.Environment.Variable.Type', {
  UNKNOWN: 0,
  VALUE: 1,
  SECRET: 2,
})
export type EnvironmentVariableType = Static<typeof EnvironmentVariableType>

export const KillPolicy = message('mesos.v1.KillPolicy', {
  grace_period: optional(1, DurationInfo),
})
export type KillPolicy = Static<typeof KillPolicy>

export const CommandInfoURI = message('mesos.v1.CommandInfo.URI', {
  value: required(1, string),
  executable: optional(2, bool),
  extract: optional(3, bool, { default: true }),
  cache: optional(4, bool),
  output_file: optional(5, string),
})
export type CommandInfoURI = Static<typeof CommandInfoURI>

export const EnvironmentVariable = message('mesos.v1.Environment.Variable', {
  name: required(1, string),
  type: optional(3, EnvironmentVariableType, { default: 'VALUE' }),
  value: optional(2, string),
  secret: optional(4, Secret),
})
export type EnvironmentVariable = Static<typeof EnvironmentVariable>

export const Environment = message('mesos.v1.Environment', {
  variables: repeated(1, EnvironmentVariable),
})
export type Environment = Static<typeof Environment>

export const CommandInfo = message('mesos.v1.CommandInfo', {
  uris: repeated(1, CommandInfoURI),
  environment: optional(2, Environment),
  shell: optional(6, bool, { default: true }),
  value: optional(3, string),
  arguments: repeated(7, string),
  user: optional(5, string),
})
export type CommandInfo = Static<typeof CommandInfo>
