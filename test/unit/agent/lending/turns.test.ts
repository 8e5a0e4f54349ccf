// Whether the turns of borrowers are kept short, by who computes and what holds borrowers back.
import { expect, test } from 'vitest'
import { Turns, type TurnsNow } from '../../../../src/agent/lending/turns.ts'
import { FakeTimers } from '../../../support/lending.ts'

const BUSY: Omit<TurnsNow, 'now'> = { acts: true, tier: 'idle', owners: true, borrowersUse: 1.5 }

test('turns are kept short while borrowers compute beside owners in the idle class', () => {
  for (const [change, isShort] of [
    [{}, true],
    [{ acts: false }, false],
    [{ owners: false }, false],
    [{ borrowersUse: 0.001 }, false],
    [{ tier: 'weight' }, false],
    [{ tier: 'none' }, false],
  ] as const) {
    const timers = new FakeTimers()
    new Turns(timers).look({ ...BUSY, now: 0, ...change })
    expect([change, timers.isRunning]).toEqual([change, isShort])
  }
})

test('a pause of the borrowers does not end that, ten seconds without them do', () => {
  const timers = new FakeTimers()
  const turns = new Turns(timers)
  turns.look({ ...BUSY, now: 0 })
  turns.look({ ...BUSY, now: 9_000, borrowersUse: 0 })
  expect([turns.areShort, timers.starts]).toEqual([true, 1])
  turns.look({ ...BUSY, now: 10_000, borrowersUse: 0 })
  expect(turns.areShort).toBe(false)
  turns.look({ ...BUSY, now: 11_000 })
  expect([turns.areShort, timers.starts]).toEqual([true, 2])
})

test('timers that end by themselves are tried again once a minute, and at once after they were not wanted', () => {
  const timers = new FakeTimers()
  timers.fails = true
  const turns = new Turns(timers)
  for (let now = 0; now < 120_000; now += 1000) turns.look({ ...BUSY, now })
  expect(timers.starts).toBe(2)
  turns.end()
  turns.look({ ...BUSY, now: 120_000 })
  expect(timers.starts).toBe(3)
})

test('without timers turns last as long as the kernel says', () => {
  const turns = new Turns(undefined)
  turns.look({ ...BUSY, now: 0 })
  expect(turns.areShort).toBe(false)
})
