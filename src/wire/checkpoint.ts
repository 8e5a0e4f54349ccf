/**
 * What an agent writes down to survive its own end: one record per agent, framework, executor and task. Declared like
 * messages, so that a record that is cut short or comes from elsewhere is found out when it is read.
 */
import { AgentInfo, DrainConfig } from './agents.ts'
import { KillPolicy } from './commands.ts'
import { FrameworkInfo } from './frameworks.ts'
import { AgentID } from './ids.ts'
import { LinkStanding } from './link.ts'
import { bool, double, enumeration, int32, message, optional, repeated, required, string } from './message.ts'
import type { Static } from './message.ts'
import { ExecutorInfo, TaskInfo, TaskState, TaskStatus } from './tasks.ts'

/** `boot_id` is the kernel's: another one means that nothing of what ran can still run. */
export const SavedAgent = message('tepui.checkpoint.Agent', {
  agent_id: required(1, AgentID),
  info: required(2, AgentInfo),
  boot_id: required(3, string),
  draining: optional(4, DrainConfig),
  draining_since: optional(5, double),
  standing: optional(6, LinkStanding),
})
export type SavedAgent = Static<typeof SavedAgent>

export const SavedFramework = message('tepui.checkpoint.Framework', {
  info: required(1, FrameworkInfo),
  terminating: required(2, bool),
})
export type SavedFramework = Static<typeof SavedFramework>

export const SavedEndingKind = enumeration('tepui.checkpoint.Ending.Kind', {
  killed: 1,
  'completion-time': 2,
  preempted: 3,
  'registration-timeout': 4,
  'reregistration-timeout': 5,
  'framework-removed': 6,
  'agent-shutdown': 7,
  idle: 8,
  unhealthy: 9,
})

/** Why a container is being ended, with the figure or the words that belong to it. */
export const SavedEnding = message('tepui.checkpoint.Ending', {
  kind: required(1, SavedEndingKind),
  ms: optional(2, double),
  message: optional(3, string),
})
export type SavedEnding = Static<typeof SavedEnding>

export const SavedLife = enumeration('tepui.checkpoint.Executor.Life', {
  /** Its container is asked for. */
  asked: 1,
  /** A task that the agent supervises runs; a custom executor has subscribed. */
  running: 2,
  ending: 3,
  terminated: 4,
})

export const SavedProcess = message('tepui.checkpoint.Process', {
  pid: optional(1, int32),
  addresses: repeated(2, string),
  started_at: required(3, double),
})

/** `supervised` marks one that stands for a single command or Docker task; times are wall time in ms. */
export const SavedExecutor = message('tepui.checkpoint.Executor', {
  info: required(1, ExecutorInfo),
  container_id: required(2, string),
  role: required(3, string),
  created_at: required(4, double),
  revocable: required(5, bool),
  supervised: required(6, bool),
  docker: optional(7, bool),
  sent_task: optional(8, bool),
  life: required(9, SavedLife),
  ending: optional(10, SavedEnding),
  told: optional(11, bool),
  process: optional(12, SavedProcess),
  grace_ms: optional(13, double),
  grace_since: optional(14, double),
})
export type SavedExecutor = Static<typeof SavedExecutor>

export const SavedTaskLife = enumeration('tepui.checkpoint.Task.Life', {
  queued: 1,
  launched: 2,
  terminated: 3,
})

export const SavedUpdate = message('tepui.checkpoint.Update', {
  status: required(1, TaskStatus),
  progress: optional(2, bool),
})

/** With its updates: those that wait for their acknowledgement, and the uuids of those that were taken. */
export const SavedTask = message('tepui.checkpoint.Task', {
  info: required(1, TaskInfo),
  life: required(2, SavedTaskLife),
  state: required(3, TaskState),
  statuses: repeated(4, TaskStatus),
  killed: optional(5, bool),
  kill_policy: optional(6, KillPolicy),
  updates: repeated(7, SavedUpdate),
  received: repeated(8, string),
  end_taken: optional(9, bool),
  health_failures: optional(10, int32),
})
export type SavedTask = Static<typeof SavedTask>
