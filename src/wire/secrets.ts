// Secrets and the credentials of principals.
import { bytes, enumeration, message, optional, repeated, required, string, type Static } from './message.ts'

export const SecretType = enumeration('mesos.v1.Secret.Type', {
  UNKNOWN: 0,
  REFERENCE: 1,
  VALUE: 2,
})
export type SecretType = Static<typeof SecretType>

export const Credential = message('mesos.v1.Credential', {
  principal: required(1, string),
  secret: optional(2, string),
})
export type Credential = Static<typeof Credential>

export const Credentials = message('mesos.v1.Credentials', {
  credentials: repeated(1, Credential),
})
export type Credentials = Static<typeof Credentials>

export const SecretReference = message('mesos.v1.Secret.Reference', {
  name: required(1, string),
  key: optional(2, string),
})
export type SecretReference = Static<typeof SecretReference>

export const SecretValue = message('mesos.v1.Secret.Value', {
  data: required(1, bytes),
})
export type SecretValue = Static<typeof SecretValue>

export const Secret = message('mesos.v1.Secret', {
  type: optional(1, SecretType),
  reference: optional(2, SecretReference),
  value: optional(3, SecretValue),
})
export type Secret = Static<typeof Secret>
