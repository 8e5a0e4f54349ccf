// The agent's core: one synchronous step per event, which changes the state and says what is to be done.
import { unreachable } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import type { LinkEvent, LinkEventAcknowledge } from '../../wire/link.ts'
import { Changes } from './changes.ts'
import * as commands from './command-tasks.ts'
import { correct, setOversubscribed, tellLending } from './corrections.ts'
import { drain, keepStanding } from './draining.ts'
import { dispatchContainer, killTask, shutdownAgent, shutdownExecutor, shutdownFramework } from './endings.ts'
import type { AgentEffect, AgentEvent, AgentTimer } from './events.ts'
import { disconnected, executorCall, messageToExecutor, subscribe } from './executor-calls.ts'
import * as executors from './executors.ts'
import { checkFound, healthJudged } from './health.ts'
import { runTask } from './launch.ts'
import { farewellOver, settle, settleAgent } from './lifetimes.ts'
import { recover } from './recovery.ts'
import { infoChanged, openLink, registered } from './registration.ts'
import { type Identity, type SavedRow, savedRows } from './saved.ts'
import { findTask, newState, type AgentState } from './state.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import { completeTask } from './tasks.ts'
import { acknowledgeUpdate, resumeUpdates, retryUpdate } from './updates.ts'
import { callMaster, log, type CoreSettings, type Turn } from './turn.ts'

export class AgentCore {
  readonly #state: AgentState
  readonly #settings: CoreSettings
  readonly #random: Random
  readonly #changes = new Changes()

  /** With a state of an earlier life, `recover` must be the first event. */
  constructor(deps: { readonly random: Random; readonly state?: AgentState }, settings: CoreSettings) {
    this.#random = deps.random
    this.#settings = settings
    this.#state = deps.state ?? newState()
  }

  /** For views and for the gate of the executor API; only `step` changes it. */
  get state(): Readonly<AgentState> {
    return this.#state
  }

  /**
   * Rows of what the steps since the last call changed. They must be written down before the effects of these steps
   * are carried out.
   */
  takeRows(identity: Identity): readonly SavedRow[] {
    const rows = savedRows(this.#state, this.#changes, identity)
    this.#changes.clear()
    return rows
  }

  /** Effects in the order in which they are to be carried out. Throws only on a bug. */
  step(event: AgentEvent): AgentEffect[] {
    const effects: AgentEffect[] = []
    const turn: Turn = {
      now: event.now,
      state: this.#state,
      settings: this.#settings,
      random: this.#random,
      changes: this.#changes,
      emit: (effect) => void effects.push(effect),
    }
    handle(turn, event)
    return effects
  }
}

function handle(turn: Turn, event: AgentEvent): void {
  switch (event.type) {
    case 'link-open':
      return openLink(turn)
    case 'link':
      return linkEvent(turn, event.event)
    case 'link-lost':
      turn.state.link = { kind: 'down' }
      return settleAgent(turn)
    case 'executor-subscribe':
      return subscribe(turn, event.connection, event.call)
    case 'executor-call':
      return executorCall(turn, event.call)
    case 'executor-disconnected':
      return disconnected(turn, event.connection)
    case 'progress':
    case 'started':
    case 'launch-failed':
    case 'exited':
      return containerEvent(turn, event)
    case 'health':
      return dispatchContainer(turn, event.containerId, {
        supervised: (at) => healthJudged(turn, at, event),
        custom: () => undefined,
      })
    case 'check':
      return dispatchContainer(turn, event.containerId, {
        supervised: (at) => checkFound(turn, at, event),
        custom: () => undefined,
      })
    case 'correction':
      return correct(turn, event.correction)
    case 'oversubscribed':
      return setOversubscribed(turn, event.resources)
    case 'info-changed':
      return infoChanged(turn)
    case 'lending':
      return tellLending(turn, event.lending)
    case 'timer':
      return timerFired(turn, event.timer)
    case 'recover':
      return recover(turn, event)
    case 'leave':
      return shutdownAgent(turn, event.message, { tellMaster: true, leaves: true, forget: false })
    case 'shutdown':
      return shutdownAgent(turn, event.message, { tellMaster: true, leaves: false, forget: true })
    default:
      return unreachable(event, 'agent event')
  }
}

type ContainerEvent = Extract<AgentEvent, { type: 'progress' | 'started' | 'launch-failed' | 'exited' }>

function containerEvent(turn: Turn, event: ContainerEvent): void {
  switch (event.type) {
    case 'progress':
      return dispatchContainer(turn, event.containerId, {
        supervised: (at) => commands.progressed(turn, at, event.message),
        // Its tasks are staging; there is no status that could carry the words.
        custom: (at) =>
          log(turn, 'debug', event.message, { executorId: at.executor.id, containerId: event.containerId }),
      })
    case 'started':
      return dispatchContainer(turn, event.containerId, {
        supervised: (at) => commands.started(turn, at, event),
        custom: (at) => executors.started(turn, at, event),
      })
    case 'launch-failed':
      return dispatchContainer(turn, event.containerId, {
        supervised: (at) => commands.launchFailed(turn, at, event.message),
        custom: (at) => executors.launchFailed(turn, at, event.message),
      })
    case 'exited':
      return dispatchContainer(turn, event.containerId, {
        supervised: (at) => commands.exited(turn, at, event.exit),
        custom: (at) => executors.exited(turn, at, event.exit),
      })
    default:
      return unreachable(event, 'container event')
  }
}

function timerFired(turn: Turn, timer: AgentTimer): void {
  const ignored = (): void => undefined
  switch (timer.kind) {
    case 'update-retry':
      return retryUpdate(turn, timer)
    case 'registration-timeout':
      return dispatchContainer(turn, timer.containerId, {
        supervised: ignored,
        custom: (at) => executors.registrationTimedOut(turn, at),
      })
    case 'reregistration-timeout':
      return dispatchContainer(turn, timer.containerId, {
        supervised: ignored,
        custom: (at) => executors.reregistrationTimedOut(turn, at),
      })
    case 'shutdown-grace':
      return dispatchContainer(turn, timer.containerId, {
        supervised: ignored,
        custom: (at) => executors.graceOver(turn, at),
      })
    case 'farewell':
      return farewellOver(turn)
    case 'max-completion':
      return dispatchContainer(turn, timer.containerId, {
        supervised: (at) => commands.completionReached(turn, at),
        custom: ignored,
      })
    default:
      return unreachable(timer, 'agent timer')
  }
}

/** Exactly one of the event's fields is set, the one that its type names; without it the event says nothing. */
function linkEvent(turn: Turn, event: LinkEvent): void {
  if (event.registered !== undefined) return registered(turn, event.registered)
  if (event.ping !== undefined) return ping(turn, event.ping.connected)
  if (event.error !== undefined) {
    log(turn, 'warn', `master refused: ${event.error.message}`, {})
    return turn.emit({ type: 'reconnect', reason: event.error.message })
  }
  if (event.unreached !== undefined) return log(turn, 'warn', event.unreached.message, {})
  if (event.reached !== undefined) return log(turn, 'info', event.reached.message, {})
  // Before it, the master's word is not meant for this life of the link.
  if (turn.state.link.kind !== 'registered') return
  if (event.run_task !== undefined) return runTask(turn, event.run_task)
  if (event.kill_task !== undefined) {
    const { framework_id, task_id, kill_policy } = event.kill_task
    return killTask(turn, { frameworkId: framework_id.value, taskId: task_id.value }, kill_policy)
  }
  if (event.acknowledge !== undefined) return acknowledged(turn, event.acknowledge)
  if (event.message !== undefined) return messageToExecutor(turn, event.message)
  if (event.update_framework !== undefined) {
    const info = event.update_framework.framework_info
    const framework = turn.state.frameworks.get(info.id?.value ?? '')
    if (framework !== undefined) {
      // What was begun without a checkpoint stays without, as in Mesos (spec/mesos.md 2.4).
      framework.info = { ...info, checkpoint: framework.info.checkpoint ?? false }
      turn.changes.framework(framework)
    }
    // The master says so when the framework is back: what it missed must not wait for the next retry.
    return resumeUpdates(turn, info.id?.value ?? '')
  }
  return endingEvent(turn, event)
}

function endingEvent(turn: Turn, event: LinkEvent): void {
  if (event.shutdown_executor !== undefined) {
    const { framework_id, executor_id } = event.shutdown_executor
    return shutdownExecutor(turn, framework_id.value, executor_id.value)
  }
  if (event.drain !== undefined) return drain(turn, event.drain)
  if (event.standing !== undefined) return keepStanding(turn, event.standing)
  if (event.shutdown_framework !== undefined)
    return shutdownFramework(turn, event.shutdown_framework.framework_id.value)
  if (event.shutdown !== undefined) {
    const message = `The master shut this agent down: ${event.shutdown.message}`
    return shutdownAgent(turn, message, { tellMaster: false, leaves: false, forget: true })
  }
  log(turn, 'debug', 'event of the master ignored', { type: event.type })
}

function ping(turn: Turn, connected: boolean): void {
  if (turn.state.link.kind !== 'registered') return
  if (connected) callMaster(turn, { type: 'PONG' })
  else turn.emit({ type: 'reconnect', reason: 'the master holds this agent for disconnected' })
}

function acknowledged(turn: Turn, ack: LinkEventAcknowledge): void {
  const ids = { frameworkId: ack.framework_id.value, taskId: ack.task_id.value }
  const status = acknowledgeUpdate(turn, { ...ids, uuid: ack.uuid })
  if (status === undefined || !isTerminal(status.state)) return
  const found = findTask(turn.state, ids.frameworkId, ids.taskId)
  if (found === undefined) return settleAgent(turn)
  completeTask(turn, found.executor, found.task)
  settle(turn, found.framework, found.executor)
}
