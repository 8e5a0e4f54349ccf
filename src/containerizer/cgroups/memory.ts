// Tells from the kernel's counters whether memory killed a container, and whose limit it was.
import { join } from 'node:path'
import { humanBytes } from '../../base/units.ts'
import type { MemoryDeath, MemoryMarks } from '../cgroups.ts'
import type { KernelFiles } from './files.ts'
import type { Hierarchies } from './hierarchies.ts'
import { parseLimit } from './limits.ts'
import { field } from './statistics.ts'

interface Counters {
  /** Processes of this very group that the kernel killed for memory. */
  readonly kills: number
  /** How often the group's own limit was in the way. */
  readonly hits: number
  readonly limitBytes: number | undefined
  readonly peakBytes: number | undefined
}

function countersOf(files: KernelFiles, hierarchies: Hierarchies, path: string): Counters | undefined {
  const home = hierarchies.homes.memory
  if (home === undefined) return undefined
  const read = (name: string): string | undefined => files.read(join(home.directory, path, name))
  if (home.version === 1) {
    const control = read('memory.oom_control')
    if (control === undefined) return undefined
    return {
      kills: field(control, 'oom_kill') ?? 0,
      hits: Number(read('memory.failcnt') ?? 0) + Number(read('memory.memsw.failcnt') ?? 0),
      limitBytes: parseLimit(read('memory.limit_in_bytes')),
      peakBytes: numberOr(read('memory.max_usage_in_bytes')),
    }
  }
  const events = read('memory.events')
  if (events === undefined) return undefined
  return {
    kills: field(events, 'oom_kill') ?? 0,
    // `.local` leaves out what happened to groups below; a kernel before 5.2 does not have it.
    hits: field(read('memory.events.local') ?? events, 'oom') ?? 0,
    limitBytes: parseLimit(read('memory.max')),
    peakBytes: numberOr(read('memory.peak')),
  }
}

function numberOr(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

export function markMemory(files: KernelFiles, hierarchies: Hierarchies, tier: string): MemoryMarks {
  return { tierHits: countersOf(files, hierarchies, tier)?.hits ?? 0 }
}

/**
 * Decides the level: the group's own limit was hit → own; else the tier's was hit since `marks` → parent; else the machine
 * itself ran out. The kernel counts a kill at the group of its victim, whoever's limit was the cause.
 */
export function explainMemoryDeath(
  files: KernelFiles,
  hierarchies: Hierarchies,
  path: string,
  tier: string,
  marks: MemoryMarks,
): MemoryDeath | undefined {
  const own = countersOf(files, hierarchies, path)
  if (own === undefined || own.kills === 0) return undefined
  const { kills, limitBytes, peakBytes } = own
  const killed = `the kernel killed ${kills} ${kills === 1 ? 'process' : 'processes'}`
  const used = peakBytes === undefined ? '' : `, highest use ${humanBytes(peakBytes)}`
  const own_ = limitBytes === undefined ? 'none' : humanBytes(limitBytes)
  if (own.hits > 0) {
    const detail = `Memory limit exceeded: limit ${own_}${used}; ${killed}`
    return { level: 'own', kills, limitBytes, peakBytes, detail }
  }
  const above = countersOf(files, hierarchies, tier)
  if (above !== undefined && above.hits > marks.tierHits) {
    const all = above.limitBytes === undefined ? '' : ` of ${humanBytes(above.limitBytes)}`
    const detail = `The memory limit${all} of the tier ${tier} was exceeded, not the container's own (${own_}${used}); ${killed}`
    return { level: 'parent', kills, limitBytes: above.limitBytes, peakBytes, detail }
  }
  const detail = `The machine ran out of memory; the container's own limit was not reached (${own_}${used}); ${killed}`
  return { level: 'host', kills, limitBytes, peakBytes, detail }
}
