// Turns a deficit into the eviction of the cheapest sufficient set, with the record and the words for the framework.
import { counted } from '../base/words.ts'
import type { EvictCandidate, EvictDecision, EvictRule, Level } from '../resources/decision.ts'
import type { Action, EvictAction, PulseContainer } from './controller.ts'
import { type Freezer } from './freezer.ts'
import { frozenLevel, type Scene, type Signal, told } from './scene.ts'
import { type Candidate, cheapestSet, scoreOf } from './victims.ts'

const PREFIX = 'Container preempted by QoS correction: '

export interface Eviction {
  readonly signal: Signal
  /** Who may go, and what each gives back, in the unit of `needs`. */
  readonly candidates: readonly { readonly container: PulseContainer; readonly frees: number }[]
  readonly needs: number
  readonly rule: EvictRule
  /** What there is before; afterwards it is more (`gain` 1) or less (-1) by what the chosen ones free. */
  readonly before: { readonly value: number; readonly unit: string }
  readonly gain: 1 | -1
  readonly graceMs: number
  /** What happened, as a clause: "owner 'web' waited …". */
  readonly text: string
}

/** The evictions, with those of the chosen ones that are frozen thawed first: a frozen process cannot end in order. */
export function evict(scene: Scene, eviction: Eviction, freezer?: Freezer): readonly Action[] {
  const { signal, rule, needs, before, gain, text } = eviction
  const all = eviction.candidates.map(candidateOf)
  const chosen = rule === 'cheapest' ? cheapestSet(all, needs) : all
  if (chosen.length === 0) return []
  const frees = chosen.reduce((sum, one) => sum + one.frees, 0)
  const lost = chosen.reduce((sum, one) => sum + one.progress, 0)
  const after: Level = { value: before.value + gain * frees, unit: before.unit }
  const ids = chosen.map(({ id }) => id)
  const names = chosen.map(({ task }) => `'${task}'`).join(', ')
  const choice =
    rule === 'cheapest' ? `, the least of ${counted(all.length, 'candidate')} that is enough` : ''
  const why = `${text}; ${names} went${choice}, and ${lost.toFixed(0)} CPU seconds of work with it`
  const decision: EvictDecision = {
    kind: 'evict',
    ...told(scene, signal, { borrowers: ids, before, after, why }),
    rule,
    needs,
    candidates: all.map(recorded),
    chosen: ids,
    workLostCpuSeconds: lost,
  }
  const evictions = eviction.candidates
    .filter(({ container }) => ids.includes(container.containerId))
    .map(({ container }) => actionFor(container, eviction, decision))
  return [...thawFirst(scene, ids, freezer), ...evictions]
}

function actionFor(container: PulseContainer, eviction: Eviction, decision: EvictDecision): EvictAction {
  const { frameworkId, executorId, containerId } = container
  const message = `${PREFIX}${eviction.text}`
  return {
    kind: 'evict',
    frameworkId,
    executorId,
    containerId,
    graceMs: eviction.graceMs,
    message,
    decision,
  }
}

function thawFirst(scene: Scene, ids: readonly string[], freezer: Freezer | undefined): readonly Action[] {
  const frozen = ids.filter((id) => freezer?.frozen.has(id) === true)
  if (freezer === undefined || frozen.length === 0) return []
  const count = freezer.frozen.size
  const signal: Signal = {
    owner: 'the machine',
    signal: 'evicted while frozen',
    value: frozen.length,
    threshold: 1,
    comparison: 'at least',
    unit: 'borrowers',
    forMs: 0,
  }
  freezer.thaw(frozen, scene.now)
  const before = frozenLevel(count)
  const after = frozenLevel(count - frozen.length)
  const why = 'What is frozen cannot end in order'
  const decision = {
    kind: 'thaw',
    ...told(scene, signal, { borrowers: frozen, before, after, why }),
  } as const
  return [{ kind: 'thaw', containerIds: frozen, decision }]
}

function candidateOf({ container, frees }: { container: PulseContainer; frees: number }): Candidate {
  const { containerId: id, label: task, cpuSeconds: progress, startedAt } = container
  const { memoryRequestBytes: request, memoryBytes, preemptibleCost: factor = 1 } = container
  const exceeds = request !== undefined && memoryBytes > request
  return { id, task, frees, progress, cost: exceeds ? 0 : progress * factor, startedAt }
}

function recorded(candidate: Candidate): EvictCandidate {
  const { id, task, frees, progress, cost } = candidate
  return { id, task, frees, progress, cost, score: scoreOf(candidate) }
}
