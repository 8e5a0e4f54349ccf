// What the collector keeps of a path that waits, what it says of one that went, and which rows of a file it believes.
import { basename, dirname, normalize } from 'node:path'
import type { PathRow } from '../store/scheduled-paths.ts'
import type { Ending, PathKind, Scheduled, SparePrice, Why } from './plan.ts'
import type { ContainerFacts } from './tombstone.ts'

export interface Entry extends Scheduled {
  readonly facts: ContainerFacts | undefined
  readonly bytes: number | undefined
}

export interface Removed {
  /** Of a fetched file its URI, of an image its name. */
  readonly path: string
  readonly kind: PathKind | SparePrice
  /** Undefined for what is not of a container. */
  readonly ending: Ending | undefined
  readonly why: Why
  /** Wall time of its end, or of its last use, ms. */
  readonly since: number
  readonly bytes: number | undefined
  /** Set when something of it is left: the first reasons. */
  readonly failures?: readonly string[]
}

/** What one collection did. */
export interface Collection {
  readonly startedAt: number
  readonly endedAt: number
  readonly removed: readonly Removed[]
  readonly failed: readonly Removed[]
}

/** Lines of a collection that are kept for people. */
export const MAX_LINES = 1000

/** Two collections of which one followed the other at once, as one. */
export function joined(first: Collection, second: Collection): Collection {
  return {
    ...second,
    startedAt: first.startedAt,
    removed: [...first.removed, ...second.removed].slice(-MAX_LINES),
    failed: [...first.failed, ...second.failed].slice(-MAX_LINES),
  }
}

const ENDINGS: readonly string[] = ['succeeded', 'killed', 'failed', 'unknown'] satisfies Ending[]
const KINDS: readonly string[] = ['sandbox', 'agent', 'meta'] satisfies PathKind[]

/** Undefined when it cannot be ours: a file can hold anything, and what it names is removed. */
export function entryOf(row: PathRow): Entry | undefined {
  const { path, ending, kind } = row
  const isBelow = normalize(path) === path && !path.startsWith('/') && path.split('/').length > 1
  if (!isBelow || path.startsWith('..') || !ENDINGS.includes(ending) || !KINDS.includes(kind))
    return undefined
  if (kind === 'sandbox' && basename(dirname(path)) !== 'runs') return undefined
  const facts = (row.facts ?? undefined) as ContainerFacts | undefined
  return { ...row, kind: kind as PathKind, ending: ending as Ending, facts }
}
