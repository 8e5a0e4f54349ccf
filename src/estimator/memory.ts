// Lending memory: working sets, and a reserve for how fast owners grow (spec/lending.md 3.2 and 3.5).
import type { ContainerUsage, ResourceUsage } from '../resources/usage.ts'
import { Dynamics, type SavedDynamics } from './dynamics.ts'
import { DecayedHistogram, MEMORY_BUCKETS, type SavedHistogram } from './histogram.ts'
import type { UsageOptions } from './options.ts'
import type { Demand } from './owner.ts'
import { Sum, labelOf } from './sum.ts'

const MB = 1024 * 1024
/** Offers change in such steps, MB. */
const STEP = 128
const PEAK_MS = 300_000
const PEAKS_PER_HOUR = 12
const BLIND_AFTER = 3
/** Share of all memory, and MB/s, below which the reserve never falls. */
const LEAST_RESERVE = 0.05
const LEAST_GROWTH = 256
/** Slower growth says nothing about how fast owners can grow, and would only dilute the percentile. MB/s. */
const COUNTED_GROWTH = 1
/** Seconds until growth is seen, and until a borrower's memory is free again. */
const DETECT_S = 0.2
const FREE_S = 0.5

export interface SavedMemoryOwner {
  readonly id: string
  readonly knownMs: number
  /** Highest working set of the last hour, and the last one, MB. */
  readonly hour: number
  readonly last: number
  readonly peaks: SavedHistogram
}

export interface SavedMemory {
  readonly growth: SavedHistogram
  readonly dynamics: SavedDynamics
  readonly owners: readonly SavedMemoryOwner[]
}

class OwnerMemory {
  #peaks: DecayedHistogram
  /** The highest working set of each finished five minutes of the last hour, MB. */
  readonly #hour: number[] = []
  #peak = 0
  #peakSince: number
  readonly #knownSince: number
  #missing = 0
  last: { readonly at: number; readonly mb: number } | undefined

  constructor(options: UsageOptions, knownSince: number, now: number) {
    this.#peaks = new DecayedHistogram(MEMORY_BUCKETS, options.memory_half_life, now)
    this.#knownSince = knownSince
    this.#peakSince = now
  }

  get isStale(): boolean {
    return this.last !== undefined && this.#missing > 0
  }

  /** Takes in one snapshot and returns by how much the working set grew, MB/s. */
  read(container: ContainerUsage, now: number): number {
    const mb = workingSetMb(container)
    if (mb === undefined) {
      this.#missing++
      return 0
    }
    this.#missing = 0
    const before = this.last
    this.last = { at: now, mb }
    if (now - this.#peakSince >= PEAK_MS) {
      this.#peaks.add(this.#peak, 1, now)
      this.#hour.push(this.#peak)
      if (this.#hour.length > PEAKS_PER_HOUR) this.#hour.shift()
      this.#peakSince = now
      this.#peak = 0
    }
    this.#peak = Math.max(this.#peak, mb)
    return before === undefined || now <= before.at ? 0 : ((mb - before.mb) * 1000) / (now - before.at)
  }

  demand(container: ContainerUsage, options: UsageOptions, usage: ResourceUsage): Demand {
    const reserved = container.allocated.scalar('mem')
    const all = (why: string): Demand => ({ needs: reserved, why })
    if (this.last === undefined || this.#missing >= BLIND_AFTER)
      return all(`blind: its memory cannot be read, it is taken to need all of ${reserved}`)
    const knownMs = Math.min(usage.monotonic - this.#knownSince, usage.at - container.startedAt)
    if (knownMs < options.cold_start)
      return all(
        `cold start: known for ${Math.round(knownMs / 1000)} s, it is taken to need all of ${reserved}`,
      )
    const percentile = this.#peaks.percentile(options.memory_percentile / 100)
    const peak = this.#highest()
    const needs = Math.min(reserved, Math.max(percentile * options.memory_margin, peak))
    const usually = `${Math.round(percentile)} at p${options.memory_percentile}, times ${options.memory_margin}`
    return { needs, why: `of ${reserved} it used ${usually}; at most ${Math.round(peak)} in the last hour` }
  }

  configure(options: UsageOptions, now: number): void {
    this.#peaks.setHalfLife(options.memory_half_life, now)
  }

  save(id: string, now: number): SavedMemoryOwner {
    return {
      id,
      knownMs: now - this.#knownSince,
      hour: this.#highest(),
      last: this.last?.mb ?? 0,
      peaks: this.#peaks.save(now),
    }
  }

  static restore(saved: SavedMemoryOwner, options: UsageOptions, savedAt: number): OwnerMemory {
    const owner = new OwnerMemory(options, savedAt - saved.knownMs, savedAt)
    owner.#peaks = DecayedHistogram.restore(MEMORY_BUCKETS, options.memory_half_life, saved.peaks, savedAt)
    owner.#hour.push(saved.hour)
    owner.last = { at: savedAt, mb: saved.last }
    return owner
  }

  #highest(): number {
    return Math.max(this.#peak, ...this.#hour)
  }
}

/** Keeps what owners need of their memory, and sums up what may be lent. */
export class MemoryLending {
  readonly dynamics = new Dynamics(STEP)
  #growth: DecayedHistogram
  readonly #owners = new Map<string, OwnerMemory>()
  /** From before a restart, until their owners are seen again. */
  readonly #saved = new Map<string, OwnerMemory>()

  constructor(options: UsageOptions, now: number) {
    this.#growth = new DecayedHistogram(MEMORY_BUCKETS, options.memory_half_life, now)
  }

  get isStale(): boolean {
    return [...this.#owners.values()].some((owner) => owner.isStale)
  }

  read(usage: ResourceUsage, owners: readonly ContainerUsage[], options: UsageOptions): void {
    const now = usage.monotonic
    const present = new Set(owners.map(({ containerId }) => containerId))
    for (const id of this.#owners.keys()) if (!present.has(id)) this.#owners.delete(id)
    let growth = 0
    for (const container of owners) {
      const id = container.containerId
      const owner = this.#owners.get(id) ?? this.#saved.get(id) ?? new OwnerMemory(options, now, now)
      this.#owners.set(id, owner)
      this.#saved.delete(id)
      growth += Math.max(0, owner.read(container, now))
    }
    if (growth >= COUNTED_GROWTH) this.#growth.add(growth, 1, now)
  }

  /**
   * min(idle reservations, what the machine can give, what is available) less a reserve, of that a share; in MB.
   * Borrowers' own working sets count as available: they are what is lent.
   */
  sum(
    usage: ResourceUsage,
    owners: readonly ContainerUsage[],
    options: UsageOptions,
  ): { readonly sum: Sum; readonly reserve: number } {
    const sum = new Sum('MB')
    let demand = 0
    for (const container of owners) {
      const needed = this.#owners.get(container.containerId)?.demand(container, options, usage)
      if (needed === undefined) continue
      const reserved = container.allocated.scalar('mem')
      demand += needed.needs
      sum.add('reserved but idle', reserved - needed.needs, needed.why, labelOf(container))
    }
    const spare = spareMb(usage, demand)
    if (spare.mb < sum.total) sum.bringTo('the machine has less to spare', spare.mb, () => spare.why)
    const total = usage.host.memoryTotalBytes / MB
    const growth = Math.max(LEAST_GROWTH, this.#growth.percentile(0.99))
    const reserve = Math.max(LEAST_RESERVE * total, growth * (DETECT_S + FREE_S))
    const grows = `owners have grown by ${Math.round(growth)} MB/s, and it takes ${DETECT_S + FREE_S} s to free memory`
    sum.add('reserve', -reserve, `${grows}; at least ${LEAST_RESERVE * 100} % of ${Math.round(total)} MB`)
    if (sum.total > 0) {
      sum.bringTo(
        'kept back',
        sum.total * options.memory_share,
        () => `a share of ${options.memory_share} is lent`,
      )
    }
    if (sum.total > options.cap * total)
      sum.bringTo('cap', options.cap * total, () => `at most ${options.cap * 100} % is lent`)
    return { sum, reserve }
  }

  configure(options: UsageOptions, now: number): void {
    this.#growth.setHalfLife(options.memory_half_life, now)
    for (const owner of this.#owners.values()) owner.configure(options, now)
  }

  save(now: number): SavedMemory {
    return {
      growth: this.#growth.save(now),
      dynamics: this.dynamics.save(now),
      owners: [...this.#owners].map(([id, owner]) => owner.save(id, now)),
    }
  }

  restore(saved: SavedMemory, options: UsageOptions, savedAt: number, now: number): void {
    this.#growth = DecayedHistogram.restore(MEMORY_BUCKETS, options.memory_half_life, saved.growth, savedAt)
    this.dynamics.restore(saved.dynamics, now, options)
    for (const owner of saved.owners) this.#saved.set(owner.id, OwnerMemory.restore(owner, options, savedAt))
  }

  /** Forgets what is left over from before a restart. */
  forgetSaved(): void {
    this.#saved.clear()
  }
}

/** What cannot be dropped at once: inactive file pages can, active ones are missed (spec/lending.md 3.2, Memory). */
function workingSetMb({ statistics }: ContainerUsage): number | undefined {
  if (statistics === undefined) return undefined
  const bytes = statistics.memoryBytes - (statistics.memoryInactiveFileBytes ?? 0)
  return Number.isFinite(bytes) ? Math.max(0, bytes) / MB : undefined
}

function spareMb(usage: ResourceUsage, demand: number): { readonly mb: number; readonly why: string } {
  const total = usage.host.memoryTotalBytes / MB
  const available = usage.host.memoryAvailableBytes / MB
  let inside = 0
  let borrowed = 0
  for (const container of usage.containers) {
    const mb = workingSetMb(container) ?? 0
    inside += mb
    if (container.revocable) borrowed += mb
  }
  const system = Math.max(0, total - available - inside)
  const planned = total - system - demand
  const now = available + borrowed
  const words = [total, system, demand].map(Math.round)
  if (planned <= now)
    return { mb: planned, why: `of ${words[0]} MB the system uses ${words[1]} and owners need ${words[2]}` }
  return {
    mb: now,
    why: `${Math.round(available)} MB are available, and borrowers use ${Math.round(borrowed)}`,
  }
}
