// One step of the core: the state that it changes, the time at which, and the effects that it leaves behind.
import type { LinkEvent } from '../../wire/link.ts'
import type { SchedulerEvent } from '../../wire/scheduler.ts'
import type { Agent, Cluster, Framework } from './cluster.ts'
import type { MasterEffect } from './events.ts'

export interface Turn {
  readonly cluster: Cluster
  /** Wall time in ms. */
  readonly now: number
  /** Grows during the step, in the order in which the shell carries them out. */
  readonly effects: MasterEffect[]
}

/** Sends to a framework that is connected; says whether it was. */
export function sendToFramework(turn: Turn, framework: Framework, event: SchedulerEvent): boolean {
  if (framework.state.kind !== 'connected') return false
  turn.effects.push({ type: 'to-framework', connection: framework.state.connection, event })
  return true
}

/** Sends to an agent that is connected; says whether it was. */
export function sendToAgent(turn: Turn, agent: Agent, event: LinkEvent): boolean {
  if (agent.state.kind !== 'connected') return false
  turn.effects.push({ type: 'to-agent', connection: agent.state.connection, event })
  return true
}

/** Adds to a counter named as in spec/mesos.md 17. */
export function count(turn: Turn, metric: string, by = 1): void {
  turn.effects.push({ type: 'count', metric, by })
}

export function log(
  turn: Turn,
  level: 'debug' | 'info' | 'warn',
  message: string,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  turn.effects.push({ type: 'log', level, message, fields })
}

/** A call or message that is valid and yet has no one to act on it: told in the log, counted, and nothing else. */
export function drop(
  turn: Turn,
  what: string,
  why: string,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  log(turn, 'warn', `Dropped ${what}: ${why}`, fields)
  count(turn, 'master/dropped_messages')
}
