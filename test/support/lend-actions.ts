// Actions as a controller would give them, with records that recompute.
import type { Action, EvictAction } from '../../src/qos/controller.ts'
import type { Told } from '../../src/resources/decision.ts'
import { START_MS } from './usage.ts'

const TOLD: Omit<Told, 'before' | 'after'> = {
  at: START_MS,
  owner: 'web',
  borrowers: [],
  signal: 'cpu pressure',
  value: 0.2,
  threshold: 0.05,
  comparison: 'at least',
  unit: 'share of the time',
  forMs: 200,
  terms: [],
  why: "'web' waited",
  effect: {},
}

export function squeeze(quotaCpus: number): Action {
  const term = { name: 'left', value: quotaCpus, unit: 'cpus', of: undefined, why: 'C − owners' } as const
  return {
    kind: 'squeeze',
    quotaCpus,
    periodMs: 10,
    decision: {
      ...TOLD,
      kind: 'squeeze',
      floor: 0.1,
      terms: [term],
      before: { value: 'max', unit: 'cpus' },
      after: { value: quotaCpus, unit: 'cpus' },
    },
  }
}

export function relax(from: number): Action {
  return {
    kind: 'relax',
    quotaCpus: Number.POSITIVE_INFINITY,
    decision: {
      ...TOLD,
      kind: 'relax',
      factor: 1.2,
      ceiling: from,
      before: { value: from, unit: 'cpus' },
      after: { value: 'max', unit: 'cpus' },
    },
  }
}

export function freeze(...ids: readonly string[]): Action {
  return {
    kind: 'freeze',
    containerIds: ids,
    decision: {
      ...TOLD,
      kind: 'freeze',
      borrowers: ids,
      before: { value: 0, unit: 'frozen borrowers' },
      after: { value: ids.length, unit: 'frozen borrowers' },
    },
  }
}

export function thaw(...ids: readonly string[]): Action {
  return {
    kind: 'thaw',
    containerIds: ids,
    decision: {
      ...TOLD,
      kind: 'thaw',
      borrowers: ids,
      before: { value: ids.length, unit: 'frozen borrowers' },
      after: { value: 0, unit: 'frozen borrowers' },
    },
  }
}

export function evict(id: string, graceMs = 0): EvictAction {
  return {
    kind: 'evict',
    frameworkId: 'f',
    executorId: id,
    containerId: `c-${id}`,
    graceMs,
    message: `'web' wants it from ${id}`,
    decision: {
      ...TOLD,
      kind: 'evict',
      borrowers: [`c-${id}`],
      rule: 'cheapest',
      needs: 0.4,
      candidates: [{ id: `c-${id}`, task: id, frees: 0.4, progress: 7, cost: 7, score: 17.5 }],
      chosen: [`c-${id}`],
      workLostCpuSeconds: 7,
      before: { value: 0.4, unit: 'cpus' },
      after: { value: 0, unit: 'cpus' },
    },
  }
}

export function unlend(forMs: number): Action {
  return {
    kind: 'unlend',
    forMs,
    decision: {
      ...TOLD,
      kind: 'unlend',
      before: { value: 1, unit: 'cpus' },
      after: { value: 0, unit: 'cpus' },
    },
  }
}

export function notOurs(): Action {
  return {
    kind: 'not-ours',
    decision: {
      ...TOLD,
      kind: 'not-ours',
      evidence: 'borrowers idle',
      found: 0.01,
      limit: 0.04,
      before: { value: 'max', unit: 'cpus' },
      after: { value: 'max', unit: 'cpus' },
    },
  }
}
