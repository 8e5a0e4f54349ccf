// What is written down during a run: the tasks with all that was heard of them, and the faults with their times.
import type { PlannedFault } from './plan.ts'
import type { TaskPlan } from './tasks.ts'

/** A status update as it came. All times are monotonic ms since the run began. */
export interface Heard {
  readonly at: number
  readonly state: string
  readonly source: string
  readonly reason: string
  readonly message: string
  /** Empty for what the master says of itself, such as an answer to RECONCILE. */
  readonly uuid: string
}

export interface TaskRecord {
  readonly plan: TaskPlan
  readonly launchedAt: number
  readonly heard: Heard[]
  /** When KILL was sent first. */
  killAskedAt: number | undefined
  /** When a fault hit this very task past the agent. */
  hitAt: number | undefined
}

export interface FaultRecord extends PlannedFault {
  readonly at: number
  readonly until: number
  /** What was done, to whom. */
  readonly what: string
}

/** What a task wrote into the ledger. */
export interface LedgerEntry {
  readonly starts: number
  /** The status that it was about to end with by itself. */
  readonly ended: number | undefined
  /** It was asked to end. */
  readonly termed: boolean
}

/** What is still there at the end, one sentence each. */
export interface Leaks {
  readonly containers: readonly string[]
  readonly cgroups: readonly string[]
  readonly processes: readonly string[]
  readonly mounts: readonly string[]
  readonly sandboxes: readonly string[]
}

export interface History {
  readonly tasks: readonly TaskRecord[]
  readonly faults: readonly FaultRecord[]
  readonly ledger: ReadonlyMap<string, LedgerEntry>
  readonly leaks: Leaks
}

export const NOTHING_WRITTEN: LedgerEntry = { starts: 0, ended: undefined, termed: false }

/** Reads what one task wrote; a last line without its end was not written whole. */
export function parseLedger(text: string): LedgerEntry {
  const lines = text.split('\n').slice(0, -1)
  const ended = lines.find((line) => line.startsWith('end '))
  return {
    starts: lines.filter((line) => line.startsWith('start ')).length,
    ended: ended === undefined ? undefined : Number(ended.slice('end '.length)),
    termed: lines.includes('term'),
  }
}

const TERMINAL = /^TASK_(FINISHED|FAILED|KILLED|ERROR|LOST|DROPPED|GONE|GONE_BY_OPERATOR)$/

/** Whether a status says that the task is over. */
export function isEnd({ state }: Pick<Heard, 'state'>): boolean {
  return TERMINAL.test(state)
}

/** The master's answer that it does not know the task: no end that anybody saw. */
export function isUnknown(heard: Heard): boolean {
  return isEnd(heard) && heard.uuid === '' && heard.reason === 'REASON_RECONCILIATION'
}

/** Whether nothing more is to be waited for: what was heard last is an end. */
export function isOver(task: TaskRecord): boolean {
  const last = task.heard.at(-1)
  return last !== undefined && isEnd(last)
}
