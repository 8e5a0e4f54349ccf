// The state of the master: frameworks, agents, tasks, executors, offers, and what is remembered of those that ended.
import type { Allocator } from '../../allocator/allocator.ts'
import { Resources } from '../../resources/resources.ts'
import type { AgentInfo, DrainConfig, MasterInfo } from '../../wire/agents.ts'
import type { FrameworkInfo, FrameworkInfoCapabilityType } from '../../wire/frameworks.ts'
import type { OfferConstraints } from '../../wire/offer-constraints.ts'
import type { Offer } from '../../wire/offers.ts'
import type { ExecutorInfo, TaskInfo, TaskState, TaskStatus } from '../../wire/tasks.ts'
import { isTerminal } from '../../wire/terminal-states.ts'

/** What the flags of the master say to the core (spec/mesos.md 1.6); all spans in ms. */
export interface CoreOptions {
  readonly masterInfo: MasterInfo
  /** `--cluster`: its name for people. */
  readonly cluster: string | undefined
  readonly agentPingTimeoutMs: number
  readonly maxAgentPingTimeouts: number
  readonly agentReregisterTimeoutMs: number
  /** Undefined: offers are valid until something else ends them. */
  readonly offerTimeoutMs: number | undefined
  /** `--roles`: undefined means that any role may be used. */
  readonly roles: readonly string[] | undefined
  readonly rootSubmissions: boolean
  readonly maxCompletedFrameworks: number
  readonly maxCompletedTasksPerFramework: number
  readonly maxUnreachableTasksPerFramework: number
  /** Agents that are remembered as unreachable, and as gone (`--registry_max_agent_count`). */
  readonly maxUnreachableAgents: number
}

/** Everything but `masterInfo` as Mesos has it when no flag is given. */
export const DEFAULT_OPTIONS = {
  cluster: undefined,
  agentPingTimeoutMs: 15_000,
  maxAgentPingTimeouts: 5,
  agentReregisterTimeoutMs: 600_000,
  offerTimeoutMs: undefined,
  roles: undefined,
  rootSubmissions: true,
  maxCompletedFrameworks: 50,
  maxCompletedTasksPerFramework: 1000,
  maxUnreachableTasksPerFramework: 1000,
  maxUnreachableAgents: 102_400,
} as const satisfies Omit<CoreOptions, 'masterInfo'>

/**
 *            SUBSCRIBE                stream ends
 *  (new) ───────────────▶ connected ─────────────▶ disconnected ──failover_timeout──▶ (completed)
 *                            ▲  ▲ ◀── SUBSCRIBE ────────┘                                  ▲
 *  (told of by an agent) ─▶ recovered                     TEARDOWN in any state ───────────┘
 */
export type FrameworkState =
  | { readonly kind: 'connected'; readonly connection: string }
  | { readonly kind: 'disconnected'; readonly since: number }
  /** This master knows it only from agents: it has not subscribed since the master started. */
  | { readonly kind: 'recovered' }

export interface Framework {
  readonly id: string
  /** `id` is always set; `principal` when authenticated. */
  info: FrameworkInfo
  state: FrameworkState
  /** Grows with every subscription, so that an old failover timer can be told from a current one. */
  subscription: number
  capabilities: ReadonlySet<FrameworkInfoCapabilityType>
  /** `info.roles` for MULTI_ROLE, else the one role. */
  roles: readonly string[]
  suppressedRoles: Set<string>
  offerConstraints: OfferConstraints | undefined
  /** Wall time in ms. */
  registeredAt: number | undefined
  reregisteredAt: number | undefined
  unregisteredAt: number | undefined
  /** Not yet completed: running, or terminal and not yet acknowledged. By task id. */
  readonly tasks: Map<string, Task>
  readonly offers: Set<string>
  /** Oldest first, by task id. */
  readonly unreachableTasks: Map<string, Task>
  /** Oldest first. */
  readonly completedTasks: Task[]
}

export interface Task {
  readonly info: TaskInfo
  readonly frameworkId: string
  readonly agentId: string
  /** Undefined for a command task. */
  readonly executorId: string | undefined
  /** Allocated to `role`. */
  readonly resources: Resources
  readonly role: string
  readonly user: string | undefined
  /** The newest that the agent has said; may be ahead of what the framework was told. */
  state: TaskState
  /** The update that now waits for the framework's acknowledgement, or was the last that did. */
  update: { readonly state: TaskState; readonly uuid: string } | undefined
  /** One per change of state, oldest first, without `data`. */
  readonly statuses: TaskStatus[]
  /**
   * Its framework was told TASK_LOST when the agent disconnected (no checkpointing), yet the agent came back with it:
   * it is killed, and its updates are acknowledged here and told to nobody.
   */
  disowned: boolean
}

export interface Executor {
  readonly info: ExecutorInfo
  readonly frameworkId: string
  readonly agentId: string
  readonly resources: Resources
}

/**
 *  SUBSCRIBE ──▶ connected ──stream ends──▶ disconnected ──agent_reregister_timeout──▶ (unreachable)
 *                  ▲  │ ◀─────SUBSCRIBE──────────┘                                       ▲  │
 *                  │  └──max_agent_ping_timeouts pings without a pong────────────────────┘  │
 *                  └───────────────────────SUBSCRIBE with its id────────────────────────────┘
 */
export type AgentState =
  | { readonly kind: 'connected'; readonly connection: string }
  | { readonly kind: 'disconnected'; readonly since: number }

/** What an agent said last of its estimate; for people, never booked. */
export interface AgentLending {
  /** `off`, `observe`, `lend` or `full`. */
  readonly mode: string
  /** What could be lent in addition to what is lent; empty when it is unknown. */
  readonly lendable: Resources
  /** The estimate in one line; empty when there is none. */
  readonly sum: string
  /** Why there is no estimate. */
  readonly unknown: string | undefined
  /** Why nothing more is lent, whatever the estimate says. */
  readonly closed: string | undefined
  /** Wall time, ms. */
  readonly toldAt: number
}

export interface Agent {
  readonly id: string
  /** `id` is always set. */
  info: AgentInfo
  version: string
  capabilities: readonly string[]
  address: { readonly ip: string; readonly port: number }
  state: AgentState
  /** Grows with every disconnection, so that an old timer can be told from a current one. */
  disconnection: number
  /** What the machine has of its own, never revocable. */
  own: Resources
  /** What the agent lends now, all revocable. */
  oversubscribed: Resources
  /** When it last said so, wall time, ms. */
  lentToldAt: number
  /** Undefined until it says something of its estimate. */
  lending: AgentLending | undefined
  /** Its counters of lending, as it told them last: what they grow by is counted for the cluster. */
  readonly lendCounted: Map<string, number>
  /** `own` plus `oversubscribed`. */
  total: Resources
  registeredAt: number
  reregisteredAt: number | undefined
  /** An operator wants it to get no offers: deactivated, or drained. */
  deactivated: boolean
  /** Undefined unless it is also to be emptied. `since` is wall time, ms. */
  drain: AgentDrain | undefined
  /** Pings in a row without a pong. */
  missedPongs: number
  /** By framework, then task id: the same objects as in the frameworks. */
  readonly tasks: Map<string, Map<string, Task>>
  /** By framework, then executor id; command tasks have none here. */
  readonly executors: Map<string, Map<string, Executor>>
  readonly offers: Set<string>
  /** Tasks that a framework wants dead: told again when the agent comes back. By framework. */
  readonly killed: Map<string, Set<string>>
  /** Tasks of which the framework was told TASK_LOST while the agent was away, until the agent names them no more. */
  readonly disowned: Map<string, Set<string>>
}

/** DRAINED: no task of it is left whose end its framework does not know. */
export interface AgentDrain {
  readonly state: 'DRAINING' | 'DRAINED'
  readonly config: DrainConfig
  readonly since: number
}

/** An agent that is not heard of any more and may come back. */
export interface UnreachableAgent {
  readonly since: number
  readonly hostname: string
  readonly disowned: Agent['disowned']
  readonly deactivated: boolean
  readonly drain: Agent['drain']
}

export interface OutstandingOffer {
  readonly id: string
  readonly frameworkId: string
  readonly agentId: string
  readonly role: string
  /** Allocated to `role`. */
  readonly resources: Resources
  /** As it was sent. */
  readonly message: Offer
}

export interface Cluster {
  readonly options: CoreOptions
  readonly allocator: Allocator
  readonly frameworks: Map<string, Framework>
  /** Oldest first. */
  readonly completedFrameworks: Map<string, Framework>
  readonly agents: Map<string, Agent>
  /** Oldest first. */
  readonly unreachableAgents: Map<string, UnreachableAgent>
  /** Agents that an operator gave up for good, with when; oldest first. */
  readonly goneAgents: Map<string, number>
  readonly offers: Map<string, OutstandingOffer>
  /** Agents that are DRAINING. */
  readonly draining: Set<string>
  /** Which framework or agent a stream belongs to. */
  readonly frameworkConnections: Map<string, string>
  readonly agentConnections: Map<string, string>
  nextFramework: number
  nextAgent: number
  nextOffer: number
}

export function emptyCluster(options: CoreOptions, allocator: Allocator): Cluster {
  return {
    options,
    allocator,
    frameworks: new Map(),
    completedFrameworks: new Map(),
    agents: new Map(),
    unreachableAgents: new Map(),
    goneAgents: new Map(),
    offers: new Map(),
    draining: new Set(),
    frameworkConnections: new Map(),
    agentConnections: new Map(),
    nextFramework: 0,
    nextAgent: 0,
    nextOffer: 0,
  }
}

/** `<master id>-0000`, counted within one life of the master (spec/mesos.md 2.3). */
export function newFrameworkId(cluster: Cluster): string {
  return `${cluster.options.masterInfo.id}-${String(cluster.nextFramework++).padStart(4, '0')}`
}

/** `<master id>-S<n>` (spec/mesos.md 5.3). */
export function newAgentId(cluster: Cluster): string {
  return `${cluster.options.masterInfo.id}-S${cluster.nextAgent++}`
}

/** `<master id>-O<n>` (spec/mesos.md 2.5). */
export function newOfferId(cluster: Cluster): string {
  return `${cluster.options.masterInfo.id}-O${cluster.nextOffer++}`
}

/** Connected and therefore offered to (spec/mesos.md 2.3). */
export function isActive(framework: Framework): boolean {
  return framework.state.kind === 'connected'
}

export function isPartitionAware(framework: Framework): boolean {
  return framework.capabilities.has('PARTITION_AWARE')
}

export function executorsOf(agent: Agent, frameworkId: string): ReadonlyMap<string, Executor> {
  return agent.executors.get(frameworkId) ?? NO_EXECUTORS
}

const NO_EXECUTORS: ReadonlyMap<string, Executor> = new Map()

/** What a framework holds on one agent by tasks that still run and by its executors; offers are not counted. */
export function usedBy(agent: Agent, frameworkId: string): Resources {
  const held: Resources[] = []
  for (const task of agent.tasks.get(frameworkId)?.values() ?? []) {
    if (!isTerminal(task.state)) held.push(task.resources)
  }
  for (const executor of executorsOf(agent, frameworkId).values()) held.push(executor.resources)
  return Resources.sum(held)
}
