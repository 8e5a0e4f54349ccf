// The ladder for cpu: each step is entered, timed and left as the specification says (spec/lending.md 3.3).
import { expect, test } from 'vitest'
import type { QosController } from '../../../src/qos/controller.ts'
import pressureController from '../../../src/qos/pressure.ts'
import {
  becauseOfBorrowers,
  competing,
  type Doing,
  first,
  Force,
  kinds,
  PulseMachine,
  runPulses,
  shop,
  type Timed,
} from '../../support/pulses.ts'

const make = (options: Record<string, string> = {}): QosController =>
  pressureController(options) as QosController

const STEP_AT = 5000
const step =
  (until: number) =>
  (time: number): number =>
    time >= STEP_AT && time < STEP_AT + until ? 2 : 0.2

test('a step in demand leads to a squeeze within 250 ms and a freeze within 500 ms', async () => {
  const actions = await runPulses(make(), shop(), 6000, competing(step(10_000)))
  const squeeze = first(actions, 'squeeze')
  const freeze = first(actions, 'freeze')
  expect(squeeze?.time).toBeGreaterThan(STEP_AT)
  expect(squeeze?.time).toBeLessThanOrEqual(STEP_AT + 250)
  expect(freeze?.time).toBeLessThanOrEqual(STEP_AT + 500)
  expect(squeeze).toMatchObject({ periodMs: 10 })
  expect(freeze).toMatchObject({ containerIds: ['c-old', 'c-new'] })
  expect(first(actions, 'unlend')).toMatchObject({ time: freeze?.time, forMs: 30_000 })
})

test('the quota is what cores, owners and headroom leave, and never below 5 % of the machine', async () => {
  const mild: Record<string, Doing> = {
    web: { cpus: 1, waiting: 0.08 },
    old: { cpus: 0.5 },
    new: { cpus: 0.4 },
  }
  const squeeze = first(
    await runPulses(
      make(),
      shop(),
      2000,
      becauseOfBorrowers(() => mild),
    ),
    'squeeze',
  )
  expect(squeeze?.decision.after).toEqual({ value: expect.closeTo(2 - 1 - 0.2), unit: 'cpus' })
  expect(squeeze?.decision.terms.map(({ name }) => name)).toEqual(['cores', 'owners need', 'headroom'])
  // One that waits for long is counted with all that it reserved, however little it got so far.
  const starting = { ...mild, web: { cpus: 1, waiting: 0.3 } }
  const [early] = await runPulses(make(), shop(), 2000, () => starting)
  expect(early).toMatchObject({ kind: 'squeeze', quotaCpus: expect.closeTo(0.1) })
  const full = { ...mild, web: { cpus: 1.9, waiting: 0.08 } }
  const floor = first(
    await runPulses(
      make(),
      shop(),
      2000,
      becauseOfBorrowers(() => full),
    ),
    'squeeze',
  )
  expect(floor).toMatchObject({ quotaCpus: expect.closeTo(0.1) })
})

test.each<[string, Record<string, Doing>]>([
  ['is held by its own quota', { web: { cpus: 1, waiting: 0.5, throttled: 0.47 }, old: { cpus: 0.5 } }],
  ['has all that it reserved', { web: { cpus: 1.98, waiting: 0.9 }, old: { cpus: 0.4 } }],
  ['hardly runs', { web: { cpus: 0.2, waiting: 0.5 }, old: { cpus: 0.5 } }],
  ['waits less than the threshold', { web: { cpus: 1, waiting: 0.045 }, old: { cpus: 0.5 } }],
  ['waits for a disk', { web: { cpus: 0.3, stalled: 0.5 }, old: { cpus: 0.5 } }],
])('nothing happens when the owner %s', async (_, doing) => {
  expect(await runPulses(make(), shop(), 30_000, () => doing)).toEqual([])
})

test('a marked owner is defended however little it runs', async () => {
  const machine = shop()
  const doing = { web: { cpus: 0.1, waiting: 0.09 }, old: { cpus: 0.9 } }
  const pulse = (): ReturnType<PulseMachine['tick']> => {
    const { containers, ...rest } = machine.tick(doing)
    return { ...rest, containers: containers.map((one) => ({ ...one, latencySensitive: !one.revocable })) }
  }
  const qos = make()
  const found: string[] = []
  for (let round = 0; round < 4; round++) {
    found.push(...(await qos.decide({ pulse: pulse(), allowed: 'full' })).map(({ kind }) => kind))
  }
  expect(found).toEqual(['squeeze'])
})

test('an owner that suffers beside idle borrowers is recorded as not ours, once a minute', async () => {
  const doing = { web: { cpus: 1, waiting: 0.6 }, old: { cpus: 0.02 }, new: { cpus: 0.01 } }
  const actions = await runPulses(make(), shop(), 130_000, () => doing)
  expect(kinds(actions)).toEqual(['not-ours', 'not-ours', 'not-ours'])
  expect(actions[0]?.decision).toMatchObject({ owner: 'web', evidence: 'borrowers idle', limit: 0.04 })
  expect((actions[1]?.time ?? 0) - (actions[0]?.time ?? 0)).toBe(60_000)
})

test('an owner whose own threads crowd it is found out by a probe, and borrowers are left alone', async () => {
  const doing = (force: Force): Record<string, Doing> => ({
    web: { cpus: 1.8, waiting: 0.7 },
    old: { cpus: force.frozen.has('c-old') ? 0 : Math.min(0.1, force.quotaCpus / 2) },
    new: { cpus: force.frozen.has('c-new') ? 0 : Math.min(0.1, force.quotaCpus / 2) },
  })
  const force = new Force()
  const actions = await runPulses(make(), shop(), 50_000, doing, { force })
  const freeze = first(actions, 'freeze')
  const thaw = first(actions, 'thaw')
  expect(freeze).toMatchObject({ probeMs: 50, decision: { probeMs: 50 } })
  expect((thaw?.time ?? 0) - (freeze?.time ?? 0)).toBeLessThanOrEqual(100)
  expect(first(actions, 'not-ours')?.decision).toMatchObject({
    evidence: 'probe freeze',
    found: expect.closeTo(0.7),
  })
  expect(kinds(actions).filter((kind) => kind === 'freeze')).toHaveLength(1)
  expect(kinds(actions)).not.toContain('evict')
  expect(force.quotaCpus).toBe(Number.POSITIVE_INFINITY)
})

test('after five calm seconds the quota grows by a fifth a second until it is lifted', async () => {
  const force = new Force()
  const doing = (_: Force, time: number): Record<string, Doing> => ({
    web: { cpus: time < 300 ? 1.5 : 0.3, waiting: time < 300 ? 0.15 : 0 },
    old: { cpus: 0.3 },
  })
  const actions = await runPulses(make(), shop(), 30_000, doing, { force })
  const relaxes = actions.filter(({ kind }) => kind === 'relax')
  const squeezed = first(actions, 'squeeze')?.time ?? 0
  expect(relaxes[0]?.time).toBeGreaterThanOrEqual(squeezed + 5000)
  expect(relaxes[0]?.time).toBeLessThanOrEqual(squeezed + 6500)
  const times = relaxes.map(({ time }) => time)
  for (const [index, time] of times.entries())
    if (index > 0) expect(time - (times[index - 1] ?? 0)).toBe(1000)
  const values = relaxes.map(({ decision }) => decision.after.value)
  expect(Number(values[1]) / Number(values[0])).toBeCloseTo(1.2)
  expect(values.at(-1)).toBe('max')
  expect(force.quotaCpus).toBe(Number.POSITIVE_INFINITY)
})

test('a freeze is held for ten seconds, the next one for longer, and thaws come one by one', async () => {
  const force = new Force()
  const actions = await runPulses(make(), shop(), 110_000, competing(step(25_000)), { force })
  const freezes = actions.filter(({ kind }) => kind === 'freeze')
  const thaws = actions.filter(({ kind }) => kind === 'thaw')
  expect((thaws[0]?.time ?? 0) - (freezes[0]?.time ?? 0)).toBe(10_000)
  for (const thaw of thaws) expect(thaw.decision.borrowers).toHaveLength(1)
  expect(thaws[0]?.decision.borrowers).toEqual(['c-old'])
  // The thaw came while the owner was still at it: frozen again, and longer.
  const again = freezes[1]?.time ?? 0
  expect(again - (thaws[0]?.time ?? 0)).toBeLessThanOrEqual(600)
  const longer = (thaws[1]?.time ?? 0) - again
  expect(longer).toBeGreaterThan(10_000)
  expect(longer).toBeLessThanOrEqual(20_000)
  expect(force.frozen.size).toBe(0)
  expect(force.quotaCpus).toBe(Number.POSITIVE_INFINITY)
})

test.each([1, 5, 15, 29, 30])('a step of %i s kills nobody', async (long) => {
  const actions = await runPulses(make(), shop(), 120_000, competing(step(long * 1000)))
  expect(kinds(actions)).toContain('freeze')
  expect(kinds(actions)).not.toContain('evict')
})

const lasting = (): ReturnType<typeof competing> => {
  const plain = competing(step(1_000_000))
  // While borrowers run the owner lacks more than they seem to take: it reserved two cores and gets 1.6.
  return (force, time) => {
    const doing = plain(force, time)
    const { web = {} } = doing
    return (web.waiting ?? 0) > 0 ? { ...doing, web: { ...web, cpus: 1.6 } } : doing
  }
}

test('a demand that stays evicts the least progress once borrowers were frozen for 30 s of a minute', async () => {
  const actions = await runPulses(make(), shop(), 45_000, lasting())
  const evicts = actions.filter((action) => action.kind === 'evict')
  expect(evicts.map((action) => action.kind === 'evict' && action.containerId)).toEqual(['c-new'])
  const [evict] = evicts
  expect(evict).toMatchObject({ graceMs: 5000, executorId: 'new' })
  expect(evict?.time).toBeGreaterThan(STEP_AT + 30_000)
  expect(evict?.time).toBeLessThan(STEP_AT + 35_000)
  expect(evict?.decision).toMatchObject({ rule: 'cheapest', chosen: ['c-new'], owner: 'web' })
  expect(evict?.kind === 'evict' && evict.message).toMatch(
    /^Container preempted by QoS correction: owner 'web' missed 0\.\d\d cpus, borrowers were frozen for 30 of 60 s/,
  )
  // What is frozen cannot end in order: it is thawed in the same breath.
  const before = actions[actions.indexOf(evict as Timed) - 1]
  expect(before).toMatchObject({ kind: 'thaw', containerIds: ['c-new'], time: evict?.time })
})

test('between two evictions for cpu there are twenty seconds', async () => {
  const machine = shop().add({ id: 'mid', cpus: 0.5, revocable: true, progress: 50 })
  const force = new Force()
  const base = lasting()
  const doing = (now: Force, time: number): Record<string, Doing> => {
    for (const id of now.evicted) machine.remove(id.slice(2))
    return base(now, time)
  }
  const actions = await runPulses(make(), machine, 180_000, doing, { force })
  const times = actions.filter(({ kind }) => kind === 'evict').map(({ time }) => time)
  expect(times.length).toBeGreaterThan(1)
  for (const [index, time] of times.entries())
    if (index > 0) expect(time - (times[index - 1] ?? 0)).toBeGreaterThanOrEqual(20_000)
})

test('where kills are not allowed there are none, and the rest goes on', async () => {
  const actions = await runPulses(make(), shop(), 120_000, lasting(), { allowed: 'lend' })
  expect(kinds(actions)).toContain('freeze')
  expect(kinds(actions)).not.toContain('evict')
})

test('a long squeeze lends less, a short one does not', async () => {
  // Each squeeze helps a little, so that it is not in doubt.
  const doing = (_: Force, time: number): Readonly<Record<string, Doing>> => ({
    web: { cpus: 1, waiting: time < 300 ? 0.13 : 0.06 },
    old: { cpus: 0.5 },
  })
  const actions = await runPulses(make(), shop(), 10_000, doing)
  const squeezed = first(actions, 'squeeze')?.time ?? 0
  expect(first(actions, 'unlend')?.time).toBeGreaterThan(squeezed + 2000)
  expect(first(actions, 'unlend')?.time).toBeLessThanOrEqual(squeezed + 2200)
})

test('what shares a volume with an owner is never frozen', async () => {
  const machine = new PulseMachine()
    .add({ id: 'web', cpus: 2 })
    .add({ id: 'old', cpus: 0.5, revocable: true, bound: true })
    .add({ id: 'new', cpus: 0.5, revocable: true })
  const actions = await runPulses(make(), machine, 7000, competing(step(10_000)))
  expect(first(actions, 'freeze')).toMatchObject({ containerIds: ['c-new'] })
})

test('when the last borrower ends, the quota is lifted for the next one', async () => {
  const machine = shop()
  const force = new Force()
  const qos = make()
  await runPulses(qos, machine, 6000, competing(step(10_000)), { force })
  expect(force.quotaCpus).toBeLessThan(2)
  machine.remove('old')
  machine.remove('new')
  await runPulses(qos, machine, 100, () => ({ web: { cpus: 2 } }), { force })
  expect(force.quotaCpus).toBe(Number.POSITIVE_INFINITY)
})

test('a freeze that the kernel did not keep is taken back into account', async () => {
  const qos = make()
  const machine = shop()
  await runPulses(qos, machine, 5500, competing(step(10_000)))
  const pulse = machine.tick({ web: { cpus: 1.9, waiting: 0.3 }, old: { cpus: 0.1 }, new: { cpus: 0.1 } })
  const running = { ...pulse, containers: pulse.containers.map((one) => ({ ...one, frozen: false })) }
  const actions = await qos.decide({ pulse: running, allowed: 'full' })
  expect(actions.map(({ kind }) => kind)).toContain('freeze')
})

test('an agent that was stopped for half a minute does not act on what it missed', async () => {
  const qos = make()
  const machine = shop()
  const calm = { web: { cpus: 0.3 }, old: { cpus: 0.8 } }
  await runPulses(qos, machine, 3000, () => calm)
  await runPulses(qos, machine, 30_000, () => ({ web: { cpus: 1, waiting: 0.9 } }), { step: 30_000 })
  expect(await runPulses(qos, machine, 3000, () => calm)).toEqual([])
})

test('a starved borrower is ended only when that is asked for, and told so', async () => {
  const doing = { web: { cpus: 1.9 }, old: { cpus: 0.001, waiting: 0.99 }, new: { cpus: 0.001 } }
  expect(await runPulses(make(), shop(), 60_000, () => doing)).toEqual([])
  const actions = await runPulses(make({ starved: '3secs' }), shop(), 6000, () => doing)
  const evicts = actions.filter((action) => action.kind === 'evict')
  expect(evicts.map(({ executorId }) => executorId)).toEqual(['old'])
  expect(evicts[0]?.message).toContain(
    "starved, not harmful: owner 'web' uses 1.90, all but borrowers 1.90 of 2 cpus; this borrower got",
  )
  // `new` got as little and did not want more.
  const idle = { web: { cpus: 0.2 }, old: { cpus: 0 }, new: { cpus: 0 } }
  expect(await runPulses(make({ starved: '3secs' }), shop(), 30_000, () => idle)).toEqual([])
})

test('work outside of all containers starves a borrower too, and below which share is an option', async () => {
  const doing = { web: { cpus: 0.9 }, old: { cpus: 0.1, waiting: 0.9 }, new: { cpus: 0.3, waiting: 0.9 } }
  const run = async (outside: number, share: string): Promise<string[]> => {
    const machine = shop()
    machine.outside = outside
    const actions = await runPulses(
      make({ starved: '3secs', starved_share: share }),
      machine,
      5000,
      () => doing,
    )
    return actions.flatMap((action) => (action.kind === 'evict' ? [action.executorId] : []))
  }
  expect(await run(0.7, '0.25')).toEqual(['old'])
  expect(await run(0.7, '0.05')).toEqual([])
  expect(await run(0, '0.25')).toEqual([])
})

test('a quota that only grows again keeps nothing from being lent', async () => {
  const machine = shop()
  const qos = make({ unlend: '2secs' })
  const doing = (_: Force, time: number): Readonly<Record<string, Doing>> => {
    if (time >= 4000) return { web: { cpus: 0.2 }, old: { cpus: 0.5 } }
    return { web: { cpus: 1, waiting: time < 300 ? 0.13 : 0.06 }, old: { cpus: 0.5 } }
  }
  const actions = await runPulses(qos, machine, 20_000, doing)
  const unlent = actions.filter(({ kind }) => kind === 'unlend').map(({ time }) => time)
  expect(unlent.length).toBeGreaterThan(0)
  expect(unlent.every((time) => time < 4000 + 5500)).toBe(true)
  expect(actions.at(-1)).toMatchObject({ kind: 'relax' })
})

test('thresholds change while it runs, and a refusal changes nothing', async () => {
  const qos = make()
  const machine = shop()
  const doing = { web: { cpus: 1, waiting: 0.15 }, old: { cpus: 0.5 } }
  qos.configure?.({ squeeze: '0.2', freeze: '0.3' })
  expect(() => qos.configure?.({ squeeze: '0.06', floor: '7' })).toThrow("Option 'floor'")
  expect(await runPulses(qos, machine, 2000, () => doing)).toEqual([])
  qos.configure?.({})
  expect(kinds(await runPulses(qos, machine, 200, () => doing))).toEqual(['squeeze'])
})

test('after a reset it begins from nothing: squeezed anew where an owner still waits', async () => {
  const qos = make()
  const machine = shop()
  const doing = { web: { cpus: 1, waiting: 0.15 }, old: { cpus: 0.5 } }
  expect(kinds(await runPulses(qos, machine, 200, () => doing))).toEqual(['squeeze'])
  qos.reset?.()
  expect(kinds(await runPulses(qos, machine, 200, () => doing))).toEqual(['squeeze'])
  const calm = (): Record<string, Doing> => ({ web: { cpus: 1 } })
  expect(kinds(await runPulses(qos, machine, 200, calm))).toEqual([])
  qos.reset?.()
  expect(kinds(await runPulses(qos, machine, 20_000, calm))).toEqual([])
})

test('an owner that waits a little for ever does not keep the rest frozen for longer than the cap', async () => {
  const force = new Force()
  const doing = (now: Force, time: number): Record<string, Doing> => {
    const waiting = now.frozen.size === 2 ? 0 : time < 1000 ? 0.3 : 0.07
    return { web: { cpus: 1.5, waiting }, old: { cpus: 0.1 }, new: { cpus: 0.1 } }
  }
  const actions = await runPulses(make(), shop(), 60_000, doing, { force })
  const thaws = actions.filter(({ kind }) => kind === 'thaw')
  const freeze = first(actions, 'freeze')?.time ?? 0
  expect(thaws.map(({ decision }) => decision.borrowers)).toEqual([['c-old'], ['c-new']])
  expect((thaws[1]?.time ?? 0) - freeze).toBeLessThanOrEqual(10_000 + 30_000 + 1000)
  expect(force.frozen.size).toBe(0)
})
