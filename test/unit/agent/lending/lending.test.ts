// The loops of lending: what is told to be lent, and when; what is done to borrowers, and what is only written down.
import { describe, expect, test } from 'vitest'
import type { Estimate } from '../../../../src/estimator/estimator.ts'
import type { Action, QosInput } from '../../../../src/qos/controller.ts'
import { GuardedController } from '../../../../src/qos/guard.ts'
import { evict, freeze, notOurs, relax, squeeze, thaw, unlend } from '../../../support/lend-actions.ts'
import { known, LendingRig, shop } from '../../../support/lending.ts'
import { Machine } from '../../../support/usage.ts'

describe("borrowers' turns", () => {
  test('are kept short while both sides compute, and not after lending has ended', async () => {
    using rig = new LendingRig({ machine: shop() })
    await rig.lending.round()
    expect(rig.metrics.value('tepui/lend_turns_short')).toBe(0)
    rig.doing = { web: { cpus: 0.5 }, b1: { cpus: 0.4 } }
    await rig.seconds(2)
    expect(rig.metrics.value('tepui/lend_turns_short')).toBe(1)
    const ending = new AbortController()
    const ended = rig.lending.run(ending.signal)
    ending.abort()
    await ended
    expect(rig.metrics.value('tepui/lend_turns_short')).toBe(0)
  })

  test('are left to the kernel while there is no owner', async () => {
    using rig = new LendingRig({ machine: new Machine().add({ id: 'b1', cpus: 0.4, revocable: true }) })
    rig.doing = { b1: { cpus: 0.4 } }
    await rig.seconds(2)
    expect(rig.timers.starts).toBe(0)
  })
})

describe('what is told to be lent', () => {
  test('is what borrowers hold and what the estimator adds', async () => {
    using rig = new LendingRig({ machine: shop() })
    rig.estimate = known(0.5)
    await rig.lending.round()
    expect(rig.told).toEqual(['lent 1.3'])
    expect(rig.decisions()).toMatchObject([{ kind: 'lend', after: { value: 1.3 } }])
  })

  test('rises only as often as the flag says, and falls at once', async () => {
    using rig = new LendingRig({ settings: { reportMs: 15_000 } })
    for (const cpus of [0.5, 0.8, 0.3, 0.9]) {
      rig.estimate = known(cpus)
      await rig.clock.advance(1000)
      await rig.lending.round()
    }
    expect(rig.told).toEqual(['lent 0.5', 'lent 0.3'])
    await rig.seconds(15)
    expect(rig.told.at(-1)).toBe('lent 0.9')
    expect(rig.decisions().map(({ kind }) => kind)).toEqual(['lend', 'unlend', 'lend'])
  })

  test('does not hold what a borrower had before that borrower is ended, so that nobody else borrows it', async () => {
    using rig = new LendingRig({ machine: shop() })
    await rig.lending.round()
    rig.answer = () => [evict('b1')]
    await rig.lending.round()
    rig.answer = () => []
    expect(rig.told).toEqual(['lent 0.8', 'lent 0.4', 'end b1'])
    rig.machine.remove('b1')
    rig.machine.remove('b2')
    await rig.clock.advance(1000)
    await rig.lending.round()
    expect(rig.told.at(-1)).toBe('lent 0')
    rig.decisions()
  })

  test('falls to what is borrowed for as long as the controller says, and the estimator hears of it', async () => {
    using rig = new LendingRig({ machine: shop() })
    rig.estimate = known(0.5)
    await rig.lending.round()
    rig.answer = () => [unlend(30_000)]
    await rig.clock.advance(1000)
    await rig.lending.round()
    expect(rig.told).toEqual(['lent 1.3', 'lent 0.8'])
    expect(rig.takeBacks).toEqual([1000])
    rig.answer = () => []
    await rig.seconds(29)
    expect(rig.lending.closed).toContain('taken back')
    await rig.seconds(2)
    expect(rig.told.at(-1)).toBe('lent 1.3')
    expect(rig.lending.closed).toBeUndefined()
  })

  test('is nothing more where the kernel holds nobody back, and the status says so', async () => {
    using rig = new LendingRig()
    rig.tier.found = { tier: 'none', detail: 'no control groups' }
    rig.lending.checkTier()
    rig.estimate = known(0.5)
    await rig.lending.round()
    expect(rig.told).toEqual([])
    expect(rig.lending.estimate).toEqual({
      kind: 'unknown',
      reason: 'nothing holds borrowers below owners here: no control groups',
    })
  })

  test('falls within a minute after somebody took the tier away from the kernel', async () => {
    using rig = new LendingRig()
    const stop = new AbortController()
    const running = rig.lending.run(stop.signal)
    rig.estimate = known(0.5)
    await rig.clock.advance(2000)
    expect(rig.told).toEqual(['lent 0.5'])
    rig.tier.found = { tier: 'none', detail: 'the kernel says idle false' }
    await rig.clock.advance(61_000)
    expect(rig.told).toEqual(['lent 0.5', 'lent 0'])
    stop.abort()
    await running
  })

  test('does not rise after the agent stood still, because what it missed is not known', async () => {
    using rig = new LendingRig()
    const stop = new AbortController()
    const running = rig.lending.run(stop.signal)
    rig.estimate = known(0.5)
    await rig.clock.advance(2000)
    expect(rig.told).toEqual(['lent 0.5'])
    // As after SIGSTOP: the clock goes on and nobody looks.
    rig.clock.skip(30_000)
    rig.estimate = known(0.9)
    await rig.clock.advance(1500)
    expect(rig.told).toEqual(['lent 0.5'])
    expect(rig.metrics.value('tepui/lend_blind_samples')).toBe(1)
    await rig.clock.advance(4000)
    expect(rig.told.at(-1)).toBe('lent 0.9')
    stop.abort()
    await running
  })
})

describe('a step in the demand of an owner', () => {
  test('leads to an estimate out of turn: the master hears of the fall within 300 ms', async () => {
    using rig = new LendingRig({ machine: shop() })
    rig.estimate = known(0.5)
    const stop = new AbortController()
    const running = rig.lending.run(stop.signal)
    await rig.clock.advance(3050)
    expect(rig.told.at(-1)).toBe('lent 1.3')
    const seenBefore = rig.told.length
    rig.estimate = known(0)
    rig.burst = { web: 0.12 }
    await rig.clock.advance(300)
    expect(rig.told.slice(seenBefore)).toEqual(['lent 0.8'])
    stop.abort()
    await running
  })
})

describe('what the controller decides', () => {
  test('slows and lets go, with records that have their effect after one and ten seconds', async () => {
    using rig = new LendingRig({ machine: shop() })
    const stop = new AbortController()
    const running = rig.lending.run(stop.signal)
    await rig.clock.advance(1000)
    rig.answer = () => [squeeze(0.3)]
    await rig.clock.advance(100)
    rig.answer = () => []
    expect(rig.tier.orders).toEqual(['squeeze 0.3 per 10 ms'])
    expect(rig.lending.actions.quota).toBe(0.3)
    await rig.clock.advance(2000)
    const [told] = rig.decisions().filter(({ kind }) => kind === 'squeeze')
    expect(told?.effect.after1s).toMatchObject({ 'borrowers cpus': 0, 'frozen borrowers': 0 })
    expect(told?.effect.after10s).toBeUndefined()
    rig.answer = () => [relax(0.3)]
    await rig.clock.advance(100)
    rig.answer = () => []
    await rig.clock.advance(10_000)
    const [later] = rig.decisions().filter(({ kind }) => kind === 'squeeze')
    expect(later?.effect.after10s).toBeDefined()
    expect(rig.tier.quota).toBe(Number.POSITIVE_INFINITY)
    expect(rig.metrics.value('tepui/lend_squeezes')).toBe(1)
    expect(rig.metrics.value('tepui/lend_take_back_secs/count')).toBe(1)
    stop.abort()
    await running
  })

  test('of an eviction is kept: who could have gone, why this one, the work lost, the effect', async () => {
    using rig = new LendingRig({ machine: shop() })
    const stop = new AbortController()
    const running = rig.lending.run(stop.signal)
    await rig.clock.advance(1000)
    const { decision, ...action } = evict('b1')
    const other = { id: 'c-b2', task: 'b2', frees: 0.4, progress: 9, cost: 9, score: 22.5 }
    const both = { ...decision, candidates: [...decision.candidates, other] }
    rig.answer = () => [{ ...action, decision: both }]
    await rig.clock.advance(100)
    rig.answer = () => []
    rig.machine.remove('b1')
    await rig.clock.advance(12_000)
    expect(rig.evicted).toHaveLength(1)
    const [told] = rig.decisions().filter(({ kind }) => kind === 'evict')
    expect(told).toMatchObject({
      candidates: [
        { task: 'b1', score: 17.5 },
        { task: 'b2', score: 22.5 },
      ],
      chosen: ['c-b1'],
      rule: 'cheapest',
      workLostCpuSeconds: 7,
      effect: { after1s: { 'borrowers cpus': 0 }, after10s: { 'borrowers cpus': 0 } },
    })
    stop.abort()
    await running
  })

  test('is asked every 100 ms only while borrowers are alive', async () => {
    using rig = new LendingRig({ machine: shop() })
    const stop = new AbortController()
    const running = rig.lending.run(stop.signal)
    await rig.clock.advance(3000)
    const busy = rig.seen.length
    expect(busy).toBeGreaterThan(15)
    rig.machine.remove('b1')
    rig.machine.remove('b2')
    await rig.clock.advance(2000)
    const before = rig.seen.length
    await rig.clock.advance(5000)
    expect(rig.seen.length - before).toBe(5)
    stop.abort()
    await running
  })

  test('hears of a borrower that has just started with the next look, before the next snapshot', async () => {
    using rig = new LendingRig()
    const stop = new AbortController()
    const running = rig.lending.run(stop.signal)
    await rig.clock.advance(2050)
    const shown = (): boolean => rig.seen.at(-1)?.pulse.containers.some(({ revocable }) => revocable) === true
    rig.machine.add({ id: 'late', cpus: 0.4, revocable: true })
    rig.lending.launched(true)
    await rig.clock.advance(100)
    expect(shown()).toBe(true)
    stop.abort()
    await running
  })

  test('forgets what it had in force when somebody else lifted it', async () => {
    const told: string[] = []
    const controller = {
      name: 'ladder',
      decide: () => [],
      reset: () => void told.push('reset'),
    }
    using rig = new LendingRig({
      machine: shop(),
      controller: new GuardedController(controller, () => undefined),
    })
    await rig.lending.round()
    await rig.desk.change({ mode: 'lend' }, 'a test')
    expect(told).toEqual([])
    await rig.desk.change({ mode: 'observe' }, 'a test')
    expect(told).toEqual(['reset'])
    await rig.desk.change({ mode: 'full' }, 'a test')
    expect(told).toEqual(['reset', 'reset'])
    expect(rig.tier.orders).toEqual(['release', 'release'])
  })

  test('leaves a container frozen until it is thawed; whoever ends it thaws it first', async () => {
    using rig = new LendingRig({ machine: shop() })
    await rig.lending.round()
    rig.answer = () => [freeze('c-b1', 'c-b2')]
    await rig.lending.round()
    expect(rig.lending.isFrozen('c-b1')).toBe(true)
    const { actions } = rig.lending
    expect(actions.lastFrozen('c-b1')).toBe(rig.clock.monotonic())
    rig.answer = () => [thaw('c-b1')]
    await rig.lending.round()
    expect(rig.lending.isFrozen('c-b1')).toBe(false)
    const thawedAt = actions.lastFrozen('c-b1')
    expect(thawedAt).toBe(rig.clock.monotonic())
    await rig.clock.advance(1000)
    expect(actions.lastFrozen('c-b1')).toBe(thawedAt)
    expect(actions.lastFrozen('c-other')).toBe(Number.NEGATIVE_INFINITY)
    rig.lending.actions.letGo('c-b2')
    expect([...rig.tier.frozen]).toEqual([])
    // It is being ended: it must not stand still again.
    rig.answer = () => [freeze('c-b2')]
    await rig.lending.round()
    expect(rig.lending.isFrozen('c-b2')).toBe(false)
    rig.decisions()
  })

  test('ends with the grace that it gives, thawed, and counted by its reason', async () => {
    using rig = new LendingRig({ machine: shop() })
    await rig.lending.round()
    rig.answer = () => [freeze('c-b1')]
    await rig.lending.round()
    rig.answer = () => [evict('b1', 5000)]
    await rig.lending.round()
    expect(rig.evicted).toMatchObject([{ containerId: 'c-b1', graceMs: 5000 }])
    expect(rig.tier.orders).toEqual(['freeze c-b1', 'thaw c-b1'])
    expect(rig.metrics.value('tepui/lend_evictions/cpu')).toBe(1)
  })

  test('is recorded as not done with the reason when the kernel refuses', async () => {
    using rig = new LendingRig({ machine: shop() })
    await rig.lending.round()
    rig.tier.refuses = new Error('EBUSY')
    rig.answer = () => [squeeze(0.3)]
    await rig.lending.round()
    expect(rig.decisions().at(-1)).toMatchObject({ kind: 'squeeze', heldBack: 'the kernel refused: EBUSY' })
    expect(rig.lending.actions.quota).toBe(Number.POSITIVE_INFINITY)
  })

  test('that it was not ours is written once a minute and not ten times a second', async () => {
    using rig = new LendingRig({ machine: shop() })
    rig.answer = () => [notOurs()]
    for (let round = 0; round < 5; round++) await rig.lending.round()
    expect(rig.decisions().filter(({ kind }) => kind === 'not-ours')).toHaveLength(1)
    expect(rig.metrics.value('tepui/lend_not_ours')).toBe(5)
    await rig.clock.advance(61_000)
    await rig.lending.round()
    expect(rig.decisions().filter(({ kind }) => kind === 'not-ours')).toHaveLength(2)
  })
})

test.each<[string, () => Promise<Estimate>]>([
  ['throws', () => Promise.reject(new Error('boom'))],
  ['never answers', () => Promise.withResolvers<Estimate>().promise],
])('an estimator that %s keeps nobody frozen: the controller goes on', async (_, estimate) => {
  using rig = new LendingRig({ machine: shop(), estimator: { name: 'odd', estimate } })
  const stop = new AbortController()
  const running = rig.lending.run(stop.signal)
  rig.answer = () => [freeze('c-b1')]
  await rig.clock.advance(1500)
  expect([...rig.tier.frozen]).toEqual(['c-b1'])
  rig.answer = () => [thaw('c-b1')]
  await rig.clock.advance(200)
  expect([...rig.tier.frozen]).toEqual([])
  stop.abort()
  // The round that waits for the estimator is over after a second.
  await rig.clock.advance(1000)
  await running
})

describe('a controller that fails while it holds borrowers', () => {
  const held = async (decide: (input: QosInput) => readonly Action[] | Promise<readonly Action[]>) => {
    const troubles: string[] = []
    const inner = { name: 'odd', decide }
    const controller = new GuardedController(inner, (reason) => troubles.push(reason))
    const rig = new LendingRig({ machine: shop(), controller })
    const stop = new AbortController()
    const running = rig.lending.run(stop.signal)
    await rig.clock.advance(1500)
    expect([...rig.tier.frozen]).toEqual(['c-b1', 'c-b2'])
    return { rig, troubles, end: () => (stop.abort(), running) }
  }

  test('by throwing, has thawed and lifted what it held with the next pulse, and two records say so', async () => {
    let isBroken = false
    const { end, rig, troubles } = await held(({ pulse }) => {
      if (isBroken) throw new Error('boom')
      return pulse.containers.some(({ frozen }) => frozen === true)
        ? []
        : [squeeze(0.3), freeze('c-b1', 'c-b2')]
    })
    isBroken = true
    await rig.clock.advance(100)
    expect([[...rig.tier.frozen], rig.tier.quota]).toEqual([[], Number.POSITIVE_INFINITY])
    expect(rig.decisions().slice(-2)).toMatchObject([
      { kind: 'thaw', why: "Controller 'odd' failed: boom: whoever it had frozen runs again" },
      { kind: 'relax', why: "Controller 'odd' failed: boom: the quota that it had set is lifted" },
    ])
    expect(troubles[0]).toContain('boom')
    // Once it works again it is not trusted with a freeze at once.
    isBroken = false
    await rig.clock.advance(4000)
    expect([...rig.tier.frozen]).toEqual([])
    await rig.clock.advance(2000)
    expect([...rig.tier.frozen]).toEqual(['c-b1', 'c-b2'])
    await end()
  })

  test('by never answering again, has let go after three seconds, and a late answer does nothing', async () => {
    let isSilent = false
    const late = Promise.withResolvers<readonly Action[]>()
    const { end, rig, troubles } = await held(({ pulse }) => {
      if (isSilent) return late.promise
      return pulse.containers.some(({ frozen }) => frozen === true) ? [] : [freeze('c-b1', 'c-b2')]
    })
    isSilent = true
    await rig.clock.advance(2500)
    expect(rig.tier.frozen.size).toBe(2)
    await rig.clock.advance(1000)
    expect([...rig.tier.frozen]).toEqual([])
    expect(troubles).toEqual([expect.stringContaining('has not answered for 3')])
    late.resolve([freeze('c-b1')])
    await rig.clock.advance(100)
    expect([...rig.tier.frozen]).toEqual([])
    expect(rig.decisions().at(-1)).toMatchObject({ kind: 'thaw', borrowers: ['c-b1', 'c-b2'] })
    await end()
  })
})
