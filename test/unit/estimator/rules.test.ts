// The rules of others, re-created: each gives its figure of the worked case (spec/lending.md 2.9), and moves as told.
import { expect, test } from 'vitest'
import { RULES } from '../../../src/estimator/rules/recreated.ts'
import { Machine, type Second } from '../../support/usage.ts'

class Run {
  readonly machine: Machine
  readonly #estimator: ReturnType<(typeof RULES)[string]>
  #lent = Number.NaN

  /** Two cores, one owner that reserved 1.5 of them, the system at 0.1. */
  constructor(rule: string, options: Record<string, string> = {}, ageS = 3600) {
    const make = RULES[rule]
    if (make === undefined) throw new Error(`no rule ${rule}`)
    this.#estimator = make(options)
    this.machine = new Machine({ cores: 2 }).add({ id: 'web', cpus: 1.5, ageS })
  }

  get name(): string {
    return this.#estimator.name
  }

  /** What it lends after so many seconds in which the owner uses so many cores. */
  async after(seconds: number, cpus: number): Promise<number> {
    for (let second = 0; second < seconds; second++) await this.step({ cpus })
    return this.#lent
  }

  async step(web: Second): Promise<number> {
    const estimate = await this.#estimator.estimate(this.machine.tick({ web }, 0.1))
    if (estimate.kind === 'known')
      this.#lent = (estimate.additional as { scalar(name: string): number }).scalar('cpus')
    return this.#lent
  }
}

test('the names of all that are not ours or of Mesos say that they are re-created here', () => {
  for (const name of Object.keys(RULES)) {
    if (name === 'usage' || name === 'fixed') continue
    expect(new Run(name).name).toContain('rule re-created here')
  }
})

test.each([
  ['serenity', {}, 1],
  ['koordinator-batch', {}, 0.7],
  // 2 · 0.65 − 0.4 − 0.1
  ['koordinator-suppress', {}, 0.8],
  ['katalyst', {}, 0],
  // 2 − 0.4 · 1.25 − 0.1 − 1
  ['katalyst', { reserve: '1' }, 0.4],
] as const)('%s %o lends %f cores beside a steady use of 0.4', async (rule, options, lends) => {
  expect(await new Run(rule, options).after(700, 0.4)).toBeCloseTo(lends, 2)
})

test('koordinator-mid lends 0.73 after a day, beside a p95 of 0.7', async () => {
  const run = new Run('koordinator-mid', { cold_start: '1hrs' })
  expect(await run.after(3500, 0.4)).toBe(0)
  // One minute in ten at 0.7: the 95th percentile of the time.
  for (let round = 0; round < 10; round++) {
    await run.after(540, 0.4)
    await run.after(60, 0.7)
  }
  expect(await run.after(60, 0.4)).toBeCloseTo(0.73, 2)
})

test('borg holds the limit for 300 s, then falls slowly and rises at once', async () => {
  const run = new Run('borg', { decay: '1hrs' }, 0)
  // 2 − 0.1 − 1.5
  expect(await run.after(299, 0.4)).toBeCloseTo(0.4, 3)
  // 1.5 per hour: 0.75 after half an hour.
  expect(await run.after(1801, 0.4)).toBeCloseTo(0.4 + 0.75, 2)
  expect(await run.after(1, 1.2)).toBeCloseTo(0.4, 3)
  // At rest at 0.4 · 1.25.
  expect(await run.after(7200, 0.4)).toBeCloseTo(1.4, 3)
})

test('autopilot lowers the limit to the highest recommendation of the last hour', async () => {
  const run = new Run('autopilot', {}, 0)
  expect(await run.after(299, 0.4)).toBe(0)
  // 1.5 − 0.4 · 1.1
  expect(await run.after(10, 0.4)).toBeCloseTo(1.06, 3)
  await run.after(600, 1)
  // 1.5 − 1 · 1.1, though it uses 0.4 again.
  expect(await run.after(1000, 0.4)).toBeCloseTo(0.4, 3)
})

test('serenity counts no owner younger than 300 s and stops at 95 % of the cores', async () => {
  const run = new Run('serenity', {}, 0)
  expect(await run.after(299, 0.4)).toBe(0)
  expect(await run.after(5, 0.4)).toBeCloseTo(1, 3)
  run.machine.add({ id: 'job', cpus: 0.2, revocable: true })
  expect(await run.after(2, 0.4)).toBeCloseTo(0.8, 3)
  expect(await run.after(3, 1.9)).toBe(0)
})

test('serenity lends nothing while borrowers and owners together use 95 % of the cores', async () => {
  const estimator = RULES['serenity']?.({})
  const machine = new Machine({ cores: 2 })
    .add({ id: 'web', cpus: 1.5 })
    .add({ id: 'job', cpus: 0.2, revocable: true })
  const lends = async (job: number): Promise<unknown> => {
    machine.tick()
    await estimator?.estimate(machine.tick({ web: { cpus: 0.2 }, job: { cpus: job } }))
    return estimator?.estimate(machine.tick({ web: { cpus: 0.2 }, job: { cpus: job } }))
  }
  // min(1.5, 2 · 0.7) − 0.2 − 0.2 lent
  expect(await lends(1)).toMatchObject({ additional: { entries: [{ amount: { milli: 1000 } }] } })
  expect(await lends(1.8)).toMatchObject({ additional: { entries: [] } })
})

test('koordinator-suppress rises by a tenth of the cores a second and falls at once', async () => {
  const run = new Run('koordinator-suppress')
  await run.after(10, 0.4)
  expect(await run.after(1, 1.1)).toBeCloseTo(0.1, 3)
  expect(await run.after(1, 0.4)).toBeCloseTo(0.3, 3)
  expect(await run.after(1, 0.4)).toBeCloseTo(0.5, 3)
})

test('koordinator-batch tells a change of less than 10 % only after 300 s', async () => {
  const run = new Run('koordinator-batch')
  await run.after(700, 0.4)
  const before = await run.after(1, 0.4)
  // The mean of 300 s has moved by 0.04 after 120 s, which is 6 % of 0.7.
  expect(await run.after(120, 0.5)).toBe(before)
  expect(await run.after(600, 0.5)).toBeCloseTo(0.6, 2)
})

test('an owner that cannot be read counts at what it reserved', async () => {
  const run = new Run('katalyst', { reserve: '0' })
  for (let second = 0; second < 60; second++) await run.step({ blind: true })
  expect(await run.step({ blind: true })).toBeCloseTo(0.4, 2)
})
