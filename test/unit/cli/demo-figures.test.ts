// The levels of the demo that depend on how long it may take.
import { expect, test } from 'vitest'
import { demoFigures, type Measured } from '../../../src/cli/demo/figures.ts'

const speed = (perSecond: number) => ({ requests: 40, failed: 0, perSecond, p50: 10, p99: 20 })
const MEASURED: Measured = {
  reserved: 1.5,
  ownerIdleUse: 0.1,
  lent: 1,
  busyAlone: 0.1,
  busyLent: 0.9,
  unitsPerSecond: 3,
  units: 30,
  light: speed(5),
  lightBeside: speed(5),
  alone: speed(10),
  during: speed(6),
  after: speed(9.6),
  recoveredAfterMs: 60_000,
  rescindedAfterMs: undefined,
  heldAfterMs: undefined,
  endedAfterMs: 50_000,
  takenBack: 2,
  lendingAgainAfterMs: 10_000,
  neighbourEnded: 0,
}

const missed = (measured: Measured, withinMs: number): string[] =>
  demoFigures(measured, withinMs)
    .filter(({ ok }) => !ok)
    .map(({ name }) => name)

test('an act that took a minute is too slow for a demo of two minutes, and not for one of twenty', () => {
  expect(missed(MEASURED, 120_000)).toEqual([
    'owner at full speed again after the load rose',
    'first borrower ended after the load rose',
  ])
  expect(missed(MEASURED, 1_200_000)).toEqual([])
})

test('an act has 45 s also where the whole demo has less than two minutes', () => {
  const quick = { ...MEASURED, recoveredAfterMs: 44_000, endedAfterMs: 44_000 }
  expect(missed(quick, 30_000)).toEqual([])
})

test('an owner that stays slower than it was alone misses its level, however long the demo may take', () => {
  expect(missed({ ...MEASURED, after: speed(9) }, 1_200_000)).toEqual([
    'owner after the take-back, of its speed alone',
  ])
})

test('an offer is called back within 5 s of a demo of two minutes, and later only in a longer one', () => {
  const late = { ...MEASURED, recoveredAfterMs: 1000, endedAfterMs: 1000, rescindedAfterMs: 6000 }
  expect(missed(late, 120_000)).toEqual(['first offer rescinded after the load rose'])
  expect(missed({ ...late, rescindedAfterMs: 5000 }, 120_000)).toEqual([])
  expect(missed(late, 1_200_000)).toEqual([])
})
