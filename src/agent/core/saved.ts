// The records that the agent's state is written down in: one row per framework, executor and task, and one of its own.
import { encodeMessage } from '../../wire/json.ts'
import {
  SavedAgent,
  type SavedEnding,
  SavedExecutor,
  SavedFramework,
  SavedTask,
} from '../../wire/checkpoint.ts'
import type { AgentInfo } from '../../wire/agents.ts'
import { unreachable } from '../../base/errors.ts'
import type { Changes } from './changes.ts'
import {
  type AgentState,
  type Ending,
  type Executor,
  findExecutor,
  type Framework,
  streamKey,
  type Task,
} from './state.ts'

export const SAVED_KINDS = ['agent', 'framework', 'executor', 'task'] as const
export type SavedKind = (typeof SAVED_KINDS)[number]

/** A row as the store takes it; without a value it is taken out. */
export interface SavedRow {
  readonly kind: SavedKind
  readonly key: string
  readonly value: string | undefined
}

/** What the agent's own record says beside its id. */
export interface Identity {
  readonly info: AgentInfo
  readonly bootId: string
}

/** Updates of a task whose repetition is known after a restart: an executor repeats what was not acknowledged to it. */
const RECEIVED_KEPT = 100

/**
 * The rows of what changed. Only what belongs to frameworks with `checkpoint` is written down, as in Mesos
 * (spec/mesos.md 6.2); the agent's own record once the master gave it an id.
 */
export function savedRows(
  state: Readonly<AgentState>,
  changes: Changes,
  identity: Identity,
): readonly SavedRow[] {
  const rows: SavedRow[] = []
  if (changes.agent) rows.push({ kind: 'agent', key: '', value: agentText(state, identity) })
  for (const key of changes.frameworks) {
    const framework = savedFramework(state, key)
    rows.push({ kind: 'framework', key, value: framework && frameworkText(framework) })
  }
  for (const key of changes.executors) {
    const [frameworkId = '', executorId = ''] = key.split('\n')
    const executor = savedFramework(state, frameworkId)?.executors.get(executorId)
    rows.push({ kind: 'executor', key, value: executor && executorText(executor) })
  }
  for (const key of changes.tasks) {
    const [frameworkId = '', executorId = '', taskId = ''] = key.split('\n')
    const framework = savedFramework(state, frameworkId)
    const task = framework && findExecutor(state, frameworkId, executorId)?.tasks.get(taskId)
    rows.push({ kind: 'task', key, value: task && taskText(state, frameworkId, task) })
  }
  return rows
}

function savedFramework(state: Readonly<AgentState>, id: string): Framework | undefined {
  const framework = state.frameworks.get(id)
  return framework?.info.checkpoint === true ? framework : undefined
}

function agentText(
  { agentId, draining, standing }: Readonly<AgentState>,
  { info, bootId }: Identity,
): string | undefined {
  if (agentId === undefined) return undefined
  return encodeMessage(SavedAgent, {
    agent_id: { value: agentId },
    info,
    boot_id: bootId,
    ...(draining !== undefined && { draining: draining.config, draining_since: draining.since }),
    ...(standing !== undefined && { standing }),
  })
}

function frameworkText({ id, info, life }: Framework): string {
  return encodeMessage(SavedFramework, {
    info: { ...info, id: { value: id } },
    terminating: life === 'terminating',
  })
}

function executorText(executor: Executor): string {
  const { containerId, createdAt, info, process, revocable, role } = executor
  return encodeMessage(SavedExecutor, {
    info,
    container_id: containerId,
    role,
    created_at: createdAt,
    revocable,
    supervised: executor.kind === 'supervised',
    ...(executor.kind === 'supervised' ? { docker: executor.docker } : { sent_task: executor.sentTask }),
    ...lifeOf(executor),
    ...(process !== undefined && {
      process: {
        ...(process.pid !== undefined && { pid: process.pid }),
        addresses: [...process.addresses],
        started_at: process.startedAt,
      },
    }),
  })
}

function lifeOf({
  life,
}: Executor): Pick<SavedExecutor, 'life' | 'ending' | 'told' | 'grace_ms' | 'grace_since'> {
  switch (life.kind) {
    case 'preparing':
    case 'registering':
      return { life: 'asked' }
    case 'running':
    case 'disconnected':
    case 'awaited':
      return { life: 'running' }
    case 'ending':
      return {
        life: 'ending',
        ending: endingOf(life.cause),
        told: life.told,
        ...(life.grace && { grace_ms: life.grace.ms, grace_since: life.grace.since }),
      }
    case 'terminating':
      return { life: 'ending', ending: endingOf(life.cause) }
    case 'terminated':
      return { life: 'terminated' }
    default:
      return unreachable(life, 'life of an executor')
  }
}

function endingOf(cause: Ending): SavedEnding {
  switch (cause.kind) {
    case 'completion-time':
      return { kind: cause.kind, ms: cause.limitMs }
    case 'registration-timeout':
    case 'reregistration-timeout':
      return { kind: cause.kind, ms: cause.timeoutMs }
    case 'preempted':
    case 'agent-shutdown':
    case 'unhealthy':
      return { kind: cause.kind, message: cause.message }
    case 'killed':
    case 'framework-removed':
    case 'idle':
      return { kind: cause.kind }
    default:
      return unreachable(cause, 'cause of an ending')
  }
}

function taskText(state: Readonly<AgentState>, frameworkId: string, task: Task): string {
  const { healthFailures, info, life, statuses } = task
  const stream = state.streams.get(streamKey(frameworkId, info.task_id.value))
  const kill = life.kind === 'launched' ? life.kill : undefined
  return encodeMessage(SavedTask, {
    info,
    life: life.kind,
    state: task.state,
    statuses,
    ...(healthFailures > 0 && { health_failures: healthFailures }),
    ...(kill !== undefined && { killed: true }),
    ...(kill?.policy !== undefined && { kill_policy: kill.policy }),
    ...(stream !== undefined && {
      updates: stream.pending.map(({ status, progress }) => ({ status, ...(progress && { progress }) })),
      received: [...stream.received].slice(-RECEIVED_KEPT),
      end_taken: stream.terminal,
    }),
  })
}
