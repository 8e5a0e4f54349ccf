// Lending and health checks on a whole machine: a borrower that is frozen answers nobody, and is not ended for it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { dockerTask, type Offer, type TaskInfo } from '../../src/sdk/sdk.ts'
import type { HealthCheck } from '../../src/wire/health.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { type RealCluster, startCluster } from '../support/real-cluster.ts'

beforeAll(requireEngine)

const CONTROLLER = fileURLToPath(new URL('../support/plugins/acts-on-demand.ts', import.meta.url))
const SOON = { timeout: 120_000, interval: 100 }
/** Of looks that did not count: together they take longer than a look may. */
const MANY = 14
/** One failure after the first success is enough; a look may take five seconds. */
const TIMES = {
  delay_seconds: 0,
  grace_period_seconds: 600,
  interval_seconds: 0.5,
  timeout_seconds: 5,
  consecutive_failures: 1,
}
const SERVER = 'mkdir /w; echo fine >/w/ok; httpd -p 127.0.0.1:81 -h /w; exec sleep 1000'

const hasRevocable = (offer: Offer): boolean =>
  (offer.resources ?? []).some(({ revocable }) => revocable !== undefined)

function borrower(id: string, offer: Offer, folder: string, health_check: HealthCheck): TaskInfo {
  const made = dockerTask({
    id,
    offer,
    image: TEST_IMAGE,
    network: 'NONE',
    command: SERVER,
    cpus: 0.2,
    revocable: true,
  })
  const volumes = [{ host_path: folder, container_path: folder, mode: 'RO' as const }]
  return { ...made, container: { type: 'DOCKER', ...made.container, volumes }, health_check }
}

test('frozen for longer than a look may take, borrowers stay healthy, and are looked at after the thaw', async () => {
  const before = await leftovers()
  const folder = mkdtempSync(join(tmpdir(), 'tepui-frozen-'))
  const [orders, sick] = [join(folder, 'orders'), join(folder, 'sick')]
  {
    await using cluster = await startCluster({
      capabilities: ['REVOCABLE_RESOURCES', 'PARTITION_AWARE'],
      agent: ['--resource_estimator=fixed?resources=cpus:4', `--qos_controller=${CONTROLLER}?file=${orders}`],
    })
    const { framework } = cluster
    // Takes long enough to be under way when the freeze comes.
    const command = { value: `sleep 1; test ! -e ${sick} || { echo it is sick; false; }` }
    await framework.launch(
      (offer) => [
        borrower('asked', offer, folder, { type: 'COMMAND', command, ...TIMES }),
        borrower('called', offer, folder, { type: 'HTTP', http: { port: 81, path: '/ok' }, ...TIMES }),
      ],
      hasRevocable,
    )
    const ids = ['asked', 'called']
    const healths = (): unknown[] => ids.map((id) => healthsOf(cluster, id))
    await expect.poll(healths, SOON).toEqual([[true], [true]])

    writeFileSync(orders, 'freeze')
    await expect.poll(() => frozen(cluster), SOON).toBe(2)
    const failed = await metric(cluster, 'tepui/checks_failed')
    const discarded = await metric(cluster, 'tepui/checks_discarded')
    await expect
      .poll(() => metric(cluster, 'tepui/checks_discarded'), SOON)
      .toBeGreaterThan(discarded + ids.length * MANY)
    expect(await frozen(cluster)).toBe(2)
    expect(healths()).toEqual([[true], [true]])
    expect(await metric(cluster, 'tepui/checks_failed')).toBe(failed)

    writeFileSync(orders, 'thaw')
    await expect.poll(() => frozen(cluster), SOON).toBe(0)
    const run = await metric(cluster, 'tepui/checks_run')
    await expect.poll(() => metric(cluster, 'tepui/checks_run'), SOON).toBeGreaterThan(run + 10)
    expect(healths()).toEqual([[true], [true]])
    for (const id of ids) expect(framework.statesOf(id).at(-1)).toBe('TASK_RUNNING')

    writeFileSync(sick, '')
    expect(await framework.end('asked')).toMatchObject({
      state: 'TASK_KILLED',
      healthy: false,
      message: expect.stringContaining('it is sick') as unknown,
    })
    expect(framework.statesOf('called').at(-1)).toBe('TASK_RUNNING')
  }
  rmSync(folder, { recursive: true })
  await expect.poll(() => leftovers(before)).toEqual([])
}, 400_000)

const healthsOf = ({ framework }: RealCluster, id: string): unknown[] =>
  framework.statuses
    .filter(({ healthy, task_id }) => task_id.value === id && healthy !== undefined)
    .map(({ healthy }) => healthy)

async function frozen(cluster: RealCluster): Promise<number> {
  const page = (await cluster.page('/api/x1/lend')) as { readonly frozen: readonly unknown[] }
  return page.frozen.length
}

async function metric(cluster: RealCluster, name: string): Promise<number> {
  const page = (await cluster.page('/metrics/snapshot')) as Readonly<Record<string, number>>
  return page[name] ?? Number.NaN
}
