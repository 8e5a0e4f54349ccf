// Where things are: addresses, machines, fault domains.
import { Parameter } from './labels.ts'
import { Unavailability } from './times.ts'
import { enumeration, int32, message, optional, repeated, required, string, type Static } from './message.ts'

export const MachineInfoMode = enumeration('mesos.v1.MachineInfo.Mode', {
  UP: 1,
  DRAINING: 2,
  DOWN: 3,
})
export type MachineInfoMode = Static<typeof MachineInfoMode>

export const Address = message('mesos.v1.Address', {
  hostname: optional(1, string),
  ip: optional(2, string),
  port: required(3, int32),
})
export type Address = Static<typeof Address>

export const URL = message('mesos.v1.URL', {
  scheme: required(1, string),
  address: required(2, Address),
  path: optional(3, string),
  query: repeated(4, Parameter),
  fragment: optional(5, string),
})
export type URL = Static<typeof URL>

export const MachineID = message('mesos.v1.MachineID', {
  hostname: optional(1, string),
  ip: optional(2, string),
})
export type MachineID = Static<typeof MachineID>

export const MachineInfo = message('mesos.v1.MachineInfo', {
  id: required(1, MachineID),
  mode: optional(2, MachineInfoMode),
  unavailability: optional(3, Unavailability),
})
export type MachineInfo = Static<typeof MachineInfo>

export const DomainInfoFaultDomainRegionInfo = message('mesos.v1.DomainInfo.FaultDomain.RegionInfo', {
  name: required(1, string),
})
export type DomainInfoFaultDomainRegionInfo = Static<typeof DomainInfoFaultDomainRegionInfo>

export const DomainInfoFaultDomainZoneInfo = message('mesos.v1.DomainInfo.FaultDomain.ZoneInfo', {
  name: required(1, string),
})
export type DomainInfoFaultDomainZoneInfo = Static<typeof DomainInfoFaultDomainZoneInfo>

export const DomainInfoFaultDomain = message('mesos.v1.DomainInfo.FaultDomain', {
  region: required(1, DomainInfoFaultDomainRegionInfo),
  zone: required(2, DomainInfoFaultDomainZoneInfo),
})
export type DomainInfoFaultDomain = Static<typeof DomainInfoFaultDomain>

export const DomainInfo = message('mesos.v1.DomainInfo', {
  fault_domain: optional(1, DomainInfoFaultDomain),
})
export type DomainInfo = Static<typeof DomainInfo>
