// What others take from the lent tier is put right before anybody looks at borrowers, and it is told.
import { expect, test } from 'vitest'
import { known, LendingRig } from '../../../support/lending.ts'

test('lending goes on when what somebody took from the tier can be put right, and counts it', async () => {
  using rig = new LendingRig()
  const stop = new AbortController()
  const running = rig.lending.run(stop.signal)
  rig.estimate = known(0.5)
  await rig.clock.advance(2000)
  rig.tier.taken = ['/tepui_1_lent.slice']
  await rig.clock.advance(61_000)
  expect(rig.tier.orders).toEqual(['mend /tepui_1_lent.slice'])
  expect(rig.metrics.snapshot()['tepui/lend_tier_mended']).toBe(1)
  expect(rig.told).toEqual(['lent 0.5'])
  stop.abort()
  await running
})

test('while borrowers work it is looked at with every pulse; a refusal of the kernel stops nothing', async () => {
  using rig = new LendingRig()
  const stop = new AbortController()
  const running = rig.lending.run(stop.signal)
  rig.lending.launched(true)
  await rig.clock.advance(200)
  rig.tier.refuses = new Error('EROFS')
  rig.tier.taken = ['/tepui_1_lent.slice']
  await rig.clock.advance(100)
  expect(rig.metrics.snapshot()['tepui/lend_tier_mended']).toBe(0)
  rig.tier.taken = ['/tepui_1_lent.slice']
  await rig.clock.advance(100)
  expect(rig.metrics.snapshot()['tepui/lend_tier_mended']).toBe(1)
  stop.abort()
  await running
})
