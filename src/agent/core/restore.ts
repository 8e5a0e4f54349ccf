// Makes the agent's state again from the rows that an earlier life wrote down; what does not fit together is said.
import { unreachable } from '../../base/errors.ts'
import { Resources } from '../../resources/resources.ts'
import {
  SavedAgent,
  type SavedEnding,
  SavedExecutor,
  SavedFramework,
  SavedTask,
} from '../../wire/checkpoint.ts'
import { parseMessage } from '../../wire/json.ts'
import type { Message } from '../../wire/message.ts'
import {
  type AgentState,
  type ContainerProcess,
  type CustomLife,
  type Ending,
  type Executor,
  type ExecutorCommon,
  newState,
  streamKey,
  type SupervisedLife,
  type Task,
  type TaskLife,
} from './state.ts'
import { executorKey, taskKey } from './changes.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import { RETRY_MIN_MS } from './updates.ts'

/** A row as it was read. */
export interface FoundRow {
  readonly kind: string
  readonly key: string
  readonly value: string
}

export interface Restored {
  readonly state: AgentState
  /** What the agent's own record says; undefined on a first start. */
  readonly agent: SavedAgent | undefined
  /** Rows that cannot be used, each as a sentence; they are left out, with all that belongs to them. */
  readonly problems: readonly string[]
  /** The rows that were left out. */
  readonly unusable: readonly FoundRow[]
}

interface Reading {
  readonly state: AgentState
  readonly problems: string[]
  readonly unusable: FoundRow[]
}

/** Pure: no rows make the state of a first start. */
export function restore(rows: readonly FoundRow[]): Restored {
  const reading: Reading = { state: newState(), problems: [], unusable: [] }
  const of = (kind: string): readonly FoundRow[] => rows.filter((row) => row.kind === kind)
  let agent: SavedAgent | undefined
  for (const row of of('agent')) agent = read(reading, row, SavedAgent)
  reading.state.agentId = agent?.agent_id.value
  reading.state.standing = agent?.standing
  if (agent?.draining !== undefined)
    reading.state.draining = { config: agent.draining, since: agent.draining_since ?? 0 }
  for (const row of of('framework')) addFramework(reading, row)
  for (const row of of('executor')) addExecutor(reading, row)
  for (const row of of('task')) addTask(reading, row)
  for (const row of rows)
    if (!['agent', 'framework', 'executor', 'task'].includes(row.kind))
      refuse(reading, row, 'is of no known kind')
  dropEmpty(reading.state)
  const { state, problems, unusable } = reading
  return { state, agent, problems, unusable }
}

function refuse(reading: Reading, row: FoundRow, why: string): undefined {
  const name = row.key === '' ? 'the agent itself' : `${row.kind} ${row.key.split('\n').join(' / ')}`
  reading.problems.push(`The record of ${name} ${why}`)
  reading.unusable.push(row)
  return undefined
}

function read<T>(reading: Reading, row: FoundRow, declared: Message<T>): T | undefined {
  const parsed = parseMessage(declared, row.value)
  return parsed.ok ? parsed.value : refuse(reading, row, `cannot be read: ${parsed.error}`)
}

function addFramework(reading: Reading, row: FoundRow): void {
  const saved = read(reading, row, SavedFramework)
  if (saved === undefined) return
  if (saved.info.id?.value !== row.key) return refuse(reading, row, 'is another one’s')
  reading.state.frameworks.set(row.key, {
    id: row.key,
    info: saved.info,
    life: saved.terminating ? 'terminating' : 'active',
    executors: new Map(),
    completedExecutors: [],
  })
}

function addExecutor(reading: Reading, row: FoundRow): void {
  const { state } = reading
  const saved = read(reading, row, SavedExecutor)
  if (saved === undefined) return
  const [frameworkId = '', id = ''] = row.key.split('\n')
  const framework = state.frameworks.get(frameworkId)
  if (framework === undefined) return refuse(reading, row, 'has no framework')
  if (executorKey(saved.info.framework_id?.value ?? '', saved.info.executor_id.value) !== row.key)
    return refuse(reading, row, 'is another one’s')
  if (saved.life === 'ending' && saved.ending === undefined)
    return refuse(reading, row, 'does not say why it was being ended')
  if (state.containers.has(saved.container_id))
    return refuse(reading, row, `names a container that another has: ${saved.container_id}`)
  framework.executors.set(id, executorFrom(saved, frameworkId, id))
  if (saved.life !== 'terminated') state.containers.set(saved.container_id, { frameworkId, executorId: id })
}

function executorFrom(saved: SavedExecutor, frameworkId: string, id: string): Executor {
  const common: ExecutorCommon = {
    id,
    frameworkId,
    info: saved.info,
    containerId: saved.container_id,
    role: saved.role,
    createdAt: saved.created_at,
    resources: Resources.from(saved.info.resources),
    revocable: saved.revocable,
    process: processFrom(saved.process),
    tasks: new Map(),
    completedTasks: [],
  }
  return saved.supervised
    ? {
        ...common,
        kind: 'supervised',
        taskId: id,
        docker: saved.docker === true,
        life: supervisedLife(saved),
      }
    : { ...common, kind: 'custom', sentTask: saved.sent_task === true, life: customLife(saved) }
}

function processFrom(saved: SavedExecutor['process']): ContainerProcess | undefined {
  return saved && { pid: saved.pid, addresses: saved.addresses ?? [], startedAt: saved.started_at }
}

function supervisedLife(saved: SavedExecutor): SupervisedLife {
  const { ending, grace_ms: ms, grace_since: since, life, told } = saved
  const grace = ms === undefined || since === undefined ? undefined : { ms, since }
  switch (life) {
    case 'asked':
      return { kind: 'preparing', progress: undefined }
    case 'running':
    case 'terminated':
      return { kind: life }
    case 'ending':
      return { kind: 'ending', cause: endingFrom(ending), told: told === true, grace }
    default:
      return unreachable(life, 'life of an executor')
  }
}

/** Its stream went with the earlier life of the agent. */
function customLife({ ending, life }: SavedExecutor): CustomLife {
  switch (life) {
    case 'asked':
      return { kind: 'registering' }
    case 'running':
      return { kind: 'awaited' }
    case 'ending':
      return { kind: 'terminating', cause: endingFrom(ending), connection: undefined }
    case 'terminated':
      return { kind: 'terminated' }
    default:
      return unreachable(life, 'life of an executor')
  }
}

function endingFrom(saved: SavedEnding | undefined): Ending {
  const { kind = 'killed', message = '', ms = 0 } = saved ?? {}
  switch (kind) {
    case 'completion-time':
      return { kind, limitMs: ms }
    case 'registration-timeout':
    case 'reregistration-timeout':
      return { kind, timeoutMs: ms }
    case 'preempted':
    case 'agent-shutdown':
    case 'unhealthy':
      return { kind, message }
    case 'killed':
    case 'framework-removed':
    case 'idle':
      return { kind }
    default:
      return unreachable(kind, 'cause of an ending')
  }
}

function addTask(reading: Reading, row: FoundRow): void {
  const { state } = reading
  const saved = read(reading, row, SavedTask)
  if (saved === undefined) return
  const [frameworkId = '', executorId = '', taskId = ''] = row.key.split('\n')
  const executor = state.frameworks.get(frameworkId)?.executors.get(executorId)
  if (executor === undefined) return refuse(reading, row, 'has no executor')
  if (taskKey(frameworkId, executorId, saved.info.task_id.value) !== row.key)
    return refuse(reading, row, 'is another one’s')
  const problem = problemWithTask(saved, executor)
  if (problem !== undefined) return refuse(reading, row, problem)
  executor.tasks.set(taskId, taskFrom(saved, executorId))
  const received = new Set(saved.received)
  if (received.size === 0) return
  state.streams.set(streamKey(frameworkId, taskId), {
    frameworkId,
    taskId,
    executorId,
    pending: (saved.updates ?? []).map(({ progress, status }) => ({ status, progress: progress === true })),
    received,
    terminal: saved.end_taken === true,
    sending: 0,
    retryMs: RETRY_MIN_MS,
  })
}

function problemWithTask(saved: SavedTask, executor: Executor): string | undefined {
  const ended = saved.life === 'terminated'
  if (ended !== isTerminal(saved.state))
    return `contradicts itself: it is ${saved.life} in the state ${saved.state}`
  if (ended !== (saved.end_taken === true)) return 'contradicts itself: its end and its updates do not agree'
  if (!ended && executor.life.kind === 'terminated') return 'says that it outlived its executor'
  return undefined
}

function taskFrom(saved: SavedTask, executorId: string): Task {
  const { info, killed, kill_policy: policy, state, statuses = [] } = saved
  const lives: Record<SavedTask['life'], TaskLife> = {
    queued: { kind: 'queued' },
    launched: { kind: 'launched', kill: killed === true ? { policy } : undefined },
    terminated: { kind: 'terminated' },
  }
  return {
    info,
    executorId,
    resources: Resources.from(info.resources),
    life: lives[saved.life],
    state,
    statuses: [...statuses],
    healthFailures: saved.health_failures ?? 0,
  }
}

/** What was left without anything to wait for, because what belonged to it could not be used. */
function dropEmpty(state: AgentState): void {
  for (const framework of state.frameworks.values()) {
    for (const executor of framework.executors.values()) {
      const gone = executor.life.kind === 'terminated' && executor.tasks.size === 0
      const taskless = executor.kind === 'supervised' && executor.tasks.size === 0
      if (!gone && !taskless) continue
      framework.executors.delete(executor.id)
      state.containers.delete(executor.containerId)
    }
    if (framework.executors.size === 0) state.frameworks.delete(framework.id)
  }
}
