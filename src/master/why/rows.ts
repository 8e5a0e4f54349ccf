// Why a task finds no place: for each agent what it has free, what is missing, and what became of the last offer. Pure.
import { counted } from '../../base/words.ts'
import type { Need } from '../../resources/need.ts'
import type { Agent, Cluster, Framework } from '../core/cluster.ts'
import { usedBy } from '../core/cluster.ts'
import { agentName } from '../history/entries.ts'
import { frameworksOn, tallyOf } from '../tally.ts'
import type { LastOffer, LastOffers } from './last-offers.ts'

export interface PlaceRow {
  readonly agent: string
  readonly agent_id: string
  readonly fits: boolean
  /** Neither used nor held; of it, what others are offered now. */
  readonly free: { readonly cpus: number; readonly lent_cpus: number; readonly mem: number }
  readonly offered_to_others: { readonly cpus: number; readonly mem: number }
  readonly short_by: Readonly<Record<string, number>>
  /** Who holds most of it. */
  readonly holders: readonly { readonly framework: string; readonly cpus: number; readonly mem: number }[]
  readonly last_offer: LastOffer | null
  readonly reason: string
  /** The share that is missing, summed; more than any amount when it can never be had there as things are. */
  readonly distance: number
}

const NEVER = 1000
const MOST_HOLDERS = 3

export interface Question {
  readonly cluster: Cluster
  readonly framework: Framework | undefined
  readonly need: Need | undefined
  readonly offers: LastOffers
  /** Wall time, ms. */
  readonly now: number
}

/** The nearest miss first; where it fits before all. */
export function placeRows(question: Question): readonly PlaceRow[] {
  const tally = tallyOf(question.cluster)
  const rows = [...question.cluster.agents.values()].map((agent) => {
    const used = tally.used.of(agent.id)
    return placeRow(question, agent, {
      cpus: agent.own.scalar('cpus') - used.nonRevocable().scalar('cpus'),
      lent: agent.oversubscribed.scalar('cpus') - used.revocable().scalar('cpus'),
      mem: agent.total.scalar('mem') - used.scalar('mem'),
    })
  })
  return rows.toSorted((a, b) => a.distance - b.distance || (a.agent < b.agent ? -1 : 1))
}

interface Free {
  readonly cpus: number
  readonly lent: number
  readonly mem: number
}

function placeRow(question: Question, agent: Agent, free: Free): PlaceRow {
  const { framework, need, offers } = question
  const short = need === undefined ? {} : shortBy(need, free)
  const missing = Object.entries(short)
  const obstacle = obstacleOf(question, agent)
  const last = framework === undefined ? undefined : offers.of(framework.id, agent.id)
  const share = (name: string, amount: number): number =>
    amount / Math.max(need === undefined ? 1 : name === 'mem' ? need.mem : need.cpus, 0.001)
  const fits = obstacle === undefined && missing.length === 0
  return {
    agent: agentName(agent),
    agent_id: agent.id,
    fits,
    free: { cpus: round(free.cpus), lent_cpus: round(free.lent), mem: round(free.mem) },
    offered_to_others: offeredToOthers(question, agent),
    short_by: short,
    holders: holdersOf(question.cluster, agent),
    last_offer: last ?? null,
    reason: obstacle ?? reasonFor(question, agent, missing.length > 0, last),
    distance:
      (obstacle === undefined ? 0 : NEVER) + missing.reduce((sum, [name, by]) => sum + share(name, by), 0),
  }
}

const round = (amount: number): number => Math.round(Math.max(0, amount) * 1000) / 1000

function shortBy(need: Need, free: Free): Readonly<Record<string, number>> {
  const cpus = need.cpus - (need.lent ? free.lent : free.cpus)
  const mem = need.mem - free.mem
  return {
    ...(cpus > 1e-6 && { [need.lent ? 'lent cpus' : 'cpus']: round(cpus) }),
    ...(mem > 1e-6 && { mem: round(mem) }),
  }
}

/** What keeps a task from this agent whatever is free there. */
function obstacleOf({ framework, need, now }: Question, agent: Agent): string | undefined {
  if (agent.state.kind === 'disconnected')
    return `the agent is away for ${Math.round((now - agent.state.since) / 1000)} s`
  if (agent.drain !== undefined)
    return agent.drain.state === 'DRAINED' ? 'the agent is drained' : 'the agent is being drained'
  if (agent.deactivated) return 'the agent is deactivated: it is offered to nobody'
  if (need?.lent !== true) return undefined
  if (framework !== undefined && !framework.capabilities.has('REVOCABLE_RESOURCES'))
    return 'the framework does not take lent resources (capability REVOCABLE_RESOURCES)'
  const mode = agent.lending?.mode
  if (mode === undefined || mode === 'off') return 'the agent does not lend (tepui lend set --mode full)'
  return mode === 'observe' ? 'the agent only observes what it could lend (mode observe)' : undefined
}

function reasonFor(question: Question, agent: Agent, isShort: boolean, last: LastOffer | undefined): string {
  const { framework, need, now } = question
  if (isShort && need?.lent === true) {
    const { closed, sum, unknown } = agent.lending ?? {}
    return closed ?? unknown ?? (sum === undefined || sum === '' ? 'too little is lent' : sum)
  }
  if (isShort) {
    const [first] = holdersOf(question.cluster, agent)
    return first === undefined
      ? 'the agent has no more'
      : `${first.framework} holds ${counted(first.cpus, 'cpu')}, ${first.mem} MB of it`
  }
  if (framework === undefined) return 'there is room'
  if (framework.state.kind !== 'connected') return 'the framework is not connected: it is offered nothing'
  if (last?.how === 'held') return 'the framework holds an offer of it now'
  if (last?.refusedUntil !== undefined && last.refusedUntil > now)
    return `the framework declined it; it is offered again in ${Math.ceil((last.refusedUntil - now) / 1000)} s`
  if (framework.roles.every((role) => framework.suppressedRoles.has(role)))
    return 'the framework wants no offers now (SUPPRESS)'
  const others = offeredToOthers(question, agent)
  if (others.cpus > 0 || others.mem > 0) return 'it is offered to another framework now'
  return 'there is room: an offer comes with the next round'
}

function offeredToOthers({ cluster, framework }: Question, agent: Agent): { cpus: number; mem: number } {
  let [cpus, mem] = [0, 0]
  for (const id of agent.offers) {
    const offer = cluster.offers.get(id)
    if (offer === undefined || offer.frameworkId === framework?.id) continue
    cpus += offer.resources.scalar('cpus')
    mem += offer.resources.scalar('mem')
  }
  return { cpus: round(cpus), mem: round(mem) }
}

function holdersOf(cluster: Cluster, agent: Agent): PlaceRow['holders'] {
  const all = [...frameworksOn(agent)].map((id) => {
    const used = usedBy(agent, id)
    const framework = cluster.frameworks.get(id)?.info.name ?? id
    return { framework, cpus: round(used.scalar('cpus')), mem: round(used.scalar('mem')) }
  })
  const held = all.filter(({ cpus, mem }) => cpus > 0 || mem > 0)
  return held.toSorted((a, b) => b.cpus - a.cpus || b.mem - a.mem).slice(0, MOST_HOLDERS)
}
