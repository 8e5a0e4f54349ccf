// Turns the moments of a recording into what the agent sees: one snapshot of counters a second.
import { Resources } from '../resources/resources.ts'
import type { ContainerStatistics, ContainerUsage, HostUsage, ResourceUsage } from '../resources/usage.ts'
import type { Moment, Row } from './rows.ts'

const MB = 1024 * 1024
const SECOND_MS = 1000
/** Nothing is known about an interval that is longer: the agent was away. */
export const LONGEST_INTERVAL_MS = 600_000

/** What the recording is about, where its rows do not say it themselves. */
export interface Ground {
  readonly cores: number
  readonly memoryMb: number
}

export interface Second {
  readonly usage: ResourceUsage
  /** How long it was, ms: 1000, or what the recording has. */
  readonly ms: number
  /** Cores that owners used in it, and that were in use outside of owners and borrowers. */
  readonly owners: number
  readonly system: number
  /** Cores that owners had reserved and did not use, of which the machine had so many to spare. */
  readonly idle: number
  /** False for the first snapshot and after a gap: nobody knows what happened before it. */
  readonly known: boolean
  /** The same with the borrowers of the recording, as the controller saw it; undefined where there are none. */
  readonly recorded: ResourceUsage | undefined
}

interface Track {
  readonly row: Row
  readonly startedAt: number
  readonly allocated: Resources
  /** Cores in the last interval in which it could be read. */
  cpu: number
  cpuSeconds: number
  waitedSeconds: number
  throttledSeconds: number
}

/** How many snapshots an interval becomes; 1 for a gap. */
export function stepsOf(ms: number): number {
  return ms > LONGEST_INTERVAL_MS ? 1 : Math.max(1, Math.round(ms / SECOND_MS))
}

/** Counters of all that was recorded, moved on from moment to moment. */
export class Seconds {
  readonly #ground: Ground
  readonly #total: Resources
  #tracks = new Map<string, Track>()
  #startedAt: number | undefined
  #at = 0
  #busySeconds = 0

  constructor(ground: Ground) {
    this.#ground = ground
    this.#total = cpusAndMem(ground.cores, ground.memoryMb)
  }

  /**
   * The snapshots of the interval that ends with this moment; the first moment gives one snapshot. An interval is
   * taken to be even, but for its highest second (`cpu_peak`), which is put at another place for each owner.
   */
  *next(moment: Moment): Generator<Second> {
    const first = this.#startedAt === undefined
    this.#startedAt ??= moment.at - SECOND_MS
    const from = first ? moment.at : this.#at
    const interval = moment.at - from
    this.#settle(moment, from)
    const steps = stepsOf(interval)
    const ms = interval / steps
    for (let step = 0; step < steps; step++) {
      const use = this.#move(ms / SECOND_MS, step, steps)
      const at = Math.round(from + ms * (step + 1))
      yield this.#second(at, ms, moment, use, !first && interval <= LONGEST_INTERVAL_MS)
    }
    this.#at = moment.at
  }

  #settle({ rows }: Moment, from: number): void {
    const tracks = new Map<string, Track>()
    for (const row of rows) {
      const id = idOf(row)
      const before = this.#tracks.get(id)
      const same = before?.row.limit === row.limit && before.row.memLimitMb === row.memLimitMb
      tracks.set(id, {
        row,
        startedAt: before?.startedAt ?? from,
        allocated: same ? before.allocated : resourcesOf(row),
        cpu: row.cpu ?? before?.cpu ?? 0,
        cpuSeconds: before?.cpuSeconds ?? 0,
        waitedSeconds: before?.waitedSeconds ?? 0,
        throttledSeconds: before?.throttledSeconds ?? 0,
      })
    }
    this.#tracks = tracks
  }

  /** Moves all counters on by one step, and says who used what in it. */
  #move(seconds: number, step: number, steps: number): Use {
    const use = { owners: 0, reservedUse: 0, reserved: 0, borrowers: 0, system: 0 }
    let machine: number | undefined
    let place = 0
    for (const track of this.#tracks.values()) {
      const cpus = cpusIn(track, step, steps, place++)
      const { row } = track
      track.cpuSeconds += cpus * seconds
      track.waitedSeconds += (row.waiting ?? 0) * seconds
      track.throttledSeconds += (row.throttled ?? 0) * seconds
      if (row.kind === 'machine') machine = track.cpu
      else if (row.kind === 'borrower') use.borrowers += cpus
      else {
        use.owners += cpus
        use.reserved += row.limit
        use.reservedUse += Math.min(cpus, row.limit)
      }
    }
    if (machine !== undefined) use.system = Math.max(0, machine - this.#meanUse())
    this.#busySeconds += (use.owners + use.system) * seconds
    return use
  }

  /** Cores of all containers on average over the interval: the machine's row is an average too. */
  #meanUse(): number {
    let sum = 0
    for (const { row, cpu } of this.#tracks.values()) if (row.kind !== 'machine') sum += cpu
    return sum
  }

  #second(at: number, ms: number, { rows }: Moment, use: Use, known: boolean): Second {
    const { cores } = this.#ground
    const host = this.#host(rows)
    const monotonic = at - (this.#startedAt ?? at)
    const total = this.#total
    const containers: ContainerUsage[] = []
    const borrowers: ContainerUsage[] = []
    for (const [id, track] of this.#tracks) {
      if (track.row.kind === 'machine') continue
      const container = containerOf(id, track, at)
      if (container.revocable) borrowers.push(container)
      else containers.push(container)
    }
    const usage = { at, monotonic, total, host, containers }
    const recorded =
      borrowers.length === 0 ? undefined : { ...usage, containers: [...containers, ...borrowers] }
    const spare = cores - use.system - use.owners
    return {
      usage,
      ms,
      owners: use.owners,
      system: use.system,
      idle: Math.max(0, Math.min(use.reserved - use.reservedUse, spare)),
      known,
      recorded,
    }
  }

  #host(rows: readonly Row[]): HostUsage {
    const { cores, memoryMb } = this.#ground
    const machine = rows.find(({ kind }) => kind === 'machine')
    const inUse = rows.reduce((sum, { kind, memMb }) => (kind === 'machine' ? sum : sum + (memMb ?? 0)), 0)
    const available = Math.max(0, memoryMb - (machine?.memMb ?? inUse))
    const load5 = machine?.load5 ?? 0
    return {
      cpus: cores,
      cpuBusySeconds: this.#busySeconds,
      memoryTotalBytes: memoryMb * MB,
      memoryAvailableBytes: available * MB,
      load1: load5,
      load5,
      load15: machine?.load15 ?? 0,
    }
  }
}

interface Use {
  owners: number
  /** What owners reserved, and what they used of it: one that uses more leaves no less of the others'. */
  reserved: number
  reservedUse: number
  borrowers: number
  system: number
}

export function idOf({ kind, name }: Row): string {
  return `${kind}:${name}`
}

/** Cores in one of the steps of an interval; they average to what was recorded, the highest as recorded. */
function cpusIn({ cpu, row }: Track, step: number, steps: number, place: number): number {
  const peak = row.cpuPeak
  if (peak === undefined || peak <= cpu || steps === 1) return cpu
  const rest = Math.max(0, cpu * steps - peak) / (steps - 1)
  return step === place % steps ? Math.min(peak, cpu * steps) : rest
}

function containerOf(containerId: string, track: Track, at: number): ContainerUsage {
  const { row, startedAt, allocated } = track
  return {
    containerId,
    frameworkId: 'recorded',
    executorId: row.name,
    taskIds: [row.name],
    revocable: row.kind === 'borrower',
    startedAt,
    allocated,
    statistics: row.cpu === undefined ? undefined : statisticsOf(track, at),
  }
}

function statisticsOf(
  { row, cpuSeconds, waitedSeconds, throttledSeconds }: Track,
  at: number,
): ContainerStatistics {
  return {
    at,
    cpuUserSeconds: cpuSeconds,
    cpuSystemSeconds: 0,
    cpuSeconds,
    cpuPeriods: undefined,
    cpuThrottledPeriods: undefined,
    cpuThrottledSeconds: row.throttled === undefined ? undefined : throttledSeconds,
    memoryBytes: (row.memMb ?? 0) * MB,
    memoryInactiveFileBytes: undefined,
    memoryRssBytes: undefined,
    memoryCacheBytes: undefined,
    memoryPeakBytes: undefined,
    memoryLimitBytes: undefined,
    processes: undefined,
    oomKills: undefined,
    cpuPressureSomeSeconds: row.waiting === undefined ? undefined : waitedSeconds,
    memoryPressureFullSeconds: undefined,
  }
}

function resourcesOf({ kind, limit, memLimitMb }: Row): Resources {
  const given = cpusAndMem(limit, memLimitMb ?? 0)
  return kind === 'borrower' ? given.markRevocable() : given
}

function cpusAndMem(cpus: number, mem: number): Resources {
  return Resources.from(
    Object.entries({ cpus, mem })
      .filter(([, value]) => value > 0)
      .map(([name, value]) => ({ name, type: 'SCALAR', scalar: { value } })),
  )
}
