// How agents on one machine share what it has: each an equal part, so that together they promise no more than there is.
import { statfsSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'

const MB = 1024 ** 2
/** The range from which Mesos' agents offer ports (spec/mesos.md 1.7). */
const PORTS = { first: 31_000, last: 32_000 }

export interface MachineTotals {
  readonly cpus: number
  /** MB. */
  readonly mem: number
  readonly disk: number
}

/** All of this machine, less what the system is left (spec/mesos.md 5.6: 1 GB of memory, 5 GB of disk, or half). */
export function machineTotals(folder: string): MachineTotals {
  const memory = totalmem() / MB
  const { bavail, bsize } = statfsSync(folder)
  const disk = (bavail * bsize) / MB
  return {
    cpus: availableParallelism(),
    mem: memory >= 2048 ? memory - 1024 : memory / 2,
    disk: disk >= 10_240 ? disk - 5120 : disk / 2,
  }
}

/** `--resources` of agent `index` of `count`. */
export function shareOf(totals: MachineTotals, index: number, count: number): string {
  const cpus = Math.max(0.1, Math.floor((totals.cpus / count) * 10) / 10)
  const ports = Math.floor((PORTS.last - PORTS.first + 1) / count)
  const from = PORTS.first + index * ports
  const mem = Math.floor(totals.mem / count)
  const disk = Math.floor(totals.disk / count)
  return `cpus:${cpus};mem:${mem};disk:${disk};ports:[${from}-${from + ports - 1}]`
}
