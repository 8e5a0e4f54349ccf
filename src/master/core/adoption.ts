// What a subscribing agent brings with it, compared with what the books say: taken in, ended, killed or asked about.
import { Resources } from '../../resources/resources.ts'
import type { LinkCallSubscribe, LinkEvent, LinkReconcileTask, LinkTask } from '../../wire/link.ts'
import { type Agent, type Framework, type Task, executorsOf } from './cluster.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import type { FrameworkInfo } from '../../wire/frameworks.ts'
import type { TaskState } from '../../wire/tasks.ts'
import { addFramework } from './frameworks.ts'
import {
  addExecutor,
  addTask,
  endTask,
  findTask,
  masterStatus,
  newTask,
  rememberId,
  removeExecutor,
  removeTask,
  shownExecutorId,
  stateFor,
  tellStatus,
} from './tasks.ts'
import { happened } from './occurrences.ts'
import type { Turn } from './turn.ts'

/** What the master knew of the agent when it subscribed. */
export type Acquaintance = 'new' | 'known' | 'unreachable' | 'unknown'

export interface Adoption {
  /** Tasks that the agent should have and does not. */
  readonly reconcile: LinkReconcileTask[]
  /** To be sent after REGISTERED, in this order. */
  readonly events: LinkEvent[]
}

/**
 * Takes in frameworks, executors and tasks that only the agent knows, so that nothing is lost when the master starts
 * anew, and settles everything that only the books know (spec/mesos.md 2.3, 5.3).
 */
export function adopt(
  turn: Turn,
  agent: Agent,
  asked: LinkCallSubscribe,
  acquaintance: Acquaintance,
): Adoption {
  const adoption: Adoption = { reconcile: [], events: [] }
  adoptFrameworks(turn, asked, adoption)
  adoptExecutors(turn, agent, asked)
  for (const reported of asked.tasks ?? []) adoptTask(turn, agent, reported, acquaintance, adoption)
  settleMissingExecutors(turn, agent, asked)
  settleMissingTasks(turn, agent, asked, adoption)
  if (acquaintance === 'unreachable') settleUnreachableTasks(turn, agent, asked, adoption)
  forgetMissingDisowned(agent, asked)
  killAgain(agent, adoption)
  return adoption
}

function adoptFrameworks(turn: Turn, asked: LinkCallSubscribe, adoption: Adoption): void {
  const { frameworks, completedFrameworks } = turn.cluster
  const named = new Set((asked.frameworks ?? []).flatMap((info) => info.id?.value ?? []))
  for (const info of asked.frameworks ?? []) {
    const id = info.id?.value
    if (id === undefined || completedFrameworks.has(id)) continue
    const framework = frameworks.get(id) ?? recovered(turn, id, info)
    if (framework.state.kind === 'recovered') continue
    const update = { framework_info: framework.info }
    adoption.events.push({ type: 'UPDATE_FRAMEWORK', update_framework: update })
  }
  for (const { framework_id: id } of [...(asked.executors ?? []), ...(asked.tasks ?? [])]) named.add(id.value)
  for (const id of named) {
    if (frameworks.has(id)) continue
    adoption.events.push({ type: 'SHUTDOWN_FRAMEWORK', shutdown_framework: { framework_id: { value: id } } })
  }
}

function recovered(turn: Turn, id: string, info: FrameworkInfo): Framework {
  const framework = addFramework(turn, id, info)
  happened(turn, { kind: 'framework-recovered', framework })
  return framework
}

function adoptExecutors(turn: Turn, agent: Agent, asked: LinkCallSubscribe): void {
  for (const { framework_id: id, executor_info: info, command_executor: stands } of asked.executors ?? []) {
    const framework = turn.cluster.frameworks.get(id.value)
    // One that stands for a command task is the agent's own business: the task's resources are all it has.
    if (stands || framework === undefined) continue
    if (executorsOf(agent, framework.id).has(info.executor_id.value)) continue
    const resources = allocated(Resources.from(info.resources), framework)
    addExecutor(agent, { info, frameworkId: framework.id, agentId: agent.id, resources })
  }
}

function allocated(resources: Resources, framework: Framework): Resources {
  const missing = resources.entries.some((entry) => entry.identity.allocatedTo === undefined)
  return missing ? resources.allocateTo(framework.roles[0] ?? '*') : resources
}

function adoptTask(
  turn: Turn,
  agent: Agent,
  reported: LinkTask,
  acquaintance: Acquaintance,
  adoption: Adoption,
): void {
  const framework = turn.cluster.frameworks.get(reported.framework_id.value)
  const taskId = reported.task.task_id.value
  if (framework === undefined || findTask(agent, framework.id, taskId) !== undefined) return
  // The agent only waits for its acknowledgement: it will send the update again, and that goes on to the framework.
  if (acquaintance === 'known' && isTerminal(reported.state)) return
  const task = taskFrom(reported, framework, agent)
  task.disowned = isDisowned(agent, framework, taskId)
  addTask(framework, agent, task)
  framework.unreachableTasks.delete(taskId)
  if (task.disowned) {
    rememberId(agent.disowned, framework.id, taskId)
    adoption.events.push(killEvent(framework.id, taskId))
    return
  }
  happened(turn, { kind: 'task-added', task, brought: true })
  dropFromCompleted(framework, agent, taskId)
  if (!isTerminal(task.state)) tellBack(turn, framework, task, acquaintance)
}

/** Told as lost before, or its id was given to another task since. */
function isDisowned(agent: Agent, framework: Framework, taskId: string): boolean {
  return agent.disowned.get(framework.id)?.has(taskId) === true || framework.tasks.has(taskId)
}

function taskFrom(reported: LinkTask, framework: Framework, agent: Agent): Task {
  const resources = allocated(Resources.from(reported.task.resources), framework)
  const task = newTask(reported.task, framework, agent.id, resources)
  task.state = reported.state
  const { status_update_state: state, status_update_uuid: uuid } = reported
  if (state !== undefined && uuid !== undefined) task.update = { state, uuid }
  for (const { data: _, ...kept } of reported.statuses ?? []) task.statuses.push(kept)
  return task
}

function dropFromCompleted(framework: Framework, agent: Agent, taskId: string): void {
  const index = framework.completedTasks.findLastIndex(
    (task) => task.info.task_id.value === taskId && task.agentId === agent.id,
  )
  if (index >= 0) framework.completedTasks.splice(index, 1)
}

function tellBack(turn: Turn, framework: Framework, task: Task, acquaintance: Acquaintance): void {
  const status = masterStatus(turn.now, {
    taskId: task.info.task_id.value,
    state: stateFor(framework, task.update?.state ?? task.state),
    message: `${acquaintance === 'unreachable' ? 'Unreachable' : 'Unknown'} agent reregistered`,
    reason: 'REASON_AGENT_REREGISTERED',
    agentId: task.agentId,
    executorId: shownExecutorId(task),
  })
  tellStatus(turn, framework, status)
}

function settleMissingExecutors(turn: Turn, agent: Agent, asked: LinkCallSubscribe): void {
  const there = new Set(
    (asked.executors ?? []).map((one) => keyOf(one.framework_id.value, one.executor_info.executor_id.value)),
  )
  for (const [frameworkId, executors] of agent.executors) {
    for (const [executorId, executor] of executors) {
      if (!there.has(keyOf(frameworkId, executorId))) removeExecutor(turn, agent, executor)
    }
  }
}

/** The agent tells the end of what it does not know; what had ended already is told here. */
function settleMissingTasks(turn: Turn, agent: Agent, asked: LinkCallSubscribe, adoption: Adoption): void {
  const there = tasksIn(asked)
  for (const [frameworkId, tasks] of agent.tasks) {
    const framework = turn.cluster.frameworks.get(frameworkId)
    if (framework === undefined) continue
    for (const [taskId, task] of tasks) {
      if (there.has(keyOf(frameworkId, taskId))) continue
      if (task.disowned) removeTask(turn, framework, agent, task)
      else if (isTerminal(task.state)) tellMissed(turn, framework, agent, task)
      else adoption.reconcile.push({ framework_id: { value: frameworkId }, task_id: { value: taskId } })
    }
  }
}

function tellMissed(turn: Turn, framework: Framework, agent: Agent, task: Task): void {
  endTask(turn, framework, agent, task, {
    state: task.state,
    message: `Agent ${agent.info.hostname} came back without the task`,
    reason: 'REASON_RECONCILIATION',
    tell: true,
  })
}

/** Tasks that were lost from sight with the agent, and that it came back without. */
function settleUnreachableTasks(
  turn: Turn,
  agent: Agent,
  asked: LinkCallSubscribe,
  adoption: Adoption,
): void {
  const there = tasksIn(asked)
  for (const framework of turn.cluster.frameworks.values()) {
    for (const [taskId, task] of framework.unreachableTasks) {
      if (task.agentId !== agent.id || there.has(keyOf(framework.id, taskId))) continue
      framework.unreachableTasks.delete(taskId)
      // Back into the books until the agent says what became of it, so that nobody hears a guess before.
      task.state = stateBefore(task)
      if (!framework.tasks.has(taskId)) addTask(framework, agent, task)
      adoption.reconcile.push({ framework_id: { value: framework.id }, task_id: { value: taskId } })
    }
  }
}

function stateBefore(task: Task): TaskState {
  const before = task.statuses.findLast(({ state }) => state !== 'TASK_UNREACHABLE' && !isTerminal(state))
  return before?.state ?? 'TASK_STAGING'
}

function forgetMissingDisowned(agent: Agent, asked: LinkCallSubscribe): void {
  const there = tasksIn(asked)
  for (const [frameworkId, ids] of agent.disowned) {
    for (const id of ids) if (!there.has(keyOf(frameworkId, id))) ids.delete(id)
    if (ids.size === 0) agent.disowned.delete(frameworkId)
  }
}

function killAgain(agent: Agent, adoption: Adoption): void {
  for (const [frameworkId, ids] of agent.killed) {
    for (const taskId of ids) {
      const task = findTask(agent, frameworkId, taskId)
      if (task !== undefined && !isTerminal(task.state)) adoption.events.push(killEvent(frameworkId, taskId))
    }
  }
}

function killEvent(frameworkId: string, taskId: string): LinkEvent {
  return {
    type: 'KILL_TASK',
    kill_task: { framework_id: { value: frameworkId }, task_id: { value: taskId } },
  }
}

function tasksIn(asked: LinkCallSubscribe): ReadonlySet<string> {
  return new Set((asked.tasks ?? []).map((one) => keyOf(one.framework_id.value, one.task.task_id.value)))
}

// Ids hold no slash (spec/mesos.md 2.9).
function keyOf(frameworkId: string, id: string): string {
  return `${frameworkId}/${id}`
}
