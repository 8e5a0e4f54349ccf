// What resources mean to masters, agents and frameworks, by example; the texts are those of a real Mesos.
import { describe, expect, test } from 'vitest'
import { Resources } from '../../../src/resources/resources.ts'
import { MAX_ENTRIES, validateResources } from '../../../src/resources/validate.ts'
import type { Resource } from '../../../src/wire/resources.ts'

function read(text: string, defaultRole?: string): Resources {
  const resources = Resources.parse(text, defaultRole)
  if ('rejected' in resources) throw new Error(resources.message)
  return resources
}

function refusal(text: string): string {
  const resources = Resources.parse(text)
  return 'rejected' in resources ? resources.message : `accepted as ${resources.toText()}`
}

describe('reading what people write', () => {
  test('a text names scalars, ranges, sets and the role that they are reserved for', () => {
    const resources = read(' cpus:4; mem(*):1024;ports:[31000-31001, 31002-32000];zones(web):{b,a} ;')
    expect(resources.toFlag()).toBe('cpus:4;mem:1024;ports:[31000-32000];zones(web):{a,b}')
    expect(resources.reserved('web').toWire()).toEqual([
      {
        name: 'zones',
        type: 'SET',
        set: { item: ['a', 'b'] },
        reservations: [{ type: 'STATIC', role: 'web' }],
      },
    ])
  })

  test('the default role reserves what names no role', () => {
    expect(read('cpus:1;mem(web):2', 'eng').toFlag()).toBe('cpus(eng):1;mem(web):2')
    expect(read('[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]', 'eng').toFlag()).toBe('cpus(eng):1')
  })

  test('equal resources are summed and zeros are dropped', () => {
    expect(read('cpus:1;gpus:0;cpus:0.5').toFlag()).toBe('cpus:1.5')
  })

  test.each([
    ['cpus', "Cannot read the resource 'cpus': expected NAME:VALUE or NAME(ROLE):VALUE, such as cpus:4"],
    ['cpus:', "Cannot read the resource 'cpus:': the value is missing"],
    [
      'cpus:many',
      "Cannot read the resource 'cpus:many': expected a number, ranges such as [1-5,7-9], or a set such as {a,b}",
    ],
    ['cpus:-1', "Resource 'cpus' is invalid: scalar.value is -1, expected a number from 0 to 100000000000"],
    [
      'cpus:1e99',
      "Resource 'cpus' is invalid: scalar.value is 1e+99, expected a number from 0 to 100000000000",
    ],
    [
      'cpus:0.0001',
      "Resource 'cpus' is invalid: scalar.value 0.0001 is nothing when rounded to three decimals",
    ],
    ['cpus(a b):1', `Cannot read the resource 'cpus(a b):1': Role "a b" cannot contain white space or DEL`],
    ['ports:[5-1]', "Resource 'ports' is invalid: range 5-1 ends before it begins"],
    ['ports:[1-5,5-9]', "Resource 'ports' is invalid: ranges 1-5 and 5-9 overlap"],
    ['ports:[1-5', "Cannot read the resource 'ports:[1-5': '[1-5' has no closing ']'"],
    [
      'ports:[1]',
      "Cannot read the resource 'ports:[1]': '1' is not a range, expected BEGIN-END, such as 31000-32000",
    ],
    ['zones:{a,,b}', "Cannot read the resource 'zones:{a,,b}': '{a,,b}' has an empty item"],
    ['zones:{a,a}', "Resource 'zones' is invalid: set.item 'a' is there twice"],
    ['[{"type":"SCALAR"}]', 'Cannot read resources as JSON: [0].name: required, but missing'],
    ['[{"name":"x","type":"SCALAR"}]', "Resource 'x' is invalid: scalar is missing though type is SCALAR"],
  ])('%s is refused: %s', (text, message) => {
    expect(refusal(text)).toBe(message)
  })

  test('broken JSON is refused with the words of the JSON reader', () => {
    expect(refusal('[{')).toMatch(/^Cannot read resources as JSON: .+/)
  })
})

describe('validating messages', () => {
  const cpus: Resource = { name: 'cpus', type: 'SCALAR', scalar: { value: 1 } }
  const disk: Resource = { name: 'disk', type: 'SCALAR', scalar: { value: 1 } }
  const stack = (...roles: string[]): Resource => ({
    ...cpus,
    reservations: roles.map((role) => ({ type: 'DYNAMIC', role })),
  })

  test.each<[string, Resource]>([
    ['name is empty', { ...cpus, name: '' }],
    ['type is TEXT, expected SCALAR, RANGES or SET', { name: 'x', type: 'TEXT' }],
    ['set is set though type is SCALAR', { ...cpus, set: { item: ['a'] } }],
    ["disk is set, which only the resource 'disk' may have", { ...cpus, disk: {} }],
    ['disk.source.mount.root is missing', { ...disk, disk: { source: { type: 'MOUNT' } } }],
    ['shared is set, which only a disk with disk.persistence may have', { ...disk, shared: {} }],
    [
      "reservation is set though role is '*', which cannot be reserved to",
      { ...cpus, role: '*', reservation: {} },
    ],
    ["reservations[0].role is '*', which cannot be reserved to", stack('*')],
    ["reservations[1].role 'b/c' is not below 'a', which it refines", stack('a', 'b/c')],
    ["role 'b' differs from reservations[0].role 'a'", { ...stack('a'), role: 'b' }],
    ['role is set beside more than one reservation', { ...stack('a', 'a/b'), role: 'a' }],
    [
      'reservation and reservations[0] differ in principal or labels',
      { ...stack('a'), role: 'a', reservation: { principal: 'p' } },
    ],
    [
      'reservations[1].type is STATIC, which only the first reservation may be',
      {
        ...cpus,
        reservations: [
          { type: 'STATIC', role: 'a' },
          { type: 'STATIC', role: 'a/b' },
        ],
      },
    ],
  ])('%s', (problem, resource) => {
    expect(validateResources([resource])).toBe(`Resource '${resource.name}' is invalid: ${problem}`)
  })

  test('an infinite amount and a half port are refused', () => {
    expect(validateResources([{ ...cpus, scalar: { value: Number.POSITIVE_INFINITY } }])).toContain(
      'is Infinity',
    )
    const ports: Resource = { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 1, end: 2.5 }] } }
    expect(validateResources([ports])).toContain('range 1-2.5 is not made of whole numbers')
  })

  test('there is a limit on how many there are', () => {
    expect(validateResources(Array.from({ length: MAX_ENTRIES + 1 }, () => cpus))).toBe(
      `There are ${MAX_ENTRIES + 1} resources, expected at most ${MAX_ENTRIES}`,
    )
  })
})

describe('volumes', () => {
  const mount = read(
    '[{"name":"disk","type":"SCALAR","scalar":{"value":10},"disk":{"source":{"type":"MOUNT","mount":{"root":"/m"}}}}]',
  )
  const shared = read(
    '[{"name":"disk","type":"SCALAR","scalar":{"value":10},"shared":{},"disk":{"persistence":{"id":"v"}},' +
      '"reservations":[{"type":"STATIC","role":"a"}]}]',
  )

  test('mounted disks never merge and cannot be split', () => {
    const two = mount.plus(mount)
    expect(two.toWire()).toHaveLength(2)
    expect(two.scalar('disk')).toBe(20)
    expect(two.shrinkTo(new Map([['disk', 15_000]])).equals(mount)).toBe(true)
    expect(mount.contains(read('disk:5'))).toBe(false)
  })

  test('two volumes contain one, and one does not contain two', () => {
    expect(mount.plus(mount).contains(mount)).toBe(true)
    expect(mount.contains(mount.plus(mount))).toBe(false)
    expect(() => mount.minus(mount.plus(mount))).toThrow('is not contained in')
  })

  test('a persistent volume is not a smaller one and what is left', () => {
    const volume = (size: number): Resources =>
      read(`[{"name":"disk","type":"SCALAR","scalar":{"value":${size}},"disk":{"persistence":{"id":"v"}}}]`)
    expect(volume(10).contains(volume(5))).toBe(false)
    expect(volume(5).plus(volume(5)).toWire()).toHaveLength(2)
  })

  test('a shared volume is counted, its size is not summed', () => {
    const two = shared.plus(shared)
    expect(two.scalar('disk')).toBe(10)
    expect(two.minus(shared).equals(shared)).toBe(true)
    expect(two.minus(shared).minus(shared).isEmpty).toBe(true)
  })
})

describe('what frameworks do with an offer', () => {
  test('a wish is served from own reservations first, then from what is unreserved', () => {
    const offer = read('cpus(web):1;cpus:4;mem:512;ports:[31000-31009]').allocateTo('web')
    expect(offer.find(read('cpus(web):2;mem:64'))?.toText()).toBe(
      'cpus(allocated: web):1; cpus(allocated: web)(reservations: [(STATIC,web)]):1; mem(allocated: web):64',
    )
    expect(offer.find(read('cpus:5'))?.scalar('cpus')).toBe(5)
    expect(offer.find(read('cpus:5.001'))).toBeUndefined()
  })

  test('a wish for lasting resources is never served with revocable ones', () => {
    const offer = read('cpus:1').plus(read('cpus:8').markRevocable())
    expect(offer.find(read('cpus:2'))).toBeUndefined()
    expect(offer.find(read('cpus:2').markRevocable())?.toText()).toBe('cpus{REV}:2')
  })

  test('ports are taken from the lowest', () => {
    const offer = read('ports:[31000-31001,31005-31009]')
    expect(offer.takePorts(3)?.toFlag()).toBe('ports:[31000-31001,31005-31005]')
    expect(offer.takePorts(8)).toBeUndefined()
    expect(offer.hasPorts([{ begin: 31005, end: 31006 }])).toBe(true)
    expect(offer.hasPorts([{ begin: 31001, end: 31002 }])).toBe(false)
  })

  test('a role may use what is reserved to it or to a role above it', () => {
    const all = read('cpus:1;cpus(eng):2;cpus(eng/web):4;cpus(other):8')
    expect(all.allocatableTo('eng/web').scalar('cpus')).toBe(7)
    expect(all.allocatableTo('eng').scalar('cpus')).toBe(3)
    expect(all.allocatableTo('engine').scalar('cpus')).toBe(1)
  })
})

describe('how a real Mesos shows resources', () => {
  test('its words for a task that is too big', () => {
    const available = read('cpus:7.9;mem:16320;disk:50000;ports:[31000-32000]').allocateTo('*')
    expect(read('cpus:9999;mem:1').allocateTo('*').toText()).toBe(
      'cpus(allocated: *):9999; mem(allocated: *):1',
    )
    // The recorded message lists the same with the ports first; our order is always the same one.
    expect(available.toText()).toBe(
      'cpus(allocated: *):7.9; mem(allocated: *):16320; disk(allocated: *):50000; ports(allocated: *):[31000-32000]',
    )
  })

  test('the summaries and full lists of an agent in /state and /slaves', () => {
    const total = read('cpus:8;mem:16384;disk:50000;ports:[31000-32000]')
    expect(JSON.stringify(total.toSummary())).toBe(
      '{"disk":50000,"mem":16384,"gpus":0,"cpus":8,"ports":"[31000-32000]"}',
    )
    expect(read('cpus:0.1;mem:64').toSummary()).toEqual({ disk: 0, mem: 64, gpus: 0, cpus: 0.1 })
    expect(read('cpus:0.1;mem:64').allocateTo('*').toWire('endpoint')).toEqual([
      { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 }, role: '*', allocation_info: { role: '*' } },
      { name: 'mem', type: 'SCALAR', scalar: { value: 64 }, role: '*', allocation_info: { role: '*' } },
    ])
  })

  test('revocable resources stand beside the others', () => {
    const both = read('cpus:1').plus(read('cpus:2.5;ports:[1-2]').markRevocable())
    expect(both.toSummary()).toEqual({
      disk: 0,
      mem: 0,
      gpus: 0,
      cpus: 1,
      cpus_revocable: 2.5,
      ports_revocable: '[1-2]',
    })
  })

  test('frameworks without RESERVATION_REFINEMENT see role and reservation', () => {
    const wire: Resource[] = [
      { name: 'mem', type: 'SCALAR', scalar: { value: 2 }, role: 'web', reservation: { principal: 'p' } },
    ]
    const resources = Resources.from(wire)
    expect(resources.toWire('pre-refinement')).toEqual(wire)
    expect(resources.toWire()).toEqual([
      {
        name: 'mem',
        type: 'SCALAR',
        scalar: { value: 2 },
        reservations: [{ type: 'DYNAMIC', role: 'web', principal: 'p' }],
      },
    ])
  })
})
