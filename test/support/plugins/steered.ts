/**
 * A controller that is steered through a file: `squeeze`, `relax`, `freeze`, `thaw` or `evict`. It needs nothing beside
 * it, because it is carried into machines that have the package and no clone.
 */
import { existsSync, readFileSync } from 'node:fs'
import type { Action, ControllerFactory, PulseContainer } from '../../../src/qos/controller.ts'
import type { Level, Told } from '../../../src/resources/decision.ts'

const SQUEEZED_CPUS = 0.2
const CPUS = { value: SQUEEZED_CPUS, unit: 'cpus' } as const
const UNLIMITED = { value: 'max', unit: 'cpus' } as const

const factory: ControllerFactory = ({ file = '' }) => {
  let done = ''
  return {
    name: 'steered',
    decide({ pulse }): readonly Action[] {
      const order = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
      const borrowers = pulse.containers.filter(({ revocable }) => revocable)
      if (order === done || borrowers.length === 0) return []
      done = order
      return actionsFor(order, borrowers, pulse.at)
    },
  }
}
export default factory

function actionsFor(order: string, borrowers: readonly PulseContainer[], at: number): readonly Action[] {
  const ids = borrowers.map(({ containerId }) => containerId)
  const none = { value: 0, unit: 'borrowers' }
  const all = { value: ids.length, unit: 'borrowers' }
  switch (order) {
    case 'squeeze': {
      const terms = [
        { name: 'left', value: SQUEEZED_CPUS, unit: 'cpus', of: undefined, why: 'ordered' },
      ] as const
      const decision = { ...told(at, [], UNLIMITED, CPUS), kind: 'squeeze', floor: 0, terms } as const
      return [{ kind: 'squeeze', quotaCpus: SQUEEZED_CPUS, periodMs: 10, decision }]
    }
    case 'relax': {
      const decision = { ...told(at, [], CPUS, UNLIMITED), kind: 'relax', factor: 10, ceiling: 1 } as const
      return [{ kind: 'relax', quotaCpus: Number.POSITIVE_INFINITY, decision }]
    }
    case 'freeze':
      return [
        { kind: 'freeze', containerIds: ids, decision: { ...told(at, ids, none, all), kind: 'freeze' } },
      ]
    case 'thaw':
      return [{ kind: 'thaw', containerIds: ids, decision: { ...told(at, ids, all, none), kind: 'thaw' } }]
    case 'evict':
      return evictions(borrowers, at)
    default:
      return []
  }
}

function evictions(borrowers: readonly PulseContainer[], at: number): readonly Action[] {
  const candidates = borrowers.map(({ containerId, cpuSeconds, label, reservedCpus }) => ({
    id: containerId,
    task: label,
    frees: reservedCpus,
    progress: cpuSeconds,
    cost: cpuSeconds,
    score: 1,
  }))
  const chosen = candidates.map(({ id }) => id)
  const frees = candidates.reduce((sum, one) => sum + one.frees, 0)
  const lost = candidates.reduce((sum, one) => sum + one.progress, 0)
  const decision = {
    ...told(at, chosen, { value: frees, unit: 'cpus' }, { value: 0, unit: 'cpus' }),
    kind: 'evict',
    rule: 'plug-in',
    needs: frees,
    candidates,
    chosen,
    workLostCpuSeconds: lost,
  } as const
  return borrowers.map(({ containerId, executorId, frameworkId }) => {
    const message = 'Taken back because it was ordered'
    return { kind: 'evict', frameworkId, executorId, containerId, graceMs: 2000, message, decision } as const
  })
}

function told(at: number, borrowers: readonly string[], before: Level, after: Level): Told {
  return {
    at,
    owner: 'whoever gives the orders',
    borrowers,
    signal: 'an order',
    value: 1,
    threshold: 1,
    comparison: 'at least',
    unit: 'orders',
    forMs: 0,
    terms: [],
    before,
    after,
    why: 'It was ordered',
    effect: {},
  }
}
