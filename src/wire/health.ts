// Checks and health checks of tasks, and what a check found.
import { CommandInfo } from './commands.ts'
import { NetworkInfoProtocol } from './network.ts'
import {
  bool,
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

export const CheckInfoType = enumeration('mesos.v1.CheckInfo.Type', {
  UNKNOWN: 0,
  COMMAND: 1,
  HTTP: 2,
  TCP: 3,
})
export type CheckInfoType = Static<typeof CheckInfoType>

export const HealthCheckType = enumeration('mesos.v1.HealthCheck.Type', {
  UNKNOWN: 0,
  COMMAND: 1,
  HTTP: 2,
  TCP: 3,
})
export type HealthCheckType = Static<typeof HealthCheckType>

export const CheckInfoCommand = message('mesos.v1.CheckInfo.Command', {
  command: required(1, CommandInfo),
})
export type CheckInfoCommand = Static<typeof CheckInfoCommand>

export const CheckInfoHttp = message('mesos.v1.CheckInfo.Http', {
  port: required(1, uint32),
  path: optional(2, string),
})
export type CheckInfoHttp = Static<typeof CheckInfoHttp>

export const CheckInfoTcp = message('mesos.v1.CheckInfo.Tcp', {
  port: required(1, uint32),
})
export type CheckInfoTcp = Static<typeof CheckInfoTcp>

export const CheckInfo = message('mesos.v1.CheckInfo', {
  type: optional(1, CheckInfoType),
  command: optional(2, CheckInfoCommand),
  http: optional(3, CheckInfoHttp),
  tcp: optional(7, CheckInfoTcp),
  delay_seconds: optional(4, double, { default: 15 }),
  interval_seconds: optional(5, double, { default: 10 }),
  timeout_seconds: optional(6, double, { default: 20 }),
})
export type CheckInfo = Static<typeof CheckInfo>

export const HealthCheckHTTPCheckInfo = message('mesos.v1.HealthCheck.HTTPCheckInfo', {
  protocol: optional(5, NetworkInfoProtocol, { default: 'IPv4' }),
  scheme: optional(3, string),
  port: required(1, uint32),
  path: optional(2, string),
  statuses: repeated(4, uint32),
})
export type HealthCheckHTTPCheckInfo = Static<typeof HealthCheckHTTPCheckInfo>

export const HealthCheckTCPCheckInfo = message('mesos.v1.HealthCheck.TCPCheckInfo', {
  protocol: optional(2, NetworkInfoProtocol, { default: 'IPv4' }),
  port: required(1, uint32),
})
export type HealthCheckTCPCheckInfo = Static<typeof HealthCheckTCPCheckInfo>

export const HealthCheck = message('mesos.v1.HealthCheck', {
  delay_seconds: optional(2, double, { default: 15 }),
  interval_seconds: optional(3, double, { default: 10 }),
  timeout_seconds: optional(4, double, { default: 20 }),
  consecutive_failures: optional(5, uint32, { default: 3 }),
  grace_period_seconds: optional(6, double, { default: 10 }),
  type: optional(8, HealthCheckType),
  command: optional(7, CommandInfo),
  http: optional(1, HealthCheckHTTPCheckInfo),
  tcp: optional(9, HealthCheckTCPCheckInfo),
})
export type HealthCheck = Static<typeof HealthCheck>

export const CheckStatusInfoCommand = message('mesos.v1.CheckStatusInfo.Command', {
  exit_code: optional(1, int32),
})
export type CheckStatusInfoCommand = Static<typeof CheckStatusInfoCommand>

export const CheckStatusInfoHttp = message('mesos.v1.CheckStatusInfo.Http', {
  status_code: optional(1, uint32),
})
export type CheckStatusInfoHttp = Static<typeof CheckStatusInfoHttp>

export const CheckStatusInfoTcp = message('mesos.v1.CheckStatusInfo.Tcp', {
  succeeded: optional(1, bool),
})
export type CheckStatusInfoTcp = Static<typeof CheckStatusInfoTcp>

export const CheckStatusInfo = message('mesos.v1.CheckStatusInfo', {
  type: optional(1, CheckInfoType),
  command: optional(2, CheckStatusInfoCommand),
  http: optional(3, CheckStatusInfoHttp),
  tcp: optional(4, CheckStatusInfoTcp),
})
export type CheckStatusInfo = Static<typeof CheckStatusInfo>
