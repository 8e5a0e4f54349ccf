// Tells from the kernel's counters whether memory killed a container, and whose limit it was.
import { join } from 'node:path'
import { humanBytes } from '../../base/units.ts'
import type { MemoryDeath, MemoryMarks } from '../cgroups.ts'
import type { KernelFiles } from './files.ts'
import type { Hierarchies } from './hierarchies.ts'
import { parseLimit } from './limits.ts'
import { field } from './fields.ts'

interface Counters {
  /** Processes of this very group that the kernel killed for memory. */
  readonly kills: number
  /** How often the group's own limit was in the way. */
  readonly hits: number
  readonly limitBytes: number | undefined
  readonly peakBytes: number | undefined
  /** The highest use came up to the limit. */
  readonly full: boolean
}

// The kernel charges in batches of 64 pages, so the highest use may stay that far below a limit that was hit.
const BATCH_BYTES = 64 * 4096

function isFull(limitBytes: number | undefined, peakBytes: number | undefined): boolean {
  return limitBytes !== undefined && peakBytes !== undefined && peakBytes + BATCH_BYTES > limitBytes
}

function countersOf(files: KernelFiles, hierarchies: Hierarchies, path: string): Counters | undefined {
  const home = hierarchies.homes.memory
  if (home === undefined) return undefined
  const read = (name: string): string | undefined => files.read(join(home.directory, path, name))
  if (home.version === 1) {
    const control = read('memory.oom_control')
    if (control === undefined) return undefined
    const limitBytes = parseLimit(read('memory.limit_in_bytes'))
    const peakBytes = numberOr(read('memory.max_usage_in_bytes'))
    const hits = hitsV1(read)
    // With swap limited as well the kernel (seen on 6.18) counts a hit in neither failcnt: only the highest use tells.
    const full = isFull(limitBytes, peakBytes)
    return { kills: field(control, 'oom_kill') ?? 0, hits, limitBytes, peakBytes, full }
  }
  const events = read('memory.events')
  if (events === undefined) return undefined
  const hits = hitsV2(read)
  const limitBytes = parseLimit(read('memory.max'))
  const peakBytes = numberOr(read('memory.peak'))
  return { kills: field(events, 'oom_kill') ?? 0, hits, limitBytes, peakBytes, full: false }
}

function numberOr(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

/** Of all counters the one that is compared: every start of a container takes it. */
export function markMemory(files: KernelFiles, hierarchies: Hierarchies, tier: string): MemoryMarks {
  const home = hierarchies.homes.memory
  if (home === undefined) return { tierHits: 0 }
  const read = (name: string): string | undefined => files.read(join(home.directory, tier, name))
  return { tierHits: home.version === 1 ? hitsV1(read) : hitsV2(read) }
}

function hitsV1(read: (name: string) => string | undefined): number {
  return Number(read('memory.failcnt') ?? 0)
}

/** `.local` leaves out what happened to groups below; a kernel before 5.2 does not have it. */
function hitsV2(read: (name: string) => string | undefined): number {
  return field(read('memory.events.local') ?? read('memory.events') ?? '', 'oom') ?? 0
}

/**
 * Decides the level: the group's own limit was hit → own; else the tier's was hit since `marks` → parent; else
 * the machine itself ran out. The kernel counts a kill at the group of its victim, whoever's limit was the
 * cause.
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
  const bound = limitBytes === undefined ? 'none' : humanBytes(limitBytes)
  if (own.hits > 0 || own.full) {
    const detail = `Memory limit exceeded: limit ${bound}${used}; ${killed}`
    return { level: 'own', kills, limitBytes, peakBytes, detail }
  }
  const above = countersOf(files, hierarchies, tier)
  if (above !== undefined && (above.hits > marks.tierHits || above.full)) {
    const all = above.limitBytes === undefined ? '' : ` of ${humanBytes(above.limitBytes)}`
    const cause = `The memory limit${all} of the tier ${tier} was exceeded`
    const detail = `${cause}, not the container's own (${bound}${used}); ${killed}`
    return { level: 'parent', kills, limitBytes: above.limitBytes, peakBytes, detail }
  }
  const detail = `The machine ran out of memory; the container's own limit was not reached (${bound}${used}); ${killed}`
  return { level: 'host', kills, limitBytes, peakBytes, detail }
}
