// The door of the master's core: one synchronous step per event; the shell carries out the effects that it returns.
import { unreachable } from '../../base/errors.ts'
import type { Allocator } from '../../allocator/allocator.ts'
import { agentCall } from './agent-calls.ts'
import { agentDisconnected, markGone, pingTimedOut, reregisterTimedOut } from './agent-loss.ts'
import { agentSubscribes } from './agents.ts'
import { type Cluster, type CoreOptions, emptyCluster } from './cluster.ts'
import { deactivateAgent, drainAgent, reactivateAgent, settleDrains } from './draining.ts'
import type { MasterEffect, MasterEvent, MasterTimer } from './events.ts'
import { frameworkCall } from './framework-calls.ts'
import { failoverTimedOut, frameworkDisconnected, subscribe } from './frameworks.ts'
import { allocate, offerTimedOut } from './offers.ts'
import type { Turn } from './turn.ts'

export class MasterCore {
  /** To be read by pages and gates; only `step` changes it. */
  readonly cluster: Cluster

  constructor(options: CoreOptions, allocator: Allocator) {
    this.cluster = emptyCluster(options, allocator)
  }

  /** Changes the state and returns what has to be done, in this order. */
  step(event: MasterEvent): readonly MasterEffect[] {
    const turn: Turn = { cluster: this.cluster, now: event.now, effects: [] }
    decide(turn, event)
    settleDrains(turn)
    return turn.effects
  }
}

function decide(turn: Turn, event: MasterEvent): void {
  switch (event.type) {
    case 'framework-subscribe':
      return subscribe(turn, event)
    case 'framework-call':
      return frameworkCall(turn, event.frameworkId, event.call)
    case 'framework-disconnected':
      return frameworkDisconnected(turn, event.connection)
    case 'agent-subscribe':
      return agentSubscribes(turn, event)
    case 'agent-call':
      return agentCall(turn, event.agentId, event.call)
    case 'drain-agent':
      return drainAgent(turn, event.agentId, event.config)
    case 'deactivate-agent':
      return deactivateAgent(turn, event.agentId)
    case 'reactivate-agent':
      return reactivateAgent(turn, event.agentId)
    case 'mark-agent-gone':
      return markGone(turn, event.agentId)
    case 'agent-disconnected':
      return agentDisconnected(turn, event.connection)
    case 'timer':
      return timer(turn, event.timer)
    case 'allocate':
      return allocate(turn, event.agentIds)
    default:
      return unreachable(event, 'event of the master')
  }
}

function timer(turn: Turn, due: MasterTimer): void {
  switch (due.kind) {
    case 'failover':
      return failoverTimedOut(turn, due.frameworkId, due.subscription)
    case 'offer-timeout':
      return offerTimedOut(turn, due.offerId)
    case 'ping':
      return pingTimedOut(turn, due.agentId, due.connection)
    case 'agent-reregister':
      return reregisterTimedOut(turn, due.agentId, due.disconnection)
    default:
      return unreachable(due, 'timer of the master')
  }
}
