/**
 * The framework behind `tepui run`: brings one task to its end. Decisions only; effects.ts acts.
 *
 *   waiting ──offer fits──▶ launched ──TASK_RUNNING…──▶ ended
 *      ▲                       │
 *      └──the offer was gone───┘        stop: waiting ──▶ ended; launched ──kill──▶ ended
 */
import type { Offer } from '../wire/offers.ts'
import type { SchedulerEvent } from '../wire/scheduler.ts'
import type { TaskStatus } from '../wire/tasks.ts'
import { isTerminal } from '../wire/terminal-states.ts'
import type { Effect } from './effects.ts'
import { agentName, matchOffer, nearer, type Shortfall } from './placement.ts'
import { taskFor, type TaskWish } from './task-wish.ts'

/** Where the task was placed. */
export interface Placement {
  readonly taskId: string
  readonly agentId: string
  readonly agentName: string
  readonly hostname: string
  /** Of the agent's own HTTP interface; undefined when the offer does not tell. */
  readonly address: { readonly ip: string; readonly port: number } | undefined
  readonly ports: readonly { readonly host: number; readonly container: number }[]
}

export interface NearMiss {
  readonly agentName: string
  readonly missing: readonly Shortfall[]
}

/** How it ended. */
export type RunOutcome =
  | { readonly kind: 'task-ended'; readonly status: TaskStatus; readonly placement: Placement }
  | { readonly kind: 'not-placed'; readonly seen: number; readonly nearest: NearMiss | undefined }
  | { readonly kind: 'stopped' }

export type RunNote =
  | { readonly kind: 'near-miss'; readonly miss: NearMiss; readonly seen: number }
  | { readonly kind: 'placed'; readonly placement: Placement }
  | { readonly kind: 'offer-gone'; readonly status: TaskStatus }
  | { readonly kind: 'status'; readonly status: TaskStatus }

export type RunEvent =
  | { readonly type: 'scheduler'; readonly event: SchedulerEvent }
  /** The user wants it to end. */
  | { readonly type: 'stop' }
  /** It waited for an offer as long as it may. */
  | { readonly type: 'give-up' }

export interface RunStep {
  readonly effects: readonly Effect[]
  readonly notes: readonly RunNote[]
}

type RunState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'launched'; readonly placement: Placement; readonly stopping: boolean }
  | { readonly kind: 'ended'; readonly outcome: RunOutcome }

/** Offers that do not fit are not wanted again at once, but soon enough for lent resources, which change. */
const REFUSE_SECONDS = 2
const NOTHING: RunStep = { effects: [], notes: [] }

export class RunFramework {
  readonly #wish: TaskWish
  /** Without its attempt. */
  readonly #id: string
  #state: RunState = { kind: 'waiting' }
  #attempt = 0
  #seen = 0
  #nearest: NearMiss | undefined

  constructor(wish: TaskWish, id: string) {
    this.#wish = wish
    this.#id = id
  }

  get outcome(): RunOutcome | undefined {
    return this.#state.kind === 'ended' ? this.#state.outcome : undefined
  }

  step(event: RunEvent): RunStep {
    if (event.type === 'stop') return this.#stop()
    if (event.type === 'give-up') {
      if (this.#state.kind !== 'waiting') return NOTHING
      return this.#end({ kind: 'not-placed', seen: this.#seen, nearest: this.#nearest })
    }
    const { event: said } = event
    if (said.type === 'SUBSCRIBED') return this.#subscribed()
    if (said.type === 'OFFERS') return this.#offers(said.offers?.offers ?? [])
    if (said.type === 'UPDATE' && said.update !== undefined) return this.#update(said.update.status)
    return NOTHING
  }

  /** After a new subscription nothing is sure: asks for the task's state, kills it again if it was to end. */
  #subscribed(): RunStep {
    if (this.#state.kind !== 'launched') return NOTHING
    const { placement, stopping } = this.#state
    const { agentId, taskId } = placement
    const kill: Effect[] = stopping ? [{ type: 'kill', taskId, agentId }] : []
    return { effects: [{ type: 'reconcile', tasks: [{ taskId, agentId }] }, ...kill], notes: [] }
  }

  #offers(offers: readonly Offer[]): RunStep {
    const effects: Effect[] = []
    const notes: RunNote[] = []
    const useless: Offer[] = []
    for (const offer of offers) {
      if (this.#state.kind !== 'waiting') {
        useless.push(offer)
        continue
      }
      this.#seen++
      const match = matchOffer(offer, this.#wish)
      if (!match.fits) {
        const miss = { agentName: agentName(offer), missing: match.missing }
        this.#nearest = nearer(this.#nearest, miss)
        notes.push({ kind: 'near-miss', miss, seen: this.#seen })
        useless.push(offer)
        continue
      }
      const taskId = this.#attempt === 0 ? this.#id : `${this.#id}-${this.#attempt}`
      this.#attempt++
      const placement = placementOf(offer, taskId, match.ports)
      this.#state = { kind: 'launched', placement, stopping: false }
      effects.push(
        { type: 'accept', offer, tasks: [taskFor(this.#wish, taskId, offer, match)] },
        { type: 'suppress' },
      )
      notes.push({ kind: 'placed', placement })
    }
    const refuseSeconds = REFUSE_SECONDS
    if (useless.length > 0) effects.push({ type: 'decline', offers: useless, refuseSeconds })
    return { effects, notes }
  }

  #update(status: TaskStatus): RunStep {
    const effects: Effect[] = status.uuid === undefined ? [] : [{ type: 'acknowledge', status }]
    if (this.#state.kind !== 'launched' || this.#state.placement.taskId !== status.task_id.value) {
      return { effects, notes: [] }
    }
    const { placement, stopping } = this.#state
    if (!isTerminal(status.state)) return { effects, notes: [{ kind: 'status', status }] }
    if (status.reason === 'REASON_INVALID_OFFERS' && !stopping) {
      this.#state = { kind: 'waiting' }
      return { effects: [...effects, { type: 'revive' }], notes: [{ kind: 'offer-gone', status }] }
    }
    const ended = this.#end({ kind: 'task-ended', status, placement })
    return { effects, notes: [{ kind: 'status', status }, ...ended.notes] }
  }

  #stop(): RunStep {
    if (this.#state.kind === 'waiting') return this.#end({ kind: 'stopped' })
    if (this.#state.kind === 'ended' || this.#state.stopping) return NOTHING
    const { placement } = this.#state
    this.#state = { kind: 'launched', placement, stopping: true }
    const { agentId, taskId } = placement
    return { effects: [{ type: 'kill', taskId, agentId }], notes: [] }
  }

  #end(outcome: RunOutcome): RunStep {
    this.#state = { kind: 'ended', outcome }
    return NOTHING
  }
}

/** What an offer says of where a task goes with it. */
export function placementOf(offer: Offer, taskId: string, ports: Placement['ports'] = []): Placement {
  const { ip, port } = offer.url?.address ?? {}
  return {
    taskId,
    agentId: offer.agent_id.value,
    agentName: agentName(offer),
    hostname: offer.hostname,
    address: ip === undefined || port === undefined ? undefined : { ip, port },
    ports,
  }
}

/**
 * The exit code of a task as a shell would have it: its own, or 128 and the signal; undefined when it never ran to an
 * end of its own.
 */
export function exitCodeOfTask(status: TaskStatus): number | undefined {
  if (status.state === 'TASK_FINISHED') return 0
  const message = status.message ?? ''
  const exit = /exited with status (\d+)/.exec(message)
  if (exit !== null) return Number(exit[1])
  const words = /terminated with signal ([^;]+)/.exec(message)?.[1]?.trim()
  const signal = words === undefined ? undefined : (SIGNALS[words] ?? Number(words))
  return signal === undefined || Number.isNaN(signal) ? undefined : 128 + signal
}

/** Numbers of the signals by which tasks end, under the names that the C library prints (signal(7), strsignal(3)). */
const SIGNALS: Readonly<Record<string, number>> = {
  Hangup: 1,
  Interrupt: 2,
  Quit: 3,
  'Illegal instruction': 4,
  'Trace/breakpoint trap': 5,
  Aborted: 6,
  'Bus error': 7,
  'Floating point exception': 8,
  Killed: 9,
  'User defined signal 1': 10,
  'Segmentation fault': 11,
  'User defined signal 2': 12,
  'Broken pipe': 13,
  'Alarm clock': 14,
  Terminated: 15,
  'CPU time limit exceeded': 24,
  'File size limit exceeded': 25,
}

/** Whether a task ended because its resources were taken back. */
export function wasTakenBack(status: TaskStatus): boolean {
  return status.reason === 'REASON_CONTAINER_PREEMPTED'
}
