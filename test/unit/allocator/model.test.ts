// Random lives of a cluster, fairness over many rounds, and what happens at the edges of the contract.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DrfAllocator } from '../../../src/allocator/drf.ts'
import { seededRandom } from '../../../src/base/random.ts'
import { ROLES, World, read, step } from './world.ts'

test('whatever happens, the books agree with plain sums and nobody gets what is not there', () => {
  let offers = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const world = new World()
      for (const one of steps) {
        world.apply(one)
        expect(world.compare()).toEqual([])
      }
      offers += world.held.length
    }),
    { numRuns: 150 },
  )
  // The lives are not empty: something was held at the end of many of them.
  expect(offers).toBeGreaterThan(50)
})

test('nobody who wants offers starves while everybody declines', () => {
  const frameworks = fc.array(
    fc.record({
      role: fc.constantFrom(...ROLES),
      refuseMs: fc.constantFrom(0, 1_000, 5_000),
      weight: fc.constantFrom(1, 3),
    }),
    { minLength: 1, maxLength: 12 },
  )
  fc.assert(
    fc.property(frameworks, fc.integer({ min: 1, max: 4 }), fc.nat(), (all, agents, seed) => {
      const allocator = new DrfAllocator({ random: seededRandom(seed) })
      for (let index = 0; index < agents; index++) {
        const options = { hostname: 'h', attributes: [], total: read('cpus:4;mem:1024'), active: true }
        allocator.addAgent(`S${index}`, options, new Map())
      }
      for (const [index, { role, weight }] of all.entries()) {
        allocator.addFramework(`F${index}`, { roles: [role], capabilities: new Set(), active: true })
        allocator.setWeight(role, weight)
      }
      const offered = new Map<string, number>()
      for (let round = 0; round < 20 * all.length; round++) {
        const now = round * 1_000
        for (const { frameworkId, agentId, resources } of allocator.allocate(now)) {
          offered.set(frameworkId, (offered.get(frameworkId) ?? 0) + 1)
          const refuseMs = all[Number(frameworkId.slice(1))]?.refuseMs ?? 0
          allocator.recover(frameworkId, agentId, resources, { refuseMs }, now)
        }
      }
      for (const index of all.keys()) expect(offered.get(`F${index}`) ?? 0).toBeGreaterThan(0)
    }),
    { numRuns: 50 },
  )
})

test('giving back more than is held is a bug of the caller', () => {
  const allocator = new DrfAllocator({ random: seededRandom(1) })
  const options = { hostname: 'h', attributes: [], total: read('cpus:4;mem:1024'), active: true }
  allocator.addAgent('S1', options, new Map())
  expect(() => allocator.recover('F1', 'S1', read('cpus:1').allocateTo('web'), {}, 0)).toThrow(
    'framework F1 gives back cpus(allocated: web):1 on agent S1 but holds ',
  )
  expect(() => allocator.addAgent('S1', options, new Map())).toThrow('agent S1 is added twice')
})

test('two frameworks that say they use the same port are told of by the check', () => {
  const allocator = new DrfAllocator({ random: seededRandom(1) })
  const port = read('ports:[1-1]').allocateTo('web')
  const options = { hostname: 'h', attributes: [], total: read('cpus:4;mem:64;ports:[1-9]'), active: true }
  allocator.addAgent(
    'S1',
    options,
    new Map([
      ['F1', port],
      ['F2', port],
    ]),
  )
  expect(allocator.check()).toEqual(['Agent S1: ranges or sets are booked twice'])
})

test('a shared volume is offered to everybody who understands sharing, however many hold it', () => {
  const allocator = new DrfAllocator({ random: seededRandom(1) })
  const volume =
    '[{"name":"disk","type":"SCALAR","scalar":{"value":10},"shared":{},"disk":{"persistence":{"id":"v"}},' +
    '"reservations":[{"type":"STATIC","role":"web"}]}]'
  const total = read('cpus:4;mem:64').plus(read(volume))
  allocator.addAgent('S1', { hostname: 'h', attributes: [], total, active: true }, new Map())
  const capabilities = new Set(['SHARED_RESOURCES'])
  allocator.addFramework('F1', {
    roles: ['web'],
    capabilities,
    minAllocatable: new Map([['web', []]]),
    active: true,
  })
  const [first] = allocator.allocate(0)
  expect(first?.resources.scalar('disk')).toBe(10)
  const [second] = allocator.allocate(0)
  expect(second?.resources.unallocated().equals(read(volume))).toBe(true)
  expect(allocator.booked('F1', 'S1').toText()).toContain('(2 times)')
  expect(allocator.check()).toEqual([])
})
