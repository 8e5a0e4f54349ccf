// The verdicts of `tepui doctor`, and the fixes for the distribution at hand.
import { describe, expect, test } from 'vitest'
import { distributionOf } from '../../../src/cli/doctor/distribution.ts'
import { type Facts, type Finding, judge } from '../../../src/cli/doctor/findings.ts'

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n'
const FEDORA = 'PRETTY_NAME="Rocky Linux 9.4"\nID="rocky"\nID_LIKE="rhel centos fedora"\n'

const GOOD: Facts = {
  platform: 'linux',
  kernel: '6.12.30-amd64',
  node: '24.1.0',
  distribution: distributionOf(DEBIAN, ''),
  isRoot: true,
  cgroups: { layout: 'v2', powers: [{ name: 'cpu idle', available: true }] },
  missingForTurns: [],
  engine: { version: '26.1.5+dfsg1', cgroupDriver: 'systemd' },
  disk: { folder: '/d', existing: '/d', isWritable: true, freeBytes: 50 * 1024 ** 3 },
  ports: [
    { daemon: 'master', port: 5050, state: 'free' },
    { daemon: 'agent', port: 5051, state: 'ours' },
  ],
  master: { address: 'http://m:5050/', isNamed: true, aheadMs: 400, trouble: undefined },
}
const DISK = GOOD.disk
const MASTER = GOOD.master

/** What is found when one fact is another, without what passes. */
function troubles(facts: Partial<Facts>): readonly Finding[] {
  return judge({ ...GOOD, ...facts }, ['master', 'agent']).filter(({ verdict }) => verdict !== 'PASS')
}

test('a machine that has all passes each check', () => {
  expect(troubles({})).toEqual([])
  expect(judge(GOOD, ['master', 'agent']).map(({ check }) => check)).toEqual([
    'system',
    'node',
    'kernel',
    'user',
    'cgroups',
    'cgroups: cpu idle',
    "borrowers' turns",
    'docker engine',
    'work folder',
    'port 5050',
    'port 5051',
    'master',
  ])
})

test('a master needs no control groups, no engine and no root', () => {
  const bare: Facts = {
    ...GOOD,
    isRoot: false,
    cgroups: { layout: 'none', powers: [] },
    engine: { missing: 'x', isForbidden: false },
    ports: [
      { daemon: 'master', port: 5050, state: 'free' },
      { daemon: 'agent', port: 5051, state: 'taken' },
    ],
  }
  expect(judge(bare, ['master']).filter(({ verdict }) => verdict !== 'PASS')).toEqual([])
})

const MISSING = (name: 'pressure' | 'cpu idle'): Facts['cgroups'] => ({
  layout: 'v2',
  powers: [{ name, available: false, reason: 'the kernel has none', fix: 'another kernel' }],
})

const CASES: readonly (readonly [string, Partial<Facts>, Finding['verdict'], RegExp, RegExp])[] = [
  ['another system', { platform: 'darwin' }, 'FAIL', /this is darwin/, /use Linux/],
  ['an old Node', { node: '20.20.2' }, 'FAIL', /20\.20\.2; 24 or newer/, /launcher/],
  ['an old kernel', { kernel: '5.10.0-30-amd64' }, 'WARN', /5\.10\.0.*before 5\.15/, /newer kernel/],
  ['no root', { isRoot: false }, 'WARN', /not root/, /sudo/],
  ['no groups', { cgroups: { layout: 'none', powers: [] } }, 'WARN', /nothing can be limited/, /cgroup2/],
  ['no pressure', { cgroups: MISSING('pressure') }, 'WARN', /the kernel has none/, /psi=1.*update-grub/],
  [
    'no Perl',
    { missingForTurns: ['perl'] },
    'WARN',
    /next tick, for want of perl/,
    /^apt-get install -y perl-base/,
  ],
  ['no idle class', { cgroups: MISSING('cpu idle') }, 'WARN', /the kernel has none/, /^another kernel$/],
  [
    'no engine',
    { engine: { missing: 'none is there', isForbidden: false } },
    'WARN',
    /none is there; no Docker tasks/,
    /apt-get install .*docker\.io/,
  ],
  [
    'an engine of others',
    { engine: { missing: 'may not', isForbidden: true } },
    'WARN',
    /may not/,
    /usermod -aG docker/,
  ],
  [
    'an engine without groups',
    { engine: { version: '26.1', cgroupDriver: 'none' } },
    'WARN',
    /driver none/,
    /cgroupfs or systemd/,
  ],
  ['an old engine', { engine: { version: '19.03.8', cgroupDriver: 'cgroupfs' } }, 'WARN', /older/, /apt-get/],
  ['a foreign folder', { disk: { ...DISK, isWritable: false } }, 'FAIL', /cannot be written/, /--work_dir/],
  ['a full disk', { disk: { ...DISK, freeBytes: 1e8 } }, 'FAIL', /free/, /free some/],
  ['a nearly full disk', { disk: { ...DISK, freeBytes: 3 * 1024 ** 3 } }, 'WARN', /are wanted/, /work_dir/],
  [
    'a taken port',
    { ports: [{ daemon: 'agent', port: 5051, state: 'taken' }] },
    'FAIL',
    /another program/,
    /--port=/,
  ],
  [
    'a master that is away',
    { master: { ...MASTER, aheadMs: undefined, trouble: 'refused' } },
    'FAIL',
    /none answers at http:\/\/m:5050\/: refused/,
    /--master/,
  ],
  ['a clock that is behind', { master: { ...MASTER, aheadMs: 10_000 } }, 'WARN', /10.*behind/, /timesyncd/],
  ['a clock far ahead', { master: { ...MASTER, aheadMs: -90_000 } }, 'FAIL', /ahead of/, /timedatectl/],
]

test.each(CASES)('%s is one finding with its fix', (_name, facts, verdict, detail, fix) => {
  const found = troubles(facts)
  expect(found.map((one) => one.verdict)).toEqual([verdict])
  expect(found[0]?.detail).toMatch(detail)
  expect(found[0]?.fix).toMatch(fix)
})

test('no master at the default address is no trouble', () => {
  expect(troubles({ master: { ...MASTER, isNamed: false, aheadMs: undefined, trouble: 'refused' } })).toEqual(
    [],
  )
})

describe('the fix is the one of the distribution', () => {
  test('of Fedora and its kin', () => {
    const distribution = distributionOf(FEDORA, '')
    expect(distribution.name).toBe('Rocky Linux 9.4')
    expect(troubles({ distribution, cgroups: MISSING('pressure') })[0]?.fix).toMatch(/^grubby .*psi=1/)
    const engine = { missing: 'x', isForbidden: false }
    expect(troubles({ distribution, engine })[0]?.fix).toMatch(/^dnf install/)
  })

  test('of a Raspberry Pi, which boots by a file of its own', () => {
    const distribution = distributionOf(DEBIAN, 'Raspberry Pi 5 Model B Rev 1.0\0')
    expect(troubles({ distribution, cgroups: MISSING('pressure') })[0]?.fix).toMatch(/cmdline\.txt/)
  })

  test('and where the system is unknown, no command of another one', () => {
    const engine = { missing: 'x', isForbidden: false }
    const [found] = troubles({ distribution: distributionOf('', ''), engine })
    expect(found?.fix).toMatch(/your system's own means/)
  })
})
