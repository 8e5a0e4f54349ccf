// Networks of containers, ports, and what is told to service discovery.
import { Labels } from './labels.ts'
import { enumeration, message, optional, repeated, required, string, uint32, type Static } from './message.ts'

export const NetworkInfoProtocol = enumeration('mesos.v1.NetworkInfo.Protocol', {
  IPv4: 1,
  IPv6: 2,
})
export type NetworkInfoProtocol = Static<typeof NetworkInfoProtocol>

export const DiscoveryInfoVisibility = enumeration('mesos.v1.DiscoveryInfo.Visibility', {
  FRAMEWORK: 0,
  CLUSTER: 1,
  EXTERNAL: 2,
})
export type DiscoveryInfoVisibility = Static<typeof DiscoveryInfoVisibility>

export const NetworkInfoIPAddress = message('mesos.v1.NetworkInfo.IPAddress', {
  protocol: optional(1, NetworkInfoProtocol, { default: 'IPv4' }),
  ip_address: optional(2, string),
})
export type NetworkInfoIPAddress = Static<typeof NetworkInfoIPAddress>

export const NetworkInfoPortMapping = message('mesos.v1.NetworkInfo.PortMapping', {
  host_port: required(1, uint32),
  container_port: required(2, uint32),
  protocol: optional(3, string),
})
export type NetworkInfoPortMapping = Static<typeof NetworkInfoPortMapping>

export const NetworkInfo = message('mesos.v1.NetworkInfo', {
  ip_addresses: repeated(5, NetworkInfoIPAddress),
  name: optional(6, string),
  groups: repeated(3, string),
  labels: optional(4, Labels),
  port_mappings: repeated(7, NetworkInfoPortMapping),
})
export type NetworkInfo = Static<typeof NetworkInfo>

export const Port = message('mesos.v1.Port', {
  number: required(1, uint32),
  name: optional(2, string),
  protocol: optional(3, string),
  visibility: optional(4, DiscoveryInfoVisibility),
  labels: optional(5, Labels),
})
export type Port = Static<typeof Port>

export const Ports = message('mesos.v1.Ports', {
  ports: repeated(1, Port),
})
export type Ports = Static<typeof Ports>

export const DiscoveryInfo = message('mesos.v1.DiscoveryInfo', {
  visibility: required(1, DiscoveryInfoVisibility),
  name: optional(2, string),
  environment: optional(3, string),
  location: optional(4, string),
  version: optional(5, string),
  ports: optional(6, Ports),
  labels: optional(7, Labels),
})
export type DiscoveryInfo = Static<typeof DiscoveryInfo>
