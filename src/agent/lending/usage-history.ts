/**
 * Remembers what this agent used: a point a second for 15 minutes, one each ten seconds for a day, and of each running
 * container one each five seconds for 15 minutes. Rings of a fixed size in memory; `/api/x1/usage` shows them.
 */
import { withUnit } from '../../base/words.ts'
import { text, json, type Answer } from '../../http/response.ts'
import type { Route } from '../../http/routes.ts'
import type { ContainerStatistics, ContainerUsage, ResourceUsage } from '../../resources/usage.ts'
import type { Level } from '../../resources/decision.ts'
import { CONTAINER_COLUMNS, type LendEvent, USAGE_COLUMNS, type UsagePage } from '../../wire/page.ts'
import type { Recorded } from './records.ts'

/** What lending says beside the snapshot. */
export interface LendingNow {
  readonly lentCpus: number
  /** Undefined while it is not known. */
  readonly lendableCpus: number | undefined
  /** Cores that all borrowers together may use; undefined without a limit. */
  readonly quotaCpus: number | undefined
}

/** Seconds between two points: of 15 minutes, of a day, and of a day for the eye. */
const STEPS = [1, 10, 300] as const
type Step = (typeof STEPS)[number]

const SECOND_MS = 1000
const COARSE_MS = 10_000
const CONTAINER_MS = 5000
const FINE_POINTS = 900
const COARSE_POINTS = 8640
const CONTAINER_POINTS = 180
const MAX_CONTAINERS = 2000
/** Most decisions in one answer. */
const MOST_EVENTS = 200
/** Tasks that one event names. */
const MOST_TASKS = 20
const MB = 1024 ** 2
const UNKNOWN = -1

/** Points of so many numbers each; the oldest make room. The first number is the time. */
export class Ring {
  readonly #values: Float64Array
  readonly #width: number
  readonly #size: number
  #begin = 0
  #count = 0

  constructor(size: number, width: number) {
    this.#values = new Float64Array(size * width)
    this.#size = size
    this.#width = width
  }

  add(point: readonly number[]): void {
    const at = (this.#begin + this.#count) % this.#size
    this.#values.set(point, at * this.#width)
    if (this.#count < this.#size) this.#count++
    else this.#begin = (this.#begin + 1) % this.#size
  }

  /** Oldest first, those after this time. */
  since(time: number): number[][] {
    const points: number[][] = []
    for (let index = 0; index < this.#count; index++) {
      const from = ((this.#begin + index) % this.#size) * this.#width
      if ((this.#values[from] ?? 0) > time) points.push([...this.#values.subarray(from, from + this.#width)])
    }
    return points
  }
}

interface Track {
  last: ContainerStatistics
  readonly ring: Ring
  /** Where its next point begins. */
  from: ContainerStatistics
}

export class UsageHistory {
  readonly #fine = new Ring(FINE_POINTS, USAGE_COLUMNS.length)
  readonly #coarse = new Ring(COARSE_POINTS, USAGE_COLUMNS.length)
  readonly #tracks = new Map<string, Track>()
  #last: ResourceUsage | undefined
  #fineAt = Number.NEGATIVE_INFINITY
  readonly #coming = new Together()
  #coarseUntil = Number.NEGATIVE_INFINITY

  /** Told with every snapshot. */
  add(usage: ResourceUsage, lending: LendingNow): void {
    const before = this.#last
    // Snapshots may come out of turn; a point is about half a second at least.
    if (before !== undefined && usage.monotonic - before.monotonic < SECOND_MS / 2) return
    this.#last = usage
    const rates = new Map(usage.containers.map((one) => [one.containerId, this.#track(one)]))
    for (const id of this.#tracks.keys()) if (!rates.has(id)) this.#tracks.delete(id)
    if (before === undefined || usage.at <= this.#fineAt) return
    this.#fineAt = usage.at
    const point = pointOf(before, usage, rates, lending)
    this.#fine.add(point)
    this.#addCoarse(point)
  }

  /** The points after a time, so many seconds apart. */
  since(time: number, step: Step): number[][] {
    if (step === 1) return this.#fine.since(time)
    const points = this.#coarse.since(time)
    return step === 10 ? points : thinned(points, step * SECOND_MS)
  }

  /** Undefined when it does not run. */
  container(id: string, time: number): number[][] | undefined {
    return this.#tracks.get(id)?.ring.since(time)
  }

  /** Notes where the container stands; tells what it did since the last snapshot. */
  #track({ containerId, statistics }: ContainerUsage): Rate | undefined {
    const track = this.#tracks.get(containerId)
    if (statistics === undefined) return undefined
    if (track === undefined) {
      if (this.#tracks.size < MAX_CONTAINERS) {
        const ring = new Ring(CONTAINER_POINTS, CONTAINER_COLUMNS.length)
        this.#tracks.set(containerId, { last: statistics, from: statistics, ring })
      }
      return undefined
    }
    const rate = rateBetween(track.last, statistics)
    track.last = statistics
    if (statistics.at - track.from.at >= CONTAINER_MS - SECOND_MS / 2) {
      track.ring.add(containerPoint(track.from, statistics))
      track.from = statistics
    }
    return rate
  }

  /** Ten seconds become one point. */
  #addCoarse(point: readonly number[]): void {
    const at = point[0] ?? 0
    if (at >= this.#coarseUntil) {
      const whole = this.#coming.take()
      if (whole !== undefined) this.#coarse.add(whole)
      this.#coarseUntil = (Math.floor(at / COARSE_MS) + 1) * COARSE_MS
    }
    this.#coming.add(point)
  }
}

/** Points that become one: the mean; of pressure the highest, so that no peak is lost; of what is told the newest. */
class Together {
  #values: number[] = []
  #count = 0

  add(point: readonly number[]): void {
    point.forEach((value, column) => {
      const old = this.#values[column]
      if (MEANS.has(column)) this.#values[column] = (old ?? 0) + value
      else this.#values[column] = PEAKS.has(column) ? Math.max(old ?? UNKNOWN, value) : value
    })
    this.#count++
  }

  /** Undefined when there were none; begins anew. */
  take(): number[] | undefined {
    const [count, values] = [this.#count, this.#values]
    this.#count = 0
    this.#values = []
    if (count === 0) return undefined
    return values.map((value, column) => (MEANS.has(column) ? rounded(value / count) : value))
  }
}

/** Points of a grid of so many ms; each stands at the time of its last. */
function thinned(points: readonly (readonly number[])[], stepMs: number): number[][] {
  const result: number[][] = []
  const coming = new Together()
  let until = Number.NEGATIVE_INFINITY
  for (const point of points) {
    const at = point[0] ?? 0
    if (at >= until) {
      result.push(...[coming.take()].filter((whole) => whole !== undefined))
      until = (Math.floor(at / stepMs) + 1) * stepMs
    }
    coming.add(point)
  }
  return [...result, ...[coming.take()].filter((whole) => whole !== undefined)]
}

const columns = (...names: (typeof USAGE_COLUMNS)[number][]): ReadonlySet<number> =>
  new Set(names.map((name) => USAGE_COLUMNS.indexOf(name)))
const PEAKS = columns('cpuPressure', 'memStall')
const MEANS = columns(
  'cpusAllocated',
  'cpusOwners',
  'cpusBorrowers',
  'cpusMachine',
  'memAllocated',
  'memOwners',
  'memBorrowers',
  'memMachine',
)

interface Rate {
  readonly cpus: number
  readonly waits: number | undefined
  readonly stall: number | undefined
}

function rateBetween(before: ContainerStatistics, after: ContainerStatistics): Rate | undefined {
  const seconds = (after.at - before.at) / 1000
  if (seconds <= 0) return undefined
  const share = (from: number | undefined, to: number | undefined): number | undefined =>
    from === undefined || to === undefined ? undefined : Math.min(1, Math.max(0, to - from) / seconds)
  return {
    cpus: Math.max(0, after.cpuSeconds - before.cpuSeconds) / seconds,
    waits: share(before.cpuPressureSomeSeconds, after.cpuPressureSomeSeconds),
    stall: share(before.memoryPressureFullSeconds, after.memoryPressureFullSeconds),
  }
}

/** What counts as used memory: without the cache that the kernel can drop at once. MB. */
const memoryOf = ({ memoryBytes, memoryInactiveFileBytes }: ContainerStatistics): number =>
  Math.max(0, memoryBytes - (memoryInactiveFileBytes ?? 0)) / MB

function pointOf(
  before: ResourceUsage,
  usage: ResourceUsage,
  rates: ReadonlyMap<string, Rate | undefined>,
  { lendableCpus, lentCpus, quotaCpus }: LendingNow,
): number[] {
  const all = usage.containers
  const sum = (revocable: boolean, value: (one: ContainerUsage) => number): number =>
    all.reduce((total, one) => (one.revocable === revocable ? total + value(one) : total), 0)
  const cpus = (one: ContainerUsage): number => rates.get(one.containerId)?.cpus ?? 0
  const memory = (one: ContainerUsage): number =>
    one.statistics === undefined ? 0 : memoryOf(one.statistics)
  const allocated = (name: string): number =>
    all.reduce((total, one) => total + one.allocated.nonRevocable().scalar(name), 0)
  const highest = (value: (rate: Rate) => number | undefined): number =>
    all.reduce((most, one) => {
      const rate = one.revocable ? undefined : rates.get(one.containerId)
      return Math.max(most, (rate === undefined ? undefined : value(rate)) ?? UNKNOWN)
    }, UNKNOWN)
  const seconds = (usage.monotonic - before.monotonic) / 1000
  const busy = Math.max(0, usage.host.cpuBusySeconds - before.host.cpuBusySeconds) / seconds
  const { memoryAvailableBytes, memoryTotalBytes } = usage.host
  const point: Readonly<Record<(typeof USAGE_COLUMNS)[number], number>> = {
    at: usage.at,
    cpusTotal: usage.total.scalar('cpus'),
    cpusAllocated: allocated('cpus'),
    cpusOwners: sum(false, cpus),
    cpusLent: lentCpus,
    cpusBorrowers: sum(true, cpus),
    cpusLendable: lendableCpus ?? UNKNOWN,
    cpusMachine: busy,
    cpuPressure: highest(({ waits }) => waits),
    cpusQuota: quotaCpus ?? UNKNOWN,
    memTotal: usage.total.scalar('mem'),
    memAllocated: allocated('mem'),
    memOwners: sum(false, memory),
    memBorrowers: sum(true, memory),
    memMachine: (memoryTotalBytes - memoryAvailableBytes) / MB,
    memStall: highest(({ stall }) => stall),
  }
  return USAGE_COLUMNS.map((column) => rounded(point[column]))
}

function containerPoint(from: ContainerStatistics, to: ContainerStatistics): number[] {
  const rate = rateBetween(from, to)
  const periods = (to.cpuPeriods ?? 0) - (from.cpuPeriods ?? 0)
  const throttled = (to.cpuThrottledPeriods ?? 0) - (from.cpuThrottledPeriods ?? 0)
  const point: Readonly<Record<(typeof CONTAINER_COLUMNS)[number], number>> = {
    at: to.at,
    cpus: rate?.cpus ?? 0,
    mem: memoryOf(to),
    memAnon: to.memoryRssBytes === undefined ? UNKNOWN : to.memoryRssBytes / MB,
    memCache: to.memoryCacheBytes === undefined ? UNKNOWN : to.memoryCacheBytes / MB,
    throttled:
      to.cpuPeriods === undefined ? UNKNOWN : periods > 0 ? Math.min(1, Math.max(0, throttled / periods)) : 0,
    waits: rate?.waits ?? UNKNOWN,
  }
  return CONTAINER_COLUMNS.map((column) => rounded(point[column]))
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000

const levelText = ({ unit, value }: Level): string =>
  value === 'max' ? 'no limit' : withUnit(rounded(value), unit)

/** A decision as the page is told of it. */
export function lendEvent({ at, decision, id, tasks }: Recorded): Omit<LendEvent, 'agent'> {
  const { after, before, heldBack, kind, owner, signal, threshold, unit, value, why } = decision
  return {
    event: id,
    at,
    kind,
    owner,
    tasks: tasks.slice(0, MOST_TASKS),
    why,
    signal,
    value,
    threshold,
    unit,
    before: levelText(before),
    after: levelText(after),
    ...(heldBack !== undefined && { heldBack }),
  }
}

export interface UsageRouteDeps {
  readonly history: UsageHistory
  readonly now: () => number
  /** Decisions of lending after this one, oldest first. */
  readonly eventsAfter: (event: number) => readonly Omit<LendEvent, 'agent'>[]
}

/** `/api/x1/usage?step=1|10|300&since=MS&container=ID&events=NUMBER` (of Tepui). */
export function usageRoute(deps: UsageRouteDeps): Route {
  return { path: '/api/x1/usage', methods: ['GET'], handle: ({ query }) => usageAnswer(deps, query) }
}

function usageAnswer(deps: UsageRouteDeps, query: ReadonlyMap<string, string>): Answer {
  const numbers: Record<string, number> = {}
  for (const name of ['since', 'events', 'step']) {
    const given = query.get(name)
    if (given === undefined) continue
    if (!/^\d{1,16}$/.test(given))
      return text(400, `Parameter '${name}' is '${given.slice(0, 100)}': expected a whole number`)
    numbers[name] = Number(given)
  }
  const { since = 0, step = 1, events } = numbers
  const known = STEPS.find((one) => one === step)
  if (known === undefined) return text(400, `Parameter 'step' is ${step}: expected 1, 10 or 300`)
  const container = query.get('container')
  const points =
    container === undefined ? deps.history.since(since, known) : deps.history.container(container, since)
  if (points === undefined)
    return text(404, `No container '${container?.slice(0, 200) ?? ''}' runs on this agent`)
  const page: UsagePage = {
    now: deps.now(),
    step: container === undefined ? step * SECOND_MS : CONTAINER_MS,
    columns: container === undefined ? USAGE_COLUMNS : CONTAINER_COLUMNS,
    points,
    ...(events !== undefined && { events: deps.eventsAfter(events).slice(-MOST_EVENTS) }),
  }
  return json(page)
}
