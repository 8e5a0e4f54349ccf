/**
 * A list of jobs on lent resources: at most so many at once, what was taken back goes to the head of the queue and is
 * charged to nobody, what fails by itself is tried again as often as is allowed. Decisions only; effects.ts acts.
 */
import { isTerminal } from '../wire/terminal-states.ts'
import type { Offer } from '../wire/offers.ts'
import type { TaskStatus } from '../wire/tasks.ts'
import { lentCpusOf } from './batch.ts'
import { type Effect, type FrameworkEvent, reconcileAll, stopAll } from './effects.ts'
import { matchOffer } from './placement.ts'
import { type Placement, placementOf, wasTakenBack } from './run.ts'
import { taskFor, type TaskWish } from './task-wish.ts'

export interface Job {
  readonly name: string
  readonly wish: TaskWish
}

export interface JobAttempt {
  readonly job: Job
  /** From 1; taken back ones count here too, but not as failures. */
  readonly attempt: number
  readonly placement: Placement
}

export type JobNote =
  | { readonly kind: 'started'; readonly at: JobAttempt }
  | { readonly kind: 'running'; readonly at: JobAttempt }
  | { readonly kind: 'taken-back'; readonly at: JobAttempt; readonly message: string }
  /** It ended for a reason that is neither its own nor lending's, such as an agent that was lost. */
  | { readonly kind: 'lost'; readonly at: JobAttempt; readonly message: string }
  | { readonly kind: 'finished'; readonly at: JobAttempt }
  | { readonly kind: 'failed'; readonly at: JobAttempt; readonly status: TaskStatus; readonly again: boolean }

export interface JobsStep {
  readonly effects: readonly Effect[]
  readonly notes: readonly JobNote[]
}

export interface JobsSettings {
  /** Begins the ids of tasks. */
  readonly id: string
  /** Tasks at once. */
  readonly most: number
  /** How often a job that fails by itself is tried again. */
  readonly retries: number
}

interface Queued {
  readonly job: Job
  attempts: number
  failures: number
  /** Its last run was ended by others. */
  interrupted: boolean
}

const REFUSE_SECONDS = 1

export class JobsFramework {
  readonly #settings: JobsSettings
  readonly #queue: Queued[]
  readonly #running = new Map<string, { readonly entry: Queued; readonly at: JobAttempt }>()
  #count = 0
  #stopping = false
  finished = 0
  failed = 0
  takenBack = 0
  /** Starts of a job whose last run was ended by others. */
  reruns = 0

  constructor(jobs: readonly Job[], settings: JobsSettings) {
    this.#settings = settings
    this.#queue = jobs.map((job) => ({ job, attempts: 0, failures: 0, interrupted: false }))
  }

  get waiting(): number {
    return this.#queue.length
  }

  get running(): number {
    return this.#running.size
  }

  /** Nothing is left to do. */
  get isDone(): boolean {
    return this.#running.size === 0 && (this.#queue.length === 0 || this.#stopping)
  }

  step(event: FrameworkEvent): JobsStep {
    if (event.type === 'stop') return this.#stop()
    const { event: said } = event
    switch (said.type) {
      case 'SUBSCRIBED':
        return { effects: reconcileAll(this.#placements()), notes: [] }
      case 'OFFERS':
        return this.#offers(said.offers?.offers ?? [])
      case 'UPDATE':
        return said.update === undefined ? nothing() : this.#update(said.update.status)
      default:
        return nothing()
    }
  }

  #placements(): readonly Placement[] {
    return [...this.#running.values()].map(({ at }) => at.placement)
  }

  #offers(offers: readonly Offer[]): JobsStep {
    const effects: Effect[] = []
    const notes: JobNote[] = []
    const useless: Offer[] = []
    for (const offer of offers) {
      const at = this.#place(offer, effects)
      if (at === undefined) useless.push(offer)
      else notes.push({ kind: 'started', at })
    }
    // What does not fit comes again soon: lent resources change by the second.
    if (useless.length > 0) effects.push({ type: 'decline', offers: useless, refuseSeconds: REFUSE_SECONDS })
    return { effects, notes }
  }

  /** Starts the first job in the queue that fits; a job never runs on what is not lent. */
  #place(offer: Offer, effects: Effect[]): JobAttempt | undefined {
    if (this.#stopping || this.#running.size >= this.#settings.most || lentCpusOf(offer) === 0)
      return undefined
    for (const [index, entry] of this.#queue.entries()) {
      const match = matchOffer(offer, entry.job.wish)
      if (!match.fits) continue
      this.#queue.splice(index, 1)
      this.#count++
      entry.attempts++
      if (entry.interrupted) this.reruns++
      entry.interrupted = false
      const placement = placementOf(offer, `${this.#settings.id}-${entry.job.name}-${this.#count}`)
      const at: JobAttempt = { job: entry.job, attempt: entry.attempts, placement }
      this.#running.set(placement.taskId, { entry, at })
      effects.push({
        type: 'accept',
        offer,
        tasks: [taskFor(entry.job.wish, placement.taskId, offer, match)],
        // The next job may fit into what is left.
        refuseSeconds: 0,
      })
      return at
    }
    return undefined
  }

  #update(status: TaskStatus): JobsStep {
    const effects: Effect[] = status.uuid === undefined ? [] : [{ type: 'acknowledge', status }]
    const found = this.#running.get(status.task_id.value)
    if (found === undefined) return { effects, notes: [] }
    const { at, entry } = found
    if (status.state === 'TASK_RUNNING') return { effects, notes: [{ kind: 'running', at }] }
    if (!isTerminal(status.state)) return { effects, notes: [] }
    this.#running.delete(at.placement.taskId)
    return { effects, notes: [this.#ended(entry, at, status)] }
  }

  #ended(entry: Queued, at: JobAttempt, status: TaskStatus): JobNote {
    if (status.state === 'TASK_FINISHED') {
      this.finished++
      return { kind: 'finished', at }
    }
    if (isNotItsFault(status)) {
      const isBack = wasTakenBack(status)
      if (isBack) this.takenBack++
      entry.interrupted = true
      this.#queue.unshift(entry)
      return { kind: isBack ? 'taken-back' : 'lost', at, message: status.message ?? status.state }
    }
    entry.failures++
    const again = entry.failures <= this.#settings.retries && !this.#stopping
    if (again) this.#queue.push(entry)
    else this.failed++
    return { kind: 'failed', at, status, again }
  }

  #stop(): JobsStep {
    this.#stopping = true
    return { effects: stopAll(this.#placements()), notes: [] }
  }
}

const nothing = (): JobsStep => ({ effects: [], notes: [] })

/** Taken back, an offer that was gone already, or an agent that was lost: no failure of the job. */
function isNotItsFault(status: TaskStatus): boolean {
  return (
    wasTakenBack(status) ||
    status.reason === 'REASON_INVALID_OFFERS' ||
    status.state === 'TASK_DROPPED' ||
    status.state === 'TASK_UNREACHABLE' ||
    (status.state === 'TASK_LOST' && status.source === 'SOURCE_MASTER')
  )
}
