// What is lent falls at once, rises slowly, leaves small changes alone, and learns from what it had to take back.
import { expect, test } from 'vitest'
import { Dynamics, type DynamicsOptions, type Situation } from '../../../src/estimator/dynamics.ts'

const OPTIONS: DynamicsOptions = { rise: 0.1, rise_interval: 15_000, quiet: 30_000, quiet_max: 3_600_000 }

/** Runs second by second; `target` per second. Returns what was published each second. */
class Run {
  readonly dynamics = new Dynamics(0.1)
  readonly options: DynamicsOptions
  second = 0

  constructor(options: Partial<DynamicsOptions> = {}) {
    this.options = { ...OPTIONS, ...options }
  }

  step(target: number, change: Partial<Situation> = {}): number {
    const situation = { capacity: 4, headroom: 0.4, noRise: undefined, steady: true, ...change }
    const { published } = this.dynamics.settle(
      { now: this.second++ * 1000, target, ...situation },
      this.options,
    )
    return published
  }

  for(seconds: number, target: number, change: Partial<Situation> = {}): number {
    let published = 0
    for (let second = 0; second < seconds; second++) published = this.step(target, change)
    return published
  }
}

test('it rises after 30 quiet seconds, by a tenth of the cores each 15 s', () => {
  const run = new Run()
  expect(run.for(30, 2)).toBe(0)
  expect(run.step(2)).toBe(0.4)
  expect(run.for(14, 2)).toBe(0.4)
  expect(run.step(2)).toBe(0.8)
  expect(run.for(120, 2)).toBe(2)
})

test('it falls in the same second, to whole tenths', () => {
  const run = new Run({ quiet: 0, rise: 1 })
  expect(run.for(5, 2)).toBe(2)
  expect(run.step(1.37)).toBe(1.3)
  expect(run.step(-3)).toBe(0)
})

test('a change of less than a tenth, or 5 %, is not told', () => {
  const run = new Run({ quiet: 0, rise: 1, rise_interval: 0 })
  expect(run.for(5, 3)).toBe(3)
  expect(run.step(2.86)).toBe(3)
  expect(run.step(2.84)).toBe(2.8)
  expect(run.step(2.93)).toBe(2.8)
  expect(run.step(3)).toBe(3)
})

test('without headroom nothing stays lent beyond the target', () => {
  const run = new Run({ quiet: 0, rise: 1 })
  expect(run.for(5, 3, { headroom: 0 })).toBe(3)
  expect(run.step(2.99, { headroom: 0 })).toBe(2.9)
})

test('a take-back keeps it from rising, the longer the sooner after a rise it comes', () => {
  const run = new Run()
  expect(run.for(60, 0.4)).toBe(0.4)
  run.dynamics.takeBack(run.second * 1000, run.options)
  run.dynamics.takeBack(run.second * 1000, run.options)
  // It had risen just before: 120 s instead of 30, however often the same trouble is told.
  expect(run.for(120, 3)).toBe(0.4)
  expect(run.for(15, 3)).toBe(0.8)
})

test('a gap in what was seen keeps it from rising for 30 s', () => {
  const run = new Run()
  expect(run.for(40, 3)).toBe(0.4)
  run.dynamics.gap(run.second * 1000, run.options)
  expect(run.for(30, 3)).toBe(0.4)
  expect(run.step(3)).toBe(0.8)
})

test('it rises no higher than what could be lent all of the quiet time', () => {
  const run = new Run({ rise: 1 })
  run.for(40, 2)
  run.for(60, 1)
  expect(run.for(20, 1.9)).toBe(1)
  expect(run.for(90, 1.9)).toBe(1.9)
})

test('a target that is high only between dips is no reason to rise', () => {
  const run = new Run()
  expect(run.for(100, 0.8)).toBe(0.8)
  for (let round = 0; round < 20; round++) {
    expect(run.for(9, 3)).toBe(0.8)
    expect(run.step(0.8)).toBe(0.8)
  }
})

test('nothing rises while usage cannot be read, but it still falls', () => {
  const run = new Run({ quiet: 0, rise: 1 })
  expect(run.for(5, 1)).toBe(1)
  expect(run.for(5, 2, { noRise: 'blind' })).toBe(1)
  expect(run.step(0.5, { noRise: 'blind' })).toBe(0.5)
})

test('each rise that had to be taken back makes the wait for the next longer, up to an hour', () => {
  const run = new Run({ rise: 1 })
  const waits: number[] = []
  run.for(100, 2)
  for (let burst = 0; burst < 6; burst++) {
    run.step(1)
    const fell = run.second
    while (run.step(2) < 2) expect(run.second).toBeLessThan(fell + 8000)
    waits.push(run.second - fell)
  }
  for (const [place, seconds] of [120, 480, 1920, 3600].entries()) {
    expect(waits[place]).toBeGreaterThanOrEqual(seconds)
    expect(waits[place]).toBeLessThan(seconds + 60)
  }
})

test('after a fall it comes back once, and small gains wait for the rest of the hour', () => {
  const run = new Run({ rise: 1 })
  run.for(7200, 2)
  run.step(1)
  expect(run.for(120, 1.5)).toBe(1.5)
  expect(run.for(3400, 2)).toBe(1.5)
  expect(run.for(200, 2)).toBe(2)
})

test('owners that come and go are no mistake of a rise', () => {
  const run = new Run({ rise: 1 })
  for (let round = 0; round < 6; round++) {
    run.step(1, { steady: false })
    expect(run.for(90, 2)).toBe(2)
  }
})

test('what was saved goes on: the amount, the wait and the mistakes', () => {
  const before = new Run({ rise: 1 })
  before.for(100, 2)
  before.step(1.2)
  const saved = before.dynamics.save(before.second * 1000)
  const after = new Run({ rise: 1 })
  after.dynamics.restore(saved, 0, after.options)
  expect(after.for(119, 2)).toBe(1.2)
  expect(after.for(60, 2)).toBe(2)
})
