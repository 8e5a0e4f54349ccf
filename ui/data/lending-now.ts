// What is lent at this moment, and what was taken back lately, of all agents together. Pure.
import { type AgentRow, type LendEvent, USAGE_COLUMNS } from '../../src/wire/page.ts'
import { isTakeBack } from './words.ts'

const HOUR_MS = 3_600_000
/** So many deeds of lending are remembered, on the page as on the master. */
export const MOST_EVENTS = 500
const [BORROWERS, QUOTA] = [USAGE_COLUMNS.indexOf('cpusBorrowers'), USAGE_COLUMNS.indexOf('cpusQuota')]

export interface LendingNow {
  /** Cpus that borrowers hold, what of that they use, and all that agents told to be lent. */
  readonly held: number
  readonly inUse: number
  readonly toLend: number
  /** Agents on which borrowers get less now than they hold. */
  readonly squeezed: number
  /** On how many agents lending is on, paused, only observed or off. */
  readonly modes: string
}

/** Of agents that are away nothing is in use that anybody knows of. */
export function lendingOf(
  agents: readonly AgentRow[],
  usage: Readonly<Record<string, readonly number[]>>,
): LendingNow {
  let [held, inUse, toLend, squeezed] = [0, 0, 0, 0]
  for (const { id, lent, lentHeld, state } of agents) {
    held += lentHeld.cpus
    toLend += lent.cpus
    const point = usage[id]
    if (point === undefined || state !== 'connected') continue
    inUse += point[BORROWERS] ?? 0
    const quota = point[QUOTA] ?? -1
    if (lentHeld.cpus > 0 && quota >= 0 && quota < lentHeld.cpus) squeezed++
  }
  return { held, inUse, toLend, squeezed, modes: modesOf(agents) }
}

export const isPaused = ({ closed }: AgentRow): boolean => closed.includes('paused')

function modesOf(all: readonly AgentRow[]): string {
  const on = all.filter(
    (agent) => (agent.mode === 'lend' || agent.mode === 'full') && !isPaused(agent),
  ).length
  const paused = all.filter(isPaused).length
  const observed = all.filter((agent) => agent.mode === 'observe' && !isPaused(agent)).length
  const parts = [
    [on, 'on'],
    [paused, 'paused'],
    [observed, 'only observed'],
    [all.length - on - paused - observed, 'off'],
  ] as const
  const told = parts.filter(([count]) => count > 0)
  const [only] = told
  if (only === undefined) return 'no agents'
  if (told.length === 1) return `lending is ${only[1]}${all.length === 1 ? '' : ' everywhere'}`
  return `lending by agent: ${told.map(([count, word]) => `${count} ${word}`).join(', ')}`
}

/** A sign below a chart: one deed, or the last of many steps by which borrowers got back what they had. */
export interface Sign {
  readonly event: LendEvent
  readonly steps: number
}

/** What was done to borrowers, oldest first; steps of giving back on one agent with nothing between are one. */
export function signsOf(events: readonly LendEvent[]): readonly Sign[] {
  const signs = new Map<string, Sign>()
  const last = new Map<string, Sign>()
  for (const event of events) {
    if (event.kind === 'lend' || event.kind === 'unlend') continue
    const before = last.get(event.agent)
    const goesOn = event.kind === 'relax' && before?.event.kind === 'relax'
    if (goesOn) signs.delete(signKey(before))
    const sign = { event, steps: goesOn ? before.steps + 1 : 1 }
    signs.set(signKey(sign), sign)
    last.set(event.agent, sign)
  }
  return [...signs.values()]
}

export const signKey = ({ event: { agent, event } }: Sign): string => `${agent} ${event}`

export interface TakenBack {
  readonly times: number
  readonly ended: number
  readonly last: LendEvent | undefined
  /** The last hour, or less where more deeds were done since than are remembered. */
  readonly spanMs: number
}

/** Take-backs from a time on, wall time in ms; what was only written down is none. */
export function takenSince(events: readonly LendEvent[], since: number): readonly LendEvent[] {
  return events.filter(({ at, heldBack, kind }) => isTakeBack(kind) && heldBack === undefined && at >= since)
}

/** What was taken from borrowers lately, over all agents. */
export function takenBack(events: readonly LendEvent[], now: number): TakenBack {
  const [oldest] = events
  const isCut = events.length >= MOST_EVENTS && oldest !== undefined
  const spanMs = isCut ? Math.max(1000, Math.min(HOUR_MS, now - oldest.at)) : HOUR_MS
  const taken = takenSince(events, now - spanMs)
  const ended = taken.filter(({ kind }) => kind === 'evict').length
  return { times: taken.length, ended, last: taken.at(-1), spanMs }
}
