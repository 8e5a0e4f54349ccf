// The agent's pages, field by field as a real Mesos wrote them (test/recorded/endpoints.json).
import { describe, expect, test } from 'vitest'
import endpoints from '../../recorded/endpoints.json' with { type: 'json' }
import { runTask } from '../../support/agent-server.ts'
import { running } from '../../support/session-client.ts'

type Page = Readonly<Record<string, unknown>>

const recordedPage = (path: string): unknown =>
  endpoints.find(({ request }) => request.to === 'agent' && request.path === path)?.response.body

/** Fields that the recorded agent had and ours has not, with the reason; also in docs/compatibility.md. */
const ABSENT: Readonly<Record<string, string>> = {
  git_sha: 'there is no build of ours',
  git_branch: 'there is no build of ours',
  build_date: 'there is no build of ours',
  build_time: 'there is no build of ours',
  build_user: 'there is no build of ours',
}
/** Fields that only ours has. */
const ADDED = new Set(['tepui_version'])

/** The paths of all fields in the order in which they are written; of lists the first entry counts. */
function shapeOf(value: unknown, at = ''): string[] {
  if (Array.isArray(value)) return value.length === 0 ? [] : shapeOf(value[0], `${at}[]`)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key in ABSENT || ADDED.has(key)) return []
    const isFree = /(^|\.)(flags|attributes|reserved_resources(_full)?)$/.test(`${at}.${key}`)
    if (/^(scalar|ranges|set)$/.test(key)) return [`${at}.value`]
    return [`${at}.${key}`, ...(isFree ? [] : shapeOf(inner, `${at}.${key}`))]
  })
}

describe('a page has the fields of a real one in its order:', () => {
  test.each(['/state', '/slave(1)/state', '/version', '/system/stats.json'])('%s', async (path) => {
    await using here = await running()
    // The fake container's network tells more than the host's.
    const ours = shapeOf(await here.agent.page(path)).filter((field) => !field.includes('network_infos'))
    const theirs = shapeOf(recordedPage(path)).filter((field) => !field.includes('network_infos'))
    expect(ours).toEqual(theirs)
  })

  test('/containers and /monitor/statistics', async () => {
    await using here = await running()
    const [container] = here.agent.containers.containers.values()
    if (container !== undefined) container.statistics = () => Promise.resolve(STATISTICS)
    expect(await here.agent.page('/slave(1)/monitor/statistics.json')).toEqual(
      await here.agent.page('/monitor/statistics'),
    )
    for (const path of ['/containers', '/monitor/statistics']) {
      const fields = shapeOf(await here.agent.page<unknown>(path))
      const theirs = shapeOf(recordedPage(path))
      // More figures than theirs, whose isolators were the posix ones; all of theirs in their order.
      expect(fields.filter((field) => theirs.includes(field))).toEqual(theirs)
    }
    const id = container?.id ?? ''
    expect(await here.agent.page<unknown[]>(`/containers?container_id=${id}`)).toHaveLength(1)
    expect(await here.agent.page<unknown[]>('/containers?container_id=other')).toEqual([])
  })
})

test('all that is known of a container is told under the names of Mesos, and nothing that is not known', async () => {
  await using here = await running()
  const [container] = here.agent.containers.containers.values()
  if (container === undefined) throw new Error('nothing runs')
  container.statistics = () => Promise.resolve({ ...STATISTICS, memoryCacheBytes: 30, oomKills: 2 })
  container.details = () => DETAILS
  const look = async (): Promise<Page> => {
    const [page] = await here.agent.page<{ statistics: Page }[]>('/slave(1)/monitor/statistics')
    return page?.statistics ?? {}
  }
  // The next round sees the sandbox, when it has added it up.
  await here.clock.advance(15_000)
  await expect.poll(async () => (await look())['disk_used_bytes']).toBeGreaterThan(0)
  const statistics = await look()
  const { disk_used_bytes: _, ...told } = statistics
  expect(told).toEqual({
    cpus_limit: 1.5,
    cpus_soft_limit: 0.5,
    cpus_system_time_secs: 0.01,
    cpus_user_time_secs: 0.08,
    mem_anon_bytes: 500,
    mem_cache_bytes: 30,
    mem_file_bytes: 30,
    mem_kmem_usage_bytes: 7000,
    mem_limit_bytes: 67_108_864,
    mem_mapped_file_bytes: 60,
    mem_rss_bytes: 500,
    mem_soft_limit_bytes: 64 * 1024 ** 2,
    mem_swap_bytes: 0,
    mem_total_bytes: 1000,
    net_rx_bytes: 1,
    net_rx_dropped: 4,
    net_rx_errors: 3,
    net_rx_packets: 2,
    net_snmp_statistics: { ip_stats: { DefaultTTL: 64 }, tcp_stats: { CurrEstab: 6 } },
    net_tcp_active_connections: 6,
    net_tcp_time_wait_connections: 9,
    net_tx_bytes: 5,
    net_tx_dropped: 8,
    net_tx_errors: 7,
    net_tx_packets: 6,
    processes: 2,
    tepui_mem_oom_kills: 2,
    threads: 5,
    timestamp: 1_700_000_000.5,
  })
  // As in Mesos: in the order of the alphabet.
  const names = Object.keys(statistics)
  expect(names).toEqual(names.toSorted())
})

test('the page about the agent itself tells what this process costs', async () => {
  await using here = await running()
  const self = await here.agent.page('/api/x1/self')
  expect(self).toMatchObject({ pid: process.pid, containers: 1 })
  const { mem_rss_bytes: rss, cpus_user_time_secs: user } = self as Record<string, number>
  expect(rss).toBeGreaterThan(10_000_000)
  expect(user).toBeGreaterThan(0)
})

const DETAILS = {
  processes: 2,
  threads: 5,
  cpuLimit: 1.5,
  memoryAndSwapBytes: undefined,
  memorySwapBytes: 0,
  memoryMappedFileBytes: 60,
  memoryUnevictableBytes: undefined,
  memoryKernelBytes: 7000,
  memoryKernelTcpBytes: undefined,
  network: {
    rxBytes: 1,
    rxPackets: 2,
    rxErrors: 3,
    rxDropped: 4,
    txBytes: 5,
    txPackets: 6,
    txErrors: 7,
    txDropped: 8,
    tcpTimeWait: 9,
    snmp: { Ip: { DefaultTTL: 64, OutTransmits: 3 }, Tcp: { CurrEstab: 6 }, IcmpMsg: { InType3: 3 } },
  },
}

const STATISTICS = {
  at: 1_700_000_000_500,
  cpuUserSeconds: 0.08,
  cpuSystemSeconds: 0.01,
  cpuSeconds: 0.09,
  cpuPeriods: undefined,
  cpuThrottledPeriods: undefined,
  cpuThrottledSeconds: undefined,
  memoryBytes: 1000,
  memoryInactiveFileBytes: 0,
  memoryRssBytes: 500,
  memoryCacheBytes: undefined,
  memoryPeakBytes: undefined,
  memoryLimitBytes: 67_108_864,
  processes: 1,
  oomKills: 0,
  cpuPressureSomeSeconds: undefined,
  memoryPressureFullSeconds: undefined,
}

test('one container that cannot be read takes the sight of no other, and readers share a sample', async () => {
  await using here = await running()
  here.link.send(runTask('blind'))
  await expect.poll(() => here.agent.containers.containers.size).toBe(2)
  const [one, two] = here.agent.containers.containers.values()
  let reads = 0
  if (one !== undefined) one.statistics = () => Promise.resolve((reads++, STATISTICS))
  if (two !== undefined) two.statistics = () => Promise.reject(new Error('the file is gone'))
  const pages = await Promise.all(
    Array.from({ length: 20 }, () => here.agent.page<{ executor_id: string }[]>('/monitor/statistics')),
  )
  expect(pages.map((rows) => rows.map(({ executor_id }) => executor_id))).toEqual(pages.map(() => ['hello']))
  expect(reads).toBe(1)
})

test('a container that just began is on the next page', async () => {
  await using here = await running()
  expect(await here.agent.page<unknown[]>('/containers')).toHaveLength(1)
  here.link.send(runTask('second'))
  await expect.poll(() => here.agent.containers.containers.size).toBe(2)
  expect(await here.agent.page<unknown[]>('/containers')).toHaveLength(2)
})

test('/flags shows every flag that has a value, but no credentials', async () => {
  const secret = '{"auths":{"registry.example":{"auth":"c2VjcmV0"}}}'
  await using here = await running(`--docker_config=${secret}`, '--attributes=rack:a')
  const { flags } = await here.agent.page<{ flags: Record<string, string> }>('/flags')
  expect(flags).toMatchObject({ attributes: 'rack:a', docker_config: '(not shown)', gc_delay: '1weeks' })
  expect((await here.agent.get('/state')).body).not.toContain('c2VjcmV0')
})

/** Metrics of Mesos that ours has not, with the reason; also in docs/compatibility.md. */
const NO_METRIC: Readonly<Record<string, string>> = {
  'containerizer/mesos/container_destroy_errors': 'logged, with the container',
  'containerizer/mesos/provisioner/bind/remove_rootfs_errors': 'no images without Docker yet',
  'containerizer/mesos/provisioner/remove_container_errors': 'no images without Docker yet',
  'resource_provider_manager/events/disconnect': 'no resource providers yet',
  'resource_provider_manager/events/subscribe': 'no resource providers yet',
  'resource_provider_manager/subscribed': 'no resource providers yet',
}

test('/metrics/snapshot has the metrics of a real agent', async () => {
  await using here = await running()
  const ours = await here.agent.page('/metrics/snapshot')
  const missing = Object.keys(recordedPage('/metrics/snapshot') as Page).filter((name) => !(name in ours))
  expect(missing).toEqual(Object.keys(NO_METRIC))
  expect(ours).toMatchObject({
    'slave/cpus_total': 4,
    'slave/cpus_used': 0.5,
    'slave/cpus_percent': 0.125,
    'slave/tasks_running': 1,
    'slave/frameworks_active': 1,
    'slave/executors_running': 1,
  })
})

test('what is not there yet says so with 501, what never was with 404', async () => {
  await using here = await running()
  expect((await here.agent.get('/containerizer/debug')).status).toBe(501)
  expect((await here.agent.get('/no/such/page')).status).toBe(404)
  expect(await here.agent.get('/health')).toMatchObject({ status: 200, body: '' })
})
