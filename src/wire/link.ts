/**
 * The agent link, our own protocol between agent and master, shaped like the scheduler and executor APIs: the agent
 * subscribes with one call that is answered by a stream of events, and sends its other calls beside it.
 */
import { AgentInfo, AgentInfoCapability, DrainConfig, DrainInfo, MasterInfo } from './agents.ts'
import { KillPolicy } from './commands.ts'
import { FrameworkInfo } from './frameworks.ts'
import { AgentID, ExecutorID, FrameworkID, TaskID } from './ids.ts'
import {
  bool,
  bytes,
  double,
  enumeration,
  int32,
  message,
  optional,
  repeated,
  required,
  string,
  type Static,
} from './message.ts'
import { Resource } from './resources.ts'
import { ExecutorInfo, TaskInfo, TaskState, TaskStatus } from './tasks.ts'

export const LinkCallType = enumeration('tepui.link.Call.Type', {
  UNKNOWN: 0,
  SUBSCRIBE: 1,
  UPDATE: 2,
  MESSAGE: 3,
  EXITED_EXECUTOR: 4,
  OVERSUBSCRIBED: 5,
  PONG: 6,
  UNREGISTER: 7,
  LENDING: 8,
})
export type LinkCallType = Static<typeof LinkCallType>

/** An executor that the agent still has; `command_executor` marks one that stands for a single command task. */
export const LinkExecutor = message('tepui.link.Executor', {
  framework_id: required(1, FrameworkID),
  executor_info: required(2, ExecutorInfo),
  command_executor: required(3, bool),
})
export type LinkExecutor = Static<typeof LinkExecutor>

/**
 * A task that the agent still knows: `state` is the newest state, `statuses` what was told of it, oldest first. The
 * last one waits for its acknowledgement when `status_update_uuid` is set, as in `Task` of Mesos.
 */
export const LinkTask = message('tepui.link.Task', {
  task: required(1, TaskInfo),
  framework_id: required(2, FrameworkID),
  state: required(3, TaskState),
  statuses: repeated(4, TaskStatus),
  status_update_state: optional(5, TaskState),
  status_update_uuid: optional(6, bytes),
})
export type LinkTask = Static<typeof LinkTask>

/**
 * Whether an operator took the agent out of use: no offers, and emptied if `drain` is there. The master decides it and
 * the agent keeps it, so that a master that starts anew learns it from there. `drain_since` is wall time in ms.
 */
export const LinkStanding = message('tepui.link.Standing', {
  deactivated: required(1, bool),
  drain: optional(2, DrainInfo),
  drain_since: optional(3, double),
})
export type LinkStanding = Static<typeof LinkStanding>

/**
 * `agent_id` is set when the agent registers again; then the lists say everything that it still has. `ip` is the
 * address of the agent as others reach it.
 */
export const LinkCallSubscribe = message('tepui.link.Call.Subscribe', {
  agent_info: required(1, AgentInfo),
  version: required(2, string),
  agent_id: optional(3, AgentID),
  capabilities: repeated(4, AgentInfoCapability),
  resource_version_uuid: optional(5, bytes),
  frameworks: repeated(6, FrameworkInfo),
  executors: repeated(7, LinkExecutor),
  tasks: repeated(8, LinkTask),
  oversubscribed_resources: repeated(9, Resource),
  standing: optional(10, LinkStanding),
  ip: optional(11, string),
})
export type LinkCallSubscribe = Static<typeof LinkCallSubscribe>

/** `latest_state` may be newer than the status, which waits its turn to be acknowledged. */
export const LinkCallUpdate = message('tepui.link.Call.Update', {
  framework_id: required(1, FrameworkID),
  executor_id: optional(2, ExecutorID),
  status: required(3, TaskStatus),
  latest_state: optional(4, TaskState),
})
export type LinkCallUpdate = Static<typeof LinkCallUpdate>

export const LinkMessage = message('tepui.link.Message', {
  framework_id: required(1, FrameworkID),
  executor_id: required(2, ExecutorID),
  data: required(3, bytes),
})
export type LinkMessage = Static<typeof LinkMessage>

/** `status` is the wait status as `waitpid` gives it. */
export const LinkCallExitedExecutor = message('tepui.link.Call.ExitedExecutor', {
  framework_id: required(1, FrameworkID),
  executor_id: required(2, ExecutorID),
  status: required(3, int32),
})
export type LinkCallExitedExecutor = Static<typeof LinkCallExitedExecutor>

/** The whole of what the agent would lend now; an empty list means nothing. */
export const LinkCallOversubscribed = message('tepui.link.Call.Oversubscribed', {
  resources: repeated(1, Resource),
})
export type LinkCallOversubscribed = Static<typeof LinkCallOversubscribed>

/** A counter of lending as it stands now; it begins at nothing with the life of the agent. */
export const LinkCounter = message('tepui.link.Counter', {
  name: required(1, string),
  value: required(2, double),
})
export type LinkCounter = Static<typeof LinkCounter>

/**
 * What the agent's estimator said last and why nothing more is lent, for people: nothing is booked by it. `sum` is the
 * estimate in one line, `unknown` the reason when there is none, `closed` why nothing more is lent though it might be.
 */
export const LinkCallLending = message('tepui.link.Call.Lending', {
  mode: required(1, string),
  additional: repeated(2, Resource),
  sum: optional(3, string),
  unknown: optional(4, string),
  closed: optional(5, string),
  counters: repeated(6, LinkCounter),
})
export type LinkCallLending = Static<typeof LinkCallLending>

/** What an agent calls. Every call but SUBSCRIBE carries `agent_id`. */
export const LinkCall = message('tepui.link.Call', {
  agent_id: optional(1, AgentID),
  type: required(2, LinkCallType),
  subscribe: optional(3, LinkCallSubscribe),
  update: optional(4, LinkCallUpdate),
  message: optional(5, LinkMessage),
  exited_executor: optional(6, LinkCallExitedExecutor),
  oversubscribed: optional(7, LinkCallOversubscribed),
  lending: optional(8, LinkCallLending),
})
export type LinkCall = Static<typeof LinkCall>

export const LinkEventType = enumeration('tepui.link.Event.Type', {
  UNKNOWN: 0,
  REGISTERED: 1,
  RUN_TASK: 2,
  KILL_TASK: 3,
  SHUTDOWN_EXECUTOR: 4,
  SHUTDOWN_FRAMEWORK: 5,
  MESSAGE: 6,
  ACKNOWLEDGE: 7,
  UPDATE_FRAMEWORK: 8,
  PING: 9,
  SHUTDOWN: 10,
  ERROR: 11,
  DRAIN: 12,
  STANDING: 13,
  UNREACHED: 14,
  REACHED: 15,
})
export type LinkEventType = Static<typeof LinkEventType>

/** A task that the master knows; the agent answers with TASK_LOST or TASK_DROPPED when it does not. */
export const LinkReconcileTask = message('tepui.link.ReconcileTask', {
  framework_id: required(1, FrameworkID),
  task_id: required(2, TaskID),
})
export type LinkReconcileTask = Static<typeof LinkReconcileTask>

/** After `total_ping_timeout_seconds` without a PING the agent looks for the master again. */
export const LinkEventRegistered = message('tepui.link.Event.Registered', {
  agent_id: required(1, AgentID),
  master_info: required(2, MasterInfo),
  total_ping_timeout_seconds: required(3, double),
  reconcile_tasks: repeated(4, LinkReconcileTask),
  /** `--cluster` of the master. */
  cluster: optional(5, string),
})
export type LinkEventRegistered = Static<typeof LinkEventRegistered>

/** `launch_executor` says whether the master believes that the executor does not run yet. */
export const LinkEventRunTask = message('tepui.link.Event.RunTask', {
  framework_info: required(1, FrameworkInfo),
  task: required(2, TaskInfo),
  executor_info: optional(3, ExecutorInfo),
  launch_executor: required(4, bool),
})
export type LinkEventRunTask = Static<typeof LinkEventRunTask>

export const LinkEventKillTask = message('tepui.link.Event.KillTask', {
  framework_id: required(1, FrameworkID),
  task_id: required(2, TaskID),
  kill_policy: optional(3, KillPolicy),
})
export type LinkEventKillTask = Static<typeof LinkEventKillTask>

export const LinkEventShutdownExecutor = message('tepui.link.Event.ShutdownExecutor', {
  framework_id: required(1, FrameworkID),
  executor_id: required(2, ExecutorID),
})
export type LinkEventShutdownExecutor = Static<typeof LinkEventShutdownExecutor>

export const LinkEventShutdownFramework = message('tepui.link.Event.ShutdownFramework', {
  framework_id: required(1, FrameworkID),
})
export type LinkEventShutdownFramework = Static<typeof LinkEventShutdownFramework>

export const LinkEventAcknowledge = message('tepui.link.Event.Acknowledge', {
  framework_id: required(1, FrameworkID),
  task_id: required(2, TaskID),
  uuid: required(3, bytes),
})
export type LinkEventAcknowledge = Static<typeof LinkEventAcknowledge>

export const LinkEventUpdateFramework = message('tepui.link.Event.UpdateFramework', {
  framework_info: required(1, FrameworkInfo),
})
export type LinkEventUpdateFramework = Static<typeof LinkEventUpdateFramework>

/** `connected` is false while the master holds the agent for disconnected; then the agent registers again. */
export const LinkEventPing = message('tepui.link.Event.Ping', { connected: required(1, bool) })
export type LinkEventPing = Static<typeof LinkEventPing>

/** Why, as a sentence for the agent's log. */
export const LinkReason = message('tepui.link.Reason', { message: required(1, string) })
export type LinkReason = Static<typeof LinkReason>

/** What a master tells an agent. */
export const LinkEvent = message('tepui.link.Event', {
  type: required(1, LinkEventType),
  registered: optional(2, LinkEventRegistered),
  run_task: optional(3, LinkEventRunTask),
  kill_task: optional(4, LinkEventKillTask),
  shutdown_executor: optional(5, LinkEventShutdownExecutor),
  shutdown_framework: optional(6, LinkEventShutdownFramework),
  message: optional(7, LinkMessage),
  acknowledge: optional(8, LinkEventAcknowledge),
  update_framework: optional(9, LinkEventUpdateFramework),
  ping: optional(10, LinkEventPing),
  shutdown: optional(11, LinkReason),
  error: optional(12, LinkReason),
  drain: optional(13, DrainConfig),
  standing: optional(14, LinkStanding),
  unreached: optional(15, LinkReason),
  reached: optional(16, LinkReason),
})
export type LinkEvent = Static<typeof LinkEvent>
