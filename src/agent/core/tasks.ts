// What happens to a single task: its states are recorded, counted and told, and its end is told exactly once.
import type { TaskInfo, TaskStatus } from '../../wire/tasks.ts'
import { Resources } from '../../resources/resources.ts'
import { duringDrain } from './drained.ts'
import { remember, type Executor, type Framework, type Task } from './state.ts'
import { statusOf, type Draft } from './statuses.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import { rememberStatus, takeUpdate, type Acceptance } from './updates.ts'
import { count, log, type Turn } from './turn.ts'

/** Counters of spec/mesos.md 17.2; other ends have none there. */
const END_METRICS: Readonly<Partial<Record<TaskStatus['state'], string>>> = {
  TASK_FINISHED: 'slave/tasks_finished',
  TASK_FAILED: 'slave/tasks_failed',
  TASK_KILLED: 'slave/tasks_killed',
  TASK_LOST: 'slave/tasks_lost',
  TASK_GONE: 'slave/tasks_gone',
}

export function newTask(info: TaskInfo, executorId: string): Task {
  return {
    info,
    executorId,
    resources: Resources.from(info.resources),
    life: { kind: 'queued' },
    state: 'TASK_STAGING',
    statuses: [],
    healthFailures: 0,
  }
}

/** Makes a status from the draft, records it and hands it to the task's stream. Nothing follows a task's end. */
export function report(
  turn: Turn,
  at: { readonly framework: Framework; readonly executor: Executor; readonly task: Task },
  draft: Draft & { readonly progress?: boolean },
): void {
  if (at.task.life.kind === 'terminated') return
  const status = statusOf(turn, at.task.info.task_id.value, at.executor.id, draft)
  record(turn, at, status, draft.progress)
}

/** As `report`, for a status that is already complete (an executor's own). */
export function record(
  turn: Turn,
  at: { readonly framework: Framework; readonly executor: Executor; readonly task: Task },
  said: TaskStatus,
  progress = false,
): Acceptance {
  const { framework, executor, task } = at
  const status = duringDrain(turn, framework.info, said)
  if (task.life.kind === 'terminated') return 'duplicate'
  const before = { state: task.state, life: task.life }
  const terminal = isTerminal(status.state)
  // Before the update is sent, because it carries the newest state.
  task.state = status.state
  if (terminal) task.life = { kind: 'terminated' }
  const acceptance =
    framework.life === 'terminating'
      ? 'taken'
      : takeUpdate(turn, { frameworkId: framework.id, executorId: executor.id, status, progress })
  if (acceptance !== 'taken') {
    task.state = before.state
    task.life = before.life
    return acceptance
  }
  turn.changes.task(framework.id, executor.id, task.info.task_id.value)
  rememberStatus(task.statuses, status, turn.settings.limits.statusesPerTask)
  if (terminal) tellEnd(turn, framework, executor, status)
  // Nobody will acknowledge it.
  if (terminal && framework.life === 'terminating') completeTask(turn, executor, task)
  return acceptance
}

function tellEnd(turn: Turn, framework: Framework, executor: Executor, status: TaskStatus): void {
  const metric = END_METRICS[status.state]
  if (metric !== undefined) count(turn, metric)
  log(turn, 'info', 'task ended', {
    frameworkId: framework.id,
    executorId: executor.id,
    taskId: status.task_id.value,
    state: status.state,
    reason: status.reason,
    message: status.message,
  })
}

/** A task that ended and whose end is acknowledged is only remembered. */
export function completeTask(turn: Turn, executor: Executor, task: Task): void {
  executor.tasks.delete(task.info.task_id.value)
  turn.changes.task(executor.frameworkId, executor.id, task.info.task_id.value)
  remember(executor.completedTasks, task, turn.settings.limits.completedTasks)
}

/** Tells the end of a task that never became one of ours: refused, or unknown. */
export function reportOrphan(
  turn: Turn,
  task: { readonly frameworkId: string; readonly taskId: string; readonly executorId: string | undefined },
  draft: Draft,
): void {
  const status = statusOf(turn, task.taskId, task.executorId, draft)
  const update = { frameworkId: task.frameworkId, executorId: task.executorId, status }
  if (takeUpdate(turn, update) !== 'taken') return
  const metric = END_METRICS[draft.state]
  if (metric !== undefined) count(turn, metric)
  log(turn, 'warn', 'task refused or unknown', {
    ...task,
    state: draft.state,
    reason: draft.reason,
    message: draft.message,
  })
}
