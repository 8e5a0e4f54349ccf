// Quota of roles; kept for the API, which refuses it until quota is there.
import { Resource } from './resources.ts'
import { ValueScalar } from './values.ts'
import { bool, mapOf, message, optional, repeated, required, string, type Static } from './message.ts'

export const QuotaInfo = message('mesos.v1.quota.QuotaInfo', {
  role: optional(1, string),
  principal: optional(2, string),
  guarantee: repeated(3, Resource),
})
export type QuotaInfo = Static<typeof QuotaInfo>

export const QuotaRequest = message('mesos.v1.quota.QuotaRequest', {
  force: optional(1, bool),
  role: optional(2, string),
  guarantee: repeated(3, Resource),
})
export type QuotaRequest = Static<typeof QuotaRequest>

export const QuotaConfig = message('mesos.v1.quota.QuotaConfig', {
  role: required(1, string),
  guarantees: mapOf(2, ValueScalar),
  limits: mapOf(3, ValueScalar),
})
export type QuotaConfig = Static<typeof QuotaConfig>

export const QuotaStatus = message('mesos.v1.quota.QuotaStatus', {
  infos: repeated(1, QuotaInfo, { deprecated: true }),
  configs: repeated(2, QuotaConfig),
})
export type QuotaStatus = Static<typeof QuotaStatus>
