// The pages of what containers use, /containers and /monitor/statistics, in the fields of Mesos (spec/mesos.md 8.5).
import { double, seconds } from '../http/pages/number.ts'
import type { Page } from '../http/pages/resources.ts'
import type {
  ContainerDetails,
  ContainerStatistics,
  ContainerUsage,
  NetworkUsage,
} from '../resources/usage.ts'
import { IcmpStatistics, IpStatistics, TcpStatistics, UdpStatistics } from '../wire/statistics.ts'
import type { AgentState } from './core/state.ts'

/** A container with all that is known of its use. */
export interface ContainerSight extends ContainerUsage {
  /** Undefined when it ended meanwhile. */
  readonly details: ContainerDetails | undefined
  /** Undefined until its sandbox was measured for the first time. */
  readonly diskBytes: number | undefined
}

/** What every running container used; one that cannot be read is left out. */
export function statisticsPage(
  state: Readonly<AgentState>,
  containers: readonly ContainerSight[],
): readonly Page[] {
  return containers.flatMap((container) => {
    if (container.statistics === undefined) return []
    return [{ ...namesOf(state, container), statistics: fieldsOf(container, container.statistics) }]
  })
}

/** The same with the container's id and first process. */
export function containersPage(
  state: Readonly<AgentState>,
  containers: readonly ContainerSight[],
): readonly Page[] {
  return containers.map((container) => {
    const executor = state.frameworks.get(container.frameworkId)?.executors.get(container.executorId)
    const pid = executor?.process?.pid
    return {
      container_id: container.containerId,
      ...namesOf(state, container),
      ...(container.statistics !== undefined && { statistics: fieldsOf(container, container.statistics) }),
      status: {
        container_id: { value: container.containerId },
        ...(pid !== undefined && { executor_pid: pid }),
      },
    }
  })
}

function namesOf(state: Readonly<AgentState>, container: ContainerUsage): Page {
  const info = state.frameworks.get(container.frameworkId)?.executors.get(container.executorId)?.info
  return {
    executor_id: container.executorId,
    executor_name: info?.name ?? '',
    framework_id: container.frameworkId,
    source: info?.source ?? '',
  }
}

const MB = 1024 ** 2

/** In the order of the alphabet, as Mesos writes them; what this machine cannot tell is left out. */
function fieldsOf(container: ContainerSight, read: ContainerStatistics): Page {
  const { details } = container
  const fields: Record<string, unknown> = {
    cpus_limit: details?.cpuLimit === undefined ? undefined : double(details.cpuLimit),
    cpus_nr_periods: read.cpuPeriods,
    cpus_nr_throttled: read.cpuThrottledPeriods,
    cpus_soft_limit: double(container.allocated.scalar('cpus')),
    cpus_system_time_secs: double(read.cpuSystemSeconds),
    cpus_throttled_time_secs: read.cpuThrottledSeconds,
    cpus_user_time_secs: double(read.cpuUserSeconds),
    processes: details?.processes,
    threads: details?.threads,
    timestamp: seconds(read.at),
    ...memoryFields(container, read),
    ...diskFields(container),
    ...(details?.network !== undefined && networkFields(details.network)),
    // Not in Mesos, which has no names for them.
    tepui_cpus_pressure_some_secs: read.cpuPressureSomeSeconds,
    tepui_mem_oom_kills: read.oomKills,
    tepui_mem_peak_bytes: read.memoryPeakBytes,
    tepui_mem_pressure_full_secs: read.memoryPressureFullSeconds,
  }
  const known = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function memoryFields({ allocated, details }: ContainerSight, read: ContainerStatistics): Page {
  return {
    // As in Mesos the newer name and the older one of the same figure.
    mem_anon_bytes: read.memoryRssBytes,
    mem_cache_bytes: read.memoryCacheBytes,
    mem_file_bytes: read.memoryCacheBytes,
    mem_kmem_tcp_usage_bytes: details?.memoryKernelTcpBytes,
    mem_kmem_usage_bytes: details?.memoryKernelBytes,
    mem_limit_bytes: read.memoryLimitBytes,
    mem_mapped_file_bytes: details?.memoryMappedFileBytes,
    mem_rss_bytes: read.memoryRssBytes,
    mem_soft_limit_bytes: Math.round(allocated.scalar('mem') * MB),
    mem_swap_bytes: details?.memorySwapBytes,
    mem_total_bytes: read.memoryBytes,
    mem_total_memsw_bytes: details?.memoryAndSwapBytes,
    mem_unevictable_bytes: details?.memoryUnevictableBytes,
  }
}

function diskFields({ allocated, diskBytes }: ContainerSight): Page {
  const limit = allocated.scalar('disk')
  return {
    disk_limit_bytes: limit > 0 ? Math.round(limit * MB) : undefined,
    disk_used_bytes: diskBytes,
  }
}

/** Tables of the kernel, fields of Mesos, and what Mesos knows of each; kernels have more by now. */
const SNMP = [
  ['Ip', 'ip_stats', IpStatistics],
  ['Icmp', 'icmp_stats', IcmpStatistics],
  ['Tcp', 'tcp_stats', TcpStatistics],
  ['Udp', 'udp_stats', UdpStatistics],
] as const

function networkFields(network: NetworkUsage): Page {
  const snmp = SNMP.flatMap(([table, name, message]) => {
    const numbers = network.snmp[table] ?? {}
    const known = message.fields.flatMap((field) => {
      const value = numbers[field.name]
      return value === undefined ? [] : [[field.name, value] as const]
    })
    return known.length === 0 ? [] : [[name, Object.fromEntries(known)] as const]
  })
  return {
    net_rx_bytes: network.rxBytes,
    net_rx_dropped: network.rxDropped,
    net_rx_errors: network.rxErrors,
    net_rx_packets: network.rxPackets,
    net_tx_bytes: network.txBytes,
    net_tx_dropped: network.txDropped,
    net_tx_errors: network.txErrors,
    net_tx_packets: network.txPackets,
    net_tcp_active_connections: network.snmp['Tcp']?.['CurrEstab'],
    net_tcp_time_wait_connections: network.tcpTimeWait,
    net_snmp_statistics: Object.fromEntries(snmp),
  }
}
