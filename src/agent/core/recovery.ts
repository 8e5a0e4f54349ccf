/**
 * A life of the agent that follows another: what was written down, compared with what was found. Containers that were
 * found go on; those that never started are asked for again; the others have ended, and their frameworks hear of it.
 */
import { unreachable } from '../../base/errors.ts'
import { watchChecks } from './checks.ts'
import * as commands from './command-tasks.ts'
import { settleDrain } from './drained.ts'
import { dispatch, shutdownAgent } from './endings.ts'
import type { AgentEvent } from './events.ts'
import * as executors from './executors.ts'
import { requestLaunch } from './requests.ts'
import { type Executor, type Framework, graceLeftMs } from './state.ts'
import { log, type Turn } from './turn.ts'

type RecoverEvent = Extract<AgentEvent, { type: 'recover' }>

export function recover(turn: Turn, event: RecoverEvent): void {
  turn.changes.all(turn.state)
  for (const framework of turn.state.frameworks.values()) {
    for (const executor of framework.executors.values()) {
      if (executor.life.kind === 'terminated') continue
      if (event.found.has(executor.containerId)) takeUp(turn, framework, executor)
      else if (neverStarted(executor) && !event.rebooted && !event.cleanup)
        requestLaunch(turn, framework, executor)
      else settleLost(turn, framework, executor, event.rebooted)
    }
  }
  settleDrain(turn)
  if (event.cleanup) {
    const message = 'The agent was started to clean up (--recover=cleanup)'
    shutdownAgent(turn, message, { tellMaster: false, leaves: false, forget: false })
  }
}

/** Asked for, and not found: the earlier life ended before its first process ran. */
function neverStarted({ life, process }: Executor): boolean {
  return process === undefined && (life.kind === 'preparing' || life.kind === 'registering')
}

/** It runs, or ended while nobody looked: then its exit comes as that of any other. */
function takeUp(turn: Turn, framework: Framework, executor: Executor): void {
  log(turn, 'info', 'container found again', {
    frameworkId: framework.id,
    executorId: executor.id,
    containerId: executor.containerId,
    life: executor.life.kind,
  })
  dispatch(framework, executor, {
    supervised: (at) => takeUpSupervised(turn, at),
    custom: (at) => takeUpCustom(turn, at),
  })
}

function takeUpSupervised(turn: Turn, at: commands.Supervised): void {
  const { life } = at.executor
  switch (life.kind) {
    // Hears of its start like any other.
    case 'preparing':
    case 'terminated':
      return
    case 'running':
      watchChecks(turn, at)
      return commands.limitCompletion(turn, at)
    case 'ending':
      // The earlier life's signals went with it; what is left of their grace did not.
      return turn.emit({
        type: 'kill',
        containerId: at.executor.containerId,
        graceMs: life.grace ? graceLeftMs(life.grace, turn.now) : commands.defaultGraceMs(turn, at),
      })
    default:
      return unreachable(life, 'life of a supervised executor')
  }
}

function takeUpCustom(turn: Turn, { executor }: executors.Custom): void {
  const { containerId, life } = executor
  switch (life.kind) {
    // The time that it has to subscribe counts from its start, of which it hears again.
    case 'registering':
    case 'terminated':
      return
    case 'awaited':
      return turn.emit({
        type: 'timer',
        afterMs: turn.settings.reregistrationTimeoutMs,
        timer: { kind: 'reregistration-timeout', containerId },
      })
    case 'terminating':
      return turn.emit({ type: 'kill', containerId, graceMs: executors.shutdownGraceMs(turn, executor) })
    case 'running':
    case 'disconnected':
      throw new Error(`Executor '${executor.id}' is ${life.kind} before it could subscribe`)
    default:
      return unreachable(life, 'life of a custom executor')
  }
}

function settleLost(turn: Turn, framework: Framework, executor: Executor, rebooted: boolean): void {
  const detail = rebooted
    ? 'the machine was started anew while it ran'
    : 'it was gone when the agent was started again'
  const exit = { kind: 'lost', detail } as const
  dispatch(framework, executor, {
    supervised: (at) => commands.exited(turn, at, exit),
    custom: (at) => executors.exited(turn, at, exit),
  })
}
