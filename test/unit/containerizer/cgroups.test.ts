// Control groups on fake kernels of all three layouts: what is found, made, written, read, explained and removed.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { reasonOf } from '../../../src/base/errors.ts'
import type { Cgroups } from '../../../src/containerizer/cgroups.ts'
import { cgroupTag, openCgroups } from '../../../src/containerizer/cgroups/open.ts'
import { ManualClock } from '../../support/clock.ts'
import { FakeCgroups, type FakeLayout, type FakeOptions } from '../../support/fake-cgroups.ts'

const MB = 1024 ** 2
const fakes: FakeCgroups[] = []

afterEach(() => {
  for (const fake of fakes.splice(0)) fake[Symbol.dispose]()
})

function open(layout: FakeLayout, options: FakeOptions = {}) {
  const fake = new FakeCgroups(layout, options)
  fakes.push(fake)
  const clock = new ManualClock(5_000)
  return { fake, clock, cgroups: openAgain(fake, '1', clock) }
}

function openAgain(fake: FakeCgroups, tag: string, clock = new ManualClock(5_000)): Cgroups {
  return openCgroups({ mount: fake.mount, files: fake.files, tag, cpus: 4, clock })
}

function missing(cgroups: Cgroups): readonly string[] {
  return cgroups.powers.filter((power) => !power.available).map((power) => power.name)
}

const CPU = { v1: 'cpu,cpuacct', hybrid: 'cpu,cpuacct', v2: '' } as const
const MEMORY = { v1: 'memory', hybrid: 'memory', v2: '' } as const
const LAYOUTS = ['v1', 'hybrid', 'v2'] as const

describe.each(LAYOUTS)('on %s', (layout) => {
  test('the layout is recognised and all powers are there, but pressure without the unified tree', () => {
    const { cgroups } = open(layout)
    expect(cgroups.layout).toBe(layout)
    expect(missing(cgroups)).toEqual(layout === 'v1' ? ['pressure'] : [])
    expect(cgroups.describe().summary).toContain(`cgroups ${layout}`)
  })

  test('the lent tier is idle and is never given shares; the owners weigh as many cores as there are', () => {
    const { fake, cgroups } = open(layout)
    cgroups.ensureTier('lent')
    expect(fake.read(join(CPU[layout], 'tepui_1_lent/cpu.idle'))).toBe('1')
    const owners = layout === 'v2' ? 'cpu.weight' : 'cpu.shares'
    expect(fake.read(join(CPU[layout], 'tepui_1_owners', owners))).toBe(layout === 'v2' ? '400' : '4096')
    expect(fake.writes.filter((line) => /lent\/cpu\.(shares|weight)/.test(line))).toEqual([])
  })

  test('a tier that is there is left alone, one that was removed is made again with its settings', async () => {
    const { fake, cgroups } = open(layout)
    const before = fake.writes.length
    cgroups.ensureTier('lent')
    expect(fake.writes.length).toBe(before)
    await cgroups.close()
    expect(() => fake.read(join(CPU[layout], 'tepui_1_lent/cpu.idle'))).toThrow('ENOENT')
    cgroups.ensureTier('lent')
    expect(fake.read(join(CPU[layout], 'tepui_1_lent/cpu.idle'))).toBe('1')
  })

  test('a kernel without the idle class gets the least weight, and the missing power says so', () => {
    const { fake, cgroups } = open(layout, { without: ['cpu.idle'] })
    const file = layout === 'v2' ? 'tepui_1_lent/cpu.weight' : 'cpu,cpuacct/tepui_1_lent/cpu.shares'
    expect(fake.read(file)).toBe(layout === 'v2' ? '1' : '2')
    expect(missing(cgroups)).toContain('cpu idle')
    expect(cgroups.describe().missing.join('\n')).toMatch(/Missing cpu idle: .*cpu\.idle.*5\.15/)
  })

  test('the lowest process of a group is found where the group itself lists it', () => {
    const { fake, cgroups } = open(layout)
    const path = cgroups.create('owners', 'host-a')
    expect(cgroups.lowestProcess(path)).toBeUndefined()
    for (const entrance of cgroups.entrances(path)) fake.files.write(entrance, '0\n')
    expect(cgroups.lowestProcess(path)).toBeUndefined()
    for (const entrance of cgroups.entrances(path)) fake.files.write(entrance, '0\n812\n77\n')
    expect(cgroups.lowestProcess(path)).toBe(77)
    expect(cgroups.lowestProcess('tepui_1_owners/nobody')).toBeUndefined()
  })

  test('limits become the numbers of Mesos', () => {
    const { fake, cgroups } = open(layout)
    const path = cgroups.create('owners', 'host-a')
    const limits = { cpus: 1.5, quotaCpus: 0.5, memoryRequestBytes: 64 * MB, memoryLimitBytes: 96 * MB }
    cgroups.setLimits(path, { ...limits, limitSwap: true, pids: 50 })
    const read = (home: string, name: string): string => fake.read(join(home, path, name))
    if (layout === 'v2') {
      expect([read('', 'cpu.weight'), read('', 'cpu.max')]).toEqual(['150', '50000 100000'])
      expect(read('', 'memory.low')).toBe(String(64 * MB))
      expect([read('', 'memory.max'), read('', 'memory.swap.max')]).toEqual([String(96 * MB), '0'])
      expect([read('', 'pids.max'), read('', 'memory.oom.group')]).toEqual(['50', '1'])
    } else {
      const cpu = CPU[layout]
      expect([read(cpu, 'cpu.shares'), read(cpu, 'cpu.cfs_quota_us')]).toEqual(['1536', '50000'])
      expect(read('memory', 'memory.soft_limit_in_bytes')).toBe(String(64 * MB))
      expect(read('memory', 'memory.limit_in_bytes')).toBe(String(96 * MB))
      expect(read('memory', 'memory.memsw.limit_in_bytes')).toBe(String(96 * MB))
      expect(read('pids', 'pids.max')).toBe('50')
    }
  })

  test('the smallest container gets the kernel’s least and 32 MiB; no bound lifts the quota and the limit', () => {
    const { fake, cgroups } = open(layout)
    const path = cgroups.create('lent', 'host-a')
    cgroups.setLimits(path, { cpus: 0.01, revocable: true, quotaCpus: 0.001, memoryLimitBytes: 1 })
    const cpu = join(CPU[layout], path)
    const memory = join(MEMORY[layout], path, layout === 'v2' ? 'memory.max' : 'memory.limit_in_bytes')
    const quota = layout === 'v2' ? 'cpu.max' : 'cpu.cfs_quota_us'
    expect(fake.read(join(cpu, layout === 'v2' ? 'cpu.weight' : 'cpu.shares'))).toBe(
      layout === 'v2' ? '1' : '2',
    )
    expect(fake.read(join(cpu, quota))).toMatch(/^1000( |$)/)
    expect(fake.read(memory)).toBe(String(32 * MB))
    const none = Number.POSITIVE_INFINITY
    cgroups.setLimits(path, { quotaCpus: none, memoryLimitBytes: none, limitSwap: true })
    expect(fake.read(join(cpu, quota))).toMatch(/^(-1|max 100000)$/)
    expect(fake.read(memory)).toMatch(/^(-1|max)$/)
  })

  test('the hard memory limit rises and never falls after the first time', () => {
    const { fake, cgroups } = open(layout)
    const path = cgroups.create('owners', 'host-a')
    const read = (): number =>
      Number(fake.read(join(MEMORY[layout], path, layout === 'v2' ? 'memory.max' : 'memory.limit_in_bytes')))
    for (const [wanted, held] of [
      [100, 100],
      [50, 100],
      [200, 200],
    ] as const) {
      cgroups.setLimits(path, { memoryLimitBytes: wanted * MB, limitSwap: true })
      expect(read()).toBe(held * MB)
    }
  })

  test('statistics are read from the files of this layout', () => {
    const { cgroups } = open(layout)
    const path = cgroups.create('owners', 'host-a')
    cgroups.setLimits(path, { memoryLimitBytes: 64 * MB })
    const pressure = layout === 'v1' ? undefined : 1.5
    const expected = {
      at: 5_000,
      cpuUserSeconds: 2,
      cpuSystemSeconds: 1.5,
      cpuSeconds: 3.5,
      cpuPeriods: 10,
      cpuThrottledPeriods: 4,
      cpuThrottledSeconds: 2.5,
      memoryBytes: 50_000_000,
      memoryInactiveFileBytes: 30,
      memoryRssBytes: 20,
      memoryCacheBytes: 10,
      memoryPeakBytes: 60_000_000,
      memoryLimitBytes: 64 * MB,
      processes: 7,
      oomKills: 0,
      cpuPressureSomeSeconds: pressure,
      memoryPressureFullSeconds: pressure === undefined ? undefined : 0.25,
    }
    expect(cgroups.statistics(path)).toEqual(expected)
    expect(cgroups.statistics(`${cgroups.tier('owners')}/gone`)).toBeUndefined()
  })

  test('what a group holds is read again once it had cpu, and while it sleeps every five seconds', () => {
    const { fake, cgroups, clock } = open(layout)
    const path = cgroups.create('owners', 'host-a')
    const read = () => {
      const { memoryBytes, processes, memoryLimitBytes } = cgroups.statistics(path) ?? {}
      return { memoryBytes, processes, memoryLimitBytes }
    }
    const first = read()
    const use = join(MEMORY[layout], path, layout === 'v2' ? 'memory.current' : 'memory.usage_in_bytes')
    fake.set(use, '40000000')
    fake.set(join(layout === 'v2' ? '' : 'pids', path, 'pids.current'), '8')
    cgroups.setLimits(path, { memoryLimitBytes: 64 * MB })
    clock.skip(4_999)
    expect(read()).toEqual({ ...first, memoryLimitBytes: 64 * MB })
    clock.skip(1)
    const fresh = { ...first, memoryLimitBytes: 64 * MB, memoryBytes: 40_000_000, processes: 8 }
    expect(read()).toEqual(fresh)
    fake.set(use, '30000000')
    if (layout === 'v2') fake.set(join(path, 'cpu.stat'), 'usage_usec 3500001\n')
    else fake.set(join(CPU[layout], path, 'cpuacct.usage'), '3500001000')
    expect(read()).toEqual({ ...fresh, memoryBytes: 30_000_000 })
  })

  test('details are read from the files of this layout, also of what lives in groups of its own below', () => {
    const { fake, cgroups } = open(layout)
    const path = cgroups.create('owners', 'host-a')
    const home = layout === 'v2' ? '' : 'pids'
    fake.set(join(home, path, 'cgroup.procs'), '11\n12\n')
    fake.files.makeDirectory(join(fake.mount, home, path, 'inner'))
    fake.set(join(home, path, 'inner', 'cgroup.procs'), '13\n')
    const expected = {
      processes: 3,
      threads: 7,
      cpuLimit: undefined,
      memoryAndSwapBytes: 50_000_500,
      memorySwapBytes: 500,
      memoryMappedFileBytes: 60,
      memoryUnevictableBytes: 70,
      memoryKernelBytes: 7000,
      memoryKernelTcpBytes: 300,
    }
    expect(cgroups.details(path)).toEqual(expected)
    cgroups.setLimits(path, { quotaCpus: 1.5 })
    expect(cgroups.details(path)?.cpuLimit).toBe(1.5)
    expect(cgroups.details(`${cgroups.tier('owners')}/gone`)).toBeUndefined()
  })

  test('a death for memory is told by whose limit was hit', () => {
    const { fake, cgroups } = open(layout)
    const path = cgroups.create('lent', 'host-a')
    cgroups.setLimits(path, { memoryLimitBytes: 128 * MB })
    const marks = cgroups.memoryMarks('lent')
    const at = (group: string, name: string): string => join(MEMORY[layout], group, name)
    expect(cgroups.memoryDeath(path, 'lent', marks)).toBeUndefined()

    if (layout === 'v2') fake.set(at(path, 'memory.events'), 'oom 0\noom_kill 2\n')
    else fake.set(at(path, 'memory.oom_control'), 'under_oom 0\noom_kill 2\n')
    expect(cgroups.memoryDeath(path, 'lent', marks)).toMatchObject({ level: 'host', kills: 2 })

    const tier = cgroups.tier('lent')
    if (layout === 'v2') fake.set(at(tier, 'memory.events.local'), 'oom 1\noom_kill 0\n')
    else fake.set(at(tier, 'memory.failcnt'), '3')
    expect(cgroups.memoryDeath(path, 'lent', marks)).toMatchObject({ level: 'parent' })
    expect(cgroups.memoryDeath(path, 'lent', cgroups.memoryMarks('lent'))).toMatchObject({ level: 'host' })

    if (layout === 'v2') fake.set(at(path, 'memory.events.local'), 'oom 1\noom_kill 1\n')
    else fake.set(at(path, 'memory.failcnt'), '9')
    expect(cgroups.memoryDeath(path, 'lent', marks)).toEqual({
      level: 'own',
      kills: 2,
      limitBytes: 128 * MB,
      peakBytes: 60_000_000,
      detail: 'Memory limit exceeded: limit 128 MiB, highest use 57.2 MiB; the kernel killed 2 processes',
    })
  })

  test('sweep removes what an earlier life left, and neither another agent’s nor Docker’s', async () => {
    const { fake, cgroups } = open(layout)
    const left = [cgroups.create('owners', 'host-a'), cgroups.create('lent', 'host-b')]
    const docker = cgroups.create('owners', 'f00d')
    const foreign = openAgain(fake, '2').create('owners', 'host-c')
    const next = openAgain(fake, '1')
    expect(new Set(await next.sweep('host-'))).toEqual(new Set(left))
    const home = join(fake.mount, layout === 'v2' ? '' : 'memory')
    expect(left.map((path) => existsSync(join(home, path)))).toEqual([false, false])
    expect([docker, foreign].map((path) => existsSync(join(home, path)))).toEqual([true, true])
  })

  test('the groups of Docker containers are found by their ids, also one that is in one hierarchy only', () => {
    const { fake, cgroups } = open(layout)
    const [owner, borrower, half] = ['aa', 'bb', 'cc'].map((pair) => pair.repeat(32)) as [
      string,
      string,
      string,
    ]
    cgroups.create('owners', 'host-a')
    cgroups.create('owners', 'f00d')
    const paths = [cgroups.create('owners', owner), cgroups.create('lent', borrower)]
    const tier = cgroups.tier('lent')
    fake.files.makeDirectory(join(fake.mount, layout === 'v2' ? '' : 'pids', tier, half))
    openAgain(fake, '2').create('lent', 'dd'.repeat(32))
    expect([...cgroups.dockerGroups('cgroupfs')].sort(([one], [other]) => one.localeCompare(other))).toEqual([
      [owner, paths[0]],
      [borrower, paths[1]],
      [half, `${tier}/${half}`],
    ])
    fake.files.makeDirectory(join(fake.mount, CPU[layout], `${tier}.slice`))
    fake.files.makeDirectory(join(fake.mount, CPU[layout], `${tier}.slice`, `docker-${half}.scope`))
    expect([...cgroups.dockerGroups('systemd')]).toEqual([[half, `${tier}.slice/docker-${half}.scope`]])
  })

  test('close removes the empty tiers and leaves those in which something lives', async () => {
    const { fake, cgroups } = open(layout)
    cgroups.create('owners', 'f00d')
    await cgroups.close()
    const home = join(fake.mount, layout === 'v2' ? '' : 'pids')
    expect(existsSync(join(home, cgroups.tier('owners')))).toBe(true)
    expect(existsSync(join(home, cgroups.tier('lent')))).toBe(false)
  })

  test('a process enters once per hierarchy, the unified tree included', () => {
    const { cgroups, fake } = open(layout)
    const path = cgroups.create('owners', 'host-a')
    const homes = cgroups.entrances(path).map((file) => file.slice(fake.mount.length).split(path)[0])
    const v1 = ['/blkio', '/cpu,cpuacct', '/memory', '/pids']
    const expected = { v1: [...v1, '/freezer'], hybrid: [...v1, '/unified'], v2: [''] }[layout]
    expect(new Set(homes)).toEqual(new Set(expected))
    expect(homes).toHaveLength(expected.length)
  })

  test('a group that stays busy is given up after seconds, by name', async () => {
    const fake = new FakeCgroups(layout)
    fakes.push(fake)
    const clock = new ManualClock()
    const cgroups = openCgroups({ mount: fake.mount, files: fake.files, tag: '1', cpus: 4, clock })
    const path = cgroups.create('owners', 'host-a')
    fake.set(join(layout === 'v2' ? '' : 'pids', path, 'cgroup.procs'), '999999\n')
    const failure = cgroups.remove(path).catch(reasonOf)
    await clock.advance(6_000)
    expect(await failure).toMatch(/host-a stays busy/)
  })
})

test('kill waits until the kernel lists nothing, and thaws what was frozen on v1', async () => {
  const fake = new FakeCgroups('v1')
  fakes.push(fake)
  const clock = new ManualClock()
  const cgroups = openCgroups({ mount: fake.mount, files: fake.files, tag: '1', cpus: 4, clock })
  const path = cgroups.create('owners', 'host-a')
  // No process has this number, so the fake's list stays until we empty it.
  fake.set(join('pids', path, 'cgroup.procs'), '4194303\n')
  let over = false
  const kill = cgroups.kill(path).then(() => (over = true))
  await clock.advance(20)
  expect(over).toBe(false)
  expect(fake.read(join('freezer', path, 'freezer.state'))).toBe('THAWED')
  expect(fake.writes.filter((line) => line.endsWith('freezer.state=FROZEN')).length).toBeGreaterThan(1)
  fake.set(join('pids', path, 'cgroup.procs'), '')
  await clock.advance(100)
  await kill
  expect(over).toBe(true)
})

test('a v2 root that has processes costs the powers of its controllers, not the agent', () => {
  const { cgroups } = open('v2', { busyRoot: true })
  expect(missing(cgroups)).toEqual([
    'cpu shares',
    'cpu quota',
    'cpu idle',
    'memory limit',
    'swap limit',
    'pids limit',
  ])
  expect(cgroups.can('kill')).toBe(true)
})

test.each(['none', 'v1', 'v2'] as const)(
  'a machine (%s) without writable groups can enforce nothing',
  (layout) => {
    const { cgroups } = open(layout, { readOnly: true })
    expect(cgroups.layout).toBe('none')
    expect(cgroups.describe().summary).toBe('Isolation: none can be enforced here')
    expect(cgroups.describe().missing).toHaveLength(9)
    expect(() => cgroups.create('owners', 'host-a')).toThrow(/No control groups can be made/)
  },
)

test('Docker’s containers lie below our tiers, in slices where systemd makes the groups', () => {
  const { cgroups } = open('v2')
  expect(cgroups.dockerParent('lent', 'cgroupfs')).toBe('/tepui_1_lent')
  expect(cgroups.dockerPath('lent', 'f00d', 'cgroupfs')).toBe('/tepui_1_lent/f00d')
  expect(cgroups.dockerParent('lent', 'systemd')).toBe('tepui_1_lent.slice')
  expect(cgroups.dockerPath('lent', 'f00d', 'systemd')).toBe('/tepui_1_lent.slice/docker-f00d.scope')
})

test('a tag is the same in every life of an agent and another for its neighbour', () => {
  expect(cgroupTag(5051, '/a')).toBe(cgroupTag(5051, '/a'))
  expect(new Set([cgroupTag(5051, '/a'), cgroupTag(5051, '/b'), cgroupTag(5052, '/a')]).size).toBe(3)
})
