// What the master or the operator asks to end: a task, an executor, a framework, the agent.
import type { KillPolicy } from '../../wire/commands.ts'
import * as commands from './command-tasks.ts'
import * as executors from './executors.ts'
import { settle, settleAgent } from './lifetimes.ts'
import {
  executorOf,
  findExecutor,
  findTask,
  streamKey,
  type Ending,
  type Executor,
  type Farewell,
  type Framework,
  type SupervisedExecutor,
} from './state.ts'
import { lostAs } from './statuses.ts'
import { completeTask, reportOrphan } from './tasks.ts'
import { dropStreamsOf } from './updates.ts'
import { log, type Turn } from './turn.ts'

/** Calls the right chapter for an executor; a command task comes with its task. */
export function dispatch<T>(
  framework: Framework,
  executor: Executor,
  handlers: {
    supervised(at: commands.Supervised): T
    custom(at: executors.Custom): T
  },
): T {
  if (executor.kind === 'custom') return handlers.custom({ framework, executor })
  return handlers.supervised(supervised(framework, executor))
}

function supervised(framework: Framework, executor: SupervisedExecutor): commands.Supervised {
  const task = executor.tasks.get(executor.taskId) ?? executor.completedTasks.at(-1)
  if (task === undefined) throw new Error(`Command executor '${executor.id}' lost its task`)
  return { framework, executor, task }
}

/** The same by container; nothing happens when the container has ended. */
export function dispatchContainer(
  turn: Turn,
  containerId: string,
  handlers: Parameters<typeof dispatch<void>>[2],
): void {
  const executor = executorOf(turn.state, containerId)
  const framework = executor === undefined ? undefined : turn.state.frameworks.get(executor.frameworkId)
  if (executor === undefined || framework === undefined) return
  dispatch(framework, executor, handlers)
}

/** A task that is not here gets an end, so that nobody waits for it (spec/mesos.md 5.9, 9). */
export function killTask(
  turn: Turn,
  ids: { readonly frameworkId: string; readonly taskId: string },
  policy: KillPolicy | undefined,
): void {
  const found = findTask(turn.state, ids.frameworkId, ids.taskId)
  if (found === undefined) {
    if (turn.state.streams.has(streamKey(ids.frameworkId, ids.taskId))) return
    reportOrphan(
      turn,
      { ...ids, executorId: undefined },
      {
        state: lostAs(infoOf(turn, ids.frameworkId), 'TASK_DROPPED'),
        source: 'SOURCE_AGENT',
        reason: 'REASON_EXECUTOR_TERMINATED',
        message: 'Cannot find executor',
      },
    )
    return
  }
  const { framework, executor, task } = found
  dispatch(framework, executor, {
    supervised: (at) => commands.kill(turn, at, policy),
    custom: (at) => executors.killTask(turn, { ...at, task }, policy),
  })
}

/** What is known of a framework, though it may have nothing left here. */
export function infoOf(turn: Turn, frameworkId: string): Framework['info'] | undefined {
  const past = turn.state.completedFrameworks.find(({ id }) => id === frameworkId)
  return (turn.state.frameworks.get(frameworkId) ?? past)?.info
}

/** The framework's SHUTDOWN of an executor. */
export function shutdownExecutor(turn: Turn, frameworkId: string, executorId: string): void {
  const framework = turn.state.frameworks.get(frameworkId)
  const executor = findExecutor(turn.state, frameworkId, executorId)
  if (framework === undefined || executor === undefined)
    log(turn, 'warn', 'executor to shut down is not here', { frameworkId, executorId })
  else endExecutor(turn, framework, executor, { kind: 'killed' })
}

function endExecutor(turn: Turn, framework: Framework, executor: Executor, cause: Ending): void {
  dispatch(framework, executor, {
    supervised: (at) => void commands.end(turn, at, cause, commands.defaultGraceMs(turn, at)),
    custom: (at) => executors.shutDown(turn, at, cause),
  })
}

/** Torn down: nobody listens to its updates any more (spec/mesos.md 6.1). */
export function shutdownFramework(turn: Turn, frameworkId: string): void {
  dropStreamsOf(turn, frameworkId)
  const framework = turn.state.frameworks.get(frameworkId)
  if (framework === undefined || framework.life === 'terminating') {
    settleAgent(turn)
    return
  }
  log(turn, 'info', 'framework is being shut down', { frameworkId })
  framework.life = 'terminating'
  turn.changes.framework(framework)
  for (const executor of framework.executors.values()) {
    forgetEnded(executor, turn)
    endExecutor(turn, framework, executor, { kind: 'framework-removed' })
    if (executor.life.kind === 'terminated') settle(turn, framework, executor)
  }
}

/** Ends that waited for an acknowledgement, which will not come now. */
function forgetEnded(executor: Executor, turn: Turn): void {
  const ended = [...executor.tasks.values()].filter(({ life }) => life.kind === 'terminated')
  for (const task of ended) completeTask(turn, executor, task)
}

/** Everything that may not stay is asked to end; `done` follows when nothing of it is left. */
export function shutdownAgent(turn: Turn, message: string, manner: Farewell): void {
  const { life } = turn.state
  if (life.kind === 'done') return
  // Asked again: only the master's word and the end of what was to stay go further than what is under way.
  const further = !manner.tellMaster || (life.kind === 'ending' && life.manner.leaves && !manner.leaves)
  if (life.kind === 'ending' && !further) return
  log(turn, 'info', 'agent is shutting down', { reason: message })
  turn.state.life = { kind: 'ending', message, manner, farewell: 'not yet' }
  for (const framework of turn.state.frameworks.values()) {
    if (manner.leaves && framework.info.checkpoint === true) continue
    for (const executor of framework.executors.values())
      endExecutor(turn, framework, executor, { kind: 'agent-shutdown', message })
  }
  settleAgent(turn)
}
