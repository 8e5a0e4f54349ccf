// The power is cut right after the master heard of a task's end: the next life must not tell another one.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
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
import { copyCut, SlowDisk } from '../../support/power-cut.ts'

let clock: ManualClock
let folder: string
let master: ToyMaster
let disk: SlowDisk

beforeEach(async () => {
  clock = new ManualClock()
  folder = mkdtempSync(join(tmpdir(), 'tepui-cut-'))
  mkdirSync(join(folder, 'work'))
  master = await ToyMaster.start(clock)
  disk = new SlowDisk()
})

afterEach(async () => {
  await master[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const start = (options: AgentOptions = {}): Promise<TestAgent> =>
  TestAgent.start(master.address, { clock, workDir: join(folder, 'work'), sync: disk.sync, ...options })

const statusAt = async (count: number) => (await master.callsOf('UPDATE', count)).at(-1)?.update?.status

function acknowledge(link: OpenLink, uuid: string | undefined): void {
  const ids = { framework_id: { value: 'F1' }, task_id: { value: 't' } }
  link.send({ type: 'ACKNOWLEDGE', acknowledge: { ...ids, uuid } })
}

/** A task that runs, whose updates so far are acknowledged. */
async function running(link: OpenLink): Promise<void> {
  link.send(runTask('t'))
  for (const count of [1, 2]) acknowledge(link, (await statusAt(count))?.uuid)
}

/** The work folder as it would be found after a power cut now. */
function folderAfterCut(name: string, logBytes: number): string {
  const workDir = join(folder, name)
  copyCut(join(folder, 'work/meta/agent.db'), join(workDir, 'meta/agent.db'), logBytes)
  return workDir
}

test('an end that was told is told again, the same one, by the life after a power cut', async () => {
  await using agent = await start()
  const link = await master.link()
  await running(link)
  await clock.advance(1000)
  await expect.poll(() => disk.safeBytes).toBeGreaterThan(0)
  const before = disk.safeBytes
  const [container] = agent.containers.containers.values()
  container?.end({ kind: 'exited', code: 0 })
  const told = await statusAt(3)
  expect(told?.state).toBe('TASK_FINISHED')
  const after = folderAfterCut('after', disk.safeBytes)
  {
    await using _next = await start({ workDir: after, bootId: 'boot-2' })
    await master.link()
    expect(await statusAt(4)).toMatchObject({ state: 'TASK_FINISHED', uuid: told?.uuid })
  }
  // The same cut, had the end been told before it was safe: what this test is here for.
  await using _worse = await start({ workDir: folderAfterCut('before', before), bootId: 'boot-2' })
  await master.link()
  const states = (await master.callsOf('UPDATE', 5)).map(({ update }) => update?.status.state)
  expect(states.slice(4)).not.toContain('TASK_FINISHED')
})

test('while the disk is slow an end waits, and what is said after it; the agent goes on', async () => {
  await using agent = await start()
  const link = await master.link()
  await running(link)
  disk.stall()
  const asked = disk.asked
  const [container] = agent.containers.containers.values()
  container?.end({ kind: 'exited', code: 0 })
  await expect.poll(() => disk.asked).toBeGreaterThan(asked)
  link.send({ type: 'PING', ping: { connected: true } })
  const page = await agent.page('/metrics/snapshot')
  expect(page).toMatchObject({ 'slave/tasks_running': 0 })
  expect(master.calls.map(({ type }) => type)).toEqual(['UPDATE', 'UPDATE'])
  disk.go()
  expect((await statusAt(3))?.state).toBe('TASK_FINISHED')
  await master.callsOf('PONG', 1)
})

test('a disk that fails keeps no end back, and it is counted', async () => {
  await using agent = await start({ sync: () => Promise.reject(new Error('EIO: i/o error')) })
  const link = await master.link()
  await running(link)
  const [container] = agent.containers.containers.values()
  container?.end({ kind: 'exited', code: 0 })
  expect((await statusAt(3))?.state).toBe('TASK_FINISHED')
  const { 'tepui/checkpoint_failures': failures } = await agent.page('/metrics/snapshot')
  expect(failures).toBeGreaterThan(0)
})

test('what nobody waits for is on the disk within a second', async () => {
  await using _agent = await start()
  const link = await master.link()
  await running(link)
  await clock.advance(1000)
  await expect.poll(() => disk.safeBytes).toBeGreaterThan(0)
  await using _next = await start({ workDir: folderAfterCut('after', disk.safeBytes), bootId: 'boot-2' })
  const { call } = await master.link()
  expect([call.agent_id?.value, call.subscribe?.tasks?.length]).toEqual(['M-S0', 1])
})
