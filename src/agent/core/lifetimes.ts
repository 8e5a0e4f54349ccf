// How things are put away when nothing is left to wait for: containers, executors, frameworks, the agent.
import type { ContainerExit } from '../../containerizer/containerizer.ts'
import { settleDrain } from './drained.ts'
import { waitStatus } from './exits.ts'
import { remember, type Executor, type Framework } from './state.ts'
import { dropStreamsOf } from './updates.ts'
import { callMaster, count, log, type Turn } from './turn.ts'

/** The container is gone. `exit` is undefined when it never started. All its tasks must have ended before. */
export function containerEnded(
  turn: Turn,
  framework: Framework,
  executor: Executor,
  exit: ContainerExit | undefined,
): void {
  turn.state.containers.delete(executor.containerId)
  executor.life = { kind: 'terminated' }
  turn.changes.executor(executor)
  count(turn, 'slave/executors_terminated')
  if (exit?.kind === 'memory') count(turn, `tepui/task_oom_${exit.level}`)
  if (executor.kind === 'custom')
    tellExited(turn, framework.id, executor.id, exit === undefined ? -1 : waitStatus(exit))
  settle(turn, framework, executor)
}

/** The master frees what the executor itself held. Generated executors are not told (spec/mesos.md 3.3). */
export function tellExited(turn: Turn, frameworkId: string, executorId: string, status: number): void {
  callMaster(turn, {
    type: 'EXITED_EXECUTOR',
    exited_executor: {
      framework_id: { value: frameworkId },
      executor_id: { value: executorId },
      status,
    },
  })
}

/** Puts away what has nothing left to wait for, from the executor up to the agent itself. */
export function settle(turn: Turn, framework: Framework, executor: Executor | undefined): void {
  const { limits } = turn.settings
  if (executor !== undefined && executor.life.kind === 'terminated' && executor.tasks.size === 0) {
    framework.executors.delete(executor.id)
    turn.changes.executor(executor)
    remember(framework.completedExecutors, executor, limits.completedExecutors)
  }
  if (framework.executors.size === 0 && turn.state.frameworks.delete(framework.id)) {
    turn.changes.framework(framework)
    if (framework.life === 'terminating') dropStreamsOf(turn, framework.id)
    remember(turn.state.completedFrameworks, framework, limits.completedFrameworks)
    log(turn, 'info', 'framework has nothing left here', { frameworkId: framework.id })
    settleDrain(turn)
  }
  settleAgent(turn)
}

/** A framework that is away acknowledges nothing; the master has the updates and keeps their states. */
const FAREWELL_MS = 5000

/** The last acknowledgements took too long. */
export function farewellOver(turn: Turn): void {
  const { life } = turn.state
  if (life.kind !== 'ending') return
  turn.state.life = { ...life, farewell: 'over' }
  settleAgent(turn)
}

/**
 * An agent that ends is done once nothing runs that has to end and whoever can be told has acknowledged, or had the
 * time to.
 */
export function settleAgent(turn: Turn): void {
  const { life, containers, streams, link } = turn.state
  if (life.kind !== 'ending') return
  const { forget, leaves, tellMaster } = life.manner
  const stays = ({ frameworkId }: { readonly frameworkId: string }): boolean =>
    leaves && turn.state.frameworks.get(frameworkId)?.info.checkpoint === true
  if (!containers.values().every(stays)) return
  if (tellMaster && link.kind === 'registered') {
    if (!streams.values().every(stays) && life.farewell !== 'over') {
      if (life.farewell === 'not yet')
        turn.emit({ type: 'timer', afterMs: FAREWELL_MS, timer: { kind: 'farewell' } })
      turn.state.life = { ...life, farewell: 'waiting' }
      return
    }
    if (forget) callMaster(turn, { type: 'UNREGISTER' })
  }
  turn.state.life = { kind: 'done', leaves }
  turn.emit({ type: 'done', forget })
}
