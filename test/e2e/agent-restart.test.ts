// Tasks outlive their agent, on real processes and containers: kill -9, SIGTERM, many at once, and a reset.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { nothingLeft } from '../support/cluster.ts'
import { Daemons } from '../support/daemons.ts'
import { engineRequest, leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { RawScheduler, type RawStatus, task } from '../support/raw-scheduler.ts'

const KEEPS = { capabilities: [{ type: 'PARTITION_AWARE' }], checkpoint: true, failover_timeout: 60 }
const DOCKER = { container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'HOST' } } }
const SOON = { timeout: 60_000, interval: 50 }
const TEPUI = join(import.meta.dirname, '../../src/cli/tepui.ts')

let before: string[]

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
})

afterAll(() => nothingLeft(before))

const alive = (pid = 0): boolean => existsSync(`/proc/${pid}`)

async function pidOf({ container_status: status }: RawStatus): Promise<number> {
  if (status?.executor_pid !== undefined) return status.executor_pid
  const { text } = await engineRequest('GET', `/containers/mesos-${status?.container_id?.value}/json`)
  return (JSON.parse(text) as { State: { Pid: number } }).State.Pid
}

async function kill(scheduler: RawScheduler, { agent_id, task_id }: RawStatus): Promise<RawStatus> {
  await scheduler.call('KILL', { kill: { task_id, agent_id } })
  return scheduler.end(task_id.value)
}

test('after kill -9 of the agent its tasks have their pids, go on, and those that ended tell how', async () => {
  await using daemons = await Daemons.start()
  const agent = await daemons.agent(0)
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, KEEPS)
  const offer = await scheduler.offer()
  const go = join(daemons.folder, 'go')
  const waits = `while [ ! -e ${go} ]; do sleep 0.1; done; exit 7`
  const mounted = {
    container: {
      ...DOCKER.container,
      volumes: [{ host_path: daemons.folder, container_path: daemons.folder, mode: 'RO' }],
    },
  }
  await scheduler.launch(offer, [
    task(offer, 'host', 'sleep 1000'),
    task(offer, 'boxed', 'sleep 1000', DOCKER),
    task(offer, 'host-ends', waits),
    task(offer, 'boxed-ends', waits, mounted),
  ])
  const ids = ['host', 'boxed', 'host-ends', 'boxed-ends']
  const running = await Promise.all(ids.map((id) => scheduler.status(id, 'TASK_RUNNING')))
  const pids = await Promise.all(running.map(pidOf))
  await daemons.end(agent, 'SIGKILL')
  expect(pids.map(alive)).toEqual([true, true, true, true])
  writeFileSync(go, '')
  await vi.waitFor(() => expect(pids.slice(2).map(alive)).toEqual([false, false]), SOON)
  await daemons.agent(0)
  for (const id of ['host-ends', 'boxed-ends'])
    expect(await scheduler.end(id)).toMatchObject({
      state: 'TASK_FAILED',
      message: expect.stringContaining('exited with status 7') as unknown,
    })
  expect(pids.slice(0, 2).map(alive)).toEqual([true, true])
  for (const status of running.slice(0, 2)) {
    const end = await kill(scheduler, status)
    expect([end.state, end.agent_id]).toEqual(['TASK_KILLED', status.agent_id])
  }
  expect(pids.map(alive)).toEqual([false, false, false, false])
  await scheduler.teardown()
})

test('SIGTERM leaves fifty tasks running and says so; the next life has all of them', async () => {
  await using daemons = await Daemons.start()
  const agent = await daemons.agent(0)
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, KEEPS)
  const offer = await scheduler.offer()
  const ids = Array.from({ length: 50 }, (_, at) => `t${at}`)
  const resources = [
    { name: 'cpus', type: 'SCALAR', scalar: { value: 0.02 } },
    { name: 'mem', type: 'SCALAR', scalar: { value: 8 } },
  ]
  await scheduler.launch(
    offer,
    ids.map((id) => task(offer, id, 'sleep 1000', { resources })),
  )
  const running: RawStatus[] = []
  for (const id of ids) running.push(await scheduler.status(id, 'TASK_RUNNING'))
  const pids = await Promise.all(running.map(pidOf))
  await daemons.end(agent, 'SIGTERM')
  expect(agent.process.exitCode).toBe(0)
  expect(agent.output).toContain('tepui agent: 50 tasks left running (t0, t1')
  expect(pids.every(alive)).toBe(true)
  const again = await daemons.agent(0)
  const page = await daemons.page('/metrics/snapshot', again.port)
  expect(page).toMatchObject({ 'slave/tasks_running': 50, 'slave/recovery_errors': 0 })
  expect(pids.every(alive)).toBe(true)
  await scheduler.teardown()
  await vi.waitFor(() => expect(pids.some(alive)).toBe(false), SOON)
})

test('tepui agent reset refuses while the agent runs, then ends what it left; the next is another agent', async () => {
  await using daemons = await Daemons.start()
  const agent = await daemons.agent(0)
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, KEEPS)
  const offer = await scheduler.offer()
  await scheduler.launch(offer, [
    task(offer, 'host', 'sleep 1000'),
    task(offer, 'boxed', 'sleep 1000', DOCKER),
  ])
  const running = await Promise.all(['host', 'boxed'].map((id) => scheduler.status(id, 'TASK_RUNNING')))
  const pids = await Promise.all(running.map(pidOf))
  const reset = async (): Promise<[number | null, string]> => {
    const flags = [`--work_dir=${join(daemons.folder, '0')}`, `--port=${agent.port}`]
    const child = spawn(process.execPath, [TEPUI, 'agent', 'reset', ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (part) => (said += String(part)))
    const [code] = (await once(child, 'close')) as [number | null]
    return [code, said]
  }
  const [code, said] = await reset()
  expect([code, said]).toEqual([expect.any(Number), expect.stringContaining('Another agent works in')])
  expect(code).not.toBe(0)
  await daemons.end(agent, 'SIGTERM')
  expect(pids.map(alive)).toEqual([true, true])
  expect(await reset()).toEqual([0, expect.stringContaining('ended 2 containers and removed')])
  expect(pids.map(alive)).toEqual([false, false])
  await daemons.agent(0)
  const { slaves } = (await daemons.page('/slaves')) as { slaves: readonly { id: string; active: boolean }[] }
  expect(slaves.filter(({ active }) => active).map(({ id }) => id)).not.toContain(offer.agent_id.value)
  await scheduler.teardown()
})

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'after %s of its agent a custom executor has its pid, subscribes again, and its task goes on',
  async (signal) => {
    await using daemons = await Daemons.start()
    const patient = '--executor_reregistration_timeout=15secs'
    const agent = await daemons.agent(0, patient)
    using scheduler = await RawScheduler.subscribe(daemons.masterPort, KEEPS)
    const offer = await scheduler.offer()
    const resources = [
      { name: 'cpus', type: 'SCALAR', scalar: { value: 0.5 } },
      { name: 'mem', type: 'SCALAR', scalar: { value: 256 } },
    ]
    const program = join(import.meta.dirname, '../support/executors/quiet.ts')
    const executor = {
      executor_id: { value: 'e' },
      command: { value: `exec ${process.execPath} ${program}` },
    }
    await scheduler.launch(offer, [task(offer, 'mine', undefined, { executor, resources })])
    const running = await scheduler.status('mine', 'TASK_RUNNING')
    const pid = await pidOf(running)
    await daemons.end(agent, signal)
    expect(alive(pid)).toBe(true)
    const again = await daemons.agent(0, patient)
    const isBack = async (): Promise<void> => {
      const page = await daemons.page('/metrics/snapshot', again.port)
      expect(page).toMatchObject({ 'slave/executors_running': 1, 'slave/executors_registering': 0 })
    }
    await vi.waitFor(isBack, SOON)
    expect(alive(pid)).toBe(true)
    const { agent_id } = running
    await scheduler.call('SHUTDOWN', { shutdown: { executor_id: { value: 'e' }, agent_id } })
    expect(await scheduler.end('mine')).toMatchObject({ state: 'TASK_FAILED' })
    expect(alive(pid)).toBe(false)
    await scheduler.teardown()
  },
)
