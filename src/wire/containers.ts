// Containers: how to make one, and what a running one looks like from outside.
import { ContainerID } from './ids.ts'
import { Image } from './images.ts'
import { Parameter } from './labels.ts'
import { DeviceNumber, LinuxInfo, RLimitInfo, TTYInfo } from './linux.ts'
import { NetworkInfo } from './network.ts'
import { Volume } from './volumes.ts'
import {
  bool,
  enumeration,
  message,
  optional,
  repeated,
  required,
  string,
  uint32,
  uint64,
  type Static,
} from './message.ts'

export const ContainerInfoType = enumeration('mesos.v1.ContainerInfo.Type', {
  DOCKER: 1,
  MESOS: 2,
})
export type ContainerInfoType = Static<typeof ContainerInfoType>

export const ContainerInfoDockerInfoNetwork = enumeration('mesos.v1.ContainerInfo.DockerInfo.Network', {
  HOST: 1,
  BRIDGE: 2,
  NONE: 3,
  USER: 4,
})
export type ContainerInfoDockerInfoNetwork = Static<typeof ContainerInfoDockerInfoNetwork>

export const CgroupInfoBlkioOperation = enumeration('mesos.v1.CgroupInfo.Blkio.Operation', {
  UNKNOWN: 0,
  TOTAL: 1,
  READ: 2,
  WRITE: 3,
  SYNC: 4,
  ASYNC: 5,
  DISCARD: 6,
})
export type CgroupInfoBlkioOperation = Static<typeof CgroupInfoBlkioOperation>

export const ContainerInfoDockerInfoPortMapping = message('mesos.v1.ContainerInfo.DockerInfo.PortMapping', {
  host_port: required(1, uint32),
  container_port: required(2, uint32),
  protocol: optional(3, string),
})
export type ContainerInfoDockerInfoPortMapping = Static<typeof ContainerInfoDockerInfoPortMapping>

export const ContainerInfoDockerInfo = message('mesos.v1.ContainerInfo.DockerInfo', {
  image: required(1, string),
  network: optional(2, ContainerInfoDockerInfoNetwork, { default: 'HOST' }),
  port_mappings: repeated(3, ContainerInfoDockerInfoPortMapping),
  privileged: optional(4, bool, { default: false }),
  parameters: repeated(5, Parameter),
  force_pull_image: optional(6, bool),
  volume_driver: optional(7, string, { deprecated: true }),
})
export type ContainerInfoDockerInfo = Static<typeof ContainerInfoDockerInfo>

export const ContainerInfoMesosInfo = message('mesos.v1.ContainerInfo.MesosInfo', {
  image: optional(1, Image),
})
export type ContainerInfoMesosInfo = Static<typeof ContainerInfoMesosInfo>

export const ContainerInfo = message('mesos.v1.ContainerInfo', {
  type: required(1, ContainerInfoType),
  volumes: repeated(2, Volume),
  hostname: optional(4, string),
  docker: optional(3, ContainerInfoDockerInfo),
  mesos: optional(5, ContainerInfoMesosInfo),
  network_infos: repeated(7, NetworkInfo),
  linux_info: optional(8, LinuxInfo),
  rlimit_info: optional(9, RLimitInfo),
  tty_info: optional(10, TTYInfo),
})
export type ContainerInfo = Static<typeof ContainerInfo>

export const CgroupInfoNetCls = message('mesos.v1.CgroupInfo.NetCls', {
  classid: optional(1, uint32),
})
export type CgroupInfoNetCls = Static<typeof CgroupInfoNetCls>

export const CgroupInfo = message('mesos.v1.CgroupInfo', {
  net_cls: optional(1, CgroupInfoNetCls),
})
export type CgroupInfo = Static<typeof CgroupInfo>

export const ContainerStatus = message('mesos.v1.ContainerStatus', {
  container_id: optional(4, ContainerID),
  network_infos: repeated(1, NetworkInfo),
  cgroup_info: optional(2, CgroupInfo),
  executor_pid: optional(3, uint32),
})
export type ContainerStatus = Static<typeof ContainerStatus>

export const CgroupInfoBlkio = message('mesos.v1.CgroupInfo.Blkio', {})
export type CgroupInfoBlkio = Static<typeof CgroupInfoBlkio>

export const CgroupInfoBlkioValue = message('mesos.v1.CgroupInfo.Blkio.Value', {
  op: optional(1, CgroupInfoBlkioOperation),
  value: optional(2, uint64),
})
export type CgroupInfoBlkioValue = Static<typeof CgroupInfoBlkioValue>

export const CgroupInfoBlkioCFQ = message('mesos.v1.CgroupInfo.Blkio.CFQ', {})
export type CgroupInfoBlkioCFQ = Static<typeof CgroupInfoBlkioCFQ>

export const CgroupInfoBlkioCFQStatistics = message('mesos.v1.CgroupInfo.Blkio.CFQ.Statistics', {
  device: optional(1, DeviceNumber),
  sectors: optional(2, uint64),
  time: optional(3, uint64),
  io_serviced: repeated(4, CgroupInfoBlkioValue),
  io_service_bytes: repeated(5, CgroupInfoBlkioValue),
  io_service_time: repeated(6, CgroupInfoBlkioValue),
  io_wait_time: repeated(7, CgroupInfoBlkioValue),
  io_merged: repeated(8, CgroupInfoBlkioValue),
  io_queued: repeated(9, CgroupInfoBlkioValue),
})
export type CgroupInfoBlkioCFQStatistics = Static<typeof CgroupInfoBlkioCFQStatistics>

export const CgroupInfoBlkioThrottling = message('mesos.v1.CgroupInfo.Blkio.Throttling', {})
export type CgroupInfoBlkioThrottling = Static<typeof CgroupInfoBlkioThrottling>

export const CgroupInfoBlkioThrottlingStatistics = message(
  'mesos.v1.CgroupInfo.Blkio.Throttling.Statistics',
  {
    device: optional(1, DeviceNumber),
    io_serviced: repeated(2, CgroupInfoBlkioValue),
    io_service_bytes: repeated(3, CgroupInfoBlkioValue),
  },
)
export type CgroupInfoBlkioThrottlingStatistics = Static<typeof CgroupInfoBlkioThrottlingStatistics>

export const CgroupInfoBlkioStatistics = message('mesos.v1.CgroupInfo.Blkio.Statistics', {
  cfq: repeated(1, CgroupInfoBlkioCFQStatistics),
  cfq_recursive: repeated(2, CgroupInfoBlkioCFQStatistics),
  throttling: repeated(3, CgroupInfoBlkioThrottlingStatistics),
})
export type CgroupInfoBlkioStatistics = Static<typeof CgroupInfoBlkioStatistics>
