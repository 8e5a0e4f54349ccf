/**
 * The usage of the whole cluster over time: the newest point of each agent, their sum each second, and the sums of what
 * agents remember from before somebody looked. Pure; bounded by the number of agents and of points.
 */
import { CLUSTER_COLUMNS, type LendEvent, USAGE_COLUMNS } from '../../wire/page.ts'

/** What the master itself knows of an agent, for the time that it tells no usage. */
export interface Booked {
  readonly id: string
  readonly cpus: number
  readonly mem: number
  readonly cpusAllocated: number
  readonly memAllocated: number
  readonly cpusLent: number
}

/** A quarter of an hour of seconds. */
const MOST_POINTS = 900
const MOST_EVENTS = 500
/** What an agent told longer ago says nothing about now; a thousand agents are asked in turn, each every 20 s. */
const FRESH_MS = 45_000
const STEP_MS = 10_000

const column = (name: (typeof USAGE_COLUMNS)[number]): number => USAGE_COLUMNS.indexOf(name)
const [OWNERS, BORROWERS, MEM_OWNERS, MEM_BORROWERS] = [
  column('cpusOwners'),
  column('cpusBorrowers'),
  column('memOwners'),
  column('memBorrowers'),
]
/** Where each column of the cluster stands in a point of an agent; `at` and `agents` are made here. */
const SUMMED = CLUSTER_COLUMNS.slice(1, -1).map((name) => column(name as (typeof USAGE_COLUMNS)[number]))

interface Known {
  readonly point: readonly number[]
  /** On the master's clock. */
  readonly heardAt: number
}

export class ClusterHistory {
  readonly #newest = new Map<string, Known>()
  readonly #events: LendEvent[] = []
  readonly #lastEvents = new Map<string, number>()
  #points: (readonly number[])[] = []

  get points(): readonly (readonly number[])[] {
    return this.#points
  }

  get events(): readonly LendEvent[] {
    return this.#events
  }

  /** The newest point of each agent. */
  get usage(): Readonly<Record<string, readonly number[]>> {
    return Object.fromEntries([...this.#newest].map(([id, { point }]) => [id, point]))
  }

  /** What an agent told last. */
  hear(agentId: string, point: readonly number[], now: number): void {
    this.#newest.set(agentId, { point, heardAt: now })
  }

  /** Oldest first; those that are known already are left out. @returns the new ones */
  addEvents(agentId: string, events: readonly Omit<LendEvent, 'agent'>[]): LendEvent[] {
    const last = this.lastEvent(agentId)
    const fresh = events.filter(({ event }) => event > last).map((event) => ({ ...event, agent: agentId }))
    this.#lastEvents.set(
      agentId,
      fresh.reduce((most, { event }) => Math.max(most, event), last),
    )
    this.#events.push(...fresh)
    this.#events.sort((a, b) => a.at - b.at)
    this.#events.splice(0, Math.max(0, this.#events.length - MOST_EVENTS))
    return fresh
  }

  /** The number of the newest event of an agent; 0 before the first. */
  lastEvent(agentId: string): number {
    return this.#lastEvents.get(agentId) ?? 0
  }

  /**
   * Sums up this second.
   *
   * @param agents those that are connected; one that tells nothing counts with what the master has booked for it
   */
  sum(agents: readonly Booked[], now: number): readonly number[] {
    const sums = SUMMED.map(() => 0)
    let telling = 0
    const here = new Set(agents.map(({ id }) => id))
    for (const map of [this.#newest, this.#lastEvents])
      for (const id of map.keys()) if (!here.has(id)) map.delete(id)
    for (const agent of agents) {
      const known = this.#newest.get(agent.id)
      const isFresh = known !== undefined && now - known.heardAt <= FRESH_MS
      if (isFresh) telling++
      const point = isFresh ? known.point : undefined
      const values = [
        agent.cpus,
        agent.cpusAllocated,
        point?.[OWNERS],
        agent.cpusLent,
        point?.[BORROWERS],
        agent.mem,
        agent.memAllocated,
        point?.[MEM_OWNERS],
        point?.[MEM_BORROWERS],
      ]
      values.forEach((value, index) => (sums[index] = (sums[index] ?? 0) + (value ?? 0)))
    }
    const point = [now, ...sums.map(rounded), telling]
    this.#points.push(point)
    if (this.#points.length > MOST_POINTS) this.#points.splice(0, this.#points.length - MOST_POINTS)
    return point
  }

  /**
   * Takes in what agents remember of the time before: points of ten seconds, by agent. They replace what is known of
   * those times and stay behind what was summed up since. Sums of the first seconds, when not all of these agents had
   * told yet, would be a dip that never was: they are left out.
   *
   * @param before only points older than this
   */
  fill(remembered: ReadonlyMap<string, readonly (readonly number[])[]>, before: number): void {
    const summed = this.#points.filter(([at = 0]) => at >= before)
    const telling = [...remembered.values()].filter((points) => points.length > 0).length
    const whole = summed.findIndex((point) => (point.at(-1) ?? 0) >= telling)
    const own = whole === -1 ? [] : summed.slice(whole)
    const first = own[0]?.[0] ?? summed.at(-1)?.[0] ?? before
    const older = summedUp(remembered.values(), STEP_MS).filter(([at = 0]) => at < first)
    this.#points = [...older, ...own].slice(-MOST_POINTS)
    for (const [id, points] of remembered) {
      const point = points.at(-1)
      if (point !== undefined && !this.#newest.has(id)) this.hear(id, point, before)
    }
  }
}

/** What agents remember, added up on one grid of so many ms, oldest first. */
export function summedUp(
  remembered: Iterable<readonly (readonly number[])[]>,
  stepMs: number,
): readonly (readonly number[])[] {
  const steps = new Map<number, number[]>()
  for (const points of remembered)
    for (const point of points) {
      const at = Math.floor((point[0] ?? 0) / stepMs) * stepMs
      const sum = steps.get(at) ?? [at, ...SUMMED.map(() => 0), 0]
      SUMMED.forEach((from, index) => (sum[index + 1] = rounded((sum[index + 1] ?? 0) + (point[from] ?? 0))))
      sum[sum.length - 1] = (sum.at(-1) ?? 0) + 1
      steps.set(at, sum)
    }
  return [...steps.values()].toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000
