// What one agent and the whole cluster lend, summed up in a line each. Pure.
import { counted } from '../base/words.ts'
import type { Resources } from '../resources/resources.ts'
import type { Agent } from './core/cluster.ts'
import { double } from '../http/pages/number.ts'
import type { Page } from '../http/pages/resources.ts'

/** CPUs of one agent. */
export interface AgentLends {
  readonly isConnected: boolean
  readonly mode: string
  readonly lent: number
  readonly used: number
  /** What its estimator would lend in addition; undefined while that is not known. */
  readonly lendable: number | undefined
  /** Why it is not known. */
  readonly unknown: string
  readonly sum: string
  /** Why nothing more is lent; empty when something may be. */
  readonly closed: string
}

/** @param used all that is used on the agent */
export function lendingOf(agent: Agent, used: Resources): AgentLends {
  const { lending, oversubscribed, state } = agent
  const isKnown = lending !== undefined && lending.unknown === undefined && lending.mode !== 'off'
  return {
    isConnected: state.kind === 'connected',
    mode: lending?.mode ?? '',
    lent: oversubscribed.scalar('cpus'),
    used: used.revocable().scalar('cpus'),
    lendable: isKnown ? lending.lendable.scalar('cpus') : undefined,
    unknown: lending?.unknown ?? (lending === undefined ? 'the agent has not told any yet' : ''),
    sum: lending?.sum ?? '',
    closed: lending?.closed ?? '',
  }
}

/** `1.33 reserved but idle (web) − 0.20 headroom = 1.13 more cpus; lent 0.50, in use 0.50`. */
export function lendLine(agent: AgentLends): string {
  const { closed, isConnected, lendable, lent, mode, sum, unknown, used } = agent
  const use = `lent ${amount(lent)}, in use ${amount(used)}`
  const away = isConnected ? '' : '; the agent is away, this is what it told last'
  if (mode === 'off') return `lends nothing: lending is off; ${use}${away}`
  const why = closed === '' ? '' : `; nothing more is lent: ${closed}`
  if (lendable === undefined) return `the estimate is unknown: ${unknown}; ${use}${why}${away}`
  return `${sum === '' ? '' : `${sum} = `}${counted(amount(lendable), 'more cpu')}; ${use}${why}${away}`
}

/** Of all agents: the same figures, and in how many of them something is missing. */
export function lendTotal(agents: readonly AgentLends[]): Page {
  const sum = (value: (agent: AgentLends) => number): number =>
    // Thousandths, so that no rest of a binary fraction is shown.
    agents.reduce((total, agent) => total + Math.round(value(agent) * 1000), 0) / 1000
  const [lent, used, lendable] = [
    sum((agent) => agent.lent),
    sum((agent) => agent.used),
    sum((agent) => agent.lendable ?? 0),
  ]
  const count = (is: (agent: AgentLends) => boolean): number => agents.filter(is).length
  const off = count(({ mode }) => mode === 'off')
  const unknown = count(({ lendable: known, mode }) => known === undefined && mode !== 'off')
  const closed = count((agent) => agent.closed !== '' && agent.mode !== 'off')
  const parts = [
    `${counted(agents.length, 'agent')}: ${counted(amount(lent), 'cpu')} lent, ${amount(used)} in use`,
    `${amount(lendable)} more could be lent`,
    ...(unknown > 0 ? [`the estimate of ${unknown} is unknown`] : []),
    ...(closed > 0 ? [`${closed} may not lend more now`] : []),
    ...(off > 0 ? [`lending is off on ${off}`] : []),
  ]
  return {
    agents: agents.length,
    lent_cpus: double(lent),
    used_cpus: double(used),
    lendable_cpus: double(lendable),
    unknown,
    closed,
    off,
    line: parts.join('; '),
  }
}

const amount = (value: number): string => String(Number(value.toFixed(2)))
