// Tasks and executors in the books: their states, their updates, when they let go of resources, when they are over.
import type { TaskInfo, TaskState, TaskStatus, TaskStatusReason } from '../../wire/tasks.ts'
import { type Agent, type Executor, type Framework, type Task, isPartitionAware } from './cluster.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import { happened } from './occurrences.ts'
import { type Turn, count, log, sendToFramework } from './turn.ts'

/** What a status of the master's own making says; time and source are added. */
export interface MasterStatus {
  readonly taskId: string
  readonly state: TaskState
  readonly message: string
  readonly reason: TaskStatusReason
  readonly agentId?: string | undefined
  readonly executorId?: string | undefined
  readonly unreachableSince?: number
}

/** A status without uuid: nobody has to acknowledge it (spec/mesos.md 2.7). */
export function masterStatus(now: number, said: MasterStatus): TaskStatus {
  return {
    task_id: { value: said.taskId },
    state: said.state,
    message: said.message,
    source: 'SOURCE_MASTER',
    reason: said.reason,
    ...(said.agentId === undefined ? {} : { agent_id: { value: said.agentId } }),
    ...(said.executorId === undefined ? {} : { executor_id: { value: said.executorId } }),
    timestamp: now / 1000,
    ...(said.unreachableSince === undefined
      ? {}
      : { unreachable_time: { nanoseconds: said.unreachableSince * 1e6 } }),
  }
}

/** The state as this framework may hear it: the newer ones are LOST to those that are not partition-aware. */
export function stateFor(framework: Framework, state: TaskState): TaskState {
  switch (state) {
    case 'TASK_DROPPED':
    case 'TASK_UNREACHABLE':
    case 'TASK_GONE':
    case 'TASK_GONE_BY_OPERATOR':
    case 'TASK_UNKNOWN':
      return isPartitionAware(framework) ? state : 'TASK_LOST'
    case 'TASK_STAGING':
    case 'TASK_STARTING':
    case 'TASK_RUNNING':
    case 'TASK_KILLING':
    case 'TASK_FINISHED':
    case 'TASK_FAILED':
    case 'TASK_KILLED':
    case 'TASK_ERROR':
    case 'TASK_LOST':
      return state
  }
}

export function tellStatus(turn: Turn, framework: Framework, status: TaskStatus): boolean {
  return sendToFramework(turn, framework, { type: 'UPDATE', update: { status } })
}

/** Tells the end of a task that never began: it was refused or its offer was gone. */
export function tellNeverLaunched(turn: Turn, framework: Framework, said: MasterStatus): void {
  const status = masterStatus(turn.now, { ...said, state: stateFor(framework, said.state) })
  countEnd(turn, status, status.state)
  log(turn, 'info', `Task '${said.taskId}' is not launched: ${said.message}`, {
    framework: framework.id,
    reason: said.reason,
  })
  happened(turn, { kind: 'task-refused', framework, status })
  tellStatus(turn, framework, status)
}

export function addTask(framework: Framework, agent: Agent, task: Task): void {
  const taskId = task.info.task_id.value
  if (!task.disowned) framework.tasks.set(taskId, task)
  within(agent.tasks, framework.id).set(taskId, task)
}

export function findTask(agent: Agent, frameworkId: string, taskId: string): Task | undefined {
  return agent.tasks.get(frameworkId)?.get(taskId)
}

/**
 * Brings the books to what a status says. Resources are let go once, when the newest state is terminal or unreachable
 * (spec/mesos.md 2.8): `latest` may be ahead of the status, which waits its turn to be acknowledged.
 */
export function applyStatus(turn: Turn, task: Task, status: TaskStatus, latest?: TaskState): void {
  const next = latest ?? status.state
  const ends = !isOver(task.state) && isOver(next)
  if (!isTerminal(task.state)) task.state = next
  // An agent sends an update again until it is acknowledged.
  const isNew = status.uuid === undefined || task.update?.uuid !== status.uuid
  if (status.uuid !== undefined) task.update = { state: status.state, uuid: status.uuid }
  remember(task, status)
  if (isNew) happened(turn, { kind: 'task-updated', task, status })
  if (!ends) return
  giveBack(turn, task)
  countEnd(turn, status, isTerminal(status.state) ? status.state : next)
}

/** Takes a task whose resources are let go out of the books; it stays among the completed or the unreachable. */
export function removeTask(turn: Turn, framework: Framework, agent: Agent, task: Task): void {
  const taskId = task.info.task_id.value
  if (!isOver(task.state)) giveBack(turn, task)
  without(agent.tasks, task.frameworkId, taskId)
  forgetId(agent.killed, task.frameworkId, taskId)
  // A disowned task ended for its framework long ago, and another may bear its id by now.
  if (task.disowned) return
  framework.tasks.delete(taskId)
  const { maxUnreachableTasksPerFramework } = turn.cluster.options
  if (task.state === 'TASK_UNREACHABLE') {
    // Set again at the end: the order of the map is the order of leaving.
    framework.unreachableTasks.delete(taskId)
    framework.unreachableTasks.set(taskId, task)
    trimMap(framework.unreachableTasks, maxUnreachableTasksPerFramework)
  } else complete(turn, framework, task)
}

/** The end of a task as the master decides it: books, the framework when it is connected, and out of the lists. */
export function endTask(
  turn: Turn,
  framework: Framework,
  agent: Agent,
  task: Task,
  said: Omit<MasterStatus, 'taskId' | 'agentId' | 'executorId'> & { readonly tell: boolean },
): void {
  const known = isTerminal(task.state) ? task.state : undefined
  const mayReturn = said.state === 'TASK_UNREACHABLE'
  // Its true end is known here. If the agent is gone for good the framework learns that end, not a guess of the master;
  // an agent that comes back will tell it by itself, after all that happened before.
  const replaced = known !== undefined && !mayReturn
  const status = masterStatus(turn.now, {
    ...said,
    ...(replaced ? { message: `${said.message}; the task had ended before as ${known}` } : {}),
    state: replaced ? known : stateFor(framework, said.state),
    taskId: task.info.task_id.value,
    agentId: agent.id,
    executorId: shownExecutorId(task),
  })
  const endWasSent = task.update !== undefined && isTerminal(task.update.state)
  // With its framework gone nobody is told anything new: what it ended of, once told, stays its last status.
  const isNews = replaced && (said.tell || !endWasSent)
  if (known === undefined || isNews) applyStatus(turn, task, status, known ?? said.state)
  if (said.tell && !task.disowned && !(mayReturn && endWasSent)) tellStatus(turn, framework, status)
  removeTask(turn, framework, agent, task)
}

/** The end of a task whose resources went with its agent before, and that is in no books of any agent. */
export function endAway(turn: Turn, framework: Framework, task: Task, status: TaskStatus): void {
  applyStatus(turn, task, status)
  countEnd(turn, status, status.state)
  tellStatus(turn, framework, status)
  complete(turn, framework, task)
}

function complete(turn: Turn, framework: Framework, task: Task): void {
  framework.completedTasks.push(task)
  const excess = framework.completedTasks.length - turn.cluster.options.maxCompletedTasksPerFramework
  if (excess > 0) framework.completedTasks.splice(0, excess)
}

/** Clients expect one (spec/clients.md Q17): a command task is its own executor. */
export function shownExecutorId(task: Task): string {
  return task.executorId ?? task.info.task_id.value
}

export function newTask(
  info: TaskInfo,
  framework: Framework,
  agentId: string,
  resources: Task['resources'],
): Task {
  return {
    info,
    frameworkId: framework.id,
    agentId,
    executorId: info.executor?.executor_id.value,
    resources,
    role: resources.entries[0]?.identity.allocatedTo ?? framework.roles[0] ?? '*',
    user: info.command?.user ?? info.executor?.command?.user ?? framework.info.user,
    state: 'TASK_STAGING',
    update: undefined,
    statuses: [],
    disowned: false,
  }
}

export function addExecutor(agent: Agent, executor: Executor): void {
  within(agent.executors, executor.frameworkId).set(executor.info.executor_id.value, executor)
}

export function removeExecutor(turn: Turn, agent: Agent, executor: Executor): void {
  without(agent.executors, executor.frameworkId, executor.info.executor_id.value)
  giveBack(turn, executor)
}

/**
 * What ended lets go of its resources, which are offered again at once. In Mesos they wait for the next batch (spec
 * 12.2), so that a framework of short tasks idles for most of every second.
 */
function giveBack(turn: Turn, held: Task | Executor): void {
  const { frameworkId, agentId, resources } = held
  turn.cluster.allocator.recover(frameworkId, agentId, resources, {}, turn.now)
  turn.effects.push({ type: 'allocate-soon', agentId })
}

/** The map for a key, made when it is not there. */
export function within<K, V>(outer: Map<string, Map<K, V>>, key: string): Map<K, V> {
  let inner = outer.get(key)
  if (inner === undefined) {
    inner = new Map()
    outer.set(key, inner)
  }
  return inner
}

export function rememberId(sets: Map<string, Set<string>>, key: string, id: string): void {
  const ids = sets.get(key)
  if (ids === undefined) sets.set(key, new Set([id]))
  else ids.add(id)
}

export function forgetId(sets: Map<string, Set<string>>, key: string, id: string): void {
  const ids = sets.get(key)
  ids?.delete(id)
  if (ids?.size === 0) sets.delete(key)
}

/** Drops the oldest entries of a map until it fits. */
export function trimMap(map: Map<string, unknown>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) return
    map.delete(key)
  }
}

/** Terminal, or unreachable: nothing is held on the agent any more. */
export function isOver(state: TaskState): boolean {
  return isTerminal(state) || state === 'TASK_UNREACHABLE'
}

function without<V>(outer: Map<string, Map<string, V>>, key: string, id: string): void {
  const inner = outer.get(key)
  inner?.delete(id)
  if (inner?.size === 0) outer.delete(key)
}

// One entry per change of state: a status of the same state takes the place of the last (spec/mesos.md 2.8).
function remember(task: Task, status: TaskStatus): void {
  if (task.statuses.at(-1)?.state === status.state) task.statuses.pop()
  const { data: _, ...kept } = status
  task.statuses.push(kept)
}

function countEnd(turn: Turn, status: TaskStatus, end: TaskState): void {
  if (!isTerminal(end)) return
  const state = end.toLowerCase()
  count(turn, `master/${state.replace('task_', 'tasks_')}`)
  // The newest state may be ahead of the status, whose source and reason then belong to another state.
  if (status.state !== end || status.source === undefined || status.reason === undefined) return
  // Metrics keep the old words: `slave` where messages say `agent`.
  const said = (word: string): string => word.toLowerCase().replace('agent', 'slave')
  count(turn, `master/${state}/${said(status.source)}/${said(status.reason)}`)
}
