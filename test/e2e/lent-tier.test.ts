// The lent tier on the real kernel: a squeeze and a freeze take hold of everything in it, whatever borrowers try.
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { openCgroups, cgroupTag } from '../../src/containerizer/cgroups/open.ts'
import type { Container } from '../../src/containerizer/containerizer.ts'
import { LentTier } from '../../src/containerizer/lent-tier.ts'
import { coresOver, expectStandstill } from '../support/cores.ts'
import { openHostBench, type HostBench, resourcesOf } from '../support/host.ts'

let bench: HostBench
let tier: LentTier

beforeEach(() => {
  bench = openHostBench()
  tier = new LentTier(bench.cgroups)
})

afterEach(async () => {
  tier.thawAll()
  await bench[Symbol.asyncDispose]()
})

const SPIN = 'while :; do :; done'
const NONE = Number.POSITIVE_INFINITY

function borrow(value: string): Promise<Container> {
  return bench.launch(value, { revocable: true, reserved: 'cpus:0.5;mem:64' })
}

const pathOf = (container: Container): string => {
  const path = bench.cgroups
    .children(bench.cgroups.tier('lent'))
    .find((one) => bench.cgroups.processes(one).includes(container.pid ?? -1))
  if (path === undefined) throw new Error(`no group has process ${container.pid}`)
  return path
}

function usedSeconds(path: string): number {
  return bench.cgroups.pulse(path, { waiting: false, memory: false })?.cpuSeconds ?? Number.NaN
}

/** Waits until a group runs at all: on a busy machine the idle class may wait long for its first turn. */
async function untilItRuns(path: string): Promise<void> {
  const before = usedSeconds(path)
  await expect.poll(() => usedSeconds(path)).toBeGreaterThan(before + 0.000_25)
}

test('a squeeze holds all borrowers together to their quota within 250 ms, and a relax lets them go', async () => {
  const hogs = [await borrow(`${SPIN} & ${SPIN}`), await borrow(SPIN)]
  const parent = bench.cgroups.tier('lent')
  for (const hog of hogs) await untilItRuns(pathOf(hog))
  tier.squeeze(0.1, 10)
  await systemClock.sleep(150)
  // One slice per core and second may come on top: the kernel hands the quota out in slices of 5 ms.
  expect((await coresOver(1000, () => usedSeconds(parent))).atLeast).toBeLessThanOrEqual(0.1 * 1.3 + 0.02)
  expect(tier.inForce()).toMatchObject({ quotaCpus: 0.1, periodMs: 10, class: 'idle' })
  tier.relax(NONE, 10)
  expect(tier.inForce().quotaCpus).toBe(NONE)
})

test('a quota of its own does not keep a borrower out of a squeeze, and it has it again afterwards', async () => {
  const hog = await borrow(SPIN)
  const path = pathOf(hog)
  bench.cgroups.setLimits(path, { quotaCpus: 1.5 })
  tier.squeeze(0.2, 10)
  expect(bench.cgroups.settings(path).quotaCpus).toBeLessThanOrEqual(1.5)
  expect(tier.inForce().quotaCpus).toBeCloseTo(0.2)
  tier.relax(NONE, 10)
  expect(bench.cgroups.settings(path).quotaCpus).toBeCloseTo(1.5)
})

test.each([0.3, 0.123_44, 0.156_78, 0.1])(
  'borrowers with quotas of their own are squeezed to %d cores together, and get theirs back',
  async (cpus) => {
    const owned = { revocable: true, reserved: 'cpus:0.5;mem:64', limits: { cpus: 0.8 } }
    const [one, two] = [await bench.launch(SPIN, owned), await bench.launch(SPIN, owned)]
    tier.squeeze(cpus, 10)
    expect(tier.inForce().quotaCpus).toBeCloseTo(cpus, 3)
    tier.squeeze(0.1, 10)
    tier.relax(cpus * 2, 10)
    // One that comes while the tier has less than it asks for starts all the same.
    const late = await bench.launch(SPIN, owned)
    await untilItRuns(pathOf(late))
    expect(tier.inForce().quotaCpus).toBeCloseTo(cpus * 2, 3)
    tier.relax(NONE, 10)
    for (const hog of [one, two, late])
      expect(bench.cgroups.settings(pathOf(hog))).toMatchObject({ quotaCpus: 0.8, periodMs: 100 })
    expect(tier.counts.failures).toBe(0)
  },
)

test('a borrower whose demand changes while it is squeezed has the new quota afterwards', async () => {
  const hog = await bench.launch(SPIN, { revocable: true, limits: { cpus: 0.8 } })
  tier.squeeze(0.2, 10)
  await hog.update?.(resourcesOf('cpus:0.5;mem:64'), { cpus: 0.15 })
  expect(bench.cgroups.settings(pathOf(hog)).quotaCpus).toBeCloseTo(0.15)
  await hog.update?.(resourcesOf('cpus:0.5;mem:64'), { cpus: 1.2 })
  expect(bench.cgroups.settings(pathOf(hog)).quotaCpus).toBeCloseTo(0.2)
  tier.relax(NONE, 10)
  expect(bench.cgroups.settings(pathOf(hog)).quotaCpus).toBeCloseTo(1.2)
})

test('a frozen borrower stands still with all that it forked, the others run, and a thaw lets it go on', async () => {
  const [still, other] = [await borrow(`${SPIN} & ${SPIN} & ${SPIN}`), await borrow(SPIN)]
  const [path, beside] = [pathOf(still), pathOf(other)]
  await untilItRuns(path)
  await untilItRuns(beside)
  expect(tier.freeze([path])).toEqual([])
  await expectStandstill(500, () => usedSeconds(path))
  await untilItRuns(beside)
  expect(tier.inForce().frozen).toEqual([path])
  tier.thaw([path])
  await untilItRuns(path)
  expect(tier.inForce().frozen).toEqual([])
})

test('an agent that comes back after dying in the middle of a freeze finds and thaws it', async () => {
  const hog = await borrow(SPIN)
  const path = pathOf(hog)
  tier.freeze([path])
  tier.squeeze(0.1, 10)
  const again = openCgroups({ tag: cgroupTag(0, bench.folder), cpus: 2, clock: systemClock })
  const next = new LentTier(again)
  expect(next.thawAll()).toEqual({ thawed: [path], liftedCpus: 0.1 })
  await untilItRuns(path)
  expect(tier.inForce()).toMatchObject({ frozen: [], quotaCpus: NONE })
})

test('forking, other priorities and ignoring SIGTERM keep a borrower neither out of its tier nor alive', async () => {
  const stubborn = await borrow(
    `trap '' TERM HUP INT; renice -n -20 -p $$ >/dev/null 2>&1; chrt -r -p 50 $$ >/dev/null 2>&1; ` +
      `(${SPIN}) & nice -n -20 sh -c "${SPIN}" & setsid sh -c "trap '' TERM; ${SPIN}" & wait; ${SPIN}`,
  )
  const path = pathOf(stubborn)
  await untilItRuns(path)
  await expect.poll(() => bench.cgroups.processes(path).length).toBeGreaterThanOrEqual(4)
  for (const pid of bench.cgroups.processes(path)) {
    expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8')).toBe('1000\n')
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(bench.cgroups.tier('lent'))
    // Field 41 of the line after the name: a real-time class would go before every owner.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    expect(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38]).toBe('0')
  }
  tier.squeeze(0.1, 10)
  await systemClock.sleep(150)
  expect((await coresOver(1000, () => usedSeconds(bench.cgroups.tier('lent')))).atLeast).toBeLessThan(0.16)
  tier.freeze([path])
  await expectStandstill(300, () => usedSeconds(path))
  // Evicted while frozen and squeezed: thawed first, asked to go, and gone at the end of its grace.
  tier.thaw([path])
  const asked = systemClock.monotonic()
  stubborn.kill(500)
  await stubborn.exit
  expect(systemClock.monotonic() - asked).toBeLessThan(30_000)
  expect(bench.cgroups.processes(path)).toEqual([])
})
