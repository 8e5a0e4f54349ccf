/**
 * The framework behind `tepui each`: one task on every agent that there is. Decisions only; effects.ts acts.
 *
 * The agents are known beforehand (from /state), so that one which offers nothing is told as such and not left out.
 */
import { isTerminal } from '../wire/terminal-states.ts'
import type { Offer } from '../wire/offers.ts'
import type { SchedulerEvent } from '../wire/scheduler.ts'
import type { TaskStatus } from '../wire/tasks.ts'
import type { Effect } from './effects.ts'
import { matchOffer, type Shortfall } from './placement.ts'
import { type Placement, placementOf } from './run.ts'
import { taskFor, type TaskWish } from './task-wish.ts'

export interface EachAgent {
  readonly id: string
  readonly name: string
}

export type EachResult =
  | { readonly kind: 'ended'; readonly status: TaskStatus; readonly placement: Placement }
  /** It began, but was not done in time; it is killed. */
  | { readonly kind: 'late'; readonly placement: Placement }
  | { readonly kind: 'never'; readonly missing: readonly Shortfall[] | undefined }

export type EachEvent =
  | { readonly type: 'scheduler'; readonly event: SchedulerEvent }
  /** Time is over, or the user does not want to wait. */
  | { readonly type: 'time-over' }

interface Work {
  readonly agent: EachAgent
  placement: Placement | undefined
  missing: readonly Shortfall[] | undefined
  result: EachResult | undefined
}

const REFUSE_SECONDS = 2

export class EachFramework {
  readonly #wish: TaskWish
  readonly #id: string
  /** How many tasks may run at a time. */
  readonly #concurrency: number
  readonly #work = new Map<string, Work>()

  constructor(wish: TaskWish, id: string, agents: readonly EachAgent[], concurrency: number) {
    this.#wish = wish
    this.#id = id
    this.#concurrency = concurrency
    for (const agent of agents) {
      this.#work.set(agent.id, { agent, placement: undefined, missing: undefined, result: undefined })
    }
  }

  /** By agent, in the order in which they were given; complete when `done`. */
  get results(): readonly { readonly agent: EachAgent; readonly result: EachResult }[] {
    return [...this.#work.values()].flatMap(({ agent, result }) =>
      result === undefined ? [] : [{ agent, result }],
    )
  }

  get done(): boolean {
    return [...this.#work.values()].every(({ result }) => result !== undefined)
  }

  step(event: EachEvent): readonly Effect[] {
    if (event.type === 'time-over') return this.#timeOver()
    const { event: said } = event
    if (said.type === 'OFFERS') return this.#offers(said.offers?.offers ?? [])
    if (said.type === 'UPDATE' && said.update !== undefined) return this.#update(said.update.status)
    if (said.type === 'SUBSCRIBED') return this.#reconcile()
    return []
  }

  #offers(offers: readonly Offer[]): readonly Effect[] {
    const effects: Effect[] = []
    const useless: Offer[] = []
    for (const offer of offers) {
      const work = this.#work.get(offer.agent_id.value)
      const isFull = this.#running() >= this.#concurrency
      if (work === undefined || work.placement !== undefined || work.result !== undefined || isFull) {
        useless.push(offer)
        continue
      }
      const match = matchOffer(offer, this.#wish)
      if (!match.fits) {
        work.missing = match.missing
        useless.push(offer)
        continue
      }
      const taskId = `${this.#id}.${[...this.#work.keys()].indexOf(work.agent.id) + 1}`
      work.placement = placementOf(offer, taskId)
      effects.push({ type: 'accept', offer, tasks: [taskFor(this.#wish, taskId, offer, match)] })
    }
    if (useless.length > 0) effects.push({ type: 'decline', offers: useless, refuseSeconds: REFUSE_SECONDS })
    return effects
  }

  #update(status: TaskStatus): readonly Effect[] {
    const effects: Effect[] = status.uuid === undefined ? [] : [{ type: 'acknowledge', status }]
    const work = [...this.#work.values()].find(({ placement }) => placement?.taskId === status.task_id.value)
    if (work?.placement === undefined || work.result !== undefined || !isTerminal(status.state))
      return effects
    if (status.reason === 'REASON_INVALID_OFFERS') {
      work.placement = undefined
      return effects
    }
    work.result = { kind: 'ended', status, placement: work.placement }
    // With a limit on how many run at a time, offers that were refused meanwhile are wanted now.
    return this.done ? effects : [...effects, { type: 'revive' }]
  }

  #reconcile(): readonly Effect[] {
    const tasks = [...this.#work.values()].flatMap(({ placement, result }) =>
      placement === undefined || result !== undefined
        ? []
        : [{ taskId: placement.taskId, agentId: placement.agentId }],
    )
    return tasks.length === 0 ? [] : [{ type: 'reconcile', tasks }]
  }

  #timeOver(): readonly Effect[] {
    const effects: Effect[] = []
    for (const work of this.#work.values()) {
      if (work.result !== undefined) continue
      const { placement, missing } = work
      if (placement === undefined) {
        work.result = { kind: 'never', missing }
        continue
      }
      work.result = { kind: 'late', placement }
      effects.push({ type: 'kill', taskId: placement.taskId, agentId: placement.agentId })
    }
    return effects
  }

  #running(): number {
    return [...this.#work.values()].filter(
      ({ placement, result }) => placement !== undefined && result === undefined,
    ).length
  }
}

/** Agents that printed the same, together; the largest group first. */
export interface Fold {
  readonly output: string
  readonly agents: readonly string[]
}

export function foldOutputs(outputs: readonly { readonly agent: string; readonly output: string }[]): Fold[] {
  const folds = new Map<string, string[]>()
  for (const { agent, output } of outputs) {
    const key = output.replace(/\n+$/, '')
    const agents = folds.get(key)
    if (agents === undefined) folds.set(key, [agent])
    else agents.push(agent)
  }
  return [...folds]
    .map(([output, agents]) => ({ output, agents }))
    .toSorted((a, b) => b.agents.length - a.agents.length)
}
