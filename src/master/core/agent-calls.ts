// What an agent says beside its stream: updates, messages, executors that ended, what it would lend, farewell.
import { unreachable } from '../../base/errors.ts'
import { LEND_COUNTERS } from '../../resources/lend-counters.ts'
import { Resources } from '../../resources/resources.ts'
import { validateResources } from '../../resources/validate.ts'
import type {
  LinkCall,
  LinkCallExitedExecutor,
  LinkCallLending,
  LinkCallOversubscribed,
  LinkCallUpdate,
  LinkMessage,
} from '../../wire/link.ts'
import type { TaskState, TaskStatus } from '../../wire/tasks.ts'
import { removeAgent } from './agent-loss.ts'
import type { Agent, Framework, Task } from './cluster.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import { happened } from './occurrences.ts'
import { endOffer, offersOf } from './offers.ts'
import {
  applyStatus,
  findTask,
  removeExecutor,
  removeTask,
  shownExecutorId,
  stateFor,
  tellStatus,
} from './tasks.ts'
import { type Turn, count, drop, log, sendToAgent, sendToFramework } from './turn.ts'

export function agentCall(turn: Turn, agentId: string, call: LinkCall): void {
  const agent = turn.cluster.agents.get(agentId)
  if (agent === undefined) return drop(turn, call.type, 'its agent is not registered', { agent: agentId })
  switch (call.type) {
    case 'UPDATE':
      return call.update === undefined ? incomplete(turn, agent, call) : update(turn, agent, call.update)
    case 'MESSAGE':
      return call.message === undefined ? incomplete(turn, agent, call) : message(turn, agent, call.message)
    case 'EXITED_EXECUTOR':
      return call.exited_executor === undefined
        ? incomplete(turn, agent, call)
        : exitedExecutor(turn, agent, call.exited_executor)
    case 'OVERSUBSCRIBED':
      return oversubscribed(turn, agent, call.oversubscribed ?? {})
    case 'LENDING':
      return call.lending === undefined ? incomplete(turn, agent, call) : lending(turn, agent, call.lending)
    case 'PONG':
      agent.missedPongs = 0
      return
    case 'UNREGISTER':
      count(turn, 'master/messages_unregister_slave')
      return removeAgent(turn, agent, 'unregistered')
    case 'SUBSCRIBE':
    case 'UNKNOWN':
      return incomplete(turn, agent, call)
    default:
      return unreachable(call.type, 'call of an agent')
  }
}

function incomplete(turn: Turn, agent: Agent, call: LinkCall): void {
  drop(turn, call.type, 'it cannot be meant like this', { agent: agent.id })
}

/**
 * An update goes to its framework when that is connected; else the agent keeps retrying (spec/mesos.md 2.8). It goes
 * even when the task is out of the books, so that it can be acknowledged to the agent.
 */
function update(turn: Turn, agent: Agent, said: LinkCallUpdate): void {
  count(turn, 'master/messages_status_update')
  const frameworkId = said.framework_id.value
  const taskId = said.status.task_id.value
  const framework = turn.cluster.frameworks.get(frameworkId)
  if (framework === undefined) {
    count(turn, 'master/invalid_status_updates')
    log(turn, 'warn', `Ignored an update of task '${taskId}': its framework is unknown`, {
      framework: frameworkId,
    })
    // Whatever still runs for it there has nobody to answer to.
    sendToAgent(turn, agent, {
      type: 'SHUTDOWN_FRAMEWORK',
      shutdown_framework: { framework_id: { value: frameworkId } },
    })
    return
  }
  const task = findTask(agent, frameworkId, taskId)
  const disowned = task === undefined ? agent.disowned.get(frameworkId)?.has(taskId) === true : task.disowned
  if (disowned) {
    return updateOfDisowned(turn, framework, agent, said, task)
  }
  const status = completed(framework, agent, said, task)
  tellStatus(turn, framework, status)
  if (task === undefined) {
    count(turn, 'master/invalid_status_updates')
    return
  }
  const latest = said.latest_state === said.status.state ? status.state : said.latest_state
  applyStatus(turn, task, status, latest && stateFor(framework, latest))
  count(turn, 'master/valid_status_updates')
  if (isTerminal(task.state) && status.uuid === undefined) removeTask(turn, framework, agent, task)
}

/**
 * Clients need these fields (spec/clients.md Q17). An agent that does not know a framework any more cannot know which
 * states it understands.
 */
function completed(
  framework: Framework,
  agent: Agent,
  said: LinkCallUpdate,
  task: Task | undefined,
): TaskStatus {
  const { status } = said
  const executor = said.executor_id?.value ?? (task === undefined ? undefined : shownExecutorId(task))
  return {
    ...status,
    state: precise(framework, status),
    agent_id: status.agent_id ?? { value: agent.id },
    ...(status.executor_id === undefined && executor !== undefined
      ? { executor_id: { value: executor } }
      : {}),
  }
}

function precise(framework: Framework, { state, reason }: TaskStatus): TaskState {
  const unknownToAgent = state === 'TASK_LOST' && reason === 'REASON_RECONCILIATION'
  return unknownToAgent ? stateFor(framework, 'TASK_DROPPED') : stateFor(framework, state)
}

/** Its framework was told TASK_LOST and hears no more of it: the master acknowledges in its place. */
function updateOfDisowned(
  turn: Turn,
  framework: Framework,
  agent: Agent,
  said: LinkCallUpdate,
  task: Task | undefined,
): void {
  const { framework_id, status } = said
  if (status.uuid !== undefined) {
    sendToAgent(turn, agent, {
      type: 'ACKNOWLEDGE',
      acknowledge: { framework_id, task_id: status.task_id, uuid: status.uuid },
    })
  }
  count(turn, 'master/valid_status_updates')
  if (task !== undefined) applyStatus(turn, task, status, said.latest_state)
  // It stays among the disowned: the agent may send its end again before it has the acknowledgement.
  if (task !== undefined && isTerminal(status.state)) removeTask(turn, framework, agent, task)
}

function message(turn: Turn, agent: Agent, said: LinkMessage): void {
  count(turn, 'master/messages_executor_to_framework')
  const framework = turn.cluster.frameworks.get(said.framework_id.value)
  const sent =
    framework !== undefined &&
    sendToFramework(turn, framework, {
      type: 'MESSAGE',
      message: { agent_id: { value: agent.id }, executor_id: said.executor_id, data: said.data },
    })
  count(turn, `master/${sent ? 'valid' : 'invalid'}_executor_to_framework_messages`)
}

/** An executor of a framework's own ended: its resources are free, the framework hears FAILURE (spec/mesos.md 2.7). */
function exitedExecutor(turn: Turn, agent: Agent, said: LinkCallExitedExecutor): void {
  count(turn, 'master/messages_exited_executor')
  const executor = agent.executors.get(said.framework_id.value)?.get(said.executor_id.value)
  if (executor === undefined) {
    return drop(turn, 'EXITED_EXECUTOR', `the executor '${said.executor_id.value}' is not known`, {
      agent: agent.id,
      framework: said.framework_id.value,
    })
  }
  removeExecutor(turn, agent, executor)
  const framework = turn.cluster.frameworks.get(executor.frameworkId)
  if (framework === undefined) return
  sendToFramework(turn, framework, {
    type: 'FAILURE',
    failure: { agent_id: { value: agent.id }, executor_id: said.executor_id, status: said.status },
  })
}

/**
 * A new total of what is lent takes the place of the old (spec/mesos.md 11.3): the allocator learns it first, then
 * every offer of the agent that holds something revocable is rescinded.
 */
function oversubscribed(turn: Turn, agent: Agent, said: LinkCallOversubscribed): void {
  count(turn, 'master/messages_update_slave')
  const problem = validateResources(said.resources)
  if (problem !== undefined) {
    return drop(turn, 'OVERSUBSCRIBED', problem, { agent: agent.id })
  }
  agent.lentToldAt = turn.now
  const lent = Resources.from(said.resources).unallocated().markRevocable()
  if (lent.equals(agent.oversubscribed)) return
  agent.oversubscribed = lent
  agent.total = agent.own.plus(lent)
  turn.cluster.allocator.updateAgentTotal(agent.id, agent.total)
  happened(turn, { kind: 'lent-changed', agent })
  for (const offer of offersOf(turn, agent)) {
    if (!offer.resources.revocable().isEmpty) endOffer(turn, offer, { rescind: true })
  }
  turn.effects.push({ type: 'allocate-soon' })
}

/** For pages and metrics only: nothing is offered by it. */
function lending(turn: Turn, agent: Agent, said: LinkCallLending): void {
  const problem = validateResources(said.additional)
  if (problem !== undefined) return drop(turn, 'LENDING', problem, { agent: agent.id })
  const { additional, closed, counters = [], mode, sum, unknown } = said
  for (const { name, value } of counters) countLending(turn, agent, name, value)
  const from = agent.lending?.mode
  agent.lending = {
    mode: cut(mode),
    sum: cut(sum ?? ''),
    lendable: Resources.from(additional).unallocated().markRevocable(),
    unknown: unknown === undefined ? undefined : cut(unknown),
    closed: closed === undefined ? undefined : cut(closed),
    toldAt: turn.now,
  }
  if (agent.lending.mode !== from) happened(turn, { kind: 'lend-mode', agent, from })
}

/** Agents count for themselves; one that counts from the beginning has started anew. */
function countLending(turn: Turn, agent: Agent, name: string, value: number): void {
  if (!LEND_COUNTERS.includes(name) || !(value >= 0)) return
  const before = agent.lendCounted.get(name) ?? 0
  agent.lendCounted.set(name, value)
  const more = value < before ? value : value - before
  if (more <= 0) return
  count(turn, name, more)
  happened(turn, { kind: 'lend-step', agent, counter: name, by: more })
}

/** What an agent says is kept for as long as it is there, so it has an end. */
const MOST_WORDS = 2000
const cut = (words: string): string => words.slice(0, MOST_WORDS)
