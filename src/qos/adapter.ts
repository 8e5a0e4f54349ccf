// Lets a plug-in of the old form, which looks once a second and knows only kills, act as a controller.
import type { EvictDecision } from '../resources/decision.ts'
import type { Action, Correction, Corrector, QosController, QosInput } from './controller.ts'

/** Each kill becomes an eviction at once, as Mesos does it. */
export class CorrectorAdapter implements QosController {
  readonly name: string
  readonly #inner: Corrector

  constructor(inner: Corrector) {
    this.name = inner.name
    this.#inner = inner
  }

  async decide({ pulse, usage, allowed }: QosInput): Promise<readonly Action[]> {
    if (usage === undefined) return []
    const corrections = await this.#inner.correct(usage)
    if (!Array.isArray(corrections)) throw new TypeError('it did not answer with a list')
    if (allowed === 'lend') return []
    return corrections.map((correction: Correction) => evictionOf(correction, pulse.at, usage))
  }
}

function evictionOf(correction: Correction, at: number, usage: QosInput['usage']): Action {
  const { frameworkId, executorId, containerId, cause, message } = correction
  const target = usage?.containers.find((container) => container.containerId === containerId)
  const frees = target?.allocated.scalar('cpus') ?? 0
  const progress = target?.statistics?.cpuSeconds ?? 0
  const task = target?.taskIds[0] ?? executorId
  const decision: EvictDecision = {
    kind: 'evict',
    at,
    ...cause,
    comparison: cause.value >= cause.threshold ? 'at least' : 'below',
    borrowers: [containerId],
    terms: [],
    before: { value: frees, unit: 'cpus lent' },
    after: { value: 0, unit: 'cpus lent' },
    why: message,
    effect: {},
    rule: 'plug-in',
    needs: frees,
    candidates: [
      { id: containerId, task, frees, progress, cost: progress, score: progress / Math.max(frees, 0.001) },
    ],
    chosen: [containerId],
    workLostCpuSeconds: progress,
  }
  return { kind: 'evict', frameworkId, executorId, containerId, graceMs: 0, message, decision }
}
