// A pulse made from a full snapshot: for recordings, which have one a second, and machines without fast counters.
import type { ContainerUsage, ResourceUsage } from '../resources/usage.ts'
import type { Pulse, PulseContainer } from './controller.ts'

const MB = 1024 * 1024

/** Containers whose counters cannot be read are left out: nobody decides on them. */
export function pulseOf(usage: ResourceUsage): Pulse {
  const { cpus, cpuBusySeconds, memoryTotalBytes, memoryAvailableBytes } = usage.host
  return {
    at: usage.at,
    monotonic: usage.monotonic,
    host: { cpus, cpuBusySeconds, memoryTotalBytes, memoryAvailableBytes },
    containers: usage.containers.flatMap(containerOf),
  }
}

/** Everything about a container that does not change from pulse to pulse. */
export function standingOf(
  container: ContainerUsage,
): Omit<
  PulseContainer,
  | 'cpuSeconds'
  | 'cpuPressureSomeSeconds'
  | 'cpuThrottledSeconds'
  | 'memoryPressureFullSeconds'
  | 'memoryBytes'
> {
  const memory = container.allocated.scalar('mem')
  return {
    containerId: container.containerId,
    frameworkId: container.frameworkId,
    executorId: container.executorId,
    label: container.taskIds[0] ?? container.executorId,
    revocable: container.revocable,
    startedAt: container.startedAt,
    reservedCpus: container.allocated.scalar('cpus'),
    memoryRequestBytes: memory > 0 ? memory * MB : undefined,
  }
}

function containerOf(container: ContainerUsage): PulseContainer[] {
  const { statistics } = container
  if (statistics === undefined) return []
  return [
    {
      ...standingOf(container),
      cpuSeconds: statistics.cpuSeconds,
      cpuPressureSomeSeconds: statistics.cpuPressureSomeSeconds,
      cpuThrottledSeconds: statistics.cpuThrottledSeconds,
      memoryPressureFullSeconds: statistics.memoryPressureFullSeconds,
      memoryBytes: statistics.memoryBytes,
    },
  ]
}
