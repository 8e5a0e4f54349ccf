/**
 * A borrower: keeps up to N tasks running on lent resources, counts what they did, and puts back in the queue what was
 * taken back. Decisions only; effects.ts acts.
 */
import { isTerminal } from '../wire/terminal-states.ts'
import type { Offer } from '../wire/offers.ts'
import type { TaskStatus } from '../wire/tasks.ts'
import { type Effect, type FrameworkEvent, reconcileAll, stopAll } from './effects.ts'
import { matchOffer } from './placement.ts'
import { type Placement, placementOf, wasTakenBack } from './run.ts'
import { taskFor, type TaskWish } from './task-wish.ts'

export type BatchNote =
  | { readonly kind: 'offered'; readonly agentName: string; readonly lentCpus: number }
  | { readonly kind: 'launched'; readonly placement: Placement }
  | { readonly kind: 'running'; readonly placement: Placement }
  | { readonly kind: 'rescinded'; readonly agentName: string; readonly lentCpus: number }
  | { readonly kind: 'taken-back'; readonly placement: Placement; readonly message: string }
  | { readonly kind: 'ended'; readonly placement: Placement; readonly status: TaskStatus }

export interface BatchStep {
  readonly effects: readonly Effect[]
  readonly notes: readonly BatchNote[]
}

interface Held {
  readonly offer: Offer
  readonly lentCpus: number
}

const REFUSE_SECONDS = 1
/** Failures of a task's own are not repeated for ever. */
const MOST_FAILURES = 20

/**
 * An offer with less lent CPU than a task wants is kept, not declined: it stands for what could be had, and the master
 * takes it back when the owners want it.
 */
export class BatchFramework {
  readonly #wish: TaskWish
  readonly #id: string
  readonly #most: number
  readonly #tasks = new Map<string, Placement>()
  readonly #held = new Map<string, Held>()
  #count = 0
  #failures = 0
  #stopping = false
  /** Tasks whose resources were taken back; each of them is started again when there is an offer. */
  takenBack = 0
  /** Tasks that came to their own end with success. */
  finished = 0

  constructor(wish: TaskWish, id: string, most: number) {
    this.#wish = wish
    this.#id = id
    this.#most = most
  }

  get running(): readonly Placement[] {
    return [...this.#tasks.values()]
  }

  step(event: FrameworkEvent): BatchStep {
    if (event.type === 'stop') return this.#stop()
    const { event: said } = event
    switch (said.type) {
      case 'SUBSCRIBED':
        return this.#subscribed()
      case 'OFFERS':
        return this.#offers(said.offers?.offers ?? [])
      case 'RESCIND':
        return this.#rescind(said.rescind?.offer_id.value ?? '')
      case 'UPDATE':
        return said.update === undefined ? nothing() : this.#update(said.update.status)
      default:
        return nothing()
    }
  }

  #subscribed(): BatchStep {
    this.#held.clear()
    return { effects: reconcileAll(this.running), notes: [] }
  }

  #offers(offers: readonly Offer[]): BatchStep {
    const effects: Effect[] = []
    const notes: BatchNote[] = []
    const useless: Offer[] = []
    for (const offer of offers) {
      const lentCpus = lentCpusOf(offer)
      const match = matchOffer(offer, this.#wish)
      const placement = placementOf(offer, `${this.#id}-${this.#count + 1}`)
      if (this.#stopping || this.#failures >= MOST_FAILURES || lentCpus === 0) {
        useless.push(offer)
        continue
      }
      notes.push({ kind: 'offered', agentName: placement.agentName, lentCpus })
      if (!match.fits || this.#tasks.size >= this.#most) {
        this.#held.set(offer.id.value, { offer, lentCpus })
        continue
      }
      this.#count++
      this.#tasks.set(placement.taskId, placement)
      effects.push({ type: 'accept', offer, tasks: [taskFor(this.#wish, placement.taskId, offer, match)] })
      notes.push({ kind: 'launched', placement })
    }
    if (useless.length > 0) effects.push({ type: 'decline', offers: useless, refuseSeconds: REFUSE_SECONDS })
    return { effects, notes }
  }

  #rescind(offerId: string): BatchStep {
    const held = this.#held.get(offerId)
    this.#held.delete(offerId)
    if (held === undefined) return nothing()
    const { agentName } = placementOf(held.offer, '')
    return { effects: [], notes: [{ kind: 'rescinded', agentName, lentCpus: held.lentCpus }] }
  }

  #update(status: TaskStatus): BatchStep {
    const effects: Effect[] = status.uuid === undefined ? [] : [{ type: 'acknowledge', status }]
    const placement = this.#tasks.get(status.task_id.value)
    if (placement === undefined) return { effects, notes: [] }
    if (status.state === 'TASK_RUNNING') return { effects, notes: [{ kind: 'running', placement }] }
    if (!isTerminal(status.state)) return { effects, notes: [] }
    this.#tasks.delete(placement.taskId)
    // What was kept aside may be enough now that a task less is wanted from it.
    effects.push(...this.#release())
    if (wasTakenBack(status)) {
      this.takenBack++
      return { effects, notes: [{ kind: 'taken-back', placement, message: status.message ?? '' }] }
    }
    if (status.state === 'TASK_FINISHED') this.finished++
    else if (status.reason !== 'REASON_INVALID_OFFERS') this.#failures++
    return { effects, notes: [{ kind: 'ended', placement, status }] }
  }

  /** Gives back what is kept, so that it comes again together with what became free. */
  #release(): readonly Effect[] {
    const offers = [...this.#held.values()].map(({ offer }) => offer)
    this.#held.clear()
    return offers.length === 0 ? [] : [{ type: 'decline', offers, refuseSeconds: 0 }]
  }

  #stop(): BatchStep {
    this.#stopping = true
    return { effects: [...this.#release(), ...stopAll(this.running)], notes: [] }
  }
}

const nothing = (): BatchStep => ({ effects: [], notes: [] })

/** The lent CPUs of an offer. */
export function lentCpusOf(offer: Offer): number {
  const lent = (offer.resources ?? []).filter(
    ({ name, revocable }) => name === 'cpus' && revocable !== undefined,
  )
  return lent.reduce((sum, { scalar }) => sum + Math.round((scalar?.value ?? 0) * 1000), 0) / 1000
}
