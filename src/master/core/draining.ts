// Draining an agent: it gets no offers any more, kills what it has, and is DRAINED when all of it is acknowledged.
import type { DrainConfig } from '../../wire/agents.ts'
import type { Agent } from './cluster.ts'
import { endOffer, offersOf } from './offers.ts'
import { type Turn, log, sendToAgent } from './turn.ts'

/** The operator's DRAIN_AGENT, checked before (spec/mesos.md 5.5). Asked again, the newer wish counts. */
export function drainAgent(turn: Turn, agentId: string, config: DrainConfig): void {
  const agent = turn.cluster.agents.get(agentId)
  if (agent === undefined) return log(turn, 'warn', 'An agent that is to be drained is not here', { agentId })
  agent.drain = { state: 'DRAINING', config, since: turn.now }
  turn.cluster.draining.add(agent.id)
  turn.cluster.allocator.deactivateAgent(agent.id)
  for (const offer of offersOf(turn, agent)) endOffer(turn, offer, { rescind: true })
  log(turn, 'info', `Agent ${agent.info.hostname} is being drained`, { agent: agent.id })
  sendDrain(turn, agent)
}

/** To an agent that is there, and again to one that comes back: it may have restarted. */
export function sendDrain(turn: Turn, agent: Agent): void {
  if (agent.drain?.state === 'DRAINING')
    sendToAgent(turn, agent, { type: 'DRAIN', drain: agent.drain.config })
}

/** After each step: who has no task left whose end its framework does not know. */
export function settleDrains(turn: Turn): void {
  for (const id of turn.cluster.draining) {
    const agent = turn.cluster.agents.get(id)
    // Away for good, or for now: what runs there is not known, and it is looked at again when it is back.
    if (agent === undefined || agent.state.kind !== 'connected') continue
    if (agent.tasks.values().some((tasks) => tasks.size > 0)) continue
    turn.cluster.draining.delete(id)
    if (agent.drain === undefined) continue
    agent.drain = { ...agent.drain, state: 'DRAINED' }
    log(turn, 'info', `Agent ${agent.info.hostname} is drained`, { agent: id })
  }
}
