// What may be lent is what owners reserved and leave, less a margin, and its terms recompute to it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadEstimator } from '../../../src/estimator/built-in.ts'
import type { Estimate, ResourceEstimator } from '../../../src/estimator/estimator.ts'
import { GuardedEstimator } from '../../../src/estimator/guarded.ts'
import { Machine, type Second } from '../../support/usage.ts'

/** Without cold start, quiet time and limit on rises: those have tests of their own. */
const AT_ONCE = 'rise=1&quiet=0ns&quiet_max=0ns&rise_interval=0ns'

async function usageEstimator(options = ''): Promise<ResourceEstimator> {
  const estimator = await loadEstimator(`usage?cold_start=0ns&${AT_ONCE}${options}`, () => undefined)
  if (estimator === undefined) throw new Error('no estimator')
  return estimator
}

async function after(
  estimator: ResourceEstimator,
  machine: Machine,
  seconds: number,
  doing: Record<string, Second>,
): Promise<Estimate> {
  let estimate: Estimate = { kind: 'unknown', reason: 'nothing yet' }
  for (let second = 0; second < seconds; second++) estimate = await estimator.estimate(machine.tick(doing))
  return estimate
}

function lendable(estimate: Estimate): number {
  if (estimate.kind === 'unknown') throw new Error(estimate.reason)
  return estimate.additional.scalar('cpus')
}

test('an owner that reserves 1.5 of 2 cores and uses 0.15 leaves 1.1 to lend', async () => {
  const machine = new Machine().add({ id: 'web', cpus: 1.5 })
  // 1.5 − 0.15 · 1.1 − 0.1 · 2 = 1.135, in steps of a tenth.
  expect(lendable(await after(await usageEstimator(), machine, 5, { web: { cpus: 0.15 } }))).toBe(1.1)
})

test('what is lent is marked revocable', async () => {
  const estimate = await after(await usageEstimator(), new Machine().add({ id: 'web', cpus: 1.5 }), 5, {
    web: { cpus: 0 },
  })
  expect(estimate.kind === 'known' && estimate.additional.nonRevocable().isEmpty).toBe(true)
})

test('what is lent already is not lent again', async () => {
  const machine = new Machine().add({ id: 'web', cpus: 1.5 }).add({ id: 'job', cpus: 0.4, revocable: true })
  expect(
    lendable(await after(await usageEstimator(), machine, 5, { web: { cpus: 0.15 }, job: { cpus: 0.4 } })),
  ).toBe(0.7)
})

test('unreserved cores are not lent: they are offered as they are', async () => {
  expect(lendable(await after(await usageEstimator(), new Machine({ cores: 8 }), 5, {}))).toBe(0)
})

test('a busy machine lends no more than it has to spare', async () => {
  const machine = new Machine().add({ id: 'web', cpus: 2 })
  const estimator = await usageEstimator()
  let estimate: Estimate | undefined
  for (let second = 0; second < 5; second++)
    estimate = await estimator.estimate(machine.tick({ web: { cpus: 0.2 } }, 1.3))
  // 2 − 1.3 system − 0.22 demand − 0.2 headroom = 0.28
  expect(lendable(estimate as Estimate)).toBe(0.2)
})

test('the estimate falls in the second in which the owner wakes, and rises when the window has passed', async () => {
  const machine = new Machine().add({ id: 'web', cpus: 1.5 })
  const estimator = await usageEstimator('&window=10secs')
  expect(lendable(await after(estimator, machine, 600, { web: { cpus: 0.1 } }))).toBe(1.1)
  expect(lendable(await after(estimator, machine, 1, { web: { cpus: 1.5 } }))).toBe(0)
  expect(lendable(await after(estimator, machine, 9, { web: { cpus: 0.1 } }))).toBe(0)
  // Its peak is forgotten, the ten minutes that hold it are not: 0.10 + 3 · 0.06 = 0.27, and 1.5 − 0.27 − 0.2 = 1.03.
  expect(lendable(await after(estimator, machine, 3, { web: { cpus: 0.1 } }))).toBe(1)
})

test('a young owner is taken to need all that it reserved', async () => {
  const estimator = await loadEstimator(`usage?${AT_ONCE}`, () => undefined)
  const machine = new Machine().add({ id: 'web', cpus: 1.5, ageS: 0 })
  expect(lendable(await after(estimator as ResourceEstimator, machine, 299, { web: { cpus: 0 } }))).toBe(0)
  expect(lendable(await after(estimator as ResourceEstimator, machine, 2, { web: { cpus: 0 } }))).toBe(1.3)
})

test('an owner whose counters cannot be read is taken to need all of it', async () => {
  const machine = new Machine().add({ id: 'web', cpus: 1.5 })
  const estimator = await usageEstimator()
  await after(estimator, machine, 5, { web: { cpus: 0 } })
  const estimate = await after(estimator, machine, 5, { web: { blind: true } })
  expect(lendable(estimate)).toBe(0)
  expect(
    estimate.kind === 'known' && estimate.terms.some((term) => term.why.includes('cannot be read')),
  ).toBe(true)
})

test('the first snapshot gives no estimate', async () => {
  expect(await after(await usageEstimator(), new Machine(), 1, {})).toMatchObject({ kind: 'unknown' })
})

test('whatever happens, the terms add up to the estimate and nothing negative is lent', async () => {
  const second = fc.record({
    web: fc.double({ min: 0, max: 2, noNaN: true }),
    job: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(second, { minLength: 2, maxLength: 40 }), async (seconds) => {
      const estimator = await usageEstimator('&cap=0.5')
      const machine = new Machine()
        .add({ id: 'web', cpus: 1.5 })
        .add({ id: 'job', cpus: 0.3, revocable: true })
      for (const { web, job } of seconds) {
        const estimate = await estimator.estimate(
          machine.tick({ web: { cpus: web }, job: { cpus: job } }, 0.1),
        )
        if (estimate.kind === 'unknown') continue
        const sum = estimate.terms.reduce((total, term) => total + term.value, 0)
        expect(sum).toBeCloseTo(estimate.additional.scalar('cpus'), 6)
        expect(estimate.additional.scalar('cpus')).toBeGreaterThanOrEqual(0)
      }
    }),
    { numRuns: 30 },
  )
})

test('the fixed estimator lends its total less what is lent', async () => {
  const estimator = await loadEstimator('fixed?resources=cpus:4;mem:512', () => undefined)
  const machine = new Machine().add({ id: 'job', cpus: 1.5, revocable: true }).add({ id: 'web', cpus: 1 })
  const estimate = await after(estimator as ResourceEstimator, machine, 1, {})
  expect(estimate.kind === 'known' && estimate.additional.toText()).toContain('cpus')
  expect(lendable(estimate)).toBe(2.5)
  expect(estimate.kind === 'known' && estimate.additional.scalar('mem')).toBe(512)
})

test.each([
  ['usage?headroom=2', "Option 'headroom' of 'usage' is '2': expected a number from 0 to 1"],
  ['usage?window=5', "Option 'window' of 'usage' is '5': expected a duration"],
  ['usage?headrom=0.1', "'usage' has no option 'headrom'"],
  ['usage?headroom', 'must have the form key=value'],
  ['fixed', 'takes exactly one option'],
  ['fixed?resources=cpus', 'cpus'],
  ['guess', "There is no estimator 'guess'"],
  ['./no/such/module.ts', "Cannot load the estimator './no/such/module.ts'"],
])('the flag %s is refused', async (flag, message) => {
  await expect(loadEstimator(flag, () => undefined)).rejects.toThrow(message)
})

test('noop is no estimator at all', async () => {
  expect(await loadEstimator('noop', () => undefined)).toBeUndefined()
})

test('a module of anybody is loaded by its path and gets its options', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'estimator-'))
  try {
    const path = join(folder, 'mine.mjs')
    writeFileSync(
      path,
      'export default (o) => ({ name: "mine", estimate: () => ({ kind: "unknown", reason: o.why }) })',
    )
    const estimator = await loadEstimator(`${path}?why=because`, () => undefined)
    expect(await estimator?.estimate(new Machine().tick())).toEqual({ kind: 'unknown', reason: 'because' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a plug-in that throws or answers nonsense is reported, tolerated twice, then lends nothing', async () => {
  const answers: (() => unknown)[] = []
  const troubles: string[] = []
  const inner = { name: 'odd', estimate: () => answers.shift()?.() as Estimate }
  const guarded = new GuardedEstimator(inner, (reason) => troubles.push(reason))
  const good = await after(await usageEstimator(), new Machine().add({ id: 'web', cpus: 1 }), 3, {})
  const fail = (): never => {
    throw new Error('boom')
  }
  answers.push(
    () => good,
    fail,
    () => ({ kind: 'known', additional: 'lots', terms: [] }),
    () => null,
  )
  const kinds: string[] = []
  for (let round = 0; round < 4; round++) kinds.push((await guarded.estimate(new Machine().tick())).kind)
  expect(kinds).toEqual(['known', 'known', 'known', 'unknown'])
  expect(troubles).toEqual([
    "Estimator 'odd' failed: boom",
    "Estimator 'odd' answered nonsense: additional is not a Resources",
    "Estimator 'odd' answered nonsense: not an object",
  ])
})

test('a plug-in may answer plain amounts, and its terms must lead to them', async () => {
  const answer = (additional: Record<string, number>, value: number): unknown => ({
    kind: 'known',
    additional,
    terms: [{ name: 'mine', value, unit: 'cpus', of: undefined, why: 'it is so' }],
  })
  const answers = [
    answer({ cpus: 1.5 }, 1.5),
    answer({ cpus: 1.5 }, 1),
    answer({ cpus: Number.NaN }, 1),
    answer({ cpus: -1 }, -1),
  ]
  const troubles: string[] = []
  const inner = { name: 'plain', estimate: () => answers.shift() as Estimate }
  const guarded = new GuardedEstimator(inner, (reason) => troubles.push(reason))
  const first = await guarded.estimate(new Machine().tick())
  expect(first.kind === 'known' && first.additional.revocable().scalar('cpus')).toBe(1.5)
  for (let round = 0; round < 3; round++) await guarded.estimate(new Machine().tick())
  expect(troubles).toEqual([
    "Estimator 'plain' answered nonsense: its terms in cpus add up to 1, not to 1.5",
    "Estimator 'plain' answered nonsense: additional.cpus is NaN",
    "Estimator 'plain' answered nonsense: additional.cpus is -1",
  ])
})

test('the optional parts of a plug-in are guarded, too', () => {
  const fail = (): never => {
    throw new Error('boom')
  }
  const troubles: string[] = []
  const estimate = (): Estimate => ({ kind: 'unknown', reason: 'odd' })
  const odd = new GuardedEstimator(
    { name: 'odd', estimate, takeBack: fail, save: fail, restore: fail },
    (reason) => troubles.push(reason),
  )
  odd.takeBack(0)
  expect(odd.save()).toBeUndefined()
  expect(odd.restore({}, 0)).toContain('boom')
  expect(troubles).toEqual([
    "Estimator 'odd' could not be told of a take-back: boom",
    "Estimator 'odd' could not save its state: boom",
    "Estimator 'odd' could not take its state back: boom",
  ])
  expect(() => odd.configure({ a: 'b' })).toThrow(
    "The estimator 'odd' has no settings that change while it runs",
  )
  const bare = new GuardedEstimator({ name: 'bare', estimate }, fail)
  expect([bare.save(), bare.restore({}, 0)]).toEqual([undefined, undefined])
})
