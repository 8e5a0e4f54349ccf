// What is used, by whom, at one moment: the immutable snapshot that estimators and controllers both decide on.
import type { Resources } from './resources.ts'

/** Counters of one container, from its cgroups (or /proc where there are none). Undefined: this machine cannot tell. */
export interface ContainerStatistics {
  /** Wall time of the reading, ms. */
  readonly at: number
  /** CPU time since the container's start, seconds. */
  readonly cpuUserSeconds: number
  readonly cpuSystemSeconds: number
  /** Sum of both, from the more precise counter where there is one. */
  readonly cpuSeconds: number
  /** CFS enforcement periods that had passed, that were throttled, and the seconds lost to throttling. */
  readonly cpuPeriods: number | undefined
  readonly cpuThrottledPeriods: number | undefined
  readonly cpuThrottledSeconds: number | undefined
  /** Memory charged to the container, and the part that the kernel can drop at once. Bytes. */
  readonly memoryBytes: number
  readonly memoryInactiveFileBytes: number | undefined
  readonly memoryRssBytes: number | undefined
  readonly memoryCacheBytes: number | undefined
  readonly memoryPeakBytes: number | undefined
  readonly memoryLimitBytes: number | undefined
  /** As the kernel counts them for its limit: every thread is one. */
  readonly processes: number | undefined
  /** Kills by the kernel inside this container since its start. */
  readonly oomKills: number | undefined
  /** Pressure stall totals since the container's start, seconds (PSI `total=`). */
  readonly cpuPressureSomeSeconds: number | undefined
  readonly memoryPressureFullSeconds: number | undefined
}

/** What only pages ask for: read when somebody looks, not every second. Undefined: this machine cannot tell. */
export interface ContainerDetails {
  readonly processes: number | undefined
  readonly threads: number | undefined
  /** Most cores that the kernel lets it use; undefined without a quota. */
  readonly cpuLimit: number | undefined
  readonly memoryAndSwapBytes: number | undefined
  readonly memorySwapBytes: number | undefined
  readonly memoryMappedFileBytes: number | undefined
  readonly memoryUnevictableBytes: number | undefined
  readonly memoryKernelBytes: number | undefined
  readonly memoryKernelTcpBytes: number | undefined
  /** Undefined for a container that shares the network of the machine. */
  readonly network: NetworkUsage | undefined
}

/** Of all interfaces of a container's own network but its loopback, since its start. */
export interface NetworkUsage {
  readonly rxBytes: number
  readonly rxPackets: number
  readonly rxErrors: number
  readonly rxDropped: number
  readonly txBytes: number
  readonly txPackets: number
  readonly txErrors: number
  readonly txDropped: number
  /** Connections of TCP that are over and wait for late packets. */
  readonly tcpTimeWait: number | undefined
  /** The tables of `/proc/net/snmp` (`Ip`, `Icmp`, `Tcp`, `Udp`) with the kernel's names. */
  readonly snmp: Readonly<Record<string, Readonly<Record<string, number>>>>
}

export interface ContainerUsage {
  readonly containerId: string
  readonly frameworkId: string
  readonly executorId: string
  /** Tasks inside, for messages to people. */
  readonly taskIds: readonly string[]
  /** True for a borrower: its container runs on lent (revocable) resources. */
  readonly revocable: boolean
  /** Wall time of the start, ms. */
  readonly startedAt: number
  /** What its owner reserved: executor and tasks together. */
  readonly allocated: Resources
  /** Undefined when the container could not be read this time. */
  readonly statistics: ContainerStatistics | undefined
}

export interface HostUsage {
  readonly cpus: number
  /** CPU time not idle since boot, all cores, seconds. */
  readonly cpuBusySeconds: number
  readonly memoryTotalBytes: number
  readonly memoryAvailableBytes: number
  readonly load1: number
  readonly load5: number
  readonly load15: number
}

export interface ResourceUsage {
  /** Wall time, ms. */
  readonly at: number
  /** Monotonic time, ms: for rates and windows. */
  readonly monotonic: number
  /** What the agent has, without what it lends. */
  readonly total: Resources
  readonly host: HostUsage
  readonly containers: readonly ContainerUsage[]
}
