// The lent tier holds Docker containers on the real engine: first for the memory killer, squeezed, frozen, thawed.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { openCgroups } from '../../src/containerizer/cgroups/open.ts'
import { LentTier } from '../../src/containerizer/lent-tier.ts'
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
  const used = (): number => cgroups.pulse(path, false)?.cpuSeconds ?? Number.NaN
  const runs = async (): Promise<void> => {
    const before = used()
    for (let waited = 0; used() - before < 0.01 && waited < 20_000; waited += 50) await systemClock.sleep(50)
    expect(used() - before).toBeGreaterThanOrEqual(0.01)
  }
  await runs()
  for (const pid of cgroups.processes(path))
    expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8')).toBe('1000\n')
  tier.squeeze(0.1, 10)
  await systemClock.sleep(150)
  const [start, squeezed] = [systemClock.monotonic(), used()]
  await systemClock.sleep(1000)
  const seconds = (systemClock.monotonic() - start) / 1000
  expect(used() - squeezed).toBeLessThanOrEqual(0.1 * seconds * 1.3 + 0.02)
  tier.freeze([path])
  await systemClock.sleep(200)
  const frozen = used()
  await systemClock.sleep(300)
  expect(used() - frozen).toBeLessThan(0.005)
  expect(tier.thawAll()).toEqual({ thawed: [path], liftedCpus: 0.1 })
  await runs()
  container.kill(0)
  await container.exit
  await container.release()
})
