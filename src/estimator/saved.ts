// The form in which the `usage` estimator survives a restart, and its check: what is read back was on a disk.
import type { SavedDynamics } from './dynamics.ts'
import type { SavedHistogram } from './histogram.ts'
import type { Bound } from './machine.ts'
import type { SavedMemory, SavedMemoryOwner } from './memory.ts'
import type { SavedOwner } from './owner.ts'

export const SAVED_VERSION = 1
/** What is older says nothing about now: everything starts cold (spec/lending.md 3.2, Cold start). */
export const SAVED_STALE_MS = 15 * 60_000
/** More owners than a machine can run: a file that says so is broken. */
const MAX_OWNERS = 10_000

export interface SavedUsage {
  readonly version: typeof SAVED_VERSION
  /** Wall time of the last snapshot, ms. */
  readonly at: number
  readonly owners: readonly SavedOwner[]
  readonly together: Bound
  readonly system: SavedHistogram
  readonly dynamics: SavedDynamics
  readonly memory?: SavedMemory
}

/** The saved state, or the sentence that says why it cannot be used. */
export function readSaved(saved: unknown, now: number): SavedUsage | string {
  if (!isRecord(saved)) return 'what was saved is not an object: cold start'
  if (saved['version'] !== SAVED_VERSION)
    return `what was saved has version ${String(saved['version'])}, not ${SAVED_VERSION}: cold start`
  const wrong = wrongPart(saved)
  if (wrong !== undefined) return `what was saved is broken at '${wrong}': cold start`
  const usage = saved as unknown as SavedUsage
  const age = Math.abs(now - usage.at)
  if (age <= SAVED_STALE_MS) return usage
  const minutes = Math.round(age / 60_000)
  return `what was saved is ${minutes} min old, more than ${SAVED_STALE_MS / 60_000}: cold start`
}

function wrongPart(saved: Record<string, unknown>): string | undefined {
  if (!isAmount(saved['at'])) return 'at'
  if (!isListOf(saved['owners'], isOwner)) return 'owners'
  if (!hasAmounts(saved['together'], ['used', 'within'])) return 'together'
  if (!isHistogram(saved['system'])) return 'system'
  if (!isDynamics(saved['dynamics'])) return 'dynamics'
  return saved['memory'] === undefined || isMemory(saved['memory']) ? undefined : 'memory'
}

const isOwner = (value: unknown): value is SavedOwner =>
  hasAmounts(value, ['knownMs', 'peak', 'last', 'censoredMs']) &&
  typeof value['id'] === 'string' &&
  isHistogram(value['short']) &&
  isHistogram(value['long'])

const isMemoryOwner = (value: unknown): value is SavedMemoryOwner =>
  hasAmounts(value, ['knownMs', 'hour', 'last']) &&
  typeof value['id'] === 'string' &&
  isHistogram(value['peaks'])

const isMemory = (value: unknown): value is SavedMemory =>
  isRecord(value) &&
  isHistogram(value['growth']) &&
  isDynamics(value['dynamics']) &&
  isListOf(value['owners'], isMemoryOwner)

const isDynamics = (value: unknown): value is SavedDynamics =>
  hasAmounts(value, ['published', 'settleMs', 'quietMs'])

/** Buckets must rise, and each must have a weight and a mean. */
function isHistogram(value: unknown): value is SavedHistogram {
  if (!hasAmounts(value, ['heaviest'])) return false
  const { buckets, weights, means } = value
  if (![buckets, weights, means].every((list) => isListOf(list, isAmount))) return false
  const [numbers, heavy, positions] = [buckets, weights, means] as [number[], number[], number[]]
  if (heavy.length !== numbers.length || positions.length !== numbers.length) return false
  const rises = numbers.every(
    (bucket, place) => Number.isInteger(bucket) && bucket < 240 && bucket > (numbers[place - 1] ?? -1),
  )
  return rises && heavy.every((weight) => weight <= 9999) && positions.every((position) => position <= 100)
}

function hasAmounts(value: unknown, names: readonly string[]): value is Record<string, unknown> {
  return isRecord(value) && names.every((name) => isAmount(value[name]))
}

function isListOf<T>(value: unknown, is: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.length <= MAX_OWNERS && value.every(is)
}

const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
