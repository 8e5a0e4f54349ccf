// `tepui doctor` on trees of all layouts of control groups, with and without root: what the agent would find there.
import { afterEach, describe, expect, test } from 'vitest'
import { distributionOf } from '../../../src/cli/doctor/distribution.ts'
import { type Facts, type Finding, judge } from '../../../src/cli/doctor/findings.ts'
import { openCgroups } from '../../../src/containerizer/cgroups/open.ts'
import { ManualClock } from '../../support/clock.ts'
import { FakeCgroups, type FakeLayout, type FakeOptions } from '../../support/fake-cgroups.ts'

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\n'
const fakes: FakeCgroups[] = []

afterEach(() => {
  for (const fake of fakes.splice(0)) fake[Symbol.dispose]()
})

/** What is found about users and control groups on a machine that has everything else. */
async function found(layout: FakeLayout, isRoot: boolean, options: FakeOptions = {}): Promise<Finding[]> {
  const fake = new FakeCgroups(layout, { unprivileged: !isRoot, ...options })
  fakes.push(fake)
  const cgroups = openCgroups({
    mount: fake.mount,
    files: fake.files,
    tag: '1',
    cpus: 4,
    clock: new ManualClock(0),
  })
  const facts: Facts = {
    platform: 'linux',
    kernel: '6.12.30-amd64',
    node: '24.1.0',
    distribution: distributionOf(DEBIAN, ''),
    isRoot,
    missingForTurns: [],
    cgroups: { layout: cgroups.layout, powers: cgroups.powers },
    engine: { version: '26.1.5', cgroupDriver: 'systemd' },
    disk: { folder: '/d', existing: '/d', isWritable: true, freeBytes: 50 * 1024 ** 3 },
    ports: [],
    master: { address: 'http://m:5050/', isNamed: false, aheadMs: 0, trouble: undefined },
  }
  await cgroups.close()
  return judge(facts, ['agent']).filter(({ check }) => /^(user|cgroups)/.test(check))
}

const troubles = (findings: readonly Finding[]): Finding[] =>
  findings.filter(({ verdict }) => verdict !== 'PASS')

const POWERS = [
  'cpu shares',
  'cpu quota',
  'cpu idle',
  'memory limit',
  'swap limit',
  'pids limit',
  'freeze',
  'pressure',
  'kill',
]

describe('with root', () => {
  test.each(['v1', 'hybrid', 'v2'] as const)(
    'on %s the layout and each power have a line',
    async (layout) => {
      const findings = await found(layout, true)
      expect(findings.find(({ check }) => check === 'cgroups')).toMatchObject({
        verdict: 'PASS',
        detail: `layout ${layout}`,
      })
      expect(findings.slice(2).map(({ check }) => check)).toEqual(POWERS.map((name) => `cgroups: ${name}`))
    },
  )

  test.each(['hybrid', 'v2'] as const)('on %s of a new kernel nothing is missing', async (layout) => {
    expect(troubles(await found(layout, true))).toEqual([])
  })

  test('on v1 pressure is missing, and no option of the kernel brings it but a mount', async () => {
    const [pressure, ...others] = troubles(await found('v1', true))
    expect(others).toEqual([])
    expect(pressure).toMatchObject({ check: 'cgroups: pressure', verdict: 'WARN' })
    expect(pressure?.fix).toMatch(/mount cgroup2.*\/sys\/fs\/cgroup\/unified/)
  })

  test.each([
    ['v2', ['cpu.pressure'], 'pressure', /psi=1.*update-grub/],
    ['hybrid', ['cpu.pressure'], 'pressure', /psi=1.*update-grub/],
    ['v1', ['cpu.idle'], 'cpu idle', /5\.15/],
    ['hybrid', ['cpu.idle'], 'cpu idle', /5\.15/],
    ['v2', ['cpu.idle'], 'cpu idle', /5\.15/],
    ['v1', ['memory.memsw.limit_in_bytes'], 'swap limit', /swapaccount=1.*update-grub/],
    ['v2', ['cgroup.freeze'], 'freeze', /5\.2/],
  ] as const)('on %s of a kernel without %j it is %s, with the fix', async (layout, without, power, fix) => {
    const lacking = troubles(await found(layout, true, { without }))
    const one = lacking.find(({ check }) => check === `cgroups: ${power}`)
    expect(one).toMatchObject({ verdict: 'WARN' })
    expect(one?.fix).toMatch(fix)
  })

  test('on v2 whose root has processes of its own, what cannot be handed down is missing', async () => {
    const lacking = troubles(await found('v2', true, { busyRoot: true })).map(({ check }) => check)
    expect(lacking).toEqual(expect.arrayContaining(['cgroups: cpu quota', 'cgroups: memory limit']))
    expect(lacking).not.toContain('cgroups: kill')
  })

  test('where the tree is mounted to be read only, it is one finding that says so', async () => {
    const [only, ...others] = troubles(await found('v2', true, { readOnly: true }))
    expect(others).toEqual([])
    expect(only).toMatchObject({ check: 'cgroups', verdict: 'WARN' })
    expect(only?.detail).toMatch(/nothing can be limited: .*EROFS|read-only/i)
  })
})

describe('without root', () => {
  test.each(['v1', 'hybrid', 'v2'] as const)(
    'on %s it is the user and the groups, with sudo as fix',
    async (layout) => {
      const [user, groups, ...others] = troubles(await found(layout, false))
      expect(others).toEqual([])
      expect(user).toMatchObject({ check: 'user', verdict: 'WARN' })
      expect(user?.fix).toMatch(/sudo/)
      expect(groups).toMatchObject({ check: 'cgroups', verdict: 'WARN' })
      expect(groups?.detail).toMatch(/^nothing can be limited: /)
      expect(groups?.fix).toMatch(/as root.*--cgroups_root/)
    },
  )
})

test.each([true, false])(
  'on a machine without control groups (root: %s) it says that none are mounted',
  async (isRoot) => {
    const groups = troubles(await found('none', isRoot)).find(({ check }) => check === 'cgroups')
    expect(groups?.detail).toBe('nothing can be limited: no control groups are mounted')
  },
)
