// Lending on the real kernel and the real engine: what is decided takes hold, and holds when the agent does not.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { recompute, type Decision } from '../../src/resources/decision.ts'
import { commandTask, dockerTask, type Offer } from '../../src/sdk/sdk.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { coresFrom, type LendPage, readingOf } from '../support/lend-page.ts'
import {
  agentArguments,
  RealFramework,
  startCluster,
  startRealAgent,
  startRealMaster,
} from '../support/real-cluster.ts'

beforeAll(requireEngine)

const CONTROLLER = fileURLToPath(new URL('../support/plugins/acts-on-demand.ts', import.meta.url))
const AGENT_PROCESS = fileURLToPath(new URL('../support/agent-process.ts', import.meta.url))
const SPIN = 'while :; do :; done'
const BORROWS = ['REVOCABLE_RESOURCES', 'PARTITION_AWARE'] as const
const LENT = { cpus: 0.5, revocable: true }

const hasRevocable = (offer: Offer): boolean =>
  (offer.resources ?? []).some(({ revocable }) => revocable !== undefined)

interface Orders {
  readonly file: string
  readonly flags: readonly string[]
  give(order: string): void
}

function orders(folder: string): Orders {
  const file = join(folder, 'orders')
  const flags = ['--resource_estimator=fixed?resources=cpus:4', `--qos_controller=${CONTROLLER}?file=${file}`]
  return { file, flags, give: (order) => writeFileSync(file, order) }
}

/** Whoever is to be frozen with all others has to be known as a borrower. */
const isSeen = (page: LendPage, ...tasks: readonly string[]): boolean =>
  tasks.every((task) => readingOf(page, task) !== undefined)

test('a squeeze, a freeze and an eviction take hold of host and Docker tasks, and each is on record', async () => {
  const before = await leftovers()
  const folder = mkdtempSync(join(tmpdir(), 'tepui-lend-'))
  const order = orders(folder)
  {
    await using cluster = await startCluster({ capabilities: [...BORROWS], agent: order.flags })
    const { framework } = cluster
    const page = async (): Promise<LendPage> => (await cluster.page('/api/x1/lend')) as LendPage
    const soon = { timeout: 60_000, interval: 50 }
    await framework.launch(
      (offer) => [
        commandTask({ id: 'host', offer, command: SPIN, ...LENT }),
        dockerTask({ id: 'docker', offer, image: TEST_IMAGE, network: 'NONE', command: SPIN, ...LENT }),
      ],
      hasRevocable,
    )
    for (const id of ['host', 'docker']) await framework.status(id, 'TASK_RUNNING')
    const isAtWork = async (task: string): Promise<boolean> =>
      (readingOf(await page(), task)?.cpuSeconds ?? 0) > 0.02
    for (const task of ['host', 'docker']) await expect.poll(() => isAtWork(task), soon).toBe(true)
    order.give('squeeze 0.1')
    await expect.poll(async () => (await page()).quota_cpus, soon).toBe(0.1)
    order.give('freeze')
    await expect.poll(async () => (await page()).frozen.length, soon).toBe(2)
    for (const task of ['host', 'docker'])
      expect(await coresFrom(systemClock.now(), 1000, page, task)).toBeLessThan(0.01)
    order.give('thaw')
    await expect.poll(async () => (await page()).frozen.length, soon).toBe(0)
    order.give('relax')
    await expect.poll(async () => (await page()).quota_cpus, soon).toBe('max')
    order.give('freeze now')
    await expect.poll(async () => (await page()).frozen.length, soon).toBe(2)
    order.give('evict 500')
    for (const id of ['host', 'docker'])
      expect(await framework.end(id)).toMatchObject({
        state: 'TASK_GONE',
        reason: 'REASON_CONTAINER_PREEMPTED',
        message: `'web' wants it from ${id}`,
      })
    await expect.poll(async () => (await page()).containers?.length, soon).toBe(0)
    const history = (await cluster.page('/api/x1/lend/history')) as {
      readonly events: readonly { readonly kind: string; readonly record: Decision }[]
    }
    expect(history.events.map(({ record }) => recompute(record))).toEqual(history.events.map(() => undefined))
    const kinds = history.events.map(({ kind }) => kind)
    for (const kind of ['lend', 'squeeze', 'freeze', 'thaw', 'relax', 'evict']) expect(kinds).toContain(kind)
    const why = (await cluster.page('/api/x1/why?task=docker')) as { readonly events: readonly unknown[] }
    expect(why.events.length).toBeGreaterThanOrEqual(3)
  }
  rmSync(folder, { recursive: true })
  await expect.poll(() => leftovers(before)).toEqual([])
})

test('a frozen task can be killed by its framework, and an agent with frozen tasks can end', async () => {
  const before = await leftovers()
  const folder = mkdtempSync(join(tmpdir(), 'tepui-lend-'))
  const order = orders(folder)
  {
    await using cluster = await startCluster({ capabilities: [...BORROWS], agent: order.flags })
    const { framework } = cluster
    await framework.launch(
      (offer) => [
        commandTask({ id: 'host', offer, command: SPIN, ...LENT }),
        dockerTask({ id: 'docker', offer, image: TEST_IMAGE, network: 'NONE', command: SPIN, ...LENT }),
        dockerTask({ id: 'stays', offer, image: TEST_IMAGE, network: 'NONE', command: SPIN, ...LENT }),
      ],
      hasRevocable,
    )
    for (const id of ['host', 'docker', 'stays']) await framework.status(id, 'TASK_RUNNING')
    const page = async (): Promise<LendPage> => (await cluster.page('/api/x1/lend')) as LendPage
    await expect.poll(async () => isSeen(await page(), 'host', 'docker', 'stays')).toBe(true)
    order.give('freeze')
    await expect.poll(async () => (await page()).frozen.length).toBe(3)
    for (const id of ['host', 'docker']) await framework.client.kill(id)
    for (const id of ['host', 'docker']) expect((await framework.end(id)).state).toBe('TASK_KILLED')
  }
  rmSync(folder, { recursive: true })
  await expect.poll(() => leftovers(before)).toEqual([])
})

test('a pause is with the master at once, long before the next report, and takes the offers back', async () => {
  await using cluster = await startCluster({
    capabilities: [...BORROWS],
    agent: [
      '--containerizers=mesos',
      '--resource_estimator=fixed?resources=cpus:4',
      '--oversubscribed_resources_interval=1hrs',
    ],
  })
  await cluster.framework.offer(hasRevocable)
  const { ip, port } = cluster.agent.address
  const url = `http://${ip}:${port}/api/x1/lend`
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ paused: true }) })
  expect(answer.status).toBe(200)
  const master = `http://127.0.0.1:${cluster.master.address.port}/api/x1/lend`
  const lent = async (): Promise<unknown> => {
    const page = (await (await fetch(master)).json()) as { agents: { lent_total: { cpus?: number } }[] }
    return page.agents[0]?.lent_total.cpus ?? 0
  }
  await expect.poll(lent).toBe(0)
})

test('an owner that wakes while the agent stands still keeps its speed: the kernel needs nobody', async () => {
  const before = await leftovers()
  const workDir = mkdtempSync(join(tmpdir(), 'tepui-stopped-'))
  {
    await using master = await startRealMaster()
    const at = `127.0.0.1:${master.address.port}`
    const flags = ['--no-switch_user', '--resource_estimator=fixed?resources=cpus:2']
    const agent = fork(AGENT_PROCESS, agentArguments(at, workDir, flags))
    await once(agent, 'message')
    await using framework = await RealFramework.subscribe(master, [...BORROWS])
    const go = join(workDir, 'go')
    // One thread per core, so that owner and borrower want the same cores.
    const both = `(${SPIN}) & ${SPIN}`
    await framework.launch(
      (offer) => commandTask({ id: 'borrower', offer, command: both, ...LENT }),
      hasRevocable,
    )
    const waits = `while [ ! -e ${go} ]; do sleep 0.05; done; ${both}`
    await framework.launch((offer) => commandTask({ id: 'owner', offer, command: waits, cpus: 2, mem: 32 }))
    for (const id of ['borrower', 'owner']) await framework.status(id, 'TASK_RUNNING')
    const groups = await groupsOf(framework, ['borrower', 'owner'])
    agent.kill('SIGSTOP')
    writeFileSync(go, '')
    await systemClock.sleep(500)
    const start = groups.map((group) => usedBy(group))
    const used = (): number[] => groups.map((group, index) => usedBy(group) - (start[index] ?? 0))
    await systemClock.sleep(5500)
    await expect.poll(() => used()[1] ?? 0).toBeGreaterThan(1)
    const [borrower = 0, owner = 0] = used()
    agent.kill('SIGCONT')
    expect(borrower).toBeLessThan(owner * 0.05)
    agent.disconnect()
    await once(agent, 'exit')
  }
  rmSync(workDir, { recursive: true, force: true })
  await expect.poll(() => leftovers(before)).toEqual([])
})

test('an agent that died with frozen borrowers is followed by one that lets them go before it sweeps', async () => {
  const before = await leftovers()
  const workDir = mkdtempSync(join(tmpdir(), 'tepui-frozen-'))
  const order = orders(workDir)
  {
    await using master = await startRealMaster()
    const at = `127.0.0.1:${master.address.port}`
    const first = fork(AGENT_PROCESS, agentArguments(at, workDir, ['--no-switch_user', ...order.flags]))
    const [{ port }] = (await once(first, 'message')) as [{ port: number }]
    await using framework = await RealFramework.subscribe(master, [...BORROWS])
    await framework.launch(
      (offer) => [
        commandTask({ id: 'host', offer, command: SPIN, ...LENT }),
        dockerTask({ id: 'docker', offer, image: TEST_IMAGE, network: 'NONE', command: SPIN, ...LENT }),
      ],
      hasRevocable,
    )
    for (const id of ['host', 'docker']) await framework.status(id, 'TASK_RUNNING')
    const lends = async (): Promise<LendPage> =>
      (await (await fetch(`http://127.0.0.1:${port}/api/x1/lend`)).json()) as LendPage
    await expect.poll(async () => isSeen(await lends(), 'host', 'docker')).toBe(true)
    order.give('freeze')
    await expect.poll(async () => (await lends()).frozen.length).toBe(2)
    first.kill('SIGKILL')
    await once(first, 'exit')
    await using agent = await startRealAgent(at, workDir, '--no-switch_user', ...order.flags)
    const page = await fetch(`http://127.0.0.1:${agent.address.port}/api/x1/lend/history?kind=freeze`)
    // What the first one did is still on record.
    expect(((await page.json()) as { events: readonly unknown[] }).events).toHaveLength(1)
    const left = (): Promise<string[]> =>
      leftovers(before).then((all) => all.filter((thing) => !thing.startsWith('cgroup')))
    await expect.poll(left).toEqual([])
  }
  rmSync(workDir, { recursive: true, force: true })
  await expect.poll(() => leftovers(before)).toEqual([])
})

/** The `cpuacct` or unified group of each task's first process. */
async function groupsOf(framework: RealFramework, tasks: readonly string[]): Promise<readonly string[]> {
  return Promise.all(
    tasks.map(async (task) => {
      const status = await framework.status(task, 'TASK_RUNNING')
      const pid = status.container_status?.executor_pid ?? 0
      const path = /[:,]cpuacct[^:]*:(\S+)|^0::(\S+)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
      return path?.[1] === undefined
        ? `/sys/fs/cgroup${path?.[2] ?? ''}/cpu.stat`
        : `/sys/fs/cgroup/cpuacct${path[1]}/cpuacct.usage`
    }),
  )
}

/** CPU seconds. */
function usedBy(file: string): number {
  const text = readFileSync(file, 'utf8')
  const microseconds = /usage_usec (\d+)/.exec(text)?.[1]
  return microseconds === undefined ? Number(text) / 1e9 : Number(microseconds) / 1e6
}
