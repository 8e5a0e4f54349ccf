// What waits to be collected, over restarts, reboots, another id, the end of a framework and clocks that are set.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DiskUse } from '../../../src/gc/disk.ts'
import { type AgentOptions, registered, runTask, TestAgent, ToyMaster } from '../../support/agent-server.ts'
import { ManualClock } from '../../support/clock.ts'
import { waitUntil } from '../../support/wait-until.ts'

const HOUR_MS = 3_600_000
let clock: ManualClock
let workDir: string
let master: ToyMaster
let agent: TestAgent

/** An empty one: sandboxes stay for nine tenths of `--gc_delay`. */
const disk = (): DiskUse => ({ totalBytes: 1e12, usedBytes: 0, freeBytes: 1e12, usage: 0 })

beforeEach(async () => {
  clock = new ManualClock()
  workDir = mkdtempSync(join(tmpdir(), 'tepui-lives-'))
  master = await ToyMaster.start(clock)
  await begin()
})
afterEach(async () => {
  await agent[Symbol.asyncDispose]()
  await master[Symbol.asyncDispose]()
  rmSync(workDir, { recursive: true, force: true })
})

async function begin(more: AgentOptions = {}): Promise<void> {
  const argv = ['--gc_delay=10hrs', '--disk_reserve=0B', '--disk_watch_interval=1mins']
  agent = await TestAgent.start(master.address, { clock, disk, workDir, argv, ...more })
}

interface Row {
  readonly path: string
  readonly kind: string
  readonly ending: string
  readonly ended: number
  readonly cause: string | null
}
const waiting = async (): Promise<readonly Row[]> =>
  (await agent.page<{ readonly scheduled: readonly Row[] }>('/api/x1/gc')).scheduled

/** A task that ran in this life; its sandbox waits when it has ended. */
async function ran(taskId: string, code: number | undefined): Promise<string> {
  const link = await master.link()
  link.send(runTask(taskId))
  await waitUntil(() => agent.containers.containers.size > 0)
  const [id = ''] = agent.containers.containers.keys()
  const path = `slaves/M-S0/frameworks/F1/executors/${taskId}/runs/${id}`
  writeFileSync(join(workDir, path, 'data'), 'x')
  if (code === undefined) return path
  agent.containers.container(id).end({ kind: 'exited', code })
  await waitUntil(async () => (await waiting()).length === 1)
  return path
}

/** Time goes by, and the collector looks. */
async function passed(hours: number): Promise<void> {
  clock.skip(hours * HOUR_MS - 60_000)
  await clock.advance(60_000)
}

test('a restart changes nothing of what waits: since when, how it ended, when it goes', async () => {
  const path = await ran('job', 3)
  const before = await waiting()
  expect(before).toMatchObject([{ path, kind: 'sandbox', ending: 'failed', cause: 'exited with status 3' }])
  clock.skip(5 * HOUR_MS)
  await agent.leave()
  await begin()
  expect(await waiting()).toEqual(before)
  await passed(3.5)
  expect(existsSync(join(workDir, path))).toBe(true)
  await passed(1)
  await waitUntil(() => !existsSync(join(workDir, path)))
})

test('after a reboot what ran waits too, as ended unseen or failed, and is not lost before its time', async () => {
  const path = await ran('job', undefined)
  await agent.leave()
  await begin({ bootId: 'boot-2' })
  await waitUntil(async () => (await waiting()).length === 1)
  const [row] = await waiting()
  expect(row).toMatchObject({ path, kind: 'sandbox' })
  expect(['failed', 'unknown']).toContain(row?.ending)
  // The files have times of the real clock, which is ahead of this one.
  await passed(0.1)
  await passed(8)
  expect(existsSync(join(workDir, path))).toBe(true)
  await passed(2)
  await waitUntil(() => !existsSync(join(workDir, path)))
})

test('an agent with another id collects what the one before it left, and its state, in their time', async () => {
  const path = await ran('job', 0)
  agent.agent.shutdown('gives its id back')
  let isOver = false
  void agent.agent.ended.then(() => (isOver = true))
  // It waits a while for a master that acknowledges.
  await waitUntil(async () => {
    await clock.advance(1000)
    return isOver
  })
  await agent.agent[Symbol.asyncDispose]()
  mkdirSync(join(workDir, 'meta/slaves/M-S0'), { recursive: true })
  await begin()
  const link = await master.link({ register: false })
  expect(link.call.agent_id).toBeUndefined()
  const { registered: welcome } = registered() as { registered: object }
  link.send({ type: 'REGISTERED', registered: { ...welcome, agent_id: { value: 'M-S1' } } })
  await waitUntil(async () => (await agent.page('/state'))['id'] === 'M-S1')
  await agent.post('/api/x1/gc', '{}')
  await waitUntil(async () => (await waiting()).some(({ kind }) => kind === 'meta'))
  await waitUntil(async () => (await agent.page('/api/x1/gc'))['collecting'] === false)
  expect((await waiting()).map(({ kind, path: one }) => [kind, one])).toEqual(
    expect.arrayContaining([
      ['sandbox', path],
      ['meta', 'meta/slaves/M-S0'],
    ]),
  )
  await passed(10)
  await waitUntil(() => !existsSync(join(workDir, 'slaves/M-S0')))
  await waitUntil(() => !existsSync(join(workDir, 'meta/slaves/M-S0')))
})

test('of a framework that is gone the sandboxes wait as killed, and with the last its folder goes', async () => {
  const link = await master.link()
  link.send(runTask('job'))
  await waitUntil(() => agent.containers.containers.size > 0)
  const [container] = agent.containers.containers.values()
  link.send({ type: 'SHUTDOWN_FRAMEWORK', shutdown_framework: { framework_id: { value: 'F1' } } })
  await waitUntil(() => (container?.kills.length ?? 0) > 0)
  container?.end({ kind: 'signaled', signal: 'SIGTERM', detail: undefined })
  await waitUntil(async () => (await waiting()).length === 1)
  expect(await waiting()).toMatchObject([{ kind: 'sandbox', ending: 'killed' }])
  expect(readdirSync(join(workDir, 'slaves/M-S0/frameworks'))).toEqual(['F1'])
  await passed(10)
  await waitUntil(() => !existsSync(join(workDir, 'slaves/M-S0/frameworks/F1')))
})

test('a clock that is set, forth or back, neither takes what is young nor keeps what is old', async () => {
  const path = await ran('job', 3)
  for (const days of [30, -60]) {
    clock.jump(days * 24 * HOUR_MS)
    await passed(4)
    expect(existsSync(join(workDir, path))).toBe(true)
  }
  await passed(1.5)
  await waitUntil(() => !existsSync(join(workDir, path)))
})
