// What the `usage` estimator knows survives a restart of the agent, and costs little to keep.
import { expect, test } from 'vitest'
import type { Estimate } from '../../../src/estimator/estimator.ts'
import { UsageEstimator } from '../../../src/estimator/usage.ts'
import { Machine, type Second } from '../../support/usage.ts'

const DOING: Record<string, Second> = { web: { cpus: 0.3, memoryMb: 800 } }

function learnt(options: Record<string, string> = {}): {
  machine: Machine
  saved: unknown
  estimate: Estimate
} {
  const estimator = new UsageEstimator(options)
  const machine = new Machine().add({ id: 'web', cpus: 1.5, mem: 4000, ageS: 0 })
  let estimate: Estimate | undefined
  for (let second = 0; second < 3000; second++) estimate = estimator.estimate(machine.tick(DOING, 0.02))
  return { machine, saved: JSON.parse(JSON.stringify(estimator.save())), estimate: estimate as Estimate }
}

const lentBy = (estimate: Estimate): number =>
  estimate.kind === 'known' ? estimate.additional.scalar('cpus') : -1

test('it lends the same in the first second after a restart', () => {
  const { machine, saved, estimate } = learnt({ memory: 'true' })
  expect(lentBy(estimate)).toBe(0.9)
  machine.pass(20).restart()
  const next = new UsageEstimator({ memory: 'true' })
  const first = machine.tick(DOING, 0.02)
  expect(next.restore(saved, first.at)).toBeUndefined()
  const again = next.estimate(first)
  expect(lentBy(again)).toBe(0.9)
  expect(again.kind === 'known' && again.additional.scalar('mem')).toBe(
    estimate.kind === 'known' && estimate.additional.scalar('mem'),
  )
  expect(lentBy(next.estimate(machine.tick({ web: { cpus: 1.5 } })))).toBe(0)
})

test('without what was saved it starts cold', () => {
  const { machine } = learnt()
  machine.restart()
  const next = new UsageEstimator({})
  next.estimate(machine.tick(DOING))
  const cold = next.estimate(machine.tick(DOING))
  expect(lentBy(cold)).toBe(0)
  expect(cold.kind === 'known' && cold.terms[0]?.why).toContain('cold start')
})

test('what was saved more than 15 minutes ago is not used', () => {
  const { machine, saved } = learnt()
  const { at } = machine.pass(901).tick()
  expect(new UsageEstimator({}).restore(saved, at)).toBe(
    'what was saved is 15 min old, more than 15: cold start',
  )
})

test('an owner that is not back after 15 minutes is forgotten, one that is another container starts cold', () => {
  const { machine, saved } = learnt()
  machine.restart().remove('web')
  const next = new UsageEstimator({})
  expect(next.restore(saved, machine.tick().at)).toBeUndefined()
  for (let second = 0; second < 1000; second++) next.estimate(machine.tick({}, 0.02))
  machine.add({ id: 'web', cpus: 1.5, ageS: 7200 })
  next.estimate(machine.tick(DOING))
  const back = next.estimate(machine.tick(DOING))
  expect(back.kind === 'known' && back.terms[0]?.why).toContain('cold start')
})

test('whatever single part of it is broken, it is refused with the part named', () => {
  const { machine, saved } = learnt({ memory: 'true' })
  const { at } = machine.tick()
  const broken = (change: (state: Record<string, unknown>) => void): unknown => {
    const state = structuredClone(saved) as Record<string, unknown>
    change(state)
    return state
  }
  const owner = (state: Record<string, unknown>): Record<string, unknown> =>
    (state['owners'] as Record<string, unknown>[])[0] as Record<string, unknown>
  const cases: readonly (readonly [string, (state: Record<string, unknown>) => void])[] = [
    ['version 9', (state) => (state['version'] = 9)],
    ["'at'", (state) => (state['at'] = 'now')],
    ["'owners'", (state) => (state['owners'] = {})],
    ["'owners'", (state) => (owner(state)['peak'] = null)],
    ["'owners'", (state) => (owner(state)['knownMs'] = -1)],
    [
      "'owners'",
      (state) => (owner(state)['short'] = { heaviest: 1, buckets: [3, 2], weights: [1, 1], means: [1, 1] }),
    ],
    [
      "'owners'",
      (state) => (owner(state)['short'] = { heaviest: 1, buckets: [240], weights: [1], means: [1] }),
    ],
    ["'owners'", (state) => (owner(state)['long'] = { heaviest: 1, buckets: [1], weights: [], means: [1] })],
    ["'together'", (state) => (state['together'] = { used: 1 })],
    ["'system'", (state) => (state['system'] = [])],
    ["'dynamics'", (state) => (state['dynamics'] = { published: Number.NaN })],
    ["'memory'", (state) => (state['memory'] = { growth: 1 })],
  ]
  for (const [part, change] of cases)
    expect(new UsageEstimator({}).restore(broken(change), at)).toContain(part)
})

test('it saves at most 4 KiB per owner, however its load is spread', () => {
  const estimator = new UsageEstimator({ memory: 'true' })
  const machine = new Machine({ cores: 64 }).add({ id: 'web', cpus: 64, mem: 4000 })
  for (let second = 0; second < 20_000; second++) {
    const spread = 0.01 * 1.0432 ** (second % 207)
    estimator.estimate(machine.tick({ web: { cpus: spread, memoryMb: 20 * (1 + (second % 190)) } }))
  }
  expect(JSON.stringify(estimator.save()).length).toBeLessThan(4096 + 1500)
  const saved = estimator.save() as unknown as { owners: unknown[]; memory: { owners: unknown[] } }
  expect(JSON.stringify([saved.owners, saved.memory.owners]).length).toBeLessThan(4096)
})

test('owners that are gone leave nothing behind', () => {
  const estimator = new UsageEstimator({ memory: 'true' })
  const machine = new Machine({ cores: 4 })
  for (let round = 0; round < 300; round++) {
    machine.add({ id: `task-${round}`, cpus: 1, mem: 10 })
    estimator.estimate(machine.tick({ [`task-${round}`]: { cpus: 0.5 } }))
    machine.remove(`task-${round}`)
  }
  estimator.estimate(machine.tick())
  expect(JSON.stringify(estimator.save())).not.toContain('task-')
})
