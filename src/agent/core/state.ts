// All that the agent knows: frameworks → executors → tasks, and the streams of updates that wait for acknowledgements.
import type { DrainConfig } from '../../wire/agents.ts'
import type { FrameworkInfo } from '../../wire/frameworks.ts'
import type { KillPolicy } from '../../wire/commands.ts'
import type { LinkCallLending, LinkStanding } from '../../wire/link.ts'
import type { ExecutorInfo, TaskInfo, TaskState, TaskStatus } from '../../wire/tasks.ts'
import { Resources } from '../../resources/resources.ts'

/** How many of each the agent keeps in memory; beyond them the oldest are forgotten or new ones refused. */
export interface CoreLimits {
  /** `--max_completed_frameworks` of the agent, as in Mesos a ring. */
  readonly completedFrameworks: number
  /** `--max_completed_executors_per_framework`. */
  readonly completedExecutors: number
  /** Completed tasks of one executor (spec/mesos.md 6.1: 200). */
  readonly completedTasks: number
  /** Tasks that wait for one executor to subscribe. */
  readonly queuedTasks: number
  /** Updates of one task that wait for acknowledgements; beyond them only a terminal one is taken. */
  readonly updatesPerTask: number
  /** States kept in the history of one task. */
  readonly statusesPerTask: number
}

export const DEFAULT_LIMITS: CoreLimits = {
  completedFrameworks: 50,
  completedExecutors: 150,
  completedTasks: 200,
  queuedTasks: 1000,
  updatesPerTask: 1000,
  statusesPerTask: 20,
}

export interface AgentState {
  /** Given by the master with the first registration. */
  agentId: string | undefined
  /** The name of the master's cluster, if it has one; of the newest registration. */
  cluster: string | undefined
  link: LinkState
  life: AgentLife
  /** The master wants it empty; until nothing is left. `since` is wall time, ms. */
  draining: { readonly config: DrainConfig; readonly since: number } | undefined
  /** What the master said last of its use, kept for a master that forgot it; undefined while it is in use. */
  standing: LinkStanding | undefined
  readonly frameworks: Map<string, Framework>
  /** Oldest first. */
  readonly completedFrameworks: Framework[]
  /** Every container that was asked for and has not ended, by its id. */
  readonly containers: Map<string, { readonly frameworkId: string; readonly executorId: string }>
  /** By `streamKey`. */
  readonly streams: Map<string, UpdateStream>
  /** Counts sendings of updates, so that a retry timer knows whether it still matters. */
  sendings: number
  /** What the estimator said last, and what the master heard last. */
  oversubscribed: Resources
  oversubscribedSent: Resources
  /** For the pages of the master; undefined before the first estimate. */
  lending: LinkCallLending | undefined
}

/**
 * ```
 * down ──link-open──▶ subscribing ──REGISTERED──▶ registered
 *   ▲                     │                           │
 *   └──── link-lost ──────┴───────────────────────────┘
 * ```
 */
export type LinkState =
  | { readonly kind: 'down' }
  | { readonly kind: 'subscribing' }
  | { readonly kind: 'registered'; readonly pingTimeoutMs: number }

/**
 * ```
 * running ──shutdown──▶ ending ──no container left, updates told──▶ done
 * ```
 */
export type AgentLife =
  | { readonly kind: 'running' }
  | {
      readonly kind: 'ending'
      readonly message: string
      readonly manner: Farewell
      /** Nothing runs any more: `waiting` for the last acknowledgements, or `over` when they took too long. */
      readonly farewell: 'not yet' | 'waiting' | 'over'
    }
  /** With `leaves`, containers of checkpointing frameworks may run on. */
  | { readonly kind: 'done'; readonly leaves: boolean }

/** How an agent ends. */
export interface Farewell {
  /** False when the master does not listen to updates: it ended us, or we never registered with it. */
  readonly tellMaster: boolean
  /** What runs for frameworks with `checkpoint` goes on, for the agent's next life to find (spec/mesos.md 6.3). */
  readonly leaves: boolean
  /** The agent gives its id back: its next life is another agent. */
  readonly forget: boolean
}

export interface Framework {
  readonly id: string
  info: FrameworkInfo
  /** Terminating: the framework is torn down; its executors end and nobody listens to their updates. */
  life: 'active' | 'terminating'
  readonly executors: Map<string, Executor>
  /** Oldest first. */
  readonly completedExecutors: Executor[]
}

/** One container with the tasks in it. A command or Docker task has one of its own id (spec/mesos.md 3.6). */
export type Executor = SupervisedExecutor | CustomExecutor

export interface ExecutorCommon {
  readonly id: string
  readonly frameworkId: string
  /** Complete: with `framework_id` and `type`. */
  readonly info: ExecutorInfo
  readonly containerId: string
  readonly role: string
  /** Wall time, ms. */
  readonly createdAt: number
  /** The executor's own (not its tasks'), with allocation. */
  readonly resources: Resources
  /** Runs on lent resources. */
  readonly revocable: boolean
  /** Known from the container's start on. */
  process: ContainerProcess | undefined
  /** Queued, launched, and terminated with an update that is not acknowledged. */
  readonly tasks: Map<string, Task>
  /** Acknowledged terminal ones, oldest first. */
  readonly completedTasks: Task[]
}

export interface ContainerProcess {
  readonly pid: number | undefined
  readonly addresses: readonly string[]
  /** Wall time, ms. */
  readonly startedAt: number
}

/** The agent itself stands for the executor of one command or Docker task. */
export interface SupervisedExecutor extends ExecutorCommon {
  readonly kind: 'supervised'
  readonly taskId: string
  /** Run by the Docker Engine: other words in its statuses, other default grace. */
  readonly docker: boolean
  life: SupervisedLife
}

/**
 * ```
 * preparing ──started──▶ running ──────────── exited ────────────┐
 *     │                     │                                    ▼
 *     │ kill, correction,   └─ kill ─▶ ending ──exited─────▶ terminated
 *     └─ shutdown ───────────────────▶ ending ──launch-failed──▲ ▲
 *     └────────────────── launch-failed, exited ─────────────────┘
 * ```
 */
export type SupervisedLife =
  | { readonly kind: 'preparing'; readonly progress: string | undefined }
  | { readonly kind: 'running' }
  /** `told` is true when the framework heard of TASK_RUNNING; `grace` of the shortest that was asked for. */
  | {
      readonly kind: 'ending'
      readonly cause: Ending
      readonly told: boolean
      readonly grace: Grace | undefined
    }
  | { readonly kind: 'terminated' }

/** A program of the framework that speaks the executor API. */
export interface CustomExecutor extends ExecutorCommon {
  readonly kind: 'custom'
  /** Whether any task was ever delivered to it (spec/mesos.md 3.2). */
  sentTask: boolean
  life: CustomLife
}

/** The time between asking a container to end and killing it. */
export interface Grace {
  readonly ms: number
  /** Wall time, ms. */
  readonly since: number
}

/** What is left of it; never more than all of it, however the clock was set since. */
export const graceLeftMs = ({ ms, since }: Grace, now: number): number =>
  Math.max(0, Math.min(ms, since + ms - now))

/**
 * ```
 * registering ──subscribe──▶ running ◀──subscribe── disconnected, awaited
 *     │                        │  └──stream lost────────▶ │
 *     │ timeout, shutdown      │ shutdown, correction     │
 *     └────────────────────────┼──────────────────────────┘
 *                              ▼
 *                         terminating ──exited, launch-failed──▶ terminated
 * ```
 * An exit leads from every state to `terminated`. One that had subscribed before the agent was restarted begins as
 * `awaited`, and is ended when it does not come back in time.
 */
export type CustomLife =
  | { readonly kind: 'registering' }
  | { readonly kind: 'running'; readonly connection: string }
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'awaited' }
  | { readonly kind: 'terminating'; readonly cause: Ending; readonly connection: string | undefined }
  | { readonly kind: 'terminated' }

/** Why the agent ends a container; the first cause stays. */
export type Ending =
  /** By its framework: KILL or SHUTDOWN. */
  | { readonly kind: 'killed' }
  | { readonly kind: 'completion-time'; readonly limitMs: number }
  /** Its health check failed too often in a row; the message says what was wrong the last time. */
  | { readonly kind: 'unhealthy'; readonly message: string }
  | { readonly kind: 'preempted'; readonly message: string }
  | { readonly kind: 'registration-timeout'; readonly timeoutMs: number }
  | { readonly kind: 'reregistration-timeout'; readonly timeoutMs: number }
  | { readonly kind: 'framework-removed' }
  | { readonly kind: 'agent-shutdown'; readonly message: string }
  /** Nothing was ever given to it to do. */
  | { readonly kind: 'idle' }

export interface Task {
  readonly info: TaskInfo
  readonly executorId: string
  readonly resources: Resources
  life: TaskLife
  /** The newest state, which may be ahead of what the master has acknowledged. */
  state: TaskState
  /** One per change of state, oldest first, without `data`. */
  readonly statuses: TaskStatus[]
  /** Failures in a row of its health check. */
  healthFailures: number
}

/**
 * ```
 * queued ──delivered or container asked for──▶ launched ──terminal update──▶ terminated ──acknowledged──▶ (completed)
 *    └───────────── killed, executor gone ──────────────────────────────────────▲
 * ```
 */
export type TaskLife =
  | { readonly kind: 'queued' }
  /** `kill` remembers a request until the task ends, to repeat it when the executor subscribes again. */
  | { readonly kind: 'launched'; readonly kill: { readonly policy: KillPolicy | undefined } | undefined }
  | { readonly kind: 'terminated' }

/** The updates of one task in order: the first is in flight, the others wait for it (spec/mesos.md 6.1). */
export interface UpdateStream {
  readonly frameworkId: string
  readonly taskId: string
  readonly executorId: string | undefined
  readonly pending: PendingUpdate[]
  /** Base64 of all uuids taken, to know duplicates; as many as `updatesPerTask`. */
  readonly received: Set<string>
  /** Nothing is taken after a terminal update. */
  terminal: boolean
  /** Number of the last sending of the head (of `AgentState.sendings`); 0 when the head was never sent. */
  sending: number
  /** Wait before the next retry, ms. */
  retryMs: number
}

export interface PendingUpdate {
  readonly status: TaskStatus
  /** Only tells how far the preparation is: replaced by what follows while it was not sent. */
  readonly progress: boolean
}

export function newState(): AgentState {
  return {
    agentId: undefined,
    cluster: undefined,
    link: { kind: 'down' },
    life: { kind: 'running' },
    draining: undefined,
    standing: undefined,
    frameworks: new Map(),
    completedFrameworks: [],
    containers: new Map(),
    streams: new Map(),
    sendings: 0,
    oversubscribed: Resources.empty,
    oversubscribedSent: Resources.empty,
    lending: undefined,
  }
}

/** Ids hold no control characters (spec/mesos.md 2.9), so a newline separates them safely. */
export const streamKey = (frameworkId: string, taskId: string): string => `${frameworkId}\n${taskId}`

export function findExecutor(
  state: AgentState,
  frameworkId: string,
  executorId: string,
): Executor | undefined {
  return state.frameworks.get(frameworkId)?.executors.get(executorId)
}

/** The executor whose container this is; undefined when the container ended or was never ours. */
export function executorOf(state: AgentState, containerId: string): Executor | undefined {
  const owner = state.containers.get(containerId)
  return owner === undefined ? undefined : findExecutor(state, owner.frameworkId, owner.executorId)
}

export interface FoundTask {
  readonly framework: Framework
  readonly executor: Executor
  readonly task: Task
}

/** A task that is queued, launched or waits for the acknowledgement of its end. */
export function findTask(state: AgentState, frameworkId: string, taskId: string): FoundTask | undefined {
  const framework = state.frameworks.get(frameworkId)
  if (framework === undefined) return undefined
  for (const executor of framework.executors.values()) {
    const task = executor.tasks.get(taskId)
    if (task !== undefined) return { framework, executor, task }
  }
  return undefined
}

/** What the executor and the tasks that have not ended hold together: what its container has reserved. */
export function allocatedTo(executor: Executor): Resources {
  const own = executor.life.kind === 'terminated' ? Resources.empty : executor.resources
  const tasks = [...executor.tasks.values()].filter((task) => task.life.kind !== 'terminated')
  return Resources.sum([own, ...tasks.map((task) => task.resources)])
}

/** Appends and forgets the oldest beyond `limit`. */
export function remember<T>(ring: T[], item: T, limit: number): void {
  ring.push(item)
  while (ring.length > limit) ring.shift()
}
