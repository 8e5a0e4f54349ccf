// Commands and Docker tasks, whose executor is the agent itself: from TASK_STARTING to their one end.
import type { ContainerExit } from '../../containerizer/containerizer.ts'
import { unreachable } from '../../base/errors.ts'
import { formatDuration } from '../../base/units.ts'
import type { KillPolicy } from '../../wire/commands.ts'
import { emptyCheckStatus, unwatchChecks, watchChecks } from './checks.ts'
import type { AgentEvent } from './events.ts'
import { exitWords } from './exits.ts'
import { containerEnded } from './lifetimes.ts'
import { limitationDraft } from './limitations.ts'
import { type Ending, type Framework, graceLeftMs, type SupervisedExecutor, type Task } from './state.ts'
import { containerStatusOf, hasCapability, lostAs, type Draft } from './statuses.ts'
import { report } from './tasks.ts'
import type { Turn } from './turn.ts'

/** Grace of a command task that has no kill policy (spec/mesos.md 3.6). */
export const COMMAND_KILL_GRACE_MS = 3000

/** The executor and its only task. */
export interface Supervised {
  readonly framework: Framework
  readonly executor: SupervisedExecutor
  readonly task: Task
}

/** Its container is asked for; fetching and pulling take their time. */
export function begin(turn: Turn, at: Supervised): void {
  at.task.life = { kind: 'launched', kill: undefined }
  turn.changes.task(at.framework.id, at.executor.id, at.task.info.task_id.value)
  report(turn, at, byExecutor(turn, at, { state: 'TASK_STARTING' }))
}

/** A line about fetching or pulling: told as TASK_STARTING, at most once in the same words. */
export function progressed(turn: Turn, at: Supervised, message: string): void {
  const { life } = at.executor
  if (life.kind !== 'preparing' || life.progress === message) return
  at.executor.life = { kind: 'preparing', progress: message }
  report(turn, at, { ...byExecutor(turn, at, { state: 'TASK_STARTING', message }), progress: true })
}

export function started(turn: Turn, at: Supervised, event: Extract<AgentEvent, { type: 'started' }>): void {
  const { executor } = at
  // Told once more when the agent found it again after a restart.
  executor.process ??= { pid: event.pid, addresses: event.addresses, startedAt: turn.now }
  turn.changes.executor(executor)
  // A kill overtook the start: its end is all that the framework will hear.
  if (executor.life.kind !== 'preparing') return
  executor.life = { kind: 'running' }
  const data = event.inspect === undefined ? {} : { data: inspectData(event.inspect) }
  report(turn, at, { ...byExecutor(turn, at, { state: 'TASK_RUNNING' }), ...data })
  watchChecks(turn, at)
  limitCompletion(turn, at)
}

/** What is left of `max_completion_time` since the container's start. */
export function limitCompletion(turn: Turn, { executor, task }: Supervised): void {
  const limit = completionLimitMs(task)
  if (limit === undefined) return
  turn.emit({
    type: 'timer',
    afterMs: Math.max(0, limit - (turn.now - (executor.process?.startedAt ?? turn.now))),
    timer: { kind: 'max-completion', containerId: executor.containerId },
  })
}

/** Mesos passes on what `docker inspect` prints, which is a list (spec/recorded/scheduler-session.json). */
function inspectData(inspect: string): string {
  const list = inspect.trimStart().startsWith('[') ? inspect : `[${inspect}]`
  return Buffer.from(list).toString('base64')
}

const completionLimitMs = (task: Task): number | undefined => {
  const limit = task.info.max_completion_time
  return limit === undefined ? undefined : limit.nanoseconds / 1e6
}

/** The framework's KILL. Grace: of the call, else of the task, else the default (spec/mesos.md 3.6, 7.4). */
export function kill(turn: Turn, at: Supervised, policy: KillPolicy | undefined): void {
  endTold(turn, at, { kind: 'killed' }, graceOf(policy) ?? defaultGraceMs(turn, at))
}

/** Ends the container; a framework that knows TASK_KILLING hears it, if it heard before that the task runs. */
export function endTold(turn: Turn, at: Supervised, cause: Ending, graceMs: number): void {
  const running = at.executor.life.kind === 'running'
  if (!end(turn, at, cause, graceMs)) return
  if (running && hasCapability(at.framework.info, 'TASK_KILLING_STATE'))
    report(turn, at, byExecutor(turn, at, { state: 'TASK_KILLING' }))
}

const graceOf = (policy: KillPolicy | undefined): number | undefined =>
  policy?.grace_period === undefined ? undefined : policy.grace_period.nanoseconds / 1e6

/** Without a policy of the call: the task's own, else what Mesos's command or Docker executor would take. */
export function defaultGraceMs(turn: Turn, { executor, task }: Supervised): number {
  const fallback = executor.docker ? turn.settings.shutdownGraceMs : COMMAND_KILL_GRACE_MS
  return graceOf(task.info.kill_policy) ?? fallback
}

/**
 * Ends the container for a cause. When it is ending already the first cause stays and only the grace may become
 * shorter. Returns whether this was the first.
 */
export function end(turn: Turn, at: Supervised, cause: Ending, graceMs: number): boolean {
  const { executor } = at
  const { life } = executor
  if (life.kind === 'terminated') return false
  const before = life.kind === 'ending' ? life.grace : undefined
  if (life.kind !== 'ending') {
    const grace = { ms: graceMs, since: turn.now }
    executor.life = { kind: 'ending', cause, told: life.kind === 'running', grace }
    turn.changes.executor(executor)
  } else if (before === undefined || graceMs < graceLeftMs(before, turn.now)) {
    executor.life = { ...life, grace: { ms: graceMs, since: turn.now } }
    turn.changes.executor(executor)
  }
  if (life.kind === 'running') unwatchChecks(turn, at)
  turn.emit({ type: 'kill', containerId: executor.containerId, graceMs })
  return life.kind !== 'ending'
}

/** `max_completion_time` is over: no grace, no TASK_KILLING (spec/mesos.md 3.6). */
export function completionReached(turn: Turn, at: Supervised): void {
  const limitMs = completionLimitMs(at.task)
  if (at.executor.life.kind !== 'running' || limitMs === undefined) return
  end(turn, at, { kind: 'completion-time', limitMs }, 0)
}

export function launchFailed(turn: Turn, at: Supervised, message: string): void {
  const { life } = at.executor
  const cause = life.kind === 'ending' ? life.cause : undefined
  report(turn, at, failedLaunchDraft(at, cause, message))
  containerEnded(turn, at.framework, at.executor, undefined)
}

function failedLaunchDraft(at: Supervised, cause: Ending | undefined, message: string): Draft {
  switch (cause?.kind) {
    case 'preempted':
      return preemption(at, cause.message)
    case 'killed':
    case 'framework-removed':
    case 'agent-shutdown':
      return killedDuringLaunch()
    case undefined:
    case 'completion-time':
    case 'unhealthy':
    case 'registration-timeout':
    case 'reregistration-timeout':
    case 'idle':
      return {
        state: 'TASK_FAILED',
        source: 'SOURCE_AGENT',
        reason: 'REASON_CONTAINER_LAUNCH_FAILED',
        message: `Failed to launch container: ${message}`,
      }
    default:
      return unreachable(cause, 'cause of an ending')
  }
}

export function exited(turn: Turn, at: Supervised, exit: ContainerExit): void {
  if (at.executor.life.kind === 'running') unwatchChecks(turn, at)
  report(turn, at, exitDraft(turn, at, exit))
  containerEnded(turn, at.framework, at.executor, exit)
}

function exitDraft(turn: Turn, at: Supervised, exit: ContainerExit): Draft {
  const { life } = at.executor
  const cause = life.kind === 'ending' ? life.cause : undefined
  const containerStatus = containerStatusOf(turn, at.executor, at.task.info)
  if (cause?.kind === 'preempted') return { ...preemption(at, cause.message), containerStatus }
  const limitation = limitationDraft(exit, at.task.resources)
  if (limitation !== undefined) return { ...limitation, containerStatus }
  const message = `${at.executor.docker ? 'Container' : 'Command'} ${exitWords(exit)}`
  if (cause?.kind === 'completion-time')
    return byExecutor(turn, at, {
      state: 'TASK_FAILED',
      reason: 'REASON_MAX_COMPLETION_TIME_REACHED',
      message: `${message}; its max_completion_time of ${formatDuration(cause.limitMs)} was over`,
    })
  if (life.kind === 'ending' && !life.told) return { ...killedDuringLaunch(), containerStatus }
  const finished = exit.kind === 'exited' && exit.code === 0
  if (cause?.kind === 'unhealthy')
    return byExecutor(turn, at, {
      state: finished ? 'TASK_FINISHED' : 'TASK_KILLED',
      message: `${message}; it was ended because its ${cause.message}`,
      healthy: false,
    })
  if (finished) return byExecutor(turn, at, { state: 'TASK_FINISHED', message })
  if (cause?.kind === 'agent-shutdown')
    return byExecutor(turn, at, { state: 'TASK_KILLED', message: `${message}; ${cause.message}` })
  if (cause !== undefined) return byExecutor(turn, at, { state: 'TASK_KILLED', message })
  if (exit.kind !== 'lost') return byExecutor(turn, at, { state: 'TASK_FAILED', message })
  return {
    state: 'TASK_FAILED',
    source: 'SOURCE_AGENT',
    reason: 'REASON_EXECUTOR_TERMINATED',
    message,
    containerStatus,
  }
}

const killedDuringLaunch = (): Draft => ({
  state: 'TASK_KILLED',
  source: 'SOURCE_AGENT',
  reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
  message: 'Killed while its container was being prepared',
})

const preemption = (at: Supervised, message: string): Draft => ({
  state: lostAs(at.framework.info, 'TASK_GONE'),
  source: 'SOURCE_AGENT',
  reason: 'REASON_CONTAINER_PREEMPTED',
  message,
})

/** What Mesos's own executor would have reported. */
function byExecutor(turn: Turn, at: Supervised, draft: Omit<Draft, 'source' | 'containerStatus'>): Draft {
  const checkStatus = emptyCheckStatus(at.task.info)
  return {
    ...draft,
    ...(checkStatus !== undefined && { check_status: checkStatus }),
    source: 'SOURCE_EXECUTOR',
    containerStatus: containerStatusOf(turn, at.executor, at.task.info),
  }
}
