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
import { type RealCluster, startCluster } from '../support/real-cluster.ts'

beforeAll(requireEngine)

const CONTROLLER = fileURLToPath(new URL('../support/plugins/acts-on-demand.ts', import.meta.url))
const SPIN = 'while :; do :; done'
const SLOW_MS = 5000

interface LendPage {
  readonly quota_cpus: number | 'max'
  readonly frozen: readonly unknown[]
  readonly containers?: readonly { readonly statistics?: { readonly cpuSeconds: number } }[]
}

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
  await expect.poll(() => leftovers(before), { timeout: 20_000 }).toEqual([])
}

/** Sooner than the engine answers. */
const soon = { timeout: 4000, interval: 50 }
const usedIn = async (page: Scene['page'], ms: number): Promise<number> => {
  const used = async (): Promise<number> =>
    (await page()).containers?.[0]?.statistics?.cpuSeconds ?? Number.NaN
  const from = await used()
  await systemClock.sleep(ms)
  return (await used()) - from
}

test('with an engine that takes 5 s for everything, borrowers are stopped at once and ended once', async () => {
  await borrowing(async ({ cluster, give, kills, page, proxy }) => {
    proxy.delay(SLOW_MS)
    give('squeeze 0.1')
    await expect.poll(async () => (await page()).quota_cpus, soon).toBe(0.1)
    give('freeze')
    await expect.poll(async () => (await page()).frozen.length, soon).toBe(1)
    await systemClock.sleep(1100)
    expect(await usedIn(page, 2000)).toBeLessThan(0.01)
    give('evict 500')
    await expect.poll(() => kills().length, soon).toBe(1)
    // It is decided anew while the first word is still on its way.
    give('evict 500 again')
    expect((await cluster.framework.end('borrower')).state).toBe('TASK_GONE')
    // SIGTERM and, because a shell that spins as the first process hears none, SIGKILL after the grace: one each.
    expect(kills().map((line) => /signal=(\w+)/.exec(line)?.[1])).toEqual(['SIGTERM', 'SIGKILL'])
    proxy.delay(0)
    await expect.poll(async () => (await page()).containers?.length, { timeout: 10_000 }).toBe(0)
    expect(cluster.framework.statesOf('borrower').filter((state) => state === 'TASK_GONE')).toHaveLength(1)
  })
}, 90_000)

test('while the engine is away the kernel holds borrowers, and who must end does so once it is back', async () => {
  await borrowing(async ({ cluster, give, kills, page, proxy }) => {
    proxy.away()
    give('squeeze 0.1')
    await expect.poll(async () => (await page()).quota_cpus, soon).toBe(0.1)
    await systemClock.sleep(1100)
    expect(await usedIn(page, 3000)).toBeLessThan(0.6)
    give('freeze')
    await expect.poll(async () => (await page()).frozen.length, soon).toBe(1)
    give('evict 0')
    await systemClock.sleep(2000)
    expect(cluster.framework.statesOf('borrower').at(-1)).toBe('TASK_RUNNING')
    const sinceBack = stopwatch()
    proxy.back()
    expect((await cluster.framework.end('borrower')).state).toBe('TASK_GONE')
    expect(sinceBack()).toBeLessThan(5000)
    expect(kills()).toHaveLength(1)
  })
}, 90_000)
