// The rounds of lending: what falls is told at once, what rises waits, and no plug-in can stop the others.
import { describe, expect, test } from 'vitest'
import { Lending, type LendingSettings } from '../../../src/agent/lending.ts'
import { silentLogger } from '../../../src/base/log.ts'
import type { Estimate, ResourceEstimator } from '../../../src/estimator/estimator.ts'
import type { Correction, QosController } from '../../../src/qos/controller.ts'
import { Resources } from '../../../src/resources/resources.ts'
import type { ResourceUsage } from '../../../src/resources/usage.ts'
import { ManualClock } from '../../support/clock.ts'
import { Machine } from '../../support/usage.ts'

const cpus = (value: number): Resources =>
  Resources.from([{ name: 'cpus', type: 'SCALAR', scalar: { value } }]).markRevocable()
const known = (value: number): Estimate => ({ kind: 'known', additional: cpus(value), terms: [] })

interface Bench {
  readonly clock: ManualClock
  readonly lending: Lending
  readonly told: number[]
  readonly corrected: Correction[]
  /** Seconds of rounds. */
  readonly run: (seconds: number) => Promise<void>
}

function bench(
  parts: {
    readonly estimate?: ResourceEstimator['estimate']
    readonly correct?: QosController['correct']
    readonly usage?: () => ResourceUsage
  },
  settings: Partial<LendingSettings> = {},
): Bench {
  const clock = new ManualClock()
  const machine = new Machine({ cores: 4 })
  const told: number[] = []
  const corrected: Correction[] = []
  const { correct, estimate } = parts
  const usage = parts.usage ?? ((): ResourceUsage => machine.tick())
  const lending = new Lending(
    {
      clock,
      log: silentLogger,
      sample: () => Promise.resolve({ ...usage(), monotonic: clock.monotonic(), at: clock.now() }),
      estimator: estimate === undefined ? undefined : { name: 'test', estimate },
      controller: correct === undefined ? undefined : { name: 'test', correct },
      onTotal: (lent) => told.push(lent.scalar('cpus')),
      onCorrection: (correction) => corrected.push(correction),
    },
    { reportMs: 15_000, correctionMs: 0, ...settings },
  )
  const stop = new AbortController()
  void lending.run(stop.signal)
  return {
    clock,
    lending,
    told,
    corrected,
    run: (seconds) => clock.advance(seconds * 1000),
  }
}

const correction: Correction = {
  kind: 'kill',
  frameworkId: 'f',
  executorId: 'b',
  containerId: 'c-b',
  cause: { owner: 'web', signal: 's', value: 1, threshold: 0, unit: 'u', forMs: 0 },
  message: 'm',
}

describe('what is lent', () => {
  test('is told at once when it falls, and at most every interval when it rises', async () => {
    let now = 1
    const { told, run } = bench({ estimate: () => known(now) })
    await run(1)
    now = 2
    await run(14)
    expect(told).toEqual([1])
    await run(1)
    expect(told).toEqual([1, 2])
    now = 0.5
    await run(1)
    expect(told).toEqual([1, 2, 0.5])
    now = 3
    await run(14)
    expect(told).toEqual([1, 2, 0.5])
    await run(1)
    expect(told).toEqual([1, 2, 0.5, 3])
  })

  test('is what borrowers hold already and what may be lent beside', async () => {
    const machine = new Machine({ cores: 4 }).add({ id: 'b', revocable: true, cpus: 1.5 })
    const { told, run } = bench({ estimate: () => known(0.5), usage: () => machine.tick() })
    await run(1)
    expect(told).toEqual([2])
  })

  test('falls to what borrowers hold when the estimator cannot tell or fails', async () => {
    let answer: () => Estimate = () => known(1)
    const machine = new Machine({ cores: 4 }).add({ id: 'b', revocable: true, cpus: 0.5 })
    const { told, run, lending } = bench({ estimate: () => answer(), usage: () => machine.tick() })
    await run(1)
    answer = () => ({ kind: 'unknown', reason: 'too early' })
    await run(1)
    expect(told).toEqual([1.5, 0.5])
    answer = () => {
      throw new Error('broken')
    }
    await run(1)
    expect(lending.view.estimate).toEqual({ kind: 'unknown', reason: 'broken' })
  })

  test('is nothing without an estimator', async () => {
    const { told, run, lending } = bench({})
    await run(30)
    expect(told).toEqual([])
    expect(lending.view).toMatchObject({ estimate: undefined, lent: Resources.empty })
    expect(lending.view.usage).toBeDefined()
  })

  test('ends a while after an estimator fell silent, and begins when it speaks', async () => {
    let speak: ((estimate: Estimate) => void) | undefined
    let asked = 0
    const { told, run, lending } = bench({
      estimate: () => {
        if (++asked !== 2) return known(asked === 1 ? 1 : 0.5)
        return new Promise<Estimate>((resolve) => (speak = resolve))
      },
    })
    await run(2)
    expect(told).toEqual([1])
    await run(10)
    expect(asked).toBe(2)
    expect(told).toEqual([1, 0])
    expect(lending.view.estimate).toMatchObject({ kind: 'unknown' })
    speak?.(known(0.5))
    await run(20)
    expect(told).toEqual([1, 0, 0.5])
  })
})

describe('corrections', () => {
  test('reach the core and are remembered with their time', async () => {
    const { corrected, run, lending, clock } = bench({ correct: () => [correction] })
    await run(1)
    expect(corrected).toEqual([correction])
    expect(lending.view.corrections).toEqual([{ at: clock.now(), correction }])
  })

  test('come at most every --qos_correction_interval_min', async () => {
    const { corrected, run } = bench({ correct: () => [correction] }, { correctionMs: 20_000 })
    await run(20)
    expect(corrected).toHaveLength(1)
    await run(1)
    expect(corrected).toHaveLength(2)
  })

  test('are remembered in a bounded number', async () => {
    const { run, lending } = bench({ correct: () => Array.from({ length: 150 }, () => correction) })
    await run(3)
    expect(lending.view.corrections).toHaveLength(200)
  })

  test('come on while the estimator is silent, and lending goes on while the controller is', async () => {
    const never = (): Promise<never> => new Promise(() => undefined)
    const one = bench({ estimate: never, correct: () => [correction] })
    await one.run(10)
    expect(one.corrected.length).toBeGreaterThan(3)
    const two = bench({ estimate: () => known(1), correct: never })
    await two.run(2)
    expect(two.told).toEqual([1])
  })
})
