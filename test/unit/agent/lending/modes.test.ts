// What each mode of lending does and leaves alone.
import { describe, expect, test } from 'vitest'
import { evict, freeze, squeeze } from '../../../support/lend-actions.ts'
import { known, LendingRig, shop } from '../../../support/lending.ts'

describe('the mode', () => {
  test('observe lends nothing, touches nobody, and writes down what would have been', async () => {
    using rig = new LendingRig({ machine: shop(), mode: 'observe' })
    rig.estimate = known(0.5)
    rig.answer = () => [squeeze(0.3), freeze('c-b1'), evict('b2')]
    await rig.lending.round()
    expect(rig.told).toEqual(['lent 0.8'])
    expect(rig.tier.orders).toEqual([])
    const held = rig.decisions().filter(({ heldBack }) => heldBack !== undefined)
    expect(held.map(({ kind }) => kind).toSorted()).toEqual(['evict', 'freeze', 'lend', 'squeeze'])
    expect(held.find(({ kind }) => kind === 'evict')?.heldBack).toBe('the mode is observe')
    expect(rig.lending.wouldLend.scalar('cpus')).toBe(1.3)
    expect(rig.seen[0]?.allowed).toBe('observe')
  })

  test('lend slows and stops, but ends nobody', async () => {
    using rig = new LendingRig({ machine: shop(), mode: 'lend' })
    rig.estimate = known(0.5)
    rig.answer = () => [squeeze(0.3), evict('b2')]
    await rig.lending.round()
    expect(rig.told).toEqual(['lent 1.3'])
    expect(rig.tier.quota).toBe(0.3)
    expect(rig.decisions().find(({ kind }) => kind === 'evict')?.heldBack).toContain('no borrower is ended')
  })

  test('is one record in a minute, however often a step that is held back is asked for', async () => {
    using rig = new LendingRig({ machine: shop(), mode: 'lend' })
    rig.answer = () => [evict('b1')]
    await rig.lending.round()
    await rig.seconds(30)
    expect(rig.decisions().filter(({ kind }) => kind === 'evict')).toHaveLength(1)
    await rig.seconds(40)
    expect(rig.decisions().filter(({ kind }) => kind === 'evict')).toHaveLength(2)
  })

  test('off asks nobody and lets everybody go on', async () => {
    using rig = new LendingRig({ machine: shop() })
    rig.estimate = known(0.5)
    await rig.lending.round()
    rig.answer = () => [freeze('c-b1')]
    await rig.lending.round()
    await rig.desk.change({ mode: 'off' }, 'a test')
    expect(rig.tier.orders.at(-1)).toBe('release')
    expect(rig.told.at(-1)).toBe('lent 0.8')
    const asked = rig.seen.length
    await rig.lending.round()
    expect(rig.seen.length).toBe(asked)
    expect(rig.decisions().at(-2)).toMatchObject({ kind: 'mode', from: 'full', to: 'off', by: 'a test' })
  })
})
