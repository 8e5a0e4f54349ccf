// The lent tier on fake kernels of all layouts: what it writes, what it reads back, what it does after a crash.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Cgroups } from '../../../src/containerizer/cgroups.ts'
import { openCgroups } from '../../../src/containerizer/cgroups/open.ts'
import { setOwnLimits } from '../../../src/containerizer/own-quota.ts'
import { LentTier } from '../../../src/containerizer/lent-tier.ts'
import { ManualClock } from '../../support/clock.ts'
import { FakeCgroups, type FakeLayout, type FakeOptions } from '../../support/fake-cgroups.ts'

const fakes: FakeCgroups[] = []
const NONE = Number.POSITIVE_INFINITY

afterEach(() => {
  for (const fake of fakes.splice(0)) fake[Symbol.dispose]()
})

function open(
  layout: FakeLayout,
  options: FakeOptions = {},
): { readonly fake: FakeCgroups; readonly cgroups: Cgroups; readonly tier: LentTier } {
  const fake = new FakeCgroups(layout, options)
  fakes.push(fake)
  const cgroups = openCgroups({
    mount: fake.mount,
    files: fake.files,
    tag: '1',
    cpus: 4,
    clock: new ManualClock(),
  })
  return { fake, cgroups, tier: new LentTier(cgroups) }
}

const CPU = { v1: 'cpu,cpuacct', hybrid: 'cpu,cpuacct', v2: '' } as const

describe.each(['v1', 'hybrid', 'v2'] as const)('on %s', (layout) => {
  const quotaOf = (fake: FakeCgroups, path: string): string => {
    const read = (name: string): string => fake.read(join(CPU[layout], path, name))
    return layout === 'v2' ? read('cpu.max') : `${read('cpu.cfs_quota_us')} ${read('cpu.cfs_period_us')}`
  }

  test('a squeeze is a quota of the whole tier over 10 ms, a relax widens it, and at last lifts it', () => {
    const { fake, cgroups, tier } = open(layout)
    cgroups.create('lent', 'host-a')
    const parent = cgroups.tier('lent')
    tier.squeeze(0.1, 10)
    expect(quotaOf(fake, parent)).toBe('1000 10000')
    expect(tier.inForce()).toMatchObject({ quotaCpus: 0.1, periodMs: 10 })
    tier.relax(0.12, 10)
    expect(quotaOf(fake, parent)).toBe('1200 10000')
    tier.relax(NONE, 10)
    expect(quotaOf(fake, parent)).toMatch(/^(max|-1) /)
    expect(tier.inForce().quotaCpus).toBe(NONE)
    expect(tier.counts).toMatchObject({ squeezes: 1, relaxes: 2, failures: 0 })
  })

  test('the kernel never gets less than a millisecond', () => {
    const { fake, cgroups, tier } = open(layout)
    tier.squeeze(0.001, 10)
    expect(quotaOf(fake, cgroups.tier('lent'))).toBe('1000 10000')
  })

  test('borrowers are frozen and thawed one by one; owners and their tier are not written', () => {
    const { fake, cgroups, tier } = open(layout)
    cgroups.create('owners', 'host-o')
    const [a, b] = [cgroups.create('lent', 'host-a'), cgroups.create('lent', 'host-b')]
    const written = fake.writes.length
    expect(tier.freeze([a, b])).toEqual([])
    expect(tier.inForce().frozen).toEqual([a, b])
    expect(tier.thaw([a])).toEqual([])
    expect(tier.inForce().frozen).toEqual([b])
    expect(tier.freeze([`${cgroups.tier('lent')}/gone`])).toEqual([`${cgroups.tier('lent')}/gone`])
    expect(fake.writes.slice(written).filter((line) => line.includes('owners'))).toEqual([])
    expect(tier.counts).toMatchObject({ freezes: 2, thaws: 1 })
  })

  test('an agent that starts after a crash thaws and lifts what the last one left', () => {
    const { fake, cgroups, tier } = open(layout)
    const path = cgroups.create('lent', 'host-a')
    tier.squeeze(0.5, 10)
    tier.freeze([path])
    const again = openCgroups({
      mount: fake.mount,
      files: fake.files,
      tag: '1',
      cpus: 4,
      clock: new ManualClock(),
    })
    const next = new LentTier(again)
    expect(next.thawAll()).toEqual({ thawed: [path], liftedCpus: 0.5 })
    expect(next.inForce()).toMatchObject({ frozen: [], quotaCpus: NONE })
    expect(next.thawAll()).toEqual({ thawed: [], liftedCpus: undefined })
  })

  test('the class in force is read back from the kernel', () => {
    const { fake, cgroups, tier } = open(layout)
    expect(tier.inForce()).toMatchObject({ class: 'idle', canSqueeze: true, canFreeze: true })
    fake.set(join(CPU[layout], cgroups.tier('lent'), 'cpu.idle'), '0')
    expect(tier.inForce()).toMatchObject({ class: 'none' })
    expect(tier.inForce().text).toContain('no cpu may be lent')
    const old = open(layout, { without: ['cpu.idle'] })
    expect(old.tier.inForce().class).toBe(layout === 'v2' ? 'weight' : 'shares')
    expect(old.tier.inForce().ioWeight).toBe(1)
  })

  test('the few counters of a pulse are those of the full reading', () => {
    const { cgroups } = open(layout)
    const path = cgroups.create('lent', 'host-a')
    const pressure = layout === 'v1' ? undefined : 1.5
    expect(cgroups.pulse(path, { waiting: true, memory: true })).toEqual({
      cpuSeconds: 3.5,
      cpuPressureSomeSeconds: pressure,
      cpuThrottledSeconds: 2.5,
      memoryBytes: 50_000_000,
      memoryPressureFullSeconds: pressure === undefined ? undefined : 0.25,
    })
    const least = { waiting: false, memory: false }
    expect(cgroups.pulse(path, least)).toEqual({ cpuSeconds: 3.5 })
    expect(cgroups.pulse(`${cgroups.tier('lent')}/gone`, least)).toBeUndefined()
  })

  test('under systemd the slice is squeezed where the borrowers are, and both share the quota', () => {
    const { fake, cgroups, tier } = open(layout)
    const slice = sliceOf(cgroups)
    for (const group of [slice, `${slice}/docker-abc.scope`]) makeEverywhere(fake, layout, group)
    tier.squeeze(0.4, 10)
    expect(quotaOf(fake, slice)).toBe('4000 10000')
    expect(quotaOf(fake, cgroups.tier('lent'))).toMatch(/^(max|-1) /)
    tier.relax(NONE, 10)
    cgroups.create('lent', 'host-a')
    tier.squeeze(0.4, 10)
    expect(quotaOf(fake, slice)).toBe('2000 10000')
    expect(quotaOf(fake, cgroups.tier('lent'))).toBe('2000 10000')
    expect(tier.inForce().quotaCpus).toBeCloseTo(0.4)
  })

  test.each([{}, { without: ['cpu.idle'] }])(
    'what a reload of systemd takes from the slice, its class and the squeeze, it has again at the next look: %j',
    (options) => {
      const { fake, cgroups, tier } = open(layout, options)
      const slice = sliceOf(cgroups)
      for (const group of [slice, `${slice}/docker-abc.scope`]) makeEverywhere(fake, layout, group)
      cgroups.create('lent', 'host-a')
      cgroups.ensureSlice('lent')
      const { class: best } = tier.inForce()
      tier.squeeze(0.05, 10)
      expect(tier.mend()).toEqual([])
      const squeezed = quotaOf(fake, slice)
      reload(fake, slice)
      expect(tier.inForce().class).toBe('none')
      expect(tier.mend()).toEqual([slice])
      expect([tier.inForce().class, quotaOf(fake, slice)]).toEqual([best, squeezed])
      expect(tier.mend()).toEqual([])
      // A tier that nobody squeezes keeps what it has.
      tier.relax(NONE, 10)
      fake.set(join(CPU[layout], slice, layout === 'v2' ? 'cpu.max' : 'cpu.cfs_quota_us'), '20000')
      expect(tier.mend()).toEqual([])
      expect(tier.counts.mended).toBe(1)
    },
  )

  test('a squeeze reaches borrowers that come into a slice after it', () => {
    const { fake, cgroups, tier } = open(layout)
    cgroups.create('lent', 'host-a')
    tier.squeeze(0.4, 10)
    const slice = sliceOf(cgroups)
    for (const group of [slice, `${slice}/docker-abc.scope`]) makeEverywhere(fake, layout, group)
    cgroups.ensureSlice('lent')
    expect(tier.mend()).toEqual([slice])
    expect(tier.inForce().quotaCpus).toBeCloseTo(0.4)
  })

  /** What systemd 252 was seen to write for a slice that its book says nothing of. */
  function reload(fake: FakeCgroups, slice: string): void {
    const set = (name: string, text: string): void => {
      const file = join(CPU[layout], slice, name)
      if (existsSync(join(fake.mount, file))) fake.set(file, text)
    }
    set('cpu.idle', '0')
    set('cpu.weight', '100')
    set('cpu.shares', '1024')
    set('cpu.max', 'max 100000')
    set('cpu.cfs_quota_us', '-1')
    set('cpu.cfs_period_us', '100000')
  }
})

test('what cannot be put right is left as it is, and is not said to be mended', () => {
  const { tier } = open('hybrid', { without: ['cpu.idle', 'cpu.shares'] })
  expect([tier.mend(), tier.inForce().class, tier.counts.mended]).toEqual([[], 'none', 0])
})

const sliceOf = (cgroups: Cgroups): string =>
  cgroups.dockerPath('lent', 'abc', 'systemd').split('/').slice(0, 2).join('/')

function makeEverywhere(fake: FakeCgroups, layout: FakeLayout, path: string): void {
  const homes = layout === 'v2' ? [''] : ['cpu,cpuacct', 'memory', 'freezer']
  if (layout === 'v2' && path.split('/').length > 2)
    fake.files.write(join(fake.mount, path, '..', 'cgroup.subtree_control'), '+cpu')
  for (const home of homes) fake.files.makeDirectory(join(fake.mount, home, path))
}

test('on v1, where no group may have more than the one above, quotas below are cut and given back', () => {
  const { cgroups, tier } = open('hybrid')
  const path = cgroups.create('lent', 'host-a')
  cgroups.setLimits(path, { quotaCpus: 1.5 })
  tier.squeeze(0.2, 10)
  expect(cgroups.settings(path).quotaCpus).toBeCloseTo(0.2)
  tier.relax(1, 10)
  expect(cgroups.settings(path).quotaCpus).toBeCloseTo(1)
  tier.relax(NONE, 10)
  expect(cgroups.settings(path)).toMatchObject({ quotaCpus: 1.5, periodMs: 100 })
})

test('on v1 a quota that is asked for below a squeeze is cut, kept, and given as far as a relax allows', () => {
  const { cgroups, tier } = open('hybrid')
  const path = cgroups.create('lent', 'host-a')
  tier.squeeze(0.2, 10)
  setOwnLimits(cgroups, path, { quotaCpus: 0.8 })
  expect(cgroups.settings(path).quotaCpus).toBeCloseTo(0.199)
  tier.relax(0.4, 10)
  expect(cgroups.settings(path).quotaCpus).toBeCloseTo(0.399)
  setOwnLimits(cgroups, path, { quotaCpus: 0.6 })
  tier.relax(NONE, 10)
  expect(cgroups.settings(path).quotaCpus).toBeCloseTo(0.6)
  // Given back once: a later relax does not bring an old demand back.
  setOwnLimits(cgroups, path, { quotaCpus: 0.1 })
  tier.relax(NONE, 10)
  expect(cgroups.settings(path).quotaCpus).toBeCloseTo(0.1)
})

test('a refusal of the kernel is a trouble with its reason, and is counted', () => {
  const { fake, tier } = open('hybrid')
  fake.files.removeDirectory(join(fake.mount, 'cpu,cpuacct/tepui_1_lent'))
  expect(() => tier.squeeze(0.2, 10)).toThrow(/refused the cpu quota of \/tepui_1_lent/)
  expect(tier.counts).toMatchObject({ squeezes: 0, failures: 1 })
})

test('without control groups nothing is in force, and it says so', () => {
  const { tier } = open('none')
  expect(tier.inForce()).toMatchObject({ class: 'none', frozen: [], canSqueeze: false, canFreeze: false })
  expect(tier.inForce().text).toBe(
    'Nothing holds borrowers back (there are no control groups): no cpu may be lent',
  )
})
