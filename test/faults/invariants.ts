// What must be true when everything is over, whatever happened: pure functions of what was written down.
import type { FaultKind } from './plan.ts'
import {
  type FaultRecord,
  type Heard,
  type History,
  isEnd,
  isUnknown,
  type LedgerEntry,
  NOTHING_WRITTEN,
  type TaskRecord,
} from './history.ts'

/** One sentence each, with the task and what was seen of it. */
export interface Breaches {
  /** Tasks that ran and whose framework never heard of their end. */
  readonly lostEnds: readonly string[]
  /** Tasks of which two different ends were told. */
  readonly changedEnds: readonly string[]
  /** Tasks that began more than once. */
  readonly duplicatedRuns: readonly string[]
  /** Tasks that ended by themselves with another status than was told. */
  readonly wrongStatuses: readonly string[]
  /** Tasks that were ended by something that must not end them. */
  readonly killedTasks: readonly string[]
  /** Tasks told to have ended without ever beginning, though nothing was broken then. */
  readonly refusedLaunches: readonly string[]
  readonly containers: readonly string[]
  readonly cgroups: readonly string[]
  readonly processes: readonly string[]
  readonly mounts: readonly string[]
  readonly sandboxes: readonly string[]
}

/** Faults after which a container of the engine has a right to have ended. */
const ENDS_CONTAINERS: ReadonlySet<FaultKind> = new Set(['engine-restart', 'agent-and-engine'])
/** Faults in whose time a container that is just being started may fail to. */
const BREAKS_STARTS: ReadonlySet<FaultKind> = new Set([
  ...ENDS_CONTAINERS,
  'engine-restart-live',
  'engine-kill',
  'engine-cut',
  'engine-hang',
  'engine-errors',
])
/** The effect of a fault may be told so much later: retries, restarts, a loaded machine. */
const AFTERMATH_MS = 30_000

interface Seen {
  readonly task: TaskRecord
  readonly ledger: LedgerEntry
  /** Told by an agent or an executor. */
  readonly ends: readonly Heard[]
}

export function checkHistory(history: History): Breaches {
  const seen = history.tasks.map((task) => ({
    task,
    ledger: history.ledger.get(task.plan.id) ?? NOTHING_WRITTEN,
    ends: task.heard.filter((heard) => isEnd(heard) && !isUnknown(heard)),
  }))
  const each = (judge: (one: Seen) => string | undefined): string[] =>
    seen.flatMap((one) => {
      const words = judge(one)
      return words === undefined ? [] : [`${one.task.plan.id} ${words}; ${storyOf(one)}`]
    })
  return {
    lostEnds: each(lostEnd),
    changedEnds: each(changedEnd),
    duplicatedRuns: each(({ ledger }) => (ledger.starts > 1 ? `began ${ledger.starts} times` : undefined)),
    wrongStatuses: each((one) => wrongStatus(one, history.faults)),
    killedTasks: each((one) => killed(one, history.faults)),
    refusedLaunches: each((one) => refused(one, history.faults)),
    ...history.leaks,
  }
}

function storyOf({ task, ledger }: Seen): string {
  const wrote = [`${ledger.starts} starts`, ...(ledger.termed ? ['SIGTERM'] : [])]
  if (ledger.ended !== undefined) wrote.push(`an end with ${ledger.ended}`)
  const heard = task.heard.map(({ at, state, reason, message }) =>
    `${(at / 1000).toFixed(1)} s ${state} ${reason} ${message}`.trim(),
  )
  const launched = (task.launchedAt / 1000).toFixed(1)
  return `it wrote ${wrote.join(', ')}; launched at ${launched} s, heard: ${heard.join(' | ')}`
}

/** A task of which nothing is known anywhere and that never ran was lost on its way to the agent: no end is due. */
function lostEnd({ task, ledger, ends }: Seen): string | undefined {
  if (ends.length > 0) return undefined
  if (ledger.starts > 0) return 'ran, and nobody told its end'
  const last = task.heard.at(-1)
  return last !== undefined && isUnknown(last) ? undefined : 'was launched, and nobody told its end'
}

function changedEnd({ ends }: Seen): string | undefined {
  const states = new Set(ends.map(({ state }) => state))
  return states.size > 1 ? `was told to have ended as ${[...states].join(' and as ')}` : undefined
}

/** The status that a message names; undefined when it names none. */
function statusIn(message: string): number | undefined {
  const found = /exited with status (\d+)/.exec(message)?.[1]
  return found === undefined ? undefined : Number(found)
}

function wrongStatus({ task, ledger, ends }: Seen, faults: readonly FaultRecord[]): string | undefined {
  const [end] = ends
  if (end === undefined) return undefined
  if (ledger.ended === undefined) {
    if (end.state !== 'TASK_FINISHED') return undefined
    return 'was told to have finished, which it had not'
  }
  // Whoever was hit just when it ended by itself may be told to have ended either way.
  if (task.hitAt !== undefined || wasStopped(task, end, faults)) return undefined
  if (task.killAskedAt !== undefined && end.state === 'TASK_KILLED') return undefined
  const told =
    end.state === 'TASK_FINISHED' ? 0 : end.state === 'TASK_FAILED' ? statusIn(end.message) : undefined
  return told === ledger.ended ? undefined : `ended with ${ledger.ended}, and was told otherwise`
}

function killed({ task, ledger, ends }: Seen, faults: readonly FaultRecord[]): string | undefined {
  const [end] = ends
  if (end === undefined || ledger.starts === 0 || ledger.ended !== undefined) return undefined
  if (end.state === 'TASK_FINISHED' || task.killAskedAt !== undefined || task.hitAt !== undefined)
    return undefined
  if (wasStopped(task, end, faults)) return undefined
  const ran = task.heard.some(({ state }) => state === 'TASK_RUNNING')
  if (!ran && isDocker(task) && hasOverlap(task, end, faults, BREAKS_STARTS)) return undefined
  return 'was ended by nobody who may'
}

/** A container that the engine ended with itself. */
function wasStopped(task: TaskRecord, end: Heard, faults: readonly FaultRecord[]): boolean {
  return isDocker(task) && hasOverlap(task, end, faults, ENDS_CONTAINERS)
}

function refused({ task, ledger, ends }: Seen, faults: readonly FaultRecord[]): string | undefined {
  const [end] = ends
  if (end === undefined || ledger.starts > 0 || task.killAskedAt !== undefined || task.hitAt !== undefined)
    return undefined
  // What owners leave of a busy machine may be nothing for as long as a start may take; the status says so.
  if (task.plan.revocable && end.message.includes('did not start in')) return undefined
  return hasOverlap(task, end, faults) ? undefined : 'never began, though nothing was broken'
}

const isDocker = ({ plan }: TaskRecord): boolean => plan.kind === 'docker'

/** Whether a fault (of some kinds) was at work, or its effects were, between a task's launch and its told end. */
function hasOverlap(
  task: TaskRecord,
  end: Heard,
  faults: readonly FaultRecord[],
  kinds?: ReadonlySet<FaultKind>,
): boolean {
  return faults.some(
    ({ kind, at, until }) =>
      (kinds === undefined || kinds.has(kind)) && at <= end.at && until + AFTERMATH_MS >= task.launchedAt,
  )
}
