// How busy this machine is, from the kernel's own counters: what lending is for.
import { cpus } from 'node:os'

export interface BusyReading {
  readonly busyMs: number
  readonly totalMs: number
}

export function readBusy(): BusyReading {
  let busyMs = 0
  let totalMs = 0
  for (const { times } of cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq
    totalMs += all
    busyMs += all - times.idle
  }
  return { busyMs, totalMs }
}

/** Share of all cores that was busy between two readings, 0 to 1; NaN when no time has passed. */
export function busyShare(before: BusyReading, after: BusyReading): number {
  return (after.busyMs - before.busyMs) / (after.totalMs - before.totalMs)
}
