// The `usage` estimator: who needs what and why, what survives a restart, and which settings are refused.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Estimate } from '../../../src/estimator/estimator.ts'
import { UsageEstimator } from '../../../src/estimator/usage.ts'
import { Machine, type Second } from '../../support/usage.ts'

const AT_ONCE = { cold_start: '0ns', rise: '1', rise_interval: '0ns', quiet: '0ns', quiet_max: '0ns' }

function run(
  estimator: UsageEstimator,
  machine: Machine,
  seconds: number,
  doing: Record<string, Second>,
  system = 0,
): Extract<Estimate, { kind: 'known' }> {
  let estimate: Estimate = { kind: 'unknown', reason: 'no second passed' }
  for (let second = 0; second < seconds; second++) estimate = estimator.estimate(machine.tick(doing, system))
  if (estimate.kind === 'unknown') throw new Error(estimate.reason)
  return estimate
}

const cpusOf = (estimate: Extract<Estimate, { kind: 'known' }>): number => estimate.additional.scalar('cpus')
const memOf = (estimate: Extract<Estimate, { kind: 'known' }>): number => estimate.additional.scalar('mem')
const whyOf = (estimate: Extract<Estimate, { kind: 'known' }>, owner: string): string =>
  estimate.terms.find((term) => term.of === owner)?.why ?? ''

describe('an owner', () => {
  test('of the worked case (spec/lending.md 2.9) needs its peak of 0.8, and 0.9 is lent', () => {
    const estimator = new UsageEstimator(AT_ONCE)
    // The other half core is reserved too: cores that nobody reserved are offered as they are.
    const machine = new Machine({ cores: 2 }).add({ id: 'web', cpus: 1.5 }).add({ id: 'rest', cpus: 0.5 })
    run(estimator, machine, 1000, { web: { cpus: 0.4 } }, 0.1)
    run(estimator, machine, 40, { web: { cpus: 0.7 } }, 0.1)
    run(estimator, machine, 1, { web: { cpus: 0.8 } }, 0.1)
    const estimate = run(estimator, machine, 20, { web: { cpus: 0.4 } }, 0.1)
    expect(whyOf(estimate, 'web')).toBe('of 1.5 it used 0.70 at p95, times 1.1; at most 0.80 in 60 s')
    expect(cpusOf(estimate)).toBe(0.9)
  })

  test('that is throttled is counted at its limit until 60 s have passed without', () => {
    const estimator = new UsageEstimator(AT_ONCE)
    const machine = new Machine().add({ id: 'web', cpus: 1.5 })
    expect(cpusOf(run(estimator, machine, 20, { web: { cpus: 0.1 } }))).toBe(1.1)
    const throttled = run(estimator, machine, 1, { web: { cpus: 0.1, throttled: 0.01 } })
    expect(cpusOf(throttled)).toBe(0)
    expect(whyOf(throttled, 'web')).toContain('throttled')
    expect(cpusOf(run(estimator, machine, 59, { web: { cpus: 0.1 } }))).toBe(0)
    expect(cpusOf(run(estimator, machine, 1, { web: { cpus: 0.1 } }))).toBe(1.1)
  })

  test('counts as it last did for two readings that fail, and at its limit from the third', () => {
    const estimator = new UsageEstimator(AT_ONCE)
    const machine = new Machine().add({ id: 'web', cpus: 1.5 })
    expect(cpusOf(run(estimator, machine, 20, { web: { cpus: 0.1 } }))).toBe(1.1)
    expect(cpusOf(run(estimator, machine, 2, { web: { blind: true } }))).toBe(1.1)
    const blind = run(estimator, machine, 1, { web: { blind: true } })
    expect(cpusOf(blind)).toBe(0)
    expect(whyOf(blind, 'web')).toContain('blind')
  })

  test('that is young counts more: twice in the sixth minute, 1.05 times in the 25th, then once', () => {
    const estimator = new UsageEstimator({ ...AT_ONCE, cold_start: '300secs', sigma: '0' })
    const machine = new Machine().add({ id: 'web', cpus: 1.5, ageS: 0 })
    expect(whyOf(run(estimator, machine, 299, { web: { cpus: 0.2 } }), 'web')).toContain('cold start')
    expect(whyOf(run(estimator, machine, 3, { web: { cpus: 0.2 } }), 'web')).toContain('times 2.00')
    expect(whyOf(run(estimator, machine, 1130, { web: { cpus: 0.2 } }), 'web')).toContain('times 1.05')
    expect(whyOf(run(estimator, machine, 120, { web: { cpus: 0.2 } }), 'web')).not.toContain('young')
  })

  test('that bursts together with others weighs more than each by itself', () => {
    const estimator = new UsageEstimator({ ...AT_ONCE, window: '1secs' })
    const machine = new Machine({ cores: 4 })
    const ids = ['a', 'b', 'c', 'd']
    for (const id of ids) machine.add({ id, cpus: 1 })
    const all = (cpus: number): Record<string, Second> => Object.fromEntries(ids.map((id) => [id, { cpus }]))
    for (let round = 0; round < 5; round++) {
      run(estimator, machine, 119, all(0.2))
      run(estimator, machine, 1, all(0.8))
    }
    // The bursts are 3 % of each load, and of their sum: mean 0.82 + 3 · 0.22 instead of 4 · 0.2 · 1.1.
    const { terms } = run(estimator, machine, 5, all(0.2))
    expect(terms.find(({ name }) => name === 'bursts that come at once')?.value).toBeCloseTo(0.88 - 1.475, 2)
  })

  test('that ends takes its past with it', () => {
    const estimator = new UsageEstimator(AT_ONCE)
    const machine = new Machine({ cores: 4 }).add({ id: 'web', cpus: 2 }).add({ id: 'db', cpus: 2 })
    run(estimator, machine, 100, { web: { cpus: 0.1 }, db: { cpus: 2 } })
    machine.remove('db')
    const alone = run(estimator, machine, 1, { web: { cpus: 0.1 } })
    expect(alone.terms.some(({ name }) => name === 'bursts that come at once')).toBe(false)
    // 2 − 0.11 − 0.4
    expect(cpusOf(alone)).toBe(1.4)
  })

  test('that uses more than it reserved takes nothing of what others leave while the machine has it', () => {
    const estimator = new UsageEstimator(AT_ONCE)
    const machine = new Machine({ cores: 8 }).add({ id: 'greedy', cpus: 0.5 }).add({ id: 'idle', cpus: 4 })
    // The idle one leaves 4, the machine has 8 − 2 − 0.05 to spare, and 0.8 stay free.
    expect(cpusOf(run(estimator, machine, 10, { greedy: { cpus: 2 } }))).toBe(3.2)
    // Now 8 − 6 − 0.05 − 0.8.
    expect(cpusOf(run(estimator, machine, 1, { greedy: { cpus: 6 } }))).toBe(1.1)
  })
})

test('after ten seconds without a snapshot nothing rises for 30 s', () => {
  const estimator = new UsageEstimator({ cold_start: '0ns', rise: '0.1', quiet_max: '0ns' })
  const machine = new Machine().add({ id: 'web', cpus: 2 })
  expect(cpusOf(run(estimator, machine, 33, {}))).toBe(0.2)
  machine.pass(9)
  expect(cpusOf(run(estimator, machine, 30, {}))).toBe(0.2)
  expect(cpusOf(run(estimator, machine, 2, {}))).toBe(0.4)
})

test('a snapshot that was seen already gives the estimate that was given', () => {
  const estimator = new UsageEstimator(AT_ONCE)
  const machine = new Machine().add({ id: 'web', cpus: 2 })
  const old = machine.tick({ web: { cpus: 1.9 } })
  estimator.estimate(old)
  const newest = run(estimator, machine, 20, { web: { cpus: 0.2 } })
  expect(estimator.estimate(old)).toBe(newest)
})

test('a load counts by what it takes, not by how long it lasts', () => {
  const estimator = new UsageEstimator({ ...AT_ONCE, half_life_long: '1mins', sigma: '0', window: '1secs' })
  const machine = new Machine().add({ id: 'web', cpus: 2 })
  // 20 s at 1.0 are 3 % of the time and 24 % of the load.
  run(estimator, machine, 20, { web: { cpus: 1 } })
  expect(whyOf(run(estimator, machine, 600, { web: { cpus: 0.1 } }), 'web')).toContain('it used 1.00 at p95')
})

test('the headroom doubles where only weights hold borrowers down, and without any tier no cpu is lent', () => {
  const lent = (tier: string): number => {
    const machine = new Machine().add({ id: 'web', cpus: 2 })
    return cpusOf(run(new UsageEstimator({ ...AT_ONCE, tier }), machine, 10, {}))
  }
  expect([lent('idle'), lent('weight'), lent('none')]).toEqual([1.7, 1.5, 0])
})

test('what missed readings leave unknown never raises what is lent', () => {
  const second = fc.record({ cpus: fc.double({ min: 0, max: 1.5, noNaN: true }), blind: fc.boolean() })
  fc.assert(
    fc.property(fc.array(second, { minLength: 5, maxLength: 200 }), (life) => {
      const estimator = new UsageEstimator(AT_ONCE)
      const machine = new Machine().add({ id: 'web', cpus: 1.5 })
      run(estimator, machine, 3, { web: { cpus: 0.5 } })
      let last = Number.POSITIVE_INFINITY
      for (const web of life) {
        const now = cpusOf(run(estimator, machine, 1, { web }))
        if (web.blind) expect(now).toBeLessThanOrEqual(last)
        last = now
      }
    }),
    { numRuns: 40 },
  )
})

test('in every second of any life the terms add up to the cores and to the memory', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const second = fc.record({
    web: share,
    db: share,
    job: share,
    mem: share,
    blind: fc.boolean(),
    throttled: fc.boolean(),
  })
  const options = fc.record({
    cap: fc.constantFrom('0.3', '1'),
    quiet: fc.constantFrom('0ns', '5secs'),
    rise: fc.constantFrom('0.05', '1'),
    rise_interval: fc.constantFrom('0ns', '3secs'),
    tier: fc.constantFrom('idle', 'weight', 'none'),
    memory_share: fc.constantFrom('0.5', '1'),
  })
  fc.assert(
    fc.property(fc.array(second, { minLength: 2, maxLength: 60 }), options, (life, given) => {
      const estimator = new UsageEstimator({ ...given, cold_start: '5secs', memory: 'true' })
      const machine = new Machine({ cores: 4, totalMb: 8000 })
        .add({ id: 'web', cpus: 2, mem: 4000, ageS: 0 })
        .add({ id: 'db', cpus: 1.3, mem: 2000 })
        .add({ id: 'job', cpus: 0.25, mem: 130, revocable: true })
      for (const { web, db, job, mem, blind, throttled } of life) {
        machine.availableMb = 8000 - 5000 * mem
        const doing = {
          web: { cpus: 2 * web, memoryMb: 4000 * mem, inactiveMb: 500 * mem, throttled: throttled ? 0.1 : 0 },
          db: { cpus: db, blind },
          job: { cpus: job },
        }
        const estimate = estimator.estimate(machine.tick(doing, 0.2 * web))
        if (estimate.kind === 'unknown') continue
        for (const [resource, unit] of [
          ['cpus', 'cpus'],
          ['mem', 'MB'],
        ] as const) {
          const terms = estimate.terms.filter((term) => term.unit === unit)
          const sum = terms.reduce((total, { value }) => total + value, 0)
          expect(Math.abs(sum - estimate.additional.scalar(resource))).toBeLessThan(1e-6)
        }
      }
    }),
    { numRuns: 60 },
  )
})

test('the last steps of the sum say why what is lent is not what could be lent', () => {
  const estimator = new UsageEstimator({ cold_start: '0ns', rise: '0.1' })
  const machine = new Machine().add({ id: 'web', cpus: 2 })
  const quiet = run(estimator, machine, 20, {})
  expect(quiet.terms.at(-1)).toMatchObject({ name: 'quiet time', unit: 'cpus' })
  const rising = run(estimator, machine, 15, {})
  expect(rising.terms.at(-1)?.why).toBe('it rises by 0.2 in 15 s at most')
})

test('what borrowers hold beyond what may be lent is not taken back on an estimate alone', () => {
  const estimator = new UsageEstimator(AT_ONCE)
  const machine = new Machine().add({ id: 'web', cpus: 1.5 }).add({ id: 'job', cpus: 1, revocable: true })
  const estimate = run(estimator, machine, 10, { web: { cpus: 1.5 } })
  expect(cpusOf(estimate)).toBe(0)
  expect(estimate.terms.at(-1)).toMatchObject({ name: 'not taken back', value: 1 })
})

describe('memory', () => {
  const LENDS = { ...AT_ONCE, memory: 'true' }

  test('is only lent when asked for', () => {
    const machine = new Machine().add({ id: 'web', cpus: 1, mem: 6000 })
    expect(memOf(run(new UsageEstimator(AT_ONCE), machine, 10, {}))).toBe(0)
  })

  test('is lent by half of what stands idle less the reserve, in steps of 128 MB', () => {
    const machine = new Machine({ totalMb: 8000 }).add({ id: 'web', cpus: 1, mem: 6000 })
    machine.availableMb = 7000
    const doing = { web: { memoryMb: 1000, inactiveMb: 200 } }
    // (6000 − 800 − 400) / 2 = 2400: 18 steps.
    expect(memOf(run(new UsageEstimator(LENDS), machine, 10, doing))).toBe(2304)
  })

  test('keeps a reserve for how fast owners have grown', () => {
    const estimator = new UsageEstimator(LENDS)
    const machine = new Machine({ totalMb: 8000 }).add({ id: 'web', cpus: 1, mem: 6000 })
    run(estimator, machine, 5, { web: { memoryMb: 100 } })
    const { terms } = run(estimator, machine, 1, { web: { memoryMb: 1124 } })
    const reserve = terms.find(({ name }) => name === 'reserve')
    // 1024 MB/s for 0.7 s.
    expect(reserve?.value).toBeCloseTo(-716.8, 1)
    expect(reserve?.why).toContain('1024 MB/s')
  })

  test('is lent no further than the machine has it available', () => {
    const machine = new Machine({ totalMb: 8000 }).add({ id: 'web', cpus: 1, mem: 6000 })
    machine.availableMb = 500
    expect(memOf(run(new UsageEstimator(LENDS), machine, 10, { web: { memoryMb: 100 } }))).toBe(0)
  })

  test('is lent no further than it is available now, though owners are planned to need less', () => {
    const machine = new Machine({ totalMb: 12_000 })
      .add({ id: 'greedy', cpus: 1, mem: 1000 })
      .add({ id: 'idle', cpus: 1, mem: 9000 })
    machine.availableMb = 3000
    const estimate = run(new UsageEstimator(LENDS), machine, 10, {
      greedy: { memoryMb: 4000 },
      idle: { memoryMb: 0 },
    })
    // (3000 − 5 % of 12 000) / 2 = 1200: 9 steps.
    expect(memOf(estimate)).toBe(1152)
    expect(estimate.terms.some(({ why }) => why.startsWith('3000 MB are available'))).toBe(true)
  })

  test('an owner needed an hour ago is still its own', () => {
    const estimator = new UsageEstimator(LENDS)
    const machine = new Machine({ totalMb: 8000 }).add({ id: 'web', cpus: 1, mem: 6000 })
    run(estimator, machine, 10, { web: { memoryMb: 3000 } })
    const later = run(estimator, machine, 3000, { web: { memoryMb: 100 } })
    expect(whyOf({ ...later, terms: later.terms.filter(({ unit }) => unit === 'MB') }, 'web')).toContain(
      'at most 3000',
    )
  })
})

describe('settings', () => {
  test.each([
    [{ percentile: '101' }, "Option 'percentile' of 'usage' is '101': expected a number from 1 to 100"],
    [{ headroom: '-0.1' }, "Option 'headroom' of 'usage' is '-0.1': expected a number from 0 to 1"],
    [{ margin: '0.5' }, 'expected a number from 1 to 10'],
    [{ rise: '0' }, 'expected a number from 0.01 to 1'],
    [{ window: '20mins' }, 'expected a duration from 1secs to 10mins'],
    [{ memory: 'yes' }, 'expected true or false'],
    [{ tier: 'best' }, 'expected one of idle, weight, none'],
    [{ half_life_short: '0ns' }, 'expected a duration of at least 1mins'],
    [{ sigmas: '3' }, "'usage' has no option 'sigmas'"],
  ])('%o are refused at start and at run time', (options, message) => {
    expect(() => new UsageEstimator(options)).toThrow(message)
    const running = new UsageEstimator({})
    expect(() => running.configure(options)).toThrow(message)
  })

  test('change at run time all or none, and those that are not named stay', () => {
    const estimator = new UsageEstimator(AT_ONCE)
    const machine = new Machine().add({ id: 'web', cpus: 2 })
    expect(cpusOf(run(estimator, machine, 10, {}))).toBe(1.7)
    expect(() => estimator.configure({ headroom: '0.5', percentile: '200' })).toThrow('percentile')
    expect(cpusOf(run(estimator, machine, 1, {}))).toBe(1.7)
    estimator.configure({ headroom: '0.5' })
    expect(cpusOf(run(estimator, machine, 1, {}))).toBe(0.9)
    estimator.configure({ cap: '0.3', half_life_short: '2hrs', memory: 'true' })
    expect(cpusOf(run(estimator, machine, 1, {}))).toBe(0.6)
  })
})

test('neither what a new borrower did since it began nor one odd second is held to be the system', () => {
  const estimator = new UsageEstimator(AT_ONCE)
  const machine = new Machine({ cores: 2 }).add({ id: 'web', cpus: 1.5 })
  const lent = (doing: Record<string, Second>, system: number, seconds = 1): number => {
    const estimate = run(estimator, machine, seconds, doing, system)
    const already = estimate.terms.filter(({ name }) => name === 'lent already')
    return cpusOf(estimate) - already.reduce((sum, { value }) => sum + value, 0)
  }
  const before = lent({ web: { cpus: 0.2 } }, 0.1, 8)
  expect(before).toBeCloseTo(1)
  machine.add({ id: 'job', cpus: 0.3, revocable: true, ageS: 0 })
  expect(lent({ web: { cpus: 0.2 }, job: { cpus: 1 } }, 0.1)).toBe(before)
  expect(lent({ web: { cpus: 0.2 }, job: { cpus: 0.2 } }, 1.5)).toBe(before)
  // Two of them are no accident any more.
  expect(lent({ web: { cpus: 0.2 }, job: { cpus: 0.2 } }, 1.5)).toBeLessThan(0.6)
})
