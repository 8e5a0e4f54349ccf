/**
 * The ordered, acknowledged delivery of status updates (spec/mesos.md 6.1): one stream per task, one update of it in
 * flight, repeated until the acknowledgement comes, waiting while there is no master.
 */
import type { TaskStatus } from '../../wire/tasks.ts'
import type { AgentTimer } from './events.ts'
import { findExecutor, remember, streamKey, type AgentState, type UpdateStream } from './state.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import { callMaster, log, type Turn } from './turn.ts'

/** First wait before an update is repeated, and the longest (spec/mesos.md 6.1). */
export const RETRY_MIN_MS = 10_000
export const RETRY_MAX_MS = 600_000

export interface NewUpdate {
  readonly frameworkId: string
  readonly executorId: string | undefined
  readonly status: TaskStatus
  /** Only tells how far the preparation is. */
  readonly progress?: boolean
}

/**
 * - `taken`: it will be delivered.
 * - `duplicate`: its uuid was taken before, or the task's end was.
 * - `full`: too many wait; nothing was kept.
 */
export type Acceptance = 'taken' | 'duplicate' | 'full'

/** Takes an update into its task's stream, and sends it when it is the first. The status must have a uuid. */
export function takeUpdate(turn: Turn, update: NewUpdate): Acceptance {
  const stream = streamFor(turn.state, update)
  const uuid = update.status.uuid ?? ''
  if (stream.terminal || stream.received.has(uuid)) return 'duplicate'
  const terminal = isTerminal(update.status.state)
  const limit = turn.settings.limits.updatesPerTask
  if (stream.pending.length >= limit && !terminal) return 'full'
  forgetProgress(stream)
  stream.received.add(uuid)
  if (stream.received.size > limit) forgetOldest(stream.received)
  stream.pending.push({ status: update.status, progress: update.progress === true })
  stream.terminal = terminal
  changed(turn, stream)
  if (stream.pending.length === 1) sendHead(turn, stream)
  return 'taken'
}

/** Streams of tasks that never were ours are not written down: the master asks again. */
function changed(turn: Turn, { executorId, frameworkId, taskId }: UpdateStream): void {
  if (executorId !== undefined) turn.changes.task(frameworkId, executorId, taskId)
}

function streamFor(state: AgentState, update: NewUpdate): UpdateStream {
  const key = streamKey(update.frameworkId, update.status.task_id.value)
  const known = state.streams.get(key)
  if (known !== undefined) return known
  const stream: UpdateStream = {
    frameworkId: update.frameworkId,
    taskId: update.status.task_id.value,
    executorId: update.executorId,
    pending: [],
    received: new Set(),
    terminal: false,
    sending: 0,
    retryMs: RETRY_MIN_MS,
  }
  state.streams.set(key, stream)
  return stream
}

/** A progress report that was never sent says nothing once something newer is known. */
function forgetProgress(stream: UpdateStream): void {
  const last = stream.pending.at(-1)
  const inFlight = stream.pending.length === 1 && stream.sending > 0
  if (last?.progress === true && !inFlight) stream.pending.pop()
}

function forgetOldest(set: Set<string>): void {
  for (const oldest of set) {
    set.delete(oldest)
    return
  }
}

function sendHead(turn: Turn, stream: UpdateStream): void {
  const head = stream.pending[0]
  if (head === undefined || turn.state.link.kind !== 'registered') return
  turn.state.sendings += 1
  stream.sending = turn.state.sendings
  callMaster(turn, {
    type: 'UPDATE',
    update: {
      framework_id: { value: stream.frameworkId },
      ...(stream.executorId !== undefined && { executor_id: { value: stream.executorId } }),
      status: head.status,
      latest_state: latestState(turn.state, stream) ?? head.status.state,
    },
  })
  const timer: AgentTimer = {
    kind: 'update-retry',
    frameworkId: stream.frameworkId,
    taskId: stream.taskId,
    sending: stream.sending,
  }
  turn.emit({ type: 'timer', afterMs: stream.retryMs, timer })
}

function latestState(state: AgentState, stream: UpdateStream): TaskStatus['state'] | undefined {
  if (stream.executorId === undefined) return undefined
  return findExecutor(state, stream.frameworkId, stream.executorId)?.tasks.get(stream.taskId)?.state
}

/** Sends the head again, unless it was acknowledged or sent anew since the timer was set. */
export function retryUpdate(turn: Turn, timer: Extract<AgentTimer, { kind: 'update-retry' }>): void {
  const stream = turn.state.streams.get(streamKey(timer.frameworkId, timer.taskId))
  if (stream === undefined || stream.sending !== timer.sending) return
  stream.retryMs = Math.min(stream.retryMs * 2, RETRY_MAX_MS)
  sendHead(turn, stream)
}

/** After a registration, or the return of one framework: heads are sent again, with the first interval. */
export function resumeUpdates(turn: Turn, frameworkId?: string): void {
  for (const stream of turn.state.streams.values()) {
    if (frameworkId !== undefined && stream.frameworkId !== frameworkId) continue
    stream.retryMs = RETRY_MIN_MS
    sendHead(turn, stream)
  }
}

export interface Acknowledgement {
  readonly frameworkId: string
  readonly taskId: string
  /** Base64 of 16 bytes. */
  readonly uuid: string
}

/** The acknowledged status, or undefined when it was not the one in flight (a duplicate, or of another life). */
export function acknowledgeUpdate(turn: Turn, ack: Acknowledgement): TaskStatus | undefined {
  const key = streamKey(ack.frameworkId, ack.taskId)
  const stream = turn.state.streams.get(key)
  const head = stream?.pending[0]
  if (stream === undefined || head === undefined || head.status.uuid !== ack.uuid || stream.sending === 0) {
    log(turn, 'warn', 'acknowledgement ignored: no such update is in flight', { ...ack })
    return undefined
  }
  stream.pending.shift()
  changed(turn, stream)
  stream.sending = 0
  stream.retryMs = RETRY_MIN_MS
  if (isTerminal(head.status.state)) turn.state.streams.delete(key)
  else sendHead(turn, stream)
  return head.status
}

/** A framework that is gone hears nothing more. */
export function dropStreamsOf(turn: Turn, frameworkId: string): void {
  for (const [key, stream] of turn.state.streams) {
    if (stream.frameworkId !== frameworkId) continue
    turn.state.streams.delete(key)
    changed(turn, stream)
  }
}

/** Updates of a task that wait for their acknowledgement, oldest first. */
export function unacknowledgedOf(state: AgentState, frameworkId: string, taskId: string): TaskStatus[] {
  const stream = state.streams.get(streamKey(frameworkId, taskId))
  return stream?.pending.map(({ status }) => status) ?? []
}

/** Adds to a task's history: one entry per state, the newest of it, without `data` (it can be large). */
export function rememberStatus(history: TaskStatus[], status: TaskStatus, limit: number): void {
  const { data: _, ...kept } = status
  if (history.at(-1)?.state === status.state) history.pop()
  remember(history, kept, limit)
}
