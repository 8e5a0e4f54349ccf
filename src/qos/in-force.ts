// What a controller has in force by its own answers, so that it can be let go when the controller itself fails.
import type { RelaxDecision, ThawDecision } from '../resources/decision.ts'
import type { Action, Pulse } from './controller.ts'
import { frozenLevel, quotaLevel, type Signal, told } from './scene.ts'

export class InForce {
  readonly #frozen = new Set<string>()
  #quotaCpus = Number.POSITIVE_INFINITY

  /** Takes in what was answered, in its order. */
  take(actions: readonly Action[]): void {
    for (const action of actions) {
      if (action.kind === 'squeeze' || action.kind === 'relax') this.#quotaCpus = action.quotaCpus
      if (action.kind === 'freeze') for (const id of action.containerIds) this.#frozen.add(id)
      if (action.kind === 'thaw') for (const id of action.containerIds) this.#frozen.delete(id)
      if (action.kind === 'evict') this.#frozen.delete(action.containerId)
    }
  }

  forget(): void {
    this.#frozen.clear()
    this.#quotaCpus = Number.POSITIVE_INFINITY
  }

  /** The actions that lift everything, each with its record; none when nothing is in force. */
  letGo(pulse: Pulse, trouble: string): readonly Action[] {
    const present = new Set(pulse.containers.map(({ containerId }) => containerId))
    const containerIds = [...this.#frozen].filter((id) => present.has(id))
    const actions: Action[] = []
    if (containerIds.length > 0) actions.push(thawAll(pulse, containerIds, trouble))
    if (Number.isFinite(this.#quotaCpus)) actions.push(lift(pulse, this.#quotaCpus, trouble))
    this.forget()
    return actions
  }
}

/** One failure is enough: nobody knows what the controller would have done next. */
const FAILED: Signal = {
  owner: 'the machine',
  signal: 'failures of the controller',
  value: 1,
  threshold: 1,
  comparison: 'at least',
  unit: 'failures',
  forMs: 0,
}

function thawAll(pulse: Pulse, containerIds: readonly string[], trouble: string): Action {
  const decision: ThawDecision = {
    kind: 'thaw',
    ...told({ pulse }, FAILED, {
      borrowers: containerIds,
      before: frozenLevel(containerIds.length),
      after: frozenLevel(0),
      why: `${trouble}: whoever it had frozen runs again`,
    }),
  }
  return { kind: 'thaw', containerIds, decision }
}

function lift(pulse: Pulse, quotaCpus: number, trouble: string): Action {
  const decision: RelaxDecision = {
    kind: 'relax',
    ...told({ pulse }, FAILED, {
      before: quotaLevel(quotaCpus),
      after: quotaLevel(Number.POSITIVE_INFINITY),
      why: `${trouble}: the quota that it had set is lifted`,
    }),
    factor: Math.max(1, pulse.host.cpus / quotaCpus),
    ceiling: pulse.host.cpus,
  }
  return { kind: 'relax', quotaCpus: Number.POSITIVE_INFINITY, decision }
}
