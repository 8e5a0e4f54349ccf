// Rates of every container between the last two snapshots: cores used, share of time spent waiting or throttled.
import type { ContainerUsage, ResourceUsage } from '../resources/usage.ts'

export interface Rates {
  readonly container: ContainerUsage
  /** Cores. */
  readonly cpus: number
  /** Share of the time in which some thread waited for a core, less its own throttling; undefined without PSI. */
  readonly waiting: number | undefined
  /** Share of the time in which all threads waited for memory. */
  readonly memoryStall: number | undefined
  /** Bytes that ending it would free. */
  readonly memoryBytes: number
}

interface Reading {
  readonly at: number
  readonly usage: ContainerUsage
}

export class RateMeter {
  #last = new Map<string, Reading>()

  /** Rates of the containers that were readable in both snapshots. */
  add(usage: ResourceUsage): readonly Rates[] {
    const rates: Rates[] = []
    const next = new Map<string, Reading>()
    for (const container of usage.containers) {
      if (container.statistics === undefined) continue
      const last = this.#last.get(container.containerId)
      next.set(container.containerId, { at: usage.monotonic, usage: container })
      const rate = last === undefined ? undefined : between(last, container, usage.monotonic)
      if (rate !== undefined) rates.push(rate)
    }
    this.#last = next
    return rates
  }
}

function between(last: Reading, container: ContainerUsage, at: number): Rates | undefined {
  const before = last.usage.statistics
  const after = container.statistics
  const seconds = (at - last.at) / 1000
  if (before === undefined || after === undefined || seconds <= 0) return undefined
  const share = (from: number | undefined, to: number | undefined): number | undefined =>
    from === undefined || to === undefined ? undefined : Math.min(1, Math.max(0, to - from) / seconds)
  const some = share(before.cpuPressureSomeSeconds, after.cpuPressureSomeSeconds)
  const throttled = share(before.cpuThrottledSeconds, after.cpuThrottledSeconds) ?? 0
  return {
    container,
    cpus: Math.max(0, after.cpuSeconds - before.cpuSeconds) / seconds,
    waiting: some === undefined ? undefined : Math.max(0, some - throttled),
    memoryStall: share(before.memoryPressureFullSeconds, after.memoryPressureFullSeconds),
    memoryBytes: Math.max(0, after.memoryBytes - (after.memoryInactiveFileBytes ?? 0)),
  }
}
