// What goes into the master's core and what comes out: `step(event) → effects`, no await, no clock, no I/O inside.
import type { DrainConfig } from '../../wire/agents.ts'
import type { LinkCall, LinkEvent } from '../../wire/link.ts'
import type { SchedulerCall, SchedulerEvent } from '../../wire/scheduler.ts'
import type { Occurrence } from './occurrences.ts'

/** Timers that the core asks for; each comes back once as an event. One that no longer matters is ignored. */
export type MasterTimer =
  | { readonly kind: 'failover'; readonly frameworkId: string; readonly subscription: number }
  | { readonly kind: 'offer-timeout'; readonly offerId: string }
  | { readonly kind: 'ping'; readonly agentId: string; readonly connection: string }
  | { readonly kind: 'agent-reregister'; readonly agentId: string; readonly disconnection: number }

/** `now` is wall time in ms. A `connection` names one stream (scheduler: the Mesos-Stream-Id). */
export type MasterEvent =
  | {
      /** Passed the gate of spec/mesos.md 2.1 (steps 1–10); semantics of 2.3 are the core's. */
      readonly type: 'framework-subscribe'
      readonly now: number
      readonly connection: string
      readonly call: SchedulerCall
      readonly principal: string | undefined
    }
  | {
      /** Passed the gate (steps 1–16): the framework is known and this is its current stream. */
      readonly type: 'framework-call'
      readonly now: number
      readonly frameworkId: string
      readonly call: SchedulerCall
    }
  /** The stream ended; ignored when it is no longer the framework's current one. */
  | { readonly type: 'framework-disconnected'; readonly now: number; readonly connection: string }
  | {
      readonly type: 'agent-subscribe'
      readonly now: number
      readonly connection: string
      /** A SUBSCRIBE; refused with the event ERROR and `close-agent`. */
      readonly call: LinkCall
      /** Address of the agent's API as the master may reach it. */
      readonly address: { readonly ip: string; readonly port: number }
    }
  /** Any other call, from the agent's current stream (the edge looks at `agentConnections`). */
  | { readonly type: 'agent-call'; readonly now: number; readonly agentId: string; readonly call: LinkCall }
  /** What an operator wants of an agent; `problemWithWish` says before whether that can be. First: wants it empty. */
  | {
      readonly type: 'drain-agent'
      readonly now: number
      readonly agentId: string
      readonly config: DrainConfig
    }
  /** No offers of it any more; what runs there goes on. */
  | { readonly type: 'deactivate-agent'; readonly now: number; readonly agentId: string }
  /** In use again, also after it was drained. */
  | { readonly type: 'reactivate-agent'; readonly now: number; readonly agentId: string }
  /** It is never to come back. */
  | { readonly type: 'mark-agent-gone'; readonly now: number; readonly agentId: string }
  | { readonly type: 'agent-disconnected'; readonly now: number; readonly connection: string }
  | { readonly type: 'timer'; readonly now: number; readonly timer: MasterTimer }
  /** The batch tick (`--allocation_interval`) for all agents, or what `allocate-soon` asked for, for these. */
  | { readonly type: 'allocate'; readonly now: number; readonly agentIds?: readonly string[] }

export type MasterEffect =
  /** In order on one stream. Heartbeats are the shell's: the first right after SUBSCRIBED (spec/mesos.md 2.3). */
  | { readonly type: 'to-framework'; readonly connection: string; readonly event: SchedulerEvent }
  /** After what was sent before: ends the stream. */
  | { readonly type: 'close-framework'; readonly connection: string }
  | { readonly type: 'to-agent'; readonly connection: string; readonly event: LinkEvent }
  | { readonly type: 'close-agent'; readonly connection: string }
  | { readonly type: 'timer'; readonly afterMs: number; readonly timer: MasterTimer }
  /** Something changed for the better, everywhere or on one agent; the shell joins many such wishes into one run. */
  | { readonly type: 'allocate-soon'; readonly agentId?: string }
  | { readonly type: 'count'; readonly metric: string; readonly by: number }
  /** For those who watch; nothing is to be done. */
  | { readonly type: 'happened'; readonly what: Occurrence }
  | {
      readonly type: 'log'
      readonly level: 'debug' | 'info' | 'warn'
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  /** The answer to UPDATE_FRAMEWORK, the only call with a synchronous outcome (spec/mesos.md 2.4). */
  | { readonly type: 'answer'; readonly status: 200 | 400 | 403; readonly message: string }
