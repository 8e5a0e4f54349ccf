// Lending while the engine is slow or away: the kernel is asked directly and obeys, who must end is ended once.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { dockerTask, type Offer } from '../../src/sdk/sdk.ts'
import { stopwatch } from '../support/cluster.ts'
import { type EngineProxy, engineProxy } from '../support/engine-proxy.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { coresFrom, type LendPage } from '../support/lend-page.ts'
import { type RealCluster, startCluster } from '../support/real-cluster.ts'

beforeAll(requireEngine)

const CONTROLLER = fileURLToPath(new URL('../support/plugins/acts-on-demand.ts', import.meta.url))
const SPIN = 'while :; do :; done'

interface Scene {
  readonly cluster: RealCluster
  readonly proxy: EngineProxy
  readonly give: (order: string) => void
  readonly page: () => Promise<LendPage>
  /** Kills that were asked of the engine since the task runs. */
  readonly kills: () => readonly string[]
}

const hasRevocable = (offer: Offer): boolean =>
  (offer.resources ?? []).some(({ revocable }) => revocable !== undefined)

/** One borrower that spins in Docker behind the proxy. */
async function borrowing(play: (scene: Scene) => Promise<void>): Promise<void> {
  const before = await leftovers()
  const folder = mkdtempSync(join(tmpdir(), 'tepui-slow-'))
  const file = join(folder, 'orders')
  {
    await using proxy = await engineProxy(join(folder, 'engine.sock'))
    await using cluster = await startCluster({
      capabilities: ['REVOCABLE_RESOURCES', 'PARTITION_AWARE'],
      agent: [
        `--docker_socket=${proxy.socket}`,
        '--resource_estimator=fixed?resources=cpus:4',
        `--qos_controller=${CONTROLLER}?file=${file}`,
      ],
    })
    await cluster.framework.launch(
      (offer) =>
        dockerTask({
          id: 'borrower',
          offer,
          image: TEST_IMAGE,
          network: 'NONE',
          command: SPIN,
          cpus: 0.5,
          revocable: true,
        }),
      hasRevocable,
    )
    await cluster.framework.status('borrower', 'TASK_RUNNING')
    await play({
      cluster,
      proxy,
      give: (order) => writeFileSync(file, order),
      page: async () => (await cluster.page('/api/x1/lend')) as LendPage,
      kills: () => proxy.requests.filter((line) => /^POST .*\/kill/.test(line)),
    })
  }
  rmSync(folder, { recursive: true })
  await expect.poll(() => leftovers(before)).toEqual([])
}

test('while the engine answers nothing, borrowers are stopped, and they are ended once', async () => {
  await borrowing(async ({ cluster, give, kills, page, proxy }) => {
    proxy.hold()
    give('squeeze 0.1')
    await expect.poll(async () => (await page()).quota_cpus).toBe(0.1)
    give('freeze')
    await expect.poll(async () => (await page()).frozen.length).toBe(1)
    expect(await coresFrom(systemClock.now(), 2000, page, 'borrower')).toBeLessThan(0.005)
    give('evict 500')
    await expect.poll(() => kills().length).toBe(1)
    // It is decided anew while the first word is still on its way.
    give('evict 500 again')
    await systemClock.sleep(1000)
    proxy.release()
    expect((await cluster.framework.end('borrower')).state).toBe('TASK_GONE')
    // SIGTERM and, because a shell that spins as the first process hears none, SIGKILL after the grace: one each.
    expect(kills().map((line) => /signal=(\w+)/.exec(line)?.[1])).toEqual(['SIGTERM', 'SIGKILL'])
    await expect.poll(async () => (await page()).containers?.length).toBe(0)
    expect(cluster.framework.statesOf('borrower').filter((state) => state === 'TASK_GONE')).toHaveLength(1)
  })
})

test('while the engine is away the kernel holds borrowers, and who must end does so once it is back', async () => {
  await borrowing(async ({ cluster, give, kills, page, proxy }) => {
    proxy.away()
    give('squeeze 0.1')
    await expect.poll(async () => (await page()).quota_cpus).toBe(0.1)
    expect(await coresFrom(systemClock.now(), 3000, page, 'borrower')).toBeLessThan(0.2)
    give('freeze')
    await expect.poll(async () => (await page()).frozen.length).toBe(1)
    give('evict 0')
    await systemClock.sleep(2000)
    expect(cluster.framework.statesOf('borrower').at(-1)).toBe('TASK_RUNNING')
    const sinceBack = stopwatch()
    proxy.back()
    expect((await cluster.framework.end('borrower')).state).toBe('TASK_GONE')
    expect(sinceBack()).toBeLessThan(30_000)
    // The kernel has ended it at once; the engine is asked too only if that is not yet known when it is back.
    expect(kills().length).toBeLessThanOrEqual(1)
    expect(cluster.framework.statesOf('borrower').filter((state) => state === 'TASK_GONE')).toHaveLength(1)
  })
})
