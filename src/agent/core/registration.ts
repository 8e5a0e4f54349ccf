// Registration: what the agent tells a master that it meets, and what it learns from the answer (spec/mesos.md 5.2).
import type { LinkCall, LinkEventRegistered, LinkExecutor, LinkTask } from '../../wire/link.ts'
import { setOversubscribed, tellLending } from './corrections.ts'
import { infoOf } from './endings.ts'
import { findTask, streamKey, type AgentState, type Executor, type Framework, type Task } from './state.ts'
import { lostAs } from './statuses.ts'
import { reportOrphan } from './tasks.ts'
import { resumeUpdates, unacknowledgedOf } from './updates.ts'
import { log, type Turn } from './turn.ts'

/** The call that opens the link: everything that the agent still has. */
export function subscribeCall(turn: Turn): LinkCall {
  const { state, settings } = turn
  const id = state.agentId === undefined ? undefined : { value: state.agentId }
  const frameworks = [...state.frameworks.values()]
  return {
    ...(id !== undefined && { agent_id: id }),
    type: 'SUBSCRIBE',
    subscribe: {
      agent_info: { ...settings.info, ...(id !== undefined && { id }) },
      version: settings.version,
      ...(id !== undefined && { agent_id: id }),
      capabilities: settings.capabilities,
      frameworks: frameworks.map((framework) => ({ ...framework.info, id: { value: framework.id } })),
      executors: frameworks.flatMap(linkExecutors),
      tasks: frameworks.flatMap((framework) => linkTasks(state, framework)),
      oversubscribed_resources: state.oversubscribed.toWire(),
      ...(state.standing !== undefined && { standing: state.standing }),
      ip: settings.ip,
    },
  }
}

function linkExecutors(framework: Framework): LinkExecutor[] {
  const alive = [...framework.executors.values()].filter(({ life }) => life.kind !== 'terminated')
  return alive.map((executor) => ({
    framework_id: { value: framework.id },
    executor_info: executor.info,
    command_executor: executor.kind === 'supervised',
  }))
}

function linkTasks(state: AgentState, framework: Framework): LinkTask[] {
  const tasks = [...framework.executors.values()].flatMap((executor: Executor) => [
    ...executor.tasks.values(),
  ])
  return tasks.map((task) => linkTask(state, framework, task))
}

function linkTask(
  state: AgentState,
  framework: Framework,
  { info, state: newest, statuses }: Task,
): LinkTask {
  const pending = unacknowledgedOf(state, framework.id, info.task_id.value)
  const waiting = new Set(pending.map(({ uuid }) => uuid))
  const [told] = pending
  return {
    task: info,
    framework_id: { value: framework.id },
    state: newest,
    statuses: [...statuses.filter(({ uuid }) => !waiting.has(uuid)), ...(told === undefined ? [] : [told])],
    ...(told?.uuid !== undefined && { status_update_state: told.state, status_update_uuid: told.uuid }),
  }
}

/** The link opens: remembers what the master is being told. An agent that has said goodbye does not come back. */
export function openLink(turn: Turn): void {
  if (turn.state.life.kind === 'done') return
  turn.state.link = { kind: 'subscribing' }
  turn.state.oversubscribedSent = turn.state.oversubscribed
  turn.emit({ type: 'subscribe', call: subscribeCall(turn) })
}

export function registered(turn: Turn, event: LinkEventRegistered): void {
  const { state } = turn
  const id = event.agent_id.value
  if (state.agentId !== undefined && state.agentId !== id) {
    turn.emit({
      type: 'fatal',
      message: `The master registered this agent as ${id}, but it is ${state.agentId}.`,
    })
    return
  }
  if (state.agentId === undefined) turn.changes.agent = true
  state.agentId = id
  state.cluster = event.cluster
  state.link = { kind: 'registered', pingTimeoutMs: event.total_ping_timeout_seconds * 1000 }
  log(turn, 'info', 'registered with the master', { agentId: id, masterId: event.master_info.id })
  resumeUpdates(turn)
  for (const { framework_id, task_id } of event.reconcile_tasks ?? [])
    reconcile(turn, framework_id.value, task_id.value)
  // It may have changed while the answer was under way.
  setOversubscribed(turn, state.oversubscribed)
  if (state.lending !== undefined) tellLending(turn, state.lending)
}

/**
 * Only a registration tells it (spec/mesos.md 5.7). The link is opened anew for it unless that would cost tasks: those
 * of frameworks without `checkpoint` do not outlive it.
 */
export function infoChanged(turn: Turn): void {
  const { state } = turn
  turn.changes.agent = true
  if (state.link.kind !== 'registered') return
  const frameworks = [...state.frameworks.values()]
  const reason = 'what this agent says of itself has changed'
  if (frameworks.every(({ info }) => info.checkpoint === true)) turn.emit({ type: 'reconnect', reason })
  else log(turn, 'info', `${reason}: the next registration tells it`, {})
}

/** A task that the master believes to be here gets an end when it is not. */
function reconcile(turn: Turn, frameworkId: string, taskId: string): void {
  if (findTask(turn.state, frameworkId, taskId) !== undefined) return
  if (turn.state.streams.has(streamKey(frameworkId, taskId))) return
  reportOrphan(
    turn,
    { frameworkId, taskId, executorId: undefined },
    {
      state: lostAs(infoOf(turn, frameworkId), 'TASK_DROPPED'),
      source: 'SOURCE_AGENT',
      reason: 'REASON_RECONCILIATION',
      message: 'Reconciliation: task unknown to the agent',
    },
  )
}
