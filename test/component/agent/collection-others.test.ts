// What an agent's collection says and does of ended containers, images and fetched files, over HTTP and a restart.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type AgentOptions,
  type OpenLink,
  runTask,
  TestAgent,
  ToyMaster,
} from '../../support/agent-server.ts'
import { ManualClock } from '../../support/clock.ts'
import { FakeDisk, GB } from '../../support/fake-disk.ts'
import { FakeKeeping } from '../../support/fake-keeping.ts'
import { waitUntil } from '../../support/wait-until.ts'

const HOUR_MS = 3_600_000

interface Page {
  readonly scheduled: readonly unknown[]
  readonly containers: readonly Record<string, unknown>[]
  readonly cache: { readonly entries: readonly Record<string, unknown>[] } | null
  readonly images: {
    readonly known: readonly Record<string, unknown>[]
    readonly removed: readonly object[]
  } | null
  readonly last: { readonly removed: readonly object[] } | null
  readonly collecting: boolean
}

let folder: string
let clock: ManualClock
let disk: FakeDisk
let keeping: FakeKeeping
let master: ToyMaster
let agent: TestAgent
let link: OpenLink

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-others-'))
  clock = new ManualClock()
  disk = new FakeDisk()
  keeping = new FakeKeeping(folder)
  keeping.onRemoved = () => void (disk.freeBytes += GB)
  master = await ToyMaster.start(clock)
  await begin()
})
afterEach(async () => {
  await agent[Symbol.asyncDispose]()
  await master[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

async function begin(more: AgentOptions = {}, ...argv: readonly string[]): Promise<void> {
  const all = [
    '--disk_reserve=1MB',
    '--gc_delay=10hrs',
    '--image_gc_config={"image_disk_headroom":0.1}',
    ...argv,
  ]
  agent = await TestAgent.start(master.address, { clock, disk: disk.use, keeping, argv: all, ...more })
  link = await master.link()
}

const page = (): Promise<Page> => agent.page<Page>('/api/x1/gc')

test('ended containers are told with their task, size and time; asked for, those that are old enough go', async () => {
  const endedAt = clock.now() - HOUR_MS
  const row = { containerId: 'c1', engineId: 'd1', taskId: 'job', bytes: undefined }
  keeping.containers = [{ ...row, endedAt, dueAt: endedAt + 6 * HOUR_MS }]
  expect((await page()).containers).toEqual([
    {
      container_id: 'c1',
      engine_id: 'd1',
      task_ids: ['job'],
      ended: endedAt / 1000,
      due: endedAt / 1000 + 6 * 3600,
      due_now: false,
      why: '--docker_remove_delay',
      bytes: 512,
    },
  ])
  expect(await agent.page('/metrics/snapshot')).toMatchObject({ 'tepui/containers_kept': 1 })
  await agent.post('/api/x1/gc', '{}')
  await waitUntil(async () => !(await page()).collecting)
  expect(keeping.asked).toEqual([])
  await agent.post('/api/x1/gc', '{"older_than":"30mins"}')
  await waitUntil(async () => (await page()).containers.length === 0)
  expect(keeping.asked).toEqual([HOUR_MS / 2])
})

test('pulled images are told with why they stay, known to the next life, and go when their disk is full', async () => {
  keeping.images.push({ id: 'sha256:foreign', names: ['foreign:1'], bytes: GB })
  keeping.pulled('used:1')
  keeping.pulled('idle:1')
  keeping.inContainers.set('sha256:used:1', 2)
  await waitUntil(async () => (await page()).images?.known.length === 2)
  const { workDir } = agent
  await agent.leave()
  await begin({ workDir })
  expect((await page()).images?.known).toMatchObject([
    { name: 'idle:1', pulled: true, may_go: true, bytes: GB, kept_because: null },
    { name: 'used:1', containers: 2, may_go: false, kept_because: 'in use by 2 containers' },
  ])
  disk.freeBytes = 9.5 * GB
  await waitUntil(async () => {
    await clock.advance(60_000)
    return (await page()).images?.known.length === 1
  })
  expect(keeping.images.map(({ names }) => names)).toEqual([['foreign:1'], ['used:1']])
  expect((await page()).images?.removed).toMatchObject([{ name: 'idle:1', why: 'space', bytes: GB }])
  expect(await agent.page('/metrics/snapshot')).toMatchObject({
    'tepui/image_removals_succeeded': 1,
    'tepui/images_known': 1,
  })
})

test('fetched files that nobody uses are told, and go when the disk is full', async () => {
  const file = join(folder, 'data')
  writeFileSync(file, 'x'.repeat(5000))
  const task = runTask('job') as { run_task: { task: { command: object } } }
  task.run_task.task.command = { value: 'true', uris: [{ value: file, cache: true, extract: false }] }
  link.send(task)
  await waitUntil(() => agent.containers.containers.size === 1)
  expect((await page()).cache?.entries).toMatchObject([{ uri: file, bytes: 5000, in_use: 0, state: 'ready' }])
  disk.freeBytes = 9 * GB
  // A file that was used a moment ago stays while something else may go; nothing else may here.
  await waitUntil(async () => {
    await clock.advance(60_000)
    return (await page()).last !== null
  })
  expect((await page()).cache?.entries).toEqual([])
  expect((await page()).last?.removed).toMatchObject([
    { kind: 'file', path: file, ending: null, why: 'space' },
  ])
})
