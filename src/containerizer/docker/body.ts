// The body of the engine's "create container" request (Engine API 1.41), as far as tasks can ask for it.

export interface Mount {
  Type: 'bind' | 'volume' | 'tmpfs'
  Target: string
  Source?: string
  ReadOnly?: boolean
  BindOptions?: { Propagation?: string }
  VolumeOptions?: { NoCopy?: boolean; DriverConfig?: { Name: string; Options: Record<string, string> } }
  TmpfsOptions?: { SizeBytes?: number; Mode?: number }
}

/** Of a command to run beside a container's first process. */
export interface ExecBody {
  readonly Cmd: readonly string[]
  /** Added to the container's own. */
  readonly Env: readonly string[]
  readonly AttachStdin?: true
  readonly AttachStdout: true
  readonly AttachStderr: true
  readonly Tty?: boolean
  readonly User?: string
}

export interface Healthcheck {
  Test?: string[]
  /** Durations are nanoseconds. */
  Interval?: number
  Timeout?: number
  StartPeriod?: number
  Retries?: number
}

export interface Endpoint {
  Aliases?: string[]
  Links?: string[]
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] }
}

export interface HostConfig {
  NetworkMode: string
  Privileged?: boolean
  CgroupParent?: string
  CpuShares?: number
  /** Microseconds. */
  CpuPeriod?: number
  CpuQuota?: number
  CpusetCpus?: string
  CpusetMems?: string
  /** Bytes, as all memory here. */
  Memory?: number
  MemoryReservation?: number
  MemorySwap?: number
  MemorySwappiness?: number
  OomScoreAdj?: number
  OomKillDisable?: boolean
  PidsLimit?: number
  BlkioWeight?: number
  BlkioWeightDevice?: { Path: string; Weight: number }[]
  BlkioDeviceReadBps?: DeviceRate[]
  BlkioDeviceWriteBps?: DeviceRate[]
  BlkioDeviceReadIOps?: DeviceRate[]
  BlkioDeviceWriteIOps?: DeviceRate[]
  Binds?: string[]
  Mounts?: Mount[]
  Tmpfs?: Record<string, string>
  VolumeDriver?: string
  VolumesFrom?: string[]
  PortBindings?: Record<string, { HostIp?: string; HostPort: string }[]>
  Dns?: string[]
  DnsSearch?: string[]
  DnsOptions?: string[]
  ExtraHosts?: string[]
  Links?: string[]
  CapAdd?: string[]
  CapDrop?: string[]
  GroupAdd?: string[]
  Devices?: { PathOnHost: string; PathInContainer: string; CgroupPermissions: string }[]
  DeviceCgroupRules?: string[]
  DeviceRequests?: { Driver?: string; Count?: number; DeviceIDs?: string[]; Capabilities: string[][] }[]
  IpcMode?: string
  PidMode?: string
  UTSMode?: string
  UsernsMode?: string
  CgroupnsMode?: string
  Init?: boolean
  ReadonlyRootfs?: boolean
  Runtime?: string
  SecurityOpt?: string[]
  ShmSize?: number
  StorageOpt?: Record<string, string>
  Sysctls?: Record<string, string>
  Ulimits?: { Name: string; Soft: number; Hard: number }[]
  LogConfig?: { Type: string; Config: Record<string, string> }
}

export interface DeviceRate {
  Path: string
  Rate: number
}

export interface CreateBody {
  Image: string
  Entrypoint?: string[]
  Cmd?: string[]
  Env: string[]
  Hostname?: string
  Domainname?: string
  MacAddress?: string
  User?: string
  WorkingDir?: string
  StopSignal?: string
  StopTimeout?: number
  Tty: boolean
  AttachStdout: true
  AttachStderr: true
  ExposedPorts?: Record<string, object>
  Volumes?: Record<string, object>
  Healthcheck?: Healthcheck
  Labels: Record<string, string>
  HostConfig: HostConfig
  NetworkingConfig?: { EndpointsConfig: Record<string, Endpoint> }
}

type Item<L> = NonNullable<L> extends readonly (infer T)[] ? T : never

/** Appends to a list of the body that may not be there yet. */
export function append<H, K extends keyof H>(holder: H, key: K, ...items: Item<H[K]>[]): void {
  const list = holder[key] as Item<H[K]>[] | undefined
  if (list === undefined) holder[key] = items as H[K]
  else list.push(...items)
}
