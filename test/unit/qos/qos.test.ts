// Which controllers there are, what the guard lets through, and that the cheapest set is the cheapest.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadQosController } from '../../../src/qos/built-in.ts'
import type { Correction, EvictAction, QosController } from '../../../src/qos/controller.ts'
import { GuardedController } from '../../../src/qos/guard.ts'
import { pulseOf } from '../../../src/qos/pulse.ts'
import { cheapestSet } from '../../../src/qos/victims.ts'
import type { ResourceUsage } from '../../../src/resources/usage.ts'
import { Machine } from '../../support/usage.ts'

const shop = (): Machine =>
  new Machine()
    .add({ id: 'web', cpus: 1.5 })
    .add({ id: 'old', cpus: 0.5, revocable: true })
    .add({ id: 'new', cpus: 0.5, revocable: true })

async function look(qos: QosController, usage: ResourceUsage): Promise<EvictAction[]> {
  const actions = await qos.decide({ pulse: pulseOf(usage), usage, allowed: 'full' })
  return actions.filter((action) => action.kind === 'evict')
}

test('the load controller ends every borrower above its threshold and none at it', async () => {
  const machine = shop()
  const qos = await loadQosController('load?load_threshold_5min=6', () => undefined)
  if (qos === undefined) throw new Error('no controller')
  machine.load5 = 6
  expect(await look(qos, machine.tick())).toEqual([])
  machine.load5 = 6.5
  const evictions = await look(qos, machine.tick())
  expect(evictions.map(({ containerId, graceMs }) => [containerId, graceMs])).toEqual([
    ['c-old', 0],
    ['c-new', 0],
  ])
  expect(evictions[0]?.message).toBe(
    'Container preempted by QoS correction: the 5 minute load is 6.50, above 6',
  )
  expect(
    await qos.decide({ pulse: pulseOf(machine.tick()), usage: machine.tick(), allowed: 'lend' }),
  ).toEqual([])
})

test.each([
  ['load', 'needs load_threshold_5min or load_threshold_15min'],
  ['pressure?squeeze=0', "Option 'squeeze' of 'pressure' is '0'"],
  ['pressure?threshold=0.1', "'pressure' has no option 'threshold'"],
  ['pressure?squeeze=0.2', "'freeze' (0.1) of 'pressure' must not be below 'squeeze' (0.2)"],
  ['pressure?relax=0.05', "'squeeze' (0.05) of 'pressure' must be above 'relax' (0.05)"],
  ['pressure?hold=40secs', "'hold_cap' (30) of 'pressure' must not be below 'hold' (40)"],
  ['pressure?frozen=60secs', "'frozen_window' (60) of 'pressure' must not be below 'frozen' (60)"],
  ['presure', "There is no controller 'presure'"],
])('the flag %s is refused', async (flag, message) => {
  await expect(loadQosController(flag, () => undefined)).rejects.toThrow(message)
})

test('other options are taken whole or not at all while it runs', async () => {
  const qos = await loadQosController('load?load_threshold_5min=6', () => undefined)
  const machine = shop()
  machine.load5 = 5
  expect(() => qos?.configure?.({ load_threshold_5min: '4', nonsense: '1' })).toThrow("no option 'nonsense'")
  expect(await look(qos as QosController, machine.tick())).toEqual([])
  qos?.configure?.({ load_threshold_5min: '4' })
  expect(await look(qos as QosController, machine.tick())).toHaveLength(2)
})

const CAUSE = { owner: 'web', signal: 'rumour', value: 2, threshold: 1, unit: 'x', forMs: 0 }
const kill = (id: string): Correction => ({
  kind: 'kill',
  frameworkId: 'f',
  executorId: id,
  containerId: `c-${id}`,
  cause: CAUSE,
  message: 'because',
})

test('a plug-in of the old form that throws, answers nonsense or names an owner ends nobody', async () => {
  const troubles: string[] = []
  const answers: (() => unknown)[] = [
    () => {
      throw new Error('boom')
    },
    () => 'all',
    () => [kill('web')],
    () => [{ ...kill('old'), executorId: 'new' }],
    () => [{ kind: 'kill', containerId: 'c-old' }],
    () => [kill('old')],
  ]
  const inner = { name: 'odd', correct: () => answers.shift()?.() as Correction[] }
  const guarded = new GuardedController(inner, (reason) => troubles.push(reason))
  const machine = shop()
  const sizes: number[] = []
  for (let round = 0; round < 6; round++) sizes.push((await look(guarded, machine.tick())).length)
  expect(sizes).toEqual([0, 0, 0, 0, 0, 1])
  expect(troubles).toHaveLength(5)
  expect(troubles[2]).toContain("'c-web', which it wants to evict, is no borrower")
  expect(troubles[3]).toContain("does not belong to executor 'new'")
  expect(() => guarded.configure({})).toThrow('takes no other options')
})

test.each([
  ['null', null, 'not an object'],
  ['an unknown action', { kind: 'nuke' }, 'no action "nuke"'],
  ['an owner to freeze', { kind: 'freeze', containerIds: ['c-web'] }, 'is no borrower'],
  ['a container that is not there', { kind: 'thaw', containerIds: ['c-x'] }, 'is no borrower'],
  ['no list of containers', { kind: 'freeze', containerIds: 'c-old' }, 'names no containers'],
  ['a quota of nothing', { kind: 'squeeze', quotaCpus: 0, periodMs: 10 }, 'figures 0, 10'],
  ['a quota that is no number', { kind: 'relax', quotaCpus: Number.NaN }, 'quota NaN'],
  ['no record', { kind: 'unlend', forMs: 1000 }, 'must be an object'],
])('a plug-in that answers with %s is reported and does nothing', async (_, action, words) => {
  const troubles: string[] = []
  const inner = { name: 'odd', decide: () => [action] as never }
  const guarded = new GuardedController(inner, (reason) => troubles.push(reason))
  const usage = shop().tick()
  expect(await guarded.decide({ pulse: pulseOf(usage), allowed: 'full' })).toEqual([])
  expect(troubles).toHaveLength(1)
  expect(troubles[0]).toContain(words)
})

const CANDIDATES = fc.uniqueArray(
  fc.record({
    id: fc.uuid(),
    task: fc.constant('t'),
    startedAt: fc.nat(1000),
    frees: fc.integer({ min: 0, max: 10 }),
    progress: fc.integer({ min: 0, max: 100 }),
    cost: fc.integer({ min: 0, max: 100 }),
  }),
  { selector: (one) => one.id, maxLength: 20 },
)

test('the set frees enough or is everything useful, and no member is superfluous', () => {
  fc.assert(
    fc.property(CANDIDATES, fc.integer({ min: 1, max: 40 }), (candidates, deficit) => {
      const chosen = cheapestSet(candidates, deficit)
      const freed = chosen.reduce((sum, one) => sum + one.frees, 0)
      const all = candidates.reduce((sum, one) => sum + one.frees, 0)
      expect(freed).toBeGreaterThanOrEqual(Math.min(deficit, all))
      if (all > deficit) for (const one of chosen) expect(freed - one.frees).toBeLessThan(deficit)
    }),
  )
})

test('among few candidates no cheaper sufficient set exists', () => {
  fc.assert(
    fc.property(
      CANDIDATES.filter((all) => all.length <= 8),
      fc.integer({ min: 1, max: 20 }),
      (candidates, deficit) => {
        const cost = (set: readonly { cost: number }[]): number => set.reduce((sum, one) => sum + one.cost, 0)
        const chosen = cheapestSet(candidates, deficit)
        for (let mask = 0; mask < 1 << candidates.length; mask++) {
          const other = candidates.filter((_, index) => (mask & (1 << index)) !== 0)
          const enough = other.reduce((sum, one) => sum + one.frees, 0) >= deficit
          if (enough) expect(cost(chosen)).toBeLessThanOrEqual(cost(other))
        }
      },
    ),
    { numRuns: 50 },
  )
})
