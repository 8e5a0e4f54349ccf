// The life of a custom executor: its container, the tasks that wait for it, its shutdown, and what its end means.
import type { ContainerExit } from '../../containerizer/containerizer.ts'
import { formatDuration } from '../../base/units.ts'
import type { KillPolicy } from '../../wire/commands.ts'
import type { ExecutorEvent } from '../../wire/executor.ts'
import type { AgentEvent } from './events.ts'
import { exitWords } from './exits.ts'
import { containerEnded } from './lifetimes.ts'
import { limitationDraft } from './limitations.ts'
import { limitsOf } from './limits.ts'
import {
  allocatedTo,
  type CustomExecutor,
  type Ending,
  type Executor,
  type Framework,
  type Task,
} from './state.ts'
import { containerStatusOf, lostAs, type Draft } from './statuses.ts'
import { report } from './tasks.ts'
import { count, log, type Turn } from './turn.ts'

export interface Custom {
  readonly framework: Framework
  readonly executor: CustomExecutor
}

/** `ExecutorInfo.shutdown_grace_period`, else `--executor_shutdown_grace_period`; ms. */
export function shutdownGraceMs(turn: Pick<Turn, 'settings'>, executor: Executor): number {
  const own = executor.info.shutdown_grace_period
  return own === undefined ? turn.settings.shutdownGraceMs : own.nanoseconds / 1e6
}

/** Sends to the executor when it listens; returns whether it does. */
export function tell(turn: Turn, executor: CustomExecutor, event: ExecutorEvent): boolean {
  const { life } = executor
  const connection = life.kind === 'running' || life.kind === 'terminating' ? life.connection : undefined
  if (connection === undefined) return false
  turn.emit({ type: 'to-executor', connection, event })
  return true
}

/** A task for this executor: delivered at once when it listens, else queued until it subscribes. */
export function takeTask(turn: Turn, executor: CustomExecutor, task: Task): void {
  executor.tasks.set(task.info.task_id.value, task)
  noteTask(turn, executor, task)
  if (executor.life.kind !== 'running') return
  resize(turn, executor)
  deliver(turn, executor, task)
}

/** Everything that waited for the executor to subscribe. */
export function deliverQueued(turn: Turn, executor: CustomExecutor): void {
  resize(turn, executor)
  for (const task of executor.tasks.values()) if (task.life.kind === 'queued') deliver(turn, executor, task)
}

function deliver(turn: Turn, executor: CustomExecutor, task: Task): void {
  task.life = { kind: 'launched', kill: undefined }
  executor.sentTask = true
  noteTask(turn, executor, task)
  turn.changes.executor(executor)
  tell(turn, executor, { type: 'LAUNCH', launch: { task: task.info } })
}

function noteTask(turn: Turn, { frameworkId, id }: CustomExecutor, task: Task): void {
  turn.changes.task(frameworkId, id, task.info.task_id.value)
}

/** The container's reservation follows the tasks that come and end. */
export function resize(turn: Turn, executor: CustomExecutor): void {
  const tasks = [...executor.tasks.values()].filter(({ life }) => life.kind !== 'terminated')
  turn.emit({
    type: 'resize',
    containerId: executor.containerId,
    resources: allocatedTo(executor),
    limits: limitsOf(
      tasks.map(({ info }) => info),
      executor.resources,
      turn.settings.cfs,
    ),
  })
}

export function started(
  turn: Turn,
  { executor }: Custom,
  event: Extract<AgentEvent, { type: 'started' }>,
): void {
  // Told once more when the agent found it again after a restart.
  executor.process ??= { pid: event.pid, addresses: event.addresses, startedAt: turn.now }
  turn.changes.executor(executor)
  if (executor.life.kind !== 'registering') return
  // From the start, not from the request as in Mesos: a slow pull is not the executor's fault and has its own limit.
  turn.emit({
    type: 'timer',
    afterMs: turn.settings.registrationTimeoutMs,
    timer: { kind: 'registration-timeout', containerId: executor.containerId },
  })
}

export function registrationTimedOut(turn: Turn, { executor }: Custom): void {
  if (executor.life.kind !== 'registering') return
  const timeoutMs = turn.settings.registrationTimeoutMs
  destroy(turn, executor, { kind: 'registration-timeout', timeoutMs })
}

/** After a restart of the agent it did not come back in time (spec/mesos.md 3.3). */
export function reregistrationTimedOut(turn: Turn, { executor }: Custom): void {
  if (executor.life.kind !== 'awaited') return
  const timeoutMs = turn.settings.reregistrationTimeoutMs
  destroy(turn, executor, { kind: 'reregistration-timeout', timeoutMs })
}

/** The framework's KILL of one task (spec/mesos.md 5.9, 9). */
export function killTask(
  turn: Turn,
  at: Custom & { readonly task: Task },
  policy: KillPolicy | undefined,
): void {
  const { executor, task } = at
  if (task.life.kind === 'terminated') return
  if (task.life.kind === 'queued') {
    report(turn, at, {
      state: 'TASK_KILLED',
      source: 'SOURCE_AGENT',
      reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
      message: 'Killed before delivery to the executor',
    })
    if (isIdle(executor)) shutDown(turn, at, { kind: 'idle' })
    return
  }
  task.life = { kind: 'launched', kill: { policy } }
  noteTask(turn, executor, task)
  sendKill(turn, executor, task)
}

/** Nothing was ever delivered to it and nothing waits: it has nothing to live for (spec/mesos.md 3.2). */
export function isIdle(executor: CustomExecutor): boolean {
  return !executor.sentTask && ![...executor.tasks.values()].some(({ life }) => life.kind === 'queued')
}

/** Asks the executor for the end of a task; repeated when it subscribes again. */
export function sendKill(turn: Turn, executor: CustomExecutor, task: Task): void {
  if (task.life.kind !== 'launched' || task.life.kill === undefined) return
  const { policy } = task.life.kill
  const task_id = task.info.task_id
  tell(turn, executor, {
    type: 'KILL',
    kill: { task_id, ...(policy !== undefined && { kill_policy: policy }) },
  })
}

/** Asks it to end, and destroys its container when it does not within its grace (spec/mesos.md 3.3). */
export function shutDown(turn: Turn, { executor }: Custom, cause: Ending): void {
  const { life } = executor
  if (life.kind === 'terminating' || life.kind === 'terminated') return
  const connection = life.kind === 'running' ? life.connection : undefined
  const graceMs = shutdownGraceMs(turn, executor)
  executor.life = { kind: 'terminating', cause, connection }
  turn.changes.executor(executor)
  if (tell(turn, executor, { type: 'SHUTDOWN' })) {
    const timer = { kind: 'shutdown-grace', containerId: executor.containerId } as const
    turn.emit({ type: 'timer', afterMs: graceMs, timer })
  } else {
    // Nobody reads SHUTDOWN: the signals have to say it.
    turn.emit({ type: 'kill', containerId: executor.containerId, graceMs })
  }
}

/** Ends the container by signals, with no grace unless one is given; the first cause stays. */
export function destroy(turn: Turn, executor: CustomExecutor, cause: Ending, graceMs = 0): void {
  const { life } = executor
  if (life.kind === 'terminated') return
  if (life.kind !== 'terminating') {
    const connection = life.kind === 'running' ? life.connection : undefined
    executor.life = { kind: 'terminating', cause, connection }
    turn.changes.executor(executor)
  }
  turn.emit({ type: 'kill', containerId: executor.containerId, graceMs })
}

export function graceOver(turn: Turn, { executor }: Custom): void {
  if (executor.life.kind !== 'terminating') return
  log(turn, 'warn', 'executor did not end within its shutdown grace', {
    frameworkId: executor.frameworkId,
    executorId: executor.id,
    graceMs: shutdownGraceMs(turn, executor),
  })
  turn.emit({ type: 'kill', containerId: executor.containerId, graceMs: 0 })
}

export function launchFailed(turn: Turn, at: Custom, message: string): void {
  count(turn, 'slave/container_launch_errors')
  const cause = at.executor.life.kind === 'terminating' ? at.executor.life.cause : undefined
  endTasks(turn, at, () => failedLaunchDraft(at, cause, message))
  closeConnection(turn, at.executor)
  containerEnded(turn, at.framework, at.executor, undefined)
}

function failedLaunchDraft(at: Custom, cause: Ending | undefined, message: string): Draft {
  if (cause?.kind === 'preempted') return preemption(at, cause.message)
  if (cause !== undefined)
    return {
      state: 'TASK_KILLED',
      source: 'SOURCE_AGENT',
      reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
      message: "Killed while its executor's container was being prepared",
    }
  return {
    state: 'TASK_FAILED',
    source: 'SOURCE_AGENT',
    reason: 'REASON_CONTAINER_LAUNCH_FAILED',
    message: `Failed to launch container: ${message}`,
  }
}

/** Its tasks that have not ended end with it, for the most telling of the causes (spec/mesos.md 3.3). */
export function exited(turn: Turn, at: Custom, exit: ContainerExit): void {
  const cause = at.executor.life.kind === 'terminating' ? at.executor.life.cause : undefined
  endTasks(turn, at, (task) => ({
    ...exitDraft(at, cause, exit),
    containerStatus: containerStatusOf(turn, at.executor, task.info),
  }))
  closeConnection(turn, at.executor)
  containerEnded(turn, at.framework, at.executor, exit)
}

function exitDraft(at: Custom, cause: Ending | undefined, exit: ContainerExit): Draft {
  if (cause?.kind === 'preempted') return preemption(at, cause.message)
  const limitation = limitationDraft(exit, allocatedTo(at.executor))
  if (limitation !== undefined) return limitation
  if (cause?.kind === 'registration-timeout')
    return {
      state: 'TASK_FAILED',
      source: 'SOURCE_AGENT',
      reason: 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
      message: `Executor did not register within ${formatDuration(cause.timeoutMs)}`,
    }
  if (cause?.kind === 'reregistration-timeout')
    return {
      state: lostAs(at.framework.info, 'TASK_GONE'),
      source: 'SOURCE_AGENT',
      reason: 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT',
      message: `Executor did not reregister within ${formatDuration(cause.timeoutMs)}`,
    }
  return {
    state: 'TASK_FAILED',
    source: 'SOURCE_AGENT',
    reason: 'REASON_EXECUTOR_TERMINATED',
    message: `Executor terminated; ${exitWords(exit)}`,
  }
}

const preemption = (at: Custom, message: string): Draft => ({
  state: lostAs(at.framework.info, 'TASK_GONE'),
  source: 'SOURCE_AGENT',
  reason: 'REASON_CONTAINER_PREEMPTED',
  message,
})

function endTasks(turn: Turn, at: Custom, draft: (task: Task) => Draft): void {
  for (const task of at.executor.tasks.values()) report(turn, { ...at, task }, draft(task))
}

function closeConnection(turn: Turn, executor: CustomExecutor): void {
  const { life } = executor
  const connection = life.kind === 'running' || life.kind === 'terminating' ? life.connection : undefined
  if (connection !== undefined) turn.emit({ type: 'close-executor', connection })
}
