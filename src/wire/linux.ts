// Linux settings of a container: capabilities, seccomp, namespaces, limits, terminals, devices.
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

export const CapabilityInfoCapability = enumeration('mesos.v1.CapabilityInfo.Capability', {
  UNKNOWN: 0,
  CHOWN: 1000,
  DAC_OVERRIDE: 1001,
  DAC_READ_SEARCH: 1002,
  FOWNER: 1003,
  FSETID: 1004,
  KILL: 1005,
  SETGID: 1006,
  SETUID: 1007,
  SETPCAP: 1008,
  LINUX_IMMUTABLE: 1009,
  NET_BIND_SERVICE: 1010,
  NET_BROADCAST: 1011,
  NET_ADMIN: 1012,
  NET_RAW: 1013,
  IPC_LOCK: 1014,
  IPC_OWNER: 1015,
  SYS_MODULE: 1016,
  SYS_RAWIO: 1017,
  SYS_CHROOT: 1018,
  SYS_PTRACE: 1019,
  SYS_PACCT: 1020,
  SYS_ADMIN: 1021,
  SYS_BOOT: 1022,
  SYS_NICE: 1023,
  SYS_RESOURCE: 1024,
  SYS_TIME: 1025,
  SYS_TTY_CONFIG: 1026,
  MKNOD: 1027,
  LEASE: 1028,
  AUDIT_WRITE: 1029,
  AUDIT_CONTROL: 1030,
  SETFCAP: 1031,
  MAC_OVERRIDE: 1032,
  MAC_ADMIN: 1033,
  SYSLOG: 1034,
  WAKE_ALARM: 1035,
  BLOCK_SUSPEND: 1036,
  AUDIT_READ: 1037,
  PERFMON: 1038,
  BPF: 1039,
  CHECKPOINT_RESTORE: 1040,
})
export type CapabilityInfoCapability = Static<typeof CapabilityInfoCapability>

export const LinuxInfoIpcMode = enumeration('mesos.v1.LinuxInfo.IpcMode', {
  UNKNOWN: 0,
  PRIVATE: 1,
  SHARE_PARENT: 2,
})
export type LinuxInfoIpcMode = Static<typeof LinuxInfoIpcMode>

export const RLimitInfoRLimitType = enumeration('mesos.v1.RLimitInfo.RLimit.Type', {
  UNKNOWN: 0,
  RLMT_AS: 1,
  RLMT_CORE: 2,
  RLMT_CPU: 3,
  RLMT_DATA: 4,
  RLMT_FSIZE: 5,
  RLMT_LOCKS: 6,
  RLMT_MEMLOCK: 7,
  RLMT_MSGQUEUE: 8,
  RLMT_NICE: 9,
  RLMT_NOFILE: 10,
  RLMT_NPROC: 11,
  RLMT_RSS: 12,
  RLMT_RTPRIO: 13,
  RLMT_RTTIME: 14,
  RLMT_SIGPENDING: 15,
  RLMT_STACK: 16,
})
export type RLimitInfoRLimitType = Static<typeof RLimitInfoRLimitType>

export const CapabilityInfo = message('mesos.v1.CapabilityInfo', {
  capabilities: repeated(1, CapabilityInfoCapability),
})
export type CapabilityInfo = Static<typeof CapabilityInfo>

export const SeccompInfo = message('mesos.v1.SeccompInfo', {
  profile_name: optional(1, string),
  unconfined: optional(2, bool),
})
export type SeccompInfo = Static<typeof SeccompInfo>

export const LinuxInfo = message('mesos.v1.LinuxInfo', {
  capability_info: optional(1, CapabilityInfo, { deprecated: true }),
  bounding_capabilities: optional(2, CapabilityInfo),
  effective_capabilities: optional(3, CapabilityInfo),
  share_pid_namespace: optional(4, bool),
  seccomp: optional(5, SeccompInfo),
  ipc_mode: optional(6, LinuxInfoIpcMode),
  shm_size: optional(7, uint32),
  share_cgroups: optional(8, bool, { default: true }),
})
export type LinuxInfo = Static<typeof LinuxInfo>

export const RLimitInfoRLimit = message('mesos.v1.RLimitInfo.RLimit', {
  type: optional(1, RLimitInfoRLimitType),
  hard: optional(2, uint64),
  soft: optional(3, uint64),
})
export type RLimitInfoRLimit = Static<typeof RLimitInfoRLimit>

export const RLimitInfo = message('mesos.v1.RLimitInfo', {
  rlimits: repeated(1, RLimitInfoRLimit),
})
export type RLimitInfo = Static<typeof RLimitInfo>

export const TTYInfoWindowSize = message('mesos.v1.TTYInfo.WindowSize', {
  rows: required(1, uint32),
  columns: required(2, uint32),
})
export type TTYInfoWindowSize = Static<typeof TTYInfoWindowSize>

export const TTYInfo = message('mesos.v1.TTYInfo', {
  window_size: optional(1, TTYInfoWindowSize),
})
export type TTYInfo = Static<typeof TTYInfo>

export const DeviceNumber = message('mesos.v1.Device.Number', {
  major_number: required(1, uint64),
  minor_number: required(2, uint64),
})
export type DeviceNumber = Static<typeof DeviceNumber>

export const Device = message('mesos.v1.Device', {
  path: optional(1, string),
  number: optional(2, DeviceNumber),
})
export type Device = Static<typeof Device>

export const DeviceAccessAccess = message('mesos.v1.DeviceAccess.Access', {
  read: optional(1, bool),
  write: optional(2, bool),
  mknod: optional(3, bool),
})
export type DeviceAccessAccess = Static<typeof DeviceAccessAccess>

export const DeviceAccess = message('mesos.v1.DeviceAccess', {
  device: required(1, Device),
  access: required(2, DeviceAccessAccess),
})
export type DeviceAccess = Static<typeof DeviceAccess>

export const DeviceWhitelist = message('mesos.v1.DeviceWhitelist', {
  allowed_devices: repeated(1, DeviceAccess),
})
export type DeviceWhitelist = Static<typeof DeviceWhitelist>
