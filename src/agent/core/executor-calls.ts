// What a custom executor says: SUBSCRIBE, UPDATE, MESSAGE, and the loss of its connection (spec/mesos.md 3.1, 3.2).
import type { ContainerStatus } from '../../wire/containers.ts'
import type { ExecutorCall } from '../../wire/executor.ts'
import type { LinkMessage } from '../../wire/link.ts'
import type { TaskInfo, TaskStatus } from '../../wire/tasks.ts'
import { deliverQueued, isIdle, resize, sendKill, shutDown, tell, type Custom } from './executors.ts'
import { findExecutor, type AgentState, type CustomExecutor } from './state.ts'
import { containerStatusOf, lostAs } from './statuses.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import { record, report } from './tasks.ts'
import { callMaster, count, log, type Turn } from './turn.ts'

/** The custom executor that a call names; undefined for command tasks, whose executor is no process that could call. */
export function customExecutor(
  state: AgentState,
  frameworkId: string,
  executorId: string,
): Custom | undefined {
  const framework = state.frameworks.get(frameworkId)
  const executor = findExecutor(state, frameworkId, executorId)
  return framework !== undefined && executor?.kind === 'custom' ? { framework, executor } : undefined
}

/** The stream `connection` is open; what it is told first depends on what both sides know (spec/mesos.md 3.2). */
export function subscribe(turn: Turn, connection: string, call: ExecutorCall): void {
  const at = customExecutor(turn.state, call.framework_id.value, call.executor_id.value)
  const kind = at?.executor.life.kind
  if (
    at === undefined ||
    kind === 'terminating' ||
    kind === 'terminated' ||
    at.framework.life === 'terminating'
  ) {
    turn.emit({ type: 'to-executor', connection, event: { type: 'SHUTDOWN' } })
    turn.emit({ type: 'close-executor', connection })
    return
  }
  const { executor } = at
  if (executor.life.kind === 'running' && executor.life.connection !== connection)
    turn.emit({ type: 'close-executor', connection: executor.life.connection })
  executor.life = { kind: 'running', connection }
  turn.changes.executor(executor)
  log(turn, 'info', 'executor subscribed', { frameworkId: executor.frameworkId, executorId: executor.id })
  for (const { status } of call.subscribe?.unacknowledged_updates ?? []) takeStatus(turn, at, status)
  dropUnheard(turn, at, call.subscribe?.unacknowledged_tasks ?? [])
  if (isIdle(executor)) {
    shutDown(turn, at, { kind: 'idle' })
    return
  }
  welcome(turn, at)
  for (const task of executor.tasks.values()) sendKill(turn, executor, task)
  deliverQueued(turn, executor)
}

/** Tasks whose LAUNCH the executor never got. */
function dropUnheard(turn: Turn, at: Custom, known: readonly TaskInfo[]): void {
  const ids = new Set(known.map(({ task_id }) => task_id.value))
  for (const task of at.executor.tasks.values()) {
    if (task.life.kind !== 'launched' || task.state !== 'TASK_STAGING') continue
    if (ids.has(task.info.task_id.value)) continue
    report(
      turn,
      { ...at, task },
      {
        state: lostAs(at.framework.info, 'TASK_DROPPED'),
        source: 'SOURCE_AGENT',
        reason: 'REASON_AGENT_RESTARTED',
        message: 'Task was sent while its executor was disconnected from the agent',
      },
    )
  }
}

function welcome(turn: Turn, { framework, executor }: Custom): void {
  const { agentId } = turn.state
  tell(turn, executor, {
    type: 'SUBSCRIBED',
    subscribed: {
      executor_info: executor.info,
      framework_info: { ...framework.info, id: { value: framework.id } },
      agent_info: { ...turn.settings.info, ...(agentId !== undefined && { id: { value: agentId } }) },
      container_id: { value: executor.containerId },
    },
  })
}

/** UPDATE and MESSAGE of an executor that passed the gate. */
export function executorCall(turn: Turn, call: ExecutorCall): void {
  const at = customExecutor(turn.state, call.framework_id.value, call.executor_id.value)
  if (at === undefined) return
  if (call.type === 'UPDATE' && call.update !== undefined) takeStatus(turn, at, call.update.status)
  if (call.type === 'MESSAGE' && call.message !== undefined) {
    count(turn, 'slave/valid_framework_messages')
    callMaster(turn, {
      type: 'MESSAGE',
      message: {
        framework_id: call.framework_id,
        executor_id: call.executor_id,
        data: call.message.data,
      },
    })
  }
}

/** Taken or seen before: acknowledged to the executor, which else sends it again for ever (spec/mesos.md 6.1). */
function takeStatus(turn: Turn, at: Custom, status: TaskStatus): void {
  const { executor } = at
  const taskId = status.task_id.value
  const task = executor.tasks.get(taskId)
  const acceptance =
    task === undefined ? 'duplicate' : record(turn, { ...at, task }, completed(turn, at, status, task.info))
  const fields = { frameworkId: executor.frameworkId, executorId: executor.id, taskId, state: status.state }
  count(turn, acceptance === 'taken' ? 'slave/valid_status_updates' : 'slave/invalid_status_updates')
  if (acceptance === 'full') {
    log(turn, 'warn', 'status update not taken: too many wait for acknowledgement', fields)
    return
  }
  if (acceptance === 'duplicate')
    log(turn, 'debug', 'status update ignored: it was taken before, or its task has ended', fields)
  const { uuid } = status
  if (uuid !== undefined)
    tell(turn, executor, { type: 'ACKNOWLEDGED', acknowledged: { task_id: status.task_id, uuid } })
  if (acceptance === 'taken' && isTerminal(status.state) && executor.life.kind === 'running')
    resize(turn, executor)
}

/** Executors often say no more than task, state and uuid (spec/clients.md Q17). */
function completed(turn: Turn, at: Custom, status: TaskStatus, task: TaskInfo): TaskStatus {
  const { agentId } = turn.state
  return {
    ...status,
    source: 'SOURCE_EXECUTOR',
    ...(agentId !== undefined && { agent_id: { value: agentId } }),
    executor_id: { value: at.executor.id },
    timestamp: status.timestamp ?? turn.now / 1000,
    container_status: joined(containerStatusOf(turn, at.executor, task), status.container_status),
  }
}

function joined(ours: ContainerStatus, theirs: ContainerStatus | undefined): ContainerStatus {
  const networks = theirs?.network_infos ?? []
  return { ...theirs, ...ours, ...(networks.length > 0 && { network_infos: networks }) }
}

/** The stream of an executor ended; the executor itself may come back. */
export function disconnected(turn: Turn, connection: string): void {
  const executor = connectedExecutor(turn.state, connection)
  if (executor === undefined) return
  if (executor.life.kind === 'running') executor.life = { kind: 'disconnected' }
  else if (executor.life.kind === 'terminating') executor.life = { ...executor.life, connection: undefined }
  log(turn, 'info', 'executor disconnected', {
    frameworkId: executor.frameworkId,
    executorId: executor.id,
  })
}

function connectedExecutor(state: AgentState, connection: string): CustomExecutor | undefined {
  for (const framework of state.frameworks.values())
    for (const executor of framework.executors.values()) {
      if (executor.kind !== 'custom') continue
      const { life } = executor
      if ((life.kind === 'running' || life.kind === 'terminating') && life.connection === connection)
        return executor
    }
  return undefined
}

/** A framework's message; it is dropped when the executor does not listen, as in Mesos. */
export function messageToExecutor(turn: Turn, message: LinkMessage): void {
  const at = customExecutor(turn.state, message.framework_id.value, message.executor_id.value)
  const listens =
    at?.executor.life.kind === 'running' &&
    tell(turn, at.executor, { type: 'MESSAGE', message: { data: message.data } })
  count(turn, listens ? 'slave/valid_framework_messages' : 'slave/invalid_framework_messages')
  if (!listens)
    log(turn, 'warn', 'message dropped: its executor does not listen', {
      frameworkId: message.framework_id.value,
      executorId: message.executor_id.value,
    })
}
