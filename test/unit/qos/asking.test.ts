// Are borrowers the reason? A short freeze asks: before a squeeze for a little waiting, and under one in vain.
import { describe, expect, test } from 'vitest'
import type { QosController } from '../../../src/qos/controller.ts'
import pressureController from '../../../src/qos/pressure.ts'
import { becauseOfBorrowers, type Doing, Force, first, kinds, runPulses, shop } from '../../support/pulses.ts'

/** By chance an owner waits less in one short freeze, hardly in three. */
const ASKED = ['freeze', 'thaw', 'freeze', 'thaw', 'freeze', 'thaw'] as const
const make = (): QosController => pressureController({}) as QosController

test('when an owner waits a little, borrowers are asked first, and squeezed when they were the reason', async () => {
  const mild = { web: { cpus: 1, waiting: 0.07 }, old: { cpus: 0.9 } }
  const force = new Force()
  const actions = await runPulses(
    make(),
    shop(),
    2000,
    becauseOfBorrowers(() => mild),
    { force },
  )
  expect(kinds(actions).slice(0, 7)).toEqual([...ASKED, 'squeeze'])
  const [probe, thaw] = actions
  expect(probe).toMatchObject({ probeMs: 50, decision: { probeMs: 50, threshold: 0.05 } })
  expect((thaw?.time ?? 0) - (probe?.time ?? 0)).toBe(100)
  expect(first(actions, 'squeeze')?.time ?? Infinity).toBeLessThanOrEqual(1200)
  expect(Number.isFinite(force.quotaCpus)).toBe(true)
})

test('borrowers that a probe finds innocent are neither squeezed nor asked again within a minute', async () => {
  const busy = { web: { cpus: 1, waiting: 0.07 }, old: { cpus: 0.9 } }
  const actions = await runPulses(make(), shop(), 60_000, () => busy)
  expect(kinds(actions)).toEqual(['freeze', 'not-ours', 'thaw'])
})

test('a probe that helped is forgotten when the owner does not wait again soon, and its time is no hold', async () => {
  // Four moments of waiting, longer apart than a suspicion lasts.
  const doing = becauseOfBorrowers((time) => ({
    web: { cpus: 1, waiting: time % 5000 < 300 ? 0.07 : 0 },
    old: { cpus: 0.9 },
  }))
  const force = new Force()
  const actions = await runPulses(make(), shop(), 20_000, doing, { force })
  expect(new Set(kinds(actions))).toEqual(new Set(['freeze', 'thaw']))
  expect(kinds(actions).length).toBeGreaterThanOrEqual(6)
  expect(force.frozen).toEqual(new Set())
})

test('a squeeze that changes nothing is doubted after a second: borrowers that are not the reason go on', async () => {
  // The probes before the squeeze came at moments in which the owner would not have waited anyway.
  const doing = ({ frozen }: Force, time: number): Readonly<Record<string, Doing>> => ({
    web: { cpus: 1, waiting: time < 1100 && frozen.size > 0 ? 0 : 0.07 },
    old: { cpus: 0.9 },
  })
  const force = new Force()
  const actions = await runPulses(make(), shop(), 30_000, doing, { force })
  const squeezed = first(actions, 'squeeze')?.time ?? 0
  const probe = actions.findLast(({ kind }) => kind === 'freeze')
  expect(probe).toMatchObject({ probeMs: 50 })
  expect((probe?.time ?? 0) - squeezed).toBeGreaterThanOrEqual(1000)
  expect((probe?.time ?? 0) - squeezed).toBeLessThanOrEqual(1200)
  expect(kinds(actions)).toEqual([...ASKED, 'squeeze', 'freeze', 'not-ours', 'thaw', 'relax'])
  expect(force.quotaCpus).toBe(Number.POSITIVE_INFINITY)
})

test('a squeeze that changes nothing goes on when borrowers turn out to be the reason', async () => {
  const force = new Force()
  const doing = becauseOfBorrowers(() => ({ web: { cpus: 1, waiting: 0.07 }, old: { cpus: 0.9 } }))
  const actions = await runPulses(make(), shop(), 3000, doing, { force })
  expect(kinds(actions)).not.toContain('not-ours')
  expect(kinds(actions)).not.toContain('relax')
  expect(Number.isFinite(force.quotaCpus)).toBe(true)
})

describe('an owner that waits a little under a squeeze', () => {
  /** Its own threads make it wait 3 %; borrowers 7 % more in the first second, and as `later` says. */
  const busy =
    (later: number) =>
    ({ frozen, quotaCpus }: Force, time: number): Readonly<Record<string, Doing>> => {
      const isHeld = frozen.size > 0 || quotaCpus < 1
      return {
        web: { cpus: 1, waiting: 0.03 + (isHeld ? 0 : time < 2000 ? 0.09 : later) },
        old: { cpus: frozen.size > 0 ? 0 : 0.9 },
      }
    }

  test('does so by itself: the squeeze ends, and borrowers are not held for ever', async () => {
    const force = new Force()
    const actions = await runPulses(make(), shop(), 40_000, busy(0), { force })
    const squeezed = first(actions, 'squeeze')?.time ?? Infinity
    const relaxed = first(actions, 'relax')?.time ?? Infinity
    expect(relaxed - squeezed).toBeGreaterThanOrEqual(10_000)
    expect(relaxed - squeezed).toBeLessThanOrEqual(12_000)
    expect(force.quotaCpus).toBe(Number.POSITIVE_INFINITY)
    expect(kinds(actions)).not.toContain('not-ours')
  })

  test('and longer again when they get more: they are squeezed again', async () => {
    const actions = await runPulses(make(), shop(), 40_000, busy(0.09))
    expect(kinds(actions).filter((kind) => kind === 'squeeze').length).toBeGreaterThanOrEqual(2)
  })
})
