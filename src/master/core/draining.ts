/**
 * What operators want of an agent: to be in use, deactivated (no offers), or drained (no offers, and it kills what it
 * has; DRAINED when every end is acknowledged). The master decides, and every agent keeps its own standing, so that a
 * master that starts anew is told.
 */
import type { DrainConfig } from '../../wire/agents.ts'
import type { LinkCallSubscribe } from '../../wire/link.ts'
import { markGone } from './agent-loss.ts'
import type { Agent, Cluster } from './cluster.ts'
import { happened } from './occurrences.ts'
import { endOffer, offersOf } from './offers.ts'
import { type Turn, log, sendToAgent } from './turn.ts'

type Standing = Pick<Agent, 'deactivated' | 'drain'>

/** Why an operator's wish is refused, with the status that Mesos has for it; undefined when it can be met. */
export function problemWithWish(
  cluster: Cluster,
  wish: 'drain' | 'deactivate' | 'reactivate' | 'mark-gone',
  agentId: string,
): { readonly status: 400 | 404; readonly message: string } | undefined {
  if (wish === 'mark-gone' && cluster.goneAgents.has(agentId)) return undefined
  const standing = standingOf(cluster, agentId)
  if (standing === undefined)
    return { status: wish === 'mark-gone' ? 404 : 400, message: `Agent ${agentId} is not known` }
  const refused = (why: string) => ({ status: 400, message: `Agent ${agentId} ${why}` }) as const
  const agent = cluster.agents.get(agentId)
  if (wish === 'drain' && agent?.capabilities.includes('AGENT_DRAINING') === false)
    return refused('cannot be drained: it lacks the capability AGENT_DRAINING')
  if (wish !== 'reactivate') return undefined
  if (!standing.deactivated) return refused('is not deactivated')
  return standing.drain?.state === 'DRAINING' ? refused('is still being drained') : undefined
}

/** One that is out of reach has a standing too, which counts when it is back. */
function standingOf(cluster: Cluster, agentId: string): Standing | undefined {
  return cluster.agents.get(agentId) ?? cluster.unreachableAgents.get(agentId)
}

/** Asked again, the newer wish counts (spec/mesos.md 5.5). */
export function drainAgent(turn: Turn, agentId: string, config: DrainConfig): void {
  stand(turn, agentId, { deactivated: true, drain: { state: 'DRAINING', config, since: turn.now } })
}

/** One that is being drained, or was, stays that. */
export function deactivateAgent(turn: Turn, agentId: string): void {
  const drain = standingOf(turn.cluster, agentId)?.drain
  stand(turn, agentId, { deactivated: true, drain })
}

export function reactivateAgent(turn: Turn, agentId: string): void {
  if (standingOf(turn.cluster, agentId)?.drain?.state === 'DRAINING') return
  stand(turn, agentId, { deactivated: false, drain: undefined })
}

function stand(turn: Turn, agentId: string, standing: Standing): void {
  const { cluster } = turn
  const agent = cluster.agents.get(agentId)
  const away = cluster.unreachableAgents.get(agentId)
  if (away !== undefined) cluster.unreachableAgents.set(agentId, { ...away, ...standing })
  else if (agent === undefined)
    return log(turn, 'warn', 'An operator spoke of an agent that is not here', { agentId })
  if (agent === undefined) return
  takeStanding(turn, agent, standing)
  happened(turn, { kind: 'agent-standing', agent })
  if (agent.deactivated) {
    cluster.allocator.deactivateAgent(agentId)
    for (const offer of offersOf(turn, agent)) endOffer(turn, offer, { rescind: true })
  } else if (agent.state.kind === 'connected') {
    cluster.allocator.activateAgent(agentId)
    turn.effects.push({ type: 'allocate-soon', agentId })
  }
  log(turn, 'info', `Agent ${agent.info.hostname} ${sayingOf(agent)}`, { agent: agentId })
  sendStanding(turn, agent)
}

function sayingOf({ deactivated, drain }: Standing): string {
  if (drain !== undefined) return drain.state === 'DRAINED' ? 'is drained' : 'is being drained'
  return deactivated ? 'is deactivated: it is offered to nobody' : 'is in use again'
}

export function takeStanding(turn: Turn, agent: Agent, { deactivated, drain }: Standing): void {
  agent.deactivated = deactivated
  agent.drain = drain
  if (drain?.state === 'DRAINING') turn.cluster.draining.add(agent.id)
  else turn.cluster.draining.delete(agent.id)
}

/** Of an agent that this master does not know: what an earlier one decided. */
export function standingTold({ standing }: LinkCallSubscribe): Standing {
  if (standing?.deactivated !== true) return { deactivated: false, drain: undefined }
  const { drain, drain_since: since = 0 } = standing
  if (drain === undefined || drain.state === 'UNKNOWN') return { deactivated: true, drain: undefined }
  return { deactivated: true, drain: { state: drain.state, config: drain.config, since } }
}

/** For the agent to keep; one that has to become empty is told so again when it comes back: it may have restarted. */
export function sendStanding(turn: Turn, agent: Agent): void {
  const { deactivated, drain } = agent
  sendToAgent(turn, agent, {
    type: 'STANDING',
    standing: {
      deactivated,
      ...(drain && { drain: { state: drain.state, config: drain.config }, drain_since: drain.since }),
    },
  })
  if (drain?.state === 'DRAINING') sendToAgent(turn, agent, { type: 'DRAIN', drain: drain.config })
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
    happened(turn, { kind: 'agent-standing', agent })
    if (agent.drain.config.mark_gone === true) markGone(turn, id)
    else sendStanding(turn, agent)
  }
}
