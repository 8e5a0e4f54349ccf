// The figures that an agent tells of its containers, against those of /proc, of du, and of the engine itself.
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { systemRandom } from '../../src/base/random.ts'
import type { Container } from '../../src/containerizer/containerizer.ts'
import { realDocker } from '../support/docker.ts'
import { engineRequest, requireEngine } from '../support/engine.ts'
import { type BenchOptions, type HostBench, openHostBench } from '../support/host.ts'
import { startCluster } from '../support/real-cluster.ts'
import { commandTask } from '../../src/sdk/sdk.ts'

beforeAll(requireEngine)

/** Three processes; one has used a good part of a second and holds 30 MB. */
const WORK = `
  sleep 1001 & sleep 1002 &
  i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done
  x=$(head -c 30000000 /dev/zero | tr '\\0' x)
  echo done; sleep 1003 & wait`

/** Sums of what /proc tells of processes. */
function procSums(pids: readonly number[]): { cpuSeconds: number; anonBytes: number; threads: number } {
  let [cpuSeconds, anonBytes, threads] = [0, 0, 0]
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // user, system, and the same of children that ended.
    const times = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15)
    cpuSeconds += times.reduce((sum, ticks) => sum + Number(ticks), 0) / 100
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    anonBytes += Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
    threads += readdirSync(`/proc/${pid}/task`).length
  }
  return { cpuSeconds, anonBytes, threads }
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

const sleepsBelow = (pid: number): number =>
  childrenOf(pid).filter((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').startsWith('sleep\0'))
    .length

async function working(options: BenchOptions): Promise<{ bench: HostBench; container: Container }> {
  const bench = openHostBench(options)
  const container = await bench.launch(WORK, { reserved: 'cpus:0.5;mem:128', limits: { cpus: 1.5 } })
  await expect.poll(() => bench.text(container, 'stdout')).toBe('done\n')
  // A copy of the shell that is not a sleep yet has its memory too.
  await expect.poll(() => sleepsBelow(container.pid ?? 0)).toBe(3)
  return { bench, container }
}

test('a container in control groups has the figures that /proc has of its processes', async () => {
  const { bench, container } = await working({})
  await using _ = bench
  const pids = bench.cgroups.processes(container.group ?? '')
  const [statistics, details] = [await container.statistics(), container.details?.()]
  const sums = procSums(pids)
  expect(sums.cpuSeconds).toBeGreaterThan(0.2)
  expect(Math.abs((statistics?.cpuSeconds ?? 0) - sums.cpuSeconds)).toBeLessThan(0.1 * sums.cpuSeconds + 0.1)
  expect(sums.anonBytes).toBeGreaterThan(25_000_000)
  // The kernel adds up what its cpus counted of memory only every two seconds.
  const apart = async (): Promise<number> =>
    Math.abs(((await container.statistics())?.memoryRssBytes ?? Number.NaN) - sums.anonBytes)
  await expect.poll(apart).toBeLessThan(0.1 * sums.anonBytes)
  expect(details).toMatchObject({
    processes: pids.length,
    threads: sums.threads,
    cpuLimit: 1.5,
    network: undefined,
  })
  expect(pids).toHaveLength(4)
  container.kill(0)
  await container.exit
  expect(container.details?.()).toBeUndefined()
  expect(await container.statistics()).toBeUndefined()
  await container.release()
})

test('a container without control groups has them too', async () => {
  const { bench, container } = await working({ mount: '/proc/self/task' })
  await using _ = bench
  const [statistics, details] = [await container.statistics(), container.details?.()]
  const sums = procSums([container.pid ?? 0, ...childrenOf(container.pid ?? 0)])
  expect(Math.abs((statistics?.cpuSeconds ?? 0) - sums.cpuSeconds)).toBeLessThan(0.1 * sums.cpuSeconds + 0.1)
  expect(statistics?.memoryRssBytes).toBeGreaterThan(sums.anonBytes)
  expect(details).toMatchObject({ processes: 4, threads: sums.threads, cpuLimit: undefined })
  container.kill(0)
  await container.exit
  await container.release()
})

interface EngineFigures {
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } }
  readonly memory_stats: { readonly stats: Readonly<Record<string, number>> }
  readonly pids_stats: { readonly current: number }
  readonly networks: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>
}

/** Under the name that it has in this layout of control groups, bytes. */
const rssOf = ({ memory_stats: { stats } }: EngineFigures): number =>
  stats['total_rss'] ?? stats['anon'] ?? Number.NaN

test('a Docker container has the figures of the engine, its network among them', async () => {
  // After the containers that are in it.
  await using undo = new AsyncDisposableStack()
  const network = `tepui-${systemRandom.uuid()}`
  await engineRequest('POST', '/networks/create', { Name: network })
  undo.defer(async () => void (await engineRequest('DELETE', `/networks/${network}`)))
  await using docker = await realDocker()
  const info = { network_infos: [{ name: network }] }
  const spec = docker.spec({ network: 'USER' }, info, { command: { value: WORK } })
  const container = await docker.start(spec)
  const written = (): string => readFileSync(join(spec.sandbox, 'stdout'), 'utf8')
  await expect.poll(written, { timeout: 60_000 }).toBe('done\n')
  await expect.poll(() => container.details?.()?.processes).toBe(4)
  const id = (container.group ?? '').split('/').at(-1) ?? ''
  const engine = async (): Promise<EngineFigures> => {
    const { text } = await engineRequest('GET', `/containers/${id}/stats?stream=false&one-shot=true`)
    return JSON.parse(text) as EngineFigures
  }
  const look = async () => {
    const before = await engine()
    const [statistics, details] = [await container.statistics(), container.details?.()]
    return { before, statistics, details, after: await engine() }
  }
  // The kernel adds up what its cpus counted of memory only every two seconds: the sum moves while nobody does.
  let seen = await look()
  await expect
    .poll(
      async () => {
        seen = await look()
        return rssOf(seen.after) - rssOf(seen.before)
      },
      { timeout: 30_000 },
    )
    .toBe(0)
  const { before, statistics, details, after } = seen
  expect(statistics?.cpuSeconds).toBeGreaterThanOrEqual(before.cpu_stats.cpu_usage.total_usage / 1e9)
  expect(statistics?.cpuSeconds).toBeLessThanOrEqual(after.cpu_stats.cpu_usage.total_usage / 1e9)
  expect(statistics?.memoryRssBytes).toBe(rssOf(after))
  expect(rssOf(after)).toBeGreaterThan(25_000_000)
  expect(details?.threads).toBe(after.pids_stats.current)
  const [later] = Object.values(after.networks)
  const [earlier] = Object.values(before.networks)
  expect(details?.network?.rxBytes).toBeGreaterThanOrEqual(earlier?.rx_bytes ?? -1)
  expect(details?.network?.rxBytes).toBeLessThanOrEqual(later?.rx_bytes ?? -1)
  expect(details?.network?.txBytes).toBeLessThanOrEqual(later?.tx_bytes ?? -1)
  expect(details?.network?.snmp['Ip']?.['DefaultTTL']).toBeGreaterThan(0)
  container.kill(0)
  await container.exit
  await container.release()
})

test('an agent tells how much a sandbox takes on the disk, and how much it may', async () => {
  await using cluster = await startCluster({
    agent: ['--containerizers=mesos', '--container_disk_watch_interval=1secs'],
  })
  const command = 'head -c 5000000 /dev/zero > file; mkdir folder; echo written; sleep 1000'
  await cluster.framework.launch((offer) =>
    commandTask({ id: 't', offer, command, cpus: 0.1, mem: 64, disk: 20 }),
  )
  await expect.poll(() => cluster.file('t', 'stdout')).toBe('written\n')
  const statistics = async (): Promise<Record<string, unknown>> => {
    const [page] = (await cluster.page('/slave(1)/monitor/statistics')) as {
      statistics: Record<string, unknown>
    }[]
    return page?.statistics ?? {}
  }
  const { id } = (await cluster.page('/state')) as { id: string }
  const executors = join(cluster.workDir, 'slaves', id, 'frameworks', cluster.framework.client.frameworkId)
  const sandbox = realpathSync(join(executors, 'executors/t/runs/latest'))
  const bytes = Number(
    execFileSync('du', ['-s', '--block-size=1', sandbox], { encoding: 'utf8' }).split('\t')[0],
  )
  expect(bytes).toBeGreaterThan(5_000_000)
  await expect.poll(async () => (await statistics())['disk_used_bytes']).toBe(bytes)
  expect(await statistics()).toMatchObject({ disk_limit_bytes: 20 * 1024 ** 2, processes: 2 })
})
