// Memory comes first: what grows is frozen, and the cheapest set that brings the reserve back ends in time.
import { expect, test } from 'vitest'
import type { EvictAction, QosController } from '../../../src/qos/controller.ts'
import pressureController from '../../../src/qos/pressure.ts'
import {
  type Doing,
  type Force,
  type Member,
  PulseMachine,
  runPulses,
  type Timed,
} from '../../support/pulses.ts'

const make = (options: Record<string, string> = {}): QosController =>
  pressureController(options) as QosController

const isEvict = (action: Timed): action is Timed & EvictAction => action.kind === 'evict'

const CHUNK_MB = 100

/** Twelve borrowers beside an owner, on 8 GB. */
function crowd(more: (index: number) => Partial<Member> = () => ({})): PulseMachine {
  const machine = new PulseMachine({ totalMb: 8000 }).add({ id: 'db', cpus: 1 })
  for (let index = 0; index < 12; index++) {
    machine.add({ id: `b${index}`, cpus: 0.1, revocable: true, progress: 100 + index, ...more(index) })
  }
  machine.availableMb = 3000
  return machine
}

/** The owner takes `perSecond` MB from 2 s on until it has `until` MB; evicted borrowers give back 300 ms later. */
function ramp(
  machine: PulseMachine,
  perSecond: number,
  until: number,
  chunkMb = CHUNK_MB,
): { readonly doing: (force: Force, time: number) => Record<string, Doing>; readonly lowest: () => number } {
  const start = machine.availableMb
  const dying = new Map<string, number>()
  let freed = 0
  let lowest = start
  const doing = (force: Force, time: number): Record<string, Doing> => {
    for (const id of force.evicted) if (!dying.has(id)) dying.set(id, time)
    for (const [id, at] of dying) {
      if (time - at < 300 || !machine.has(id.slice(2))) continue
      freed += machine.memoryMb(id.slice(2))
      machine.remove(id.slice(2))
    }
    const owner = Math.min(until, Math.max(0, ((time - 2000) / 1000) * perSecond))
    machine.availableMb = start - owner + freed
    lowest = Math.min(lowest, machine.availableMb)
    const all: Record<string, Doing> = { db: { cpus: 0.9, memoryMb: 10 + owner } }
    for (let index = 0; index < 12; index++) all[`b${index}`] = { cpus: 0.05, memoryMb: chunkMb }
    return all
  }
  return { doing, lowest: () => lowest }
}

test.each([256, 512, 1024])(
  'a ramp of %i MB/s into lent memory is met in time, with at most 1.25 times what was needed',
  async (perSecond) => {
    const machine = crowd()
    const taken = 5000
    const story = ramp(machine, perSecond, taken, 250)
    const actions = await runPulses(make(), machine, 30_000, story.doing)
    const evicts = actions.filter(isEvict)
    const freed = evicts.length * 250
    // Needed: what the owner took beyond what was there, and half the reserve of 5 %.
    const needed = taken - 3000 + 200
    expect(story.lowest()).toBeGreaterThan(0)
    expect(freed).toBeGreaterThanOrEqual(needed)
    expect(freed).toBeLessThanOrEqual(1.25 * needed)
    const freeze = actions.find(({ kind }) => kind === 'freeze')
    expect(freeze?.time).toBeLessThan(evicts[0]?.time ?? 0)
    expect(evicts[0]?.message).toMatch(/owner 'db' grows by \d+ MB\/s/)
    expect(new Set(evicts.map(({ containerId }) => containerId)).size).toBe(evicts.length)
  },
)

test('below half the reserve there is no grace; before it there is one that memory outlasts', async () => {
  const machine = crowd()
  await runPulses(make(), machine, 1000, () => ({}))
  const story = ramp(machine, 1024, 3300)
  const [fast] = (await runPulses(make(), machine, 20_000, story.doing)).filter(isEvict)
  expect(fast?.graceMs).toBe(0)
  const slow = crowd()
  slow.availableMb = 500
  const gentle = ramp(slow, 110, 600)
  const [kind] = (await runPulses(make(), slow, 20_000, gentle.doing)).filter(isEvict)
  expect(kind?.graceMs).toBe(2000)
  const short = crowd()
  short.availableMb = 150
  const [now] = (await runPulses(make(), short, 1000, () => held(12))).filter(isEvict)
  expect(now).toMatchObject({ graceMs: 0, time: 100 })
  expect(now?.decision).toMatchObject({
    signal: 'available memory',
    value: 150,
    threshold: 200,
    needs: expect.closeTo(275),
  })
})

function held(count: number): Record<string, Doing> {
  const all: Record<string, Doing> = { db: { cpus: 0.5 } }
  for (let index = 0; index < count; index++) all[`b${index}`] = { cpus: 0.05, memoryMb: CHUNK_MB }
  return all
}

test('who exceeds its own request goes first, then the least progress, weighted by its label', async () => {
  const machine = crowd((index) => {
    if (index === 11) return { memoryRequestMb: 50 }
    if (index === 0) return { cost: 100 }
    return index === 1 ? {} : {}
  })
  machine.availableMb = 150
  const evicts = (await runPulses(make(), machine, 100, () => held(12))).filter(isEvict)
  expect(evicts.map(({ executorId }) => executorId)).toEqual(['b1', 'b2', 'b11'])
})

test('of equals the younger goes', async () => {
  const machine = crowd((index) => ({ progress: 100, startedAgoS: index === 7 ? 10 : 1000 }))
  machine.availableMb = 190
  const options = { memory_reserve: '0.05', surplus: '1' }
  const [evict] = (await runPulses(make(options), machine, 100, () => held(12))).filter(isEvict)
  const all = (await runPulses(make(options), machine, 100, () => held(12))).filter(isEvict)
  expect(evict).toBeDefined()
  expect(all.map(({ executorId }) => executorId)).toContain('b7')
})

test('what was evicted and is not gone counts as coming: a slow engine costs nobody else', async () => {
  const qos = make()
  const machine = crowd()
  machine.availableMb = 150
  const actions = await runPulses(qos, machine, 5000, () => held(12))
  const evicts = actions.filter(isEvict)
  expect(new Set(evicts.map(({ time }) => time))).toEqual(new Set([100]))
  expect(evicts).toHaveLength(3)
})

test('an owner that stands still for memory is helped when memory is short, not at its own limit', async () => {
  const stalled = (): Record<string, Doing> => ({ ...held(12), db: { cpus: 0.5, stalled: 0.3 } })
  const short = crowd()
  short.availableMb = 600
  const [evict] = (await runPulses(make(), short, 3000, stalled)).filter(isEvict)
  expect(evict).toMatchObject({ graceMs: 2000 })
  expect(evict?.decision).toMatchObject({ owner: 'db', signal: 'memory pressure' })
  const plenty = crowd()
  expect(await runPulses(make(), plenty, 3000, stalled)).toEqual([])
})

test('a shortage that borrowers have no part in is not ours', async () => {
  const machine = new PulseMachine({ totalMb: 8000 })
    .add({ id: 'db', cpus: 1 })
    .add({ id: 'b', cpus: 0.1, revocable: true })
  machine.availableMb = 100
  const actions = await runPulses(make(), machine, 70_000, () => ({ b: { cpus: 0.05, memoryMb: 20 } }))
  expect(actions.map(({ kind }) => kind)).toEqual(['not-ours', 'not-ours'])
})

test('where kills are not allowed a ramp is met by a freeze', async () => {
  const machine = crowd()
  const story = ramp(machine, 512, 3300)
  const actions = await runPulses(make(), machine, 20_000, story.doing, { allowed: 'lend' })
  expect(actions.map(({ kind }) => kind)).toContain('freeze')
  expect(actions.filter(isEvict)).toEqual([])
})

test('cache that the kernel drops at once frees nothing', async () => {
  const machine = crowd()
  machine.availableMb = 150
  const pulse = machine.tick(held(12))
  const usage = {
    containers: pulse.containers.map(({ containerId, memoryBytes }) => ({
      containerId,
      statistics: { memoryInactiveFileBytes: containerId === 'c-b0' ? memoryBytes : 0 },
    })),
  }
  const actions = await make().decide({ pulse, usage: usage as never, allowed: 'full' })
  const evict = actions.find((action) => action.kind === 'evict')
  expect(evict?.decision.candidates.find(({ id }) => id === 'c-b0')?.frees).toBe(0)
  expect(evict?.decision.chosen).not.toContain('c-b0')
})
