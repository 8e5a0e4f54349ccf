// What every chapter of the agent's core is handed for one step: the state, the moment, and where effects go.
import type { Random } from '../../base/random.ts'
import type { AgentInfo } from '../../wire/agents.ts'
import type { LinkCallSubscribe, LinkCall } from '../../wire/link.ts'
import type { Changes } from './changes.ts'
import type { AgentEffect } from './events.ts'
import type { AgentState, CoreLimits } from './state.ts'

/** Fixed for the life of the agent. */
export interface CoreSettings {
  /** Without `id`; what the agent is registered with. */
  readonly info: AgentInfo
  /** The agent's own address, given to tasks that share the host's network. */
  readonly ip: string
  readonly version: string
  readonly capabilities: NonNullable<LinkCallSubscribe['capabilities']>
  /** `--executor_registration_timeout`, ms. */
  readonly registrationTimeoutMs: number
  /** `--executor_reregistration_timeout`, ms. */
  readonly reregistrationTimeoutMs: number
  /** `--executor_shutdown_grace_period`, ms. */
  readonly shutdownGraceMs: number
  /** `--cgroups_enable_cfs`: decides how limits of several tasks add up (spec/mesos.md 5.9). */
  readonly cfs: boolean
  /** Which of a task's limits this machine cannot enforce for containers that are not the engine's. */
  readonly unlimited: readonly ('cpus' | 'mem')[]
  readonly limits: CoreLimits
}

export interface Turn {
  /** Wall time, ms. */
  readonly now: number
  readonly state: AgentState
  readonly settings: CoreSettings
  readonly random: Random
  /** What this step changes of what must outlive the agent. */
  readonly changes: Changes
  emit(effect: AgentEffect): void
}

/** Calls the master, with our id; left out while it does not listen, because a registration tells it all. */
export function callMaster(turn: Turn, call: Omit<LinkCall, 'agent_id'>): void {
  if (turn.state.link.kind !== 'registered' || turn.state.agentId === undefined) return
  turn.emit({ type: 'to-master', call: { agent_id: { value: turn.state.agentId }, ...call } })
}

export function count(turn: Turn, metric: string, by = 1): void {
  turn.emit({ type: 'count', metric, by })
}

export function log(
  turn: Turn,
  level: 'debug' | 'info' | 'warn',
  message: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  turn.emit({ type: 'log', level, message, fields })
}
