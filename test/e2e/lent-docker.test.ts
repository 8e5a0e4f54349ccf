// The lent tier holds Docker containers on the real engine: first for the memory killer, squeezed, frozen, thawed.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { openCgroups } from '../../src/containerizer/cgroups/open.ts'
import { LentTier } from '../../src/containerizer/lent-tier.ts'
import { coresOver, expectStandstill } from '../support/cores.ts'
import { realDocker } from '../support/docker.ts'
import { requireEngine } from '../support/engine.ts'

test('a Docker borrower is squeezed and frozen with its tier, and told by the kernel as first to die', async () => {
  await requireEngine()
  await using docker = await realDocker()
  const cgroups = openCgroups({ tag: docker.tag, cpus: 2, clock: systemClock })
  const tier = new LentTier(cgroups)
  const command = { shell: true, value: 'while :; do :; done' }
  const container = await docker.start(docker.spec({}, {}, { command, revocable: true }))
  const parents = cgroups.parents('lent')
  const path = parents.flatMap((parent) => cgroups.children(parent))[0] ?? 'none'
  const used = (): number => cgroups.pulse(path, { waiting: false, memory: false })?.cpuSeconds ?? Number.NaN
  const runs = async (): Promise<void> => {
    const before = used()
    await expect.poll(used).toBeGreaterThanOrEqual(before + 0.01)
  }
  await runs()
  for (const pid of cgroups.processes(path))
    expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8')).toBe('1000\n')
  tier.squeeze(0.1, 10)
  await systemClock.sleep(150)
  expect((await coresOver(1000, used)).atLeast).toBeLessThanOrEqual(0.1 * 1.3 + 0.02)
  tier.freeze([path])
  await expectStandstill(300, used)
  expect(tier.thawAll()).toEqual({ thawed: [path], liftedCpus: 0.1 })
  await runs()
  container.kill(0)
  await container.exit
  await container.release()
})

test('a Docker borrower with a quota of its own starts below a squeeze, and has its quota afterwards', async () => {
  await requireEngine()
  await using docker = await realDocker()
  const { cgroups } = docker
  const tier = new LentTier(cgroups)
  cgroups.ensureTier('lent')
  tier.squeeze(0.1, 10)
  const command = { shell: true, value: 'while :; do :; done' }
  const limits = { cpus: 0.7 }
  const container = await docker.start(docker.spec({}, {}, { command, limits, revocable: true }))
  try {
    expect(tier.inForce().quotaCpus).toBeCloseTo(0.1)
    tier.relax(Number.POSITIVE_INFINITY, 10)
    const path = container.group ?? 'none'
    expect(cgroups.settings(path).quotaCpus).toBeCloseTo(0.7)
    await container.update?.(docker.spec().resources, { cpus: 0.4 })
    expect(cgroups.settings(path).quotaCpus).toBeCloseTo(0.4)
  } finally {
    container.kill(0)
    await container.exit
    await container.release()
  }
})

test('a Docker borrower that forks, renices itself and ignores SIGTERM stays in its tier and ends', async () => {
  await requireEngine()
  await using docker = await realDocker()
  const { cgroups } = docker
  const tier = new LentTier(cgroups)
  const spin = 'while :; do :; done'
  const value =
    `trap '' TERM HUP INT; renice -n -20 -p $$ >/dev/null 2>&1; chrt -r -p 50 $$ >/dev/null 2>&1; ` +
    `(${spin}) & nice -n -20 sh -c "${spin}" & setsid sh -c "trap '' TERM; ${spin}" & wait; ${spin}`
  const container = await docker.start(
    docker.spec({}, {}, { command: { shell: true, value }, revocable: true }),
  )
  const path = container.group ?? 'none'
  await expect.poll(() => cgroups.processes(path).length).toBeGreaterThanOrEqual(3)
  for (const pid of cgroups.processes(path)) {
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain(cgroups.tier('lent'))
    // Field 41 of the line after the name: a real-time class would go before every owner.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    expect(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38]).toBe('0')
  }
  tier.freeze([path])
  tier.thaw([path])
  const asked = systemClock.monotonic()
  container.kill(500)
  await container.exit
  expect(systemClock.monotonic() - asked).toBeLessThan(30_000)
  expect(cgroups.processes(path)).toEqual([])
  await container.release()
})
