/**
 * What happens in the cluster, in one list: who wants to write it down or tell it watches these (`Shell.watch`). The
 * objects are those of the books: a watcher reads them at once and changes nothing.
 */
import type { TaskStatus } from '../../wire/tasks.ts'
import type { Agent, Framework, OutstandingOffer, Task } from './cluster.ts'
import type { Turn } from './turn.ts'

/** How an offer ended; `withdrawn`: its framework left, or used it wrongly. */
export type OfferOutcome = 'accepted' | 'declined' | 'rescinded' | 'expired' | 'withdrawn'

export type Occurrence =
  | { readonly kind: 'offer-made'; readonly offer: OutstandingOffer }
  | {
      readonly kind: 'offer-ended'
      readonly offer: OutstandingOffer
      readonly how: OfferOutcome
      /** For how long the framework does not want it again. */
      readonly refuseMs?: number
      /** Tasks that were to be launched on it. */
      readonly tasks?: number
    }
  /** Launched, or brought by an agent that came back. */
  | { readonly kind: 'task-added'; readonly task: Task; readonly brought: boolean }
  /** A status that is new; `task.state` may be ahead of it. */
  | { readonly kind: 'task-updated'; readonly task: Task; readonly status: TaskStatus }
  /** It was never launched. */
  | { readonly kind: 'task-refused'; readonly framework: Framework; readonly status: TaskStatus }
  | { readonly kind: 'agent-registered'; readonly agent: Agent; readonly how: 'new' | 'returned' }
  | { readonly kind: 'agent-disconnected'; readonly agent: Agent }
  | {
      readonly kind: 'agent-removed'
      readonly agent: Agent
      readonly why: string
      /** It may come back. */
      readonly unreachable: boolean
    }
  /** An operator wants something of it (drain, deactivate, reactivate), or it has become empty. */
  | { readonly kind: 'agent-standing'; readonly agent: Agent }
  /** Another amount is lent by the agent. */
  | { readonly kind: 'lent-changed'; readonly agent: Agent }
  | { readonly kind: 'lend-mode'; readonly agent: Agent; readonly from: string | undefined }
  /** An agent counts steps of lending (`LEND_COUNTERS`). */
  | { readonly kind: 'lend-step'; readonly agent: Agent; readonly counter: string; readonly by: number }
  | { readonly kind: 'framework-subscribed'; readonly framework: Framework; readonly again: boolean }
  /** Known from an agent, before it subscribes. */
  | { readonly kind: 'framework-recovered'; readonly framework: Framework }
  | { readonly kind: 'framework-disconnected'; readonly framework: Framework }
  | { readonly kind: 'framework-updated'; readonly framework: Framework }
  | { readonly kind: 'framework-removed'; readonly framework: Framework; readonly why: string }

export function happened(turn: Turn, what: Occurrence): void {
  turn.effects.push({ type: 'happened', what })
}
