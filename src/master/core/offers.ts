// Offers: made from what the allocator hands out, ended in every way in which an offer can end.
import type { Allocation } from '../../allocator/allocator.ts'
import type { Resources } from '../../resources/resources.ts'
import type { Offer } from '../../wire/offers.ts'
import type { Resource } from '../../wire/resources.ts'
import {
  type Agent,
  type Framework,
  type OutstandingOffer,
  executorsOf,
  isActive,
  newOfferId,
} from './cluster.ts'
import { type OfferOutcome, happened } from './occurrences.ts'
import { type Turn, log, sendToFramework } from './turn.ts'

/** Offers in one OFFERS event; more go out in further events, so that no record grows without bound. */
export const MAX_OFFERS_PER_EVENT = 1000

/**
 * Runs the allocator on all agents, or on these, and sends what it hands out: one offer is one agent and one role
 * (spec/mesos.md 2.5).
 */
export function allocate(turn: Turn, agentIds?: readonly string[]): void {
  const { allocator, frameworks, agents } = turn.cluster
  const byFramework = new Map<Framework, Offer[]>()
  for (const allocation of allocator.allocate(turn.now, agentIds)) {
    const framework = frameworks.get(allocation.frameworkId)
    const agent = agents.get(allocation.agentId)
    if (framework === undefined || agent === undefined || !isActive(framework)) {
      log(turn, 'warn', 'The allocator handed out to somebody who is not there; it is taken back', {
        framework: allocation.frameworkId,
        agent: allocation.agentId,
      })
      allocator.recover(allocation.frameworkId, allocation.agentId, allocation.resources, {}, turn.now)
      continue
    }
    const offer = makeOffer(turn, framework, agent, allocation)
    const offers = byFramework.get(framework)
    if (offers === undefined) byFramework.set(framework, [offer.message])
    else offers.push(offer.message)
  }
  for (const [framework, offers] of byFramework) {
    for (let start = 0; start < offers.length; start += MAX_OFFERS_PER_EVENT) {
      const part = offers.slice(start, start + MAX_OFFERS_PER_EVENT)
      sendToFramework(turn, framework, { type: 'OFFERS', offers: { offers: part } })
    }
  }
}

function makeOffer(turn: Turn, framework: Framework, agent: Agent, allocation: Allocation): OutstandingOffer {
  const { cluster } = turn
  const id = newOfferId(cluster)
  const { role, resources } = allocation
  const offer: OutstandingOffer = {
    id,
    frameworkId: framework.id,
    agentId: agent.id,
    role,
    resources,
    message: offerMessage(framework, agent, id, role, resources),
  }
  cluster.offers.set(id, offer)
  framework.offers.add(id)
  agent.offers.add(id)
  happened(turn, { kind: 'offer-made', offer })
  const afterMs = cluster.options.offerTimeoutMs
  if (afterMs !== undefined) {
    turn.effects.push({ type: 'timer', afterMs, timer: { kind: 'offer-timeout', offerId: id } })
  }
  return offer
}

function offerMessage(
  framework: Framework,
  agent: Agent,
  id: string,
  role: string,
  resources: Resources,
): Offer {
  const multiRole = framework.capabilities.has('MULTI_ROLE')
  const executors = [...executorsOf(agent, framework.id).keys()]
  const { hostname, attributes, domain } = agent.info
  return {
    id: { value: id },
    framework_id: { value: framework.id },
    agent_id: { value: agent.id },
    hostname,
    url: {
      scheme: 'http',
      address: { hostname, ip: agent.address.ip, port: agent.address.port },
      path: '/slave(1)',
    },
    ...(domain === undefined ? {} : { domain }),
    resources: resourcesFor(framework, resources),
    ...(attributes === undefined ? {} : { attributes }),
    ...(executors.length === 0 ? {} : { executor_ids: executors.map((value) => ({ value })) }),
    // Clients of a single role launch nothing when they see it (spec/clients.md Q15).
    ...(multiRole ? { allocation_info: { role } } : {}),
  }
}

/** In the form that the framework's capabilities ask for (spec/mesos.md 2.5). */
function resourcesFor(framework: Framework, resources: Resources): Resource[] {
  const { capabilities } = framework
  const shown = capabilities.has('MULTI_ROLE') ? resources : resources.unallocated()
  return shown.toWire(capabilities.has('RESERVATION_REFINEMENT') ? 'post-refinement' : 'pre-refinement')
}

export interface OfferEnd {
  /** Whether the framework is told; it is not when it ended the offer itself or its stream is gone. */
  readonly rescind: boolean
  /** For how long the allocator shall not offer the same again; absent or 0: no filter. */
  readonly refuseMs?: number
  /** When neither of the two tells it. */
  readonly how?: OfferOutcome
}

/** Ends an offer and gives its resources back to the allocator. */
export function endOffer(turn: Turn, offer: OutstandingOffer, end: OfferEnd): void {
  takeOffer(turn, offer)
  happened(turn, { kind: 'offer-ended', offer, ...outcomeOf(end) })
  const { allocator, frameworks } = turn.cluster
  allocator.recover(
    offer.frameworkId,
    offer.agentId,
    offer.resources,
    { refuseMs: end.refuseMs ?? 0 },
    turn.now,
  )
  const framework = frameworks.get(offer.frameworkId)
  if (end.rescind && framework !== undefined) {
    sendToFramework(turn, framework, { type: 'RESCIND', rescind: { offer_id: { value: offer.id } } })
  }
}

function outcomeOf({ how, refuseMs, rescind }: OfferEnd): { how: OfferOutcome; refuseMs?: number } {
  if (refuseMs !== undefined) return { how: 'declined', refuseMs }
  return { how: how ?? (rescind ? 'rescinded' : 'withdrawn') }
}

/** Takes an offer out of the lists; its resources are the caller's now. */
export function takeOffer(turn: Turn, offer: OutstandingOffer): void {
  const { offers, frameworks, agents } = turn.cluster
  offers.delete(offer.id)
  frameworks.get(offer.frameworkId)?.offers.delete(offer.id)
  agents.get(offer.agentId)?.offers.delete(offer.id)
}

/** The offers behind a set of ids that is changed while they end. */
export function offersOf(turn: Turn, holder: Framework | Agent): OutstandingOffer[] {
  return [...holder.offers].flatMap((id) => turn.cluster.offers.get(id) ?? [])
}

export function offerTimedOut(turn: Turn, offerId: string): void {
  const offer = turn.cluster.offers.get(offerId)
  if (offer !== undefined) endOffer(turn, offer, { rescind: true, how: 'expired' })
}
