// An agent's collection over HTTP: what waits and why, what is left of a sandbox that went, and a full disk.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type OpenLink, runTask, TestAgent, ToyMaster } from '../../support/agent-server.ts'
import type { TaskStatus } from '../../../src/wire/tasks.ts'
import { ManualClock } from '../../support/clock.ts'
import { FakeDisk, GB } from '../../support/fake-disk.ts'
import { waitUntil } from '../../support/wait-until.ts'

let master: ToyMaster
let agent: TestAgent
let link: OpenLink
let clock: ManualClock
let disk: FakeDisk

beforeEach(async () => {
  clock = new ManualClock()
  disk = new FakeDisk()
  master = await ToyMaster.start(clock)
  const argv = ['--disk_reserve=1MB', '--enforce_container_disk_quota', '--gc_delay=10hrs']
  agent = await TestAgent.start(master.address, { clock, argv, disk: disk.use })
  link = await master.link()
})
afterEach(async () => {
  await agent[Symbol.asyncDispose]()
  await master[Symbol.asyncDispose]()
})

/** Its container's id and sandbox, once it runs. */
async function run(taskId: string): Promise<{ id: string; sandbox: string }> {
  const before = agent.containers.containers.size
  link.send(runTask(taskId))
  await waitUntil(() => agent.containers.containers.size > before)
  const id = [...agent.containers.containers.keys()].at(-1) ?? ''
  const sandbox = join(agent.workDir, `slaves/M-S0/frameworks/F1/executors/${taskId}/runs`, id)
  writeFileSync(join(sandbox, 'stdout'), `hello of ${taskId}\n`)
  return { id, sandbox }
}

interface Page {
  readonly scheduled: readonly Record<string, unknown>[]
  readonly running: readonly Record<string, unknown>[]
  readonly collecting: boolean
  readonly last: { readonly removed: readonly object[] } | null
  readonly disk: { readonly is_full: boolean }
}
const page = (): Promise<Page> => agent.page<Page>('/api/x1/gc')

async function end(id: string, code: number): Promise<void> {
  agent.containers.container(id).end({ kind: 'exited', code })
  await waitUntil(async () => (await page()).scheduled.some((row) => row['container_id'] === id))
}

/** The update that a task failed, after the ones before it were acknowledged. */
async function failureOf(taskId: string): Promise<TaskStatus> {
  const acknowledged = new Set<string>()
  return waitUntil(() => {
    for (const { update } of master.calls) {
      const { state, task_id, uuid = '' } = update?.status ?? {}
      if (task_id?.value !== taskId || acknowledged.has(uuid)) continue
      if (state === 'TASK_FAILED') return update?.status
      acknowledged.add(uuid)
      const ids = { framework_id: { value: 'F1' }, task_id, uuid }
      link.send({ type: 'ACKNOWLEDGE', acknowledge: { agent_id: { value: 'M-S0' }, ...ids } })
    }
    return undefined
  })
}

const files = (kind: string, path: string, more = ''): ReturnType<TestAgent['get']> =>
  agent.get(`/files/${kind}?path=${encodeURIComponent(path)}${more}`)

test('what ended is listed with how, how much, when and why; a POST collects it', async () => {
  const good = await run('good')
  const bad = await run('bad')
  await end(good.id, 0)
  await end(bad.id, 3)
  const { scheduled } = await page()
  expect(scheduled).toMatchObject([
    { ending: 'succeeded', task_ids: ['good'], cause: 'exited with status 0', due_now: false, why: 'age' },
    { ending: 'failed', task_ids: ['bad'], cause: 'exited with status 3', due_now: false },
  ])
  // 10 h, shortened by the formula to 0.9 - 0.2 of it.
  expect(Number(scheduled[0]?.['due']) - Number(scheduled[0]?.['ended'])).toBeCloseTo(7 * 3600)
  expect(Number(scheduled[0]?.['bytes'])).toBeGreaterThan(0)
  expect((await agent.post('/api/x1/gc', '{"older":"1hrs"}')).status).toBe(400)
  expect((await agent.post('/api/x1/gc', '{"older_than":"soon"}')).status).toBe(400)
  expect((await agent.post('/api/x1/gc', '{}')).status).toBe(200)
  expect([existsSync(good.sandbox), existsSync(bad.sandbox)]).toEqual([true, true])
  expect((await agent.post('/api/x1/gc', '{"older_than":"0ns"}')).status).toBe(200)
  await waitUntil(async () => (await page()).last?.removed.length === 2)
  expect([existsSync(good.sandbox), existsSync(bad.sandbox)]).toEqual([false, false])
})

test('of a collected sandbox the streams and the tombstone are read, all else is gone with the reason', async () => {
  const { id, sandbox } = await run('t')
  mkdirSync(join(sandbox, 'work'))
  await end(id, 3)
  await agent.post('/api/x1/gc', '{"older_than":"0ns"}')
  await waitUntil(() => !existsSync(sandbox))
  await waitUntil(async () => !(await page()).collecting)
  for (const run of [id, 'latest']) {
    const place = `/frameworks/F1/executors/t/runs/${run}`
    const rows = JSON.parse((await files('browse', place)).body) as { path: string; size: number }[]
    expect(rows.map(({ path }) => path)).toEqual([`${place}/stdout`, `${place}/tombstone.json`])
    expect(rows[0]?.size).toBe(11)
    expect(JSON.parse((await files('read', `${place}/stdout`, '&offset=6')).body)).toEqual({
      offset: 6,
      data: 'of t\n',
      next: 11,
      collected: { at: expect.any(Number) as number, why: 'asked', bytes: 11 },
    })
    expect(JSON.parse((await files('read', `${place}/stdout`)).body)).toMatchObject({
      offset: 11,
      collected: { why: 'asked', bytes: 11 },
    })
    expect(JSON.parse((await files('download', `${place}/tombstone.json`)).body)).toMatchObject({
      containerId: id,
      cause: 'exited with status 3',
      ending: 'failed',
      figures: { exit_code: 3 },
      why: 'asked',
    })
    const gone = await files('browse', `${place}/work`)
    expect(gone.status).toBe(410)
    expect(gone.body).toMatch(/container .* was collected at .* on request: 'work' is gone/)
    expect((await files('read', `${place}/other`)).status).toBe(410)
  }
  expect((await files('browse', `/frameworks/F2/executors/t/runs/${id}`)).status).toBe(404)
  expect((await files('browse', '/frameworks/F1/executors/t/runs/other')).status).toBe(404)
})

test('/files/debug names every sandbox and where it is', async () => {
  const { sandbox } = await run('t')
  expect(await agent.page('/files/debug')).toEqual({
    [sandbox]: sandbox,
    '/frameworks/F1/executors/t/runs/latest': join(sandbox, '../latest'),
  })
})

test('on a full disk a launch is refused with the figures, and what runs goes on', async () => {
  await run('first')
  disk.freeBytes = 1000
  link.send(runTask('second'))
  const status = await failureOf('second')
  expect(status.reason).toBe('REASON_CONTAINER_LAUNCH_FAILED')
  expect(status.message).toMatch(
    /The disk is full: 1000 B of 100 GiB are free .* 1 running containers .*go on/,
  )
  expect(agent.containers.containers.size).toBe(1)
  disk.freeBytes = 50 * GB
  await run('third')
})

test('a container that takes more of the disk than it reserved is killed and told so with the figures', async () => {
  const task = runTask('big') as { run_task: { task: { resources: object[] } } }
  task.run_task.task.resources.push({
    name: 'disk',
    type: 'SCALAR',
    scalar: { value: 1 },
    allocation_info: { role: '*' },
  })
  link.send(task)
  await waitUntil(() => agent.containers.containers.size === 1)
  const id = [...agent.containers.containers.keys()][0] ?? ''
  const container = agent.containers.container(id)
  const sandbox = join(agent.workDir, 'slaves/M-S0/frameworks/F1/executors/big/runs', id)
  const running = await waitUntil(async () => {
    await clock.advance(15_000)
    const rows = (await page()).running
    return typeof rows[0]?.['bytes'] === 'number' ? rows : undefined
  })
  expect(running).toEqual([
    {
      framework_id: 'F1',
      executor_id: 'big',
      container_id: id,
      task_ids: ['big'],
      bytes: expect.any(Number) as number,
      limit_bytes: 1024 ** 2,
      is_held_to_it: true,
    },
  ])
  writeFileSync(join(sandbox, 'data'), Buffer.alloc(2 * 1024 ** 2, 1))
  await waitUntil(async () => {
    await clock.advance(15_000)
    return container.kills.length > 0
  })
  container.end({ kind: 'signaled', signal: 'SIGKILL', detail: undefined })
  const status = await failureOf('big')
  expect(status).toMatchObject({
    reason: 'REASON_CONTAINER_LIMITATION_DISK',
    limitation: { resources: [{ name: 'disk', scalar: { value: 1 } }] },
  })
  expect(status.message).toMatch(/Disk quota exceeded: its sandbox took 2.* MiB of 1 MiB reserved/)
})
