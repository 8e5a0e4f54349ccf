// Borrowers are ended only for an owner's sake, only as many as needed, and the message says why with figures.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadQosController } from '../../../src/qos/built-in.ts'
import { type Correction, GuardedController, type QosController } from '../../../src/qos/controller.ts'
import { cheapestSet } from '../../../src/qos/victims.ts'
import { Machine, type Second } from '../../support/usage.ts'

async function controller(flag: string): Promise<QosController> {
  const made = await loadQosController(flag, () => undefined)
  if (made === undefined) throw new Error('no controller')
  return made
}

async function run(
  qos: QosController,
  machine: Machine,
  seconds: number,
  doing: Record<string, Second>,
): Promise<Correction[]> {
  const all: Correction[] = []
  for (let second = 0; second < seconds; second++) all.push(...(await qos.correct(machine.tick(doing))))
  return all
}

const shop = (): Machine =>
  new Machine()
    .add({ id: 'web', cpus: 1.5 })
    .add({ id: 'old', cpus: 0.5, revocable: true })
    .add({ id: 'new', cpus: 0.5, revocable: true })

const SUFFERING = { web: { cpus: 1, waiting: 0.3 }, old: { cpus: 0.5 }, new: { cpus: 0.5 } }

test('an owner that waits for what it reserved gets it back after two seconds, and the message says why', async () => {
  const corrections = await run(await controller('pressure'), shop(), 4, SUFFERING)
  expect(corrections.length).toBeGreaterThan(0)
  expect(corrections[0]?.message).toBe(
    "Container preempted by QoS correction: owner 'web' waited for cpu 30 % of the time (limit 10 %) for 2.0 s " +
      'and misses 0.50 cpus, borrowers used 1.00',
  )
  expect(corrections[0]?.cause).toMatchObject({
    owner: 'web',
    signal: 'cpu pressure',
    value: expect.closeTo(0.3),
    forMs: 2000,
  })
})

test('the borrower that loses the least work goes first, and no more than needed', async () => {
  const machine = shop()
  const qos = await controller('pressure?for=0ns')
  await run(qos, machine, 5, { web: { cpus: 0.1 }, old: { cpus: 0.5 } })
  const corrections = await run(qos, machine, 1, {
    web: { cpus: 1.2, waiting: 0.3 },
    old: { cpus: 0.4 },
    new: { cpus: 0.4 },
  })
  expect(corrections.map((one) => one.containerId)).toEqual(['c-new'])
})

test.each([
  ['borrowers hardly run', { web: { cpus: 1, waiting: 0.5 }, old: { cpus: 0.01 }, new: { cpus: 0.01 } }],
  [
    'the owner is held by its own quota',
    { web: { cpus: 1, waiting: 0.5, throttled: 0.45 }, old: { cpus: 0.5 } },
  ],
  ['the owner already has all that it reserved', { web: { cpus: 1.5, waiting: 0.9 }, old: { cpus: 0.4 } }],
  ['the owner hardly runs', { web: { cpus: 0.1, waiting: 0.5 }, old: { cpus: 0.5 } }],
  ['the pressure is under the threshold', { web: { cpus: 1, waiting: 0.05 }, old: { cpus: 0.5 } }],
])('nobody is ended when %s', async (_, doing) => {
  expect(await run(await controller('pressure'), shop(), 30, doing as Record<string, Second>)).toEqual([])
})

test('a short spike ends nobody', async () => {
  const machine = shop()
  const qos = await controller('pressure')
  for (let round = 0; round < 10; round++) {
    expect(await run(qos, machine, 2, SUFFERING)).toEqual([])
    expect(await run(qos, machine, 1, { web: { cpus: 1 }, old: { cpus: 0.5 } })).toEqual([])
  }
})

test('after a round of corrections there is a rest', async () => {
  const qos = await controller('pressure?for=0ns&cooldown=20secs')
  const machine = shop()
  await run(qos, machine, 1, SUFFERING)
  expect(await run(qos, machine, 1, SUFFERING)).not.toEqual([])
  expect(await run(qos, machine, 19, SUFFERING)).toEqual([])
  expect(await run(qos, machine, 1, SUFFERING)).not.toEqual([])
})

test('when memory runs short, enough of it is freed at once', async () => {
  const machine = shop()
  const qos = await controller('pressure?memory_reserve=0.1')
  await run(qos, machine, 2, {})
  machine.availableMb = 700
  const corrections = await run(qos, machine, 1, { old: { memoryMb: 90, cpus: 1 }, new: { memoryMb: 300 } })
  expect(corrections.map((one) => one.containerId)).toEqual(['c-new'])
  expect(corrections[0]?.message).toContain('700 MB of memory left, under the reserve of 800 MB')
})

test('a starved borrower is ended only when that is asked for', async () => {
  const doing = { web: { cpus: 1.5 }, old: { cpus: 0.001 }, new: { cpus: 0.4 } }
  expect(await run(await controller('pressure'), shop(), 60, doing)).toEqual([])
  const corrections = await run(await controller('pressure?starved=3secs'), shop(), 5, doing)
  expect(corrections.map((one) => one.containerId)).toEqual(['c-old'])
  expect(corrections[0]?.message).toContain(
    "owner 'web' uses 1.50 of its 1.50 cpus, this borrower got 0 % of its 0.50",
  )
})

test('a borrower that idles while there is room is not starved', async () => {
  const doing = { web: { cpus: 0.2 }, old: { cpus: 0 }, new: { cpus: 0 } }
  expect(await run(await controller('pressure?starved=3secs'), shop(), 30, doing)).toEqual([])
})

test('the load controller ends every borrower above its threshold and none at it', async () => {
  const machine = shop()
  const qos = await controller('load?load_threshold_5min=6')
  machine.load5 = 6
  expect(await run(qos, machine, 2, {})).toEqual([])
  machine.load5 = 6.5
  const corrections = await run(qos, machine, 1, {})
  expect(corrections.map((one) => one.containerId)).toEqual(['c-old', 'c-new'])
  expect(corrections[0]?.message).toContain('the 5 minute load is 6.50, above 6')
})

test.each([
  ['load', 'needs load_threshold_5min or load_threshold_15min'],
  ['pressure?threshold=0', "Option 'threshold' of 'pressure' is '0'"],
  ['presure', "There is no controller 'presure'"],
])('the flag %s is refused', async (flag, message) => {
  await expect(loadQosController(flag, () => undefined)).rejects.toThrow(message)
})

test('a plug-in that throws, answers nonsense or names an owner ends nobody and is reported', async () => {
  const troubles: string[] = []
  const answers: (() => unknown)[] = [
    () => {
      throw new Error('boom')
    },
    () => 'all',
    () => [{ kind: 'kill', containerId: 'c-web' }],
    () => [{ kind: 'kill', containerId: 'c-old' }],
  ]
  const inner = { name: 'odd', correct: () => answers.shift()?.() as Correction[] }
  const guarded = new GuardedController(inner, (reason) => troubles.push(reason))
  const machine = shop()
  const sizes: number[] = []
  for (let round = 0; round < 4; round++) sizes.push((await guarded.correct(machine.tick())).length)
  expect(sizes).toEqual([0, 0, 0, 1])
  expect(troubles).toHaveLength(3)
  expect(troubles[2]).toContain('named no borrower')
})

const CANDIDATES = fc.uniqueArray(
  fc.record({
    id: fc.uuid(),
    frees: fc.integer({ min: 0, max: 10 }),
    progress: fc.integer({ min: 0, max: 100 }),
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
      // With progress 0 a superfluous member costs nothing, so only costly members must be needed.
      if (all > deficit)
        for (const one of chosen) if (one.progress > 0) expect(freed - one.frees).toBeLessThan(deficit)
    }),
  )
})

test('among few candidates no cheaper sufficient set exists', () => {
  fc.assert(
    fc.property(
      CANDIDATES.filter((all) => all.length <= 8),
      fc.integer({ min: 1, max: 20 }),
      (candidates, deficit) => {
        const cost = (set: readonly { progress: number }[]): number =>
          set.reduce((sum, one) => sum + one.progress, 0)
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

test('work outside of all containers leaves a borrower starved too, and below which share is an option', async () => {
  const machine = shop()
  const qos = await controller('pressure?starved=3secs&starved_share=0.25')
  const all: Correction[] = []
  for (let second = 0; second < 5; second++) {
    const doing = { web: { cpus: 1.1 }, old: { cpus: 0.1 }, new: { cpus: 0.3 } }
    all.push(...(await qos.correct(machine.tick(doing, 0.5))))
  }
  expect(all.map((one) => one.containerId)).toEqual(['c-old'])
})
