// An agent that starts while its Docker Engine is away: it waits for what it has there, or takes Docker in later.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { nothingLeft } from '../support/cluster.ts'
import { Daemons } from '../support/daemons.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { OwnEngine } from '../support/own-engine.ts'
import { RawScheduler, task } from '../support/raw-scheduler.ts'

const KEEPS = { capabilities: [{ type: 'PARTITION_AWARE' }], checkpoint: true, failover_timeout: 60 }
const TEPUI = join(import.meta.dirname, '../../src/cli/tepui.ts')
const SOON = { timeout: 60_000, interval: 50 }

let before: string[]
let engine: OwnEngine

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
  engine = await OwnEngine.open('--live-restore')
}, 120_000)

beforeEach(() => engine.start())

afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await nothingLeft(before)
})

/** Agent 0 with the engine of this test, its log beside its work folder. */
class Cluster extends Daemons {
  readonly logFile = join(this.folder, 'tepui-agent.log')

  static async open(): Promise<Cluster> {
    const cluster = new Cluster()
    await cluster.master()
    return cluster
  }

  agentPort = 0

  async boot(...flags: readonly string[]): ReturnType<Daemons['agent']> {
    const agent = await this.agent(
      0,
      `--docker_socket=${engine.socket}`,
      `--log_dir=${this.folder}`,
      ...flags,
    )
    this.agentPort = agent.port
    return agent
  }

  /** A folder that is the same inside. */
  get boxed(): Readonly<Record<string, unknown>> {
    const volumes = [{ host_path: this.folder, container_path: this.folder, mode: 'RW' }]
    return { container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'HOST' }, volumes } }
  }

  async agents(): Promise<readonly { readonly id: string; readonly attributes: object }[]> {
    const { slaves } = await this.page('/slaves')
    return slaves as readonly { readonly id: string; readonly attributes: object }[]
  }

  async knownImages(): Promise<readonly string[]> {
    const { images } = await this.page('/api/x1/gc', this.agentPort)
    return (images as { known: readonly { name: string }[] }).known.map(({ name }) => name)
  }

  /** `tepui agent reset`, with what it wrote on standard error. */
  async reset(port: number, ...flags: readonly string[]): Promise<{ code: number | null; said: string }> {
    const own = [`--work_dir=${join(this.folder, '0')}`, `--port=${port}`, `--docker_socket=${engine.socket}`]
    const child = spawn(process.execPath, [TEPUI, 'agent', 'reset', ...own, ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (part) => (said += String(part)))
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, said }
  }

  async runningOnEngine(): Promise<number> {
    return (JSON.parse(await engine.ask('GET', '/containers/json')) as unknown[]).length
  }

  said(words: string): boolean {
    return existsSync(this.logFile) && readFileSync(this.logFile, 'utf8').includes(words)
  }
}

test('with kept Docker tasks it waits and says so; they run once, and those that ended tell how', async () => {
  await using daemons = await Cluster.open()
  const agent = await daemons.boot()
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, KEEPS)
  const offer = await scheduler.offer()
  const at = (name: string): string => join(daemons.folder, name)
  const until = (name: string, code: number): string =>
    `echo begun >>${at(`${name}.begun`)}; while [ ! -e ${at(name)} ]; do sleep 0.05; done; ` +
    `echo over >${at(`${name}.over`)}; exit ${code}`
  await scheduler.launch(offer, [
    task(offer, 'early', until('early', 7), daemons.boxed),
    task(offer, 'late', until('late', 9), daemons.boxed),
  ])
  for (const id of ['early', 'late']) await scheduler.status(id, 'TASK_RUNNING')
  await daemons.end(agent, 'SIGKILL')
  await engine.stop()
  writeFileSync(at('early'), '')
  await expect.poll(() => existsSync(at('early.over')), SOON).toBe(true)
  const booted = daemons.boot()
  await expect
    .poll(() => daemons.said('waiting for the Docker Engine, at most 5m00s (--docker_engine_timeout)'), SOON)
    .toBe(true)
  expect(daemons.said('2 containers of an earlier life of this agent')).toBe(true)
  await engine.start()
  await booted
  expect(await scheduler.end('early')).toMatchObject({
    state: 'TASK_FAILED',
    message: expect.stringContaining('exited with status 7') as unknown,
  })
  writeFileSync(at('late'), '')
  expect(await scheduler.end('late')).toMatchObject({
    state: 'TASK_FAILED',
    message: expect.stringContaining('exited with status 9') as unknown,
  })
  for (const id of ['early', 'late']) expect(readFileSync(at(`${id}.begun`), 'utf8')).toBe('begun\n')
  await scheduler.teardown()
}, 180_000)

test('with kept Docker tasks it ends with what to do when the engine does not come, and they run on', async () => {
  await using daemons = await Cluster.open()
  const agent = await daemons.boot()
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, KEEPS)
  const offer = await scheduler.offer()
  await scheduler.launch(offer, [task(offer, 'stays', 'sleep 1000', daemons.boxed)])
  await scheduler.status('stays', 'TASK_RUNNING')
  await daemons.end(agent, 'SIGKILL')
  await engine.stop()
  const refused = await daemons.boot('--docker_engine_timeout=1secs').catch(String)
  expect(refused).toMatch(/1 container of an earlier life of this agent may run[^]*--docker_engine_timeout/)
  await engine.start()
  await daemons.boot()
  const kill = await scheduler.status('stays', 'TASK_RUNNING')
  await scheduler.call('KILL', { kill: { task_id: kill.task_id, agent_id: kill.agent_id } })
  expect((await scheduler.end('stays')).state).toBe('TASK_KILLED')
  await scheduler.teardown()
}, 180_000)

test('with nothing on it, it runs host tasks, refuses Docker tasks in words, and runs them when it comes', async () => {
  await engine.stop()
  await using daemons = await Cluster.open()
  await daemons.boot()
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, KEEPS)
  const offer = await scheduler.offer()
  await scheduler.launch(offer, [task(offer, 'host', 'true'), task(offer, 'boxed', 'true', daemons.boxed)])
  expect((await scheduler.end('host')).state).toBe('TASK_FINISHED')
  expect(await scheduler.end('boxed')).toMatchObject({
    state: 'TASK_FAILED',
    message: expect.stringContaining('No Docker tasks on this agent for now') as unknown,
  })
  const [before] = await daemons.agents()
  expect(before?.attributes).not.toHaveProperty('docker')
  await engine.start()
  await expect.poll(() => daemons.said('runs Docker tasks from now on'), SOON).toBe(true)
  // Told by a registration, which takes the offers of before back.
  await expect.poll(async () => (await daemons.agents())[0]?.attributes, SOON).toHaveProperty('docker')
  expect((await daemons.agents()).map(({ id }) => id)).toEqual([before?.id])
  const another = await scheduler.offer(
    ({ attributes }) => attributes?.some(({ name }) => name === 'docker') === true,
  )
  await scheduler.launch(another, [task(another, 'later', 'exit 3', daemons.boxed)])
  expect(await scheduler.end('later')).toMatchObject({
    state: 'TASK_FAILED',
    message: expect.stringContaining('exited with status 3') as unknown,
  })
  // What it used there is collected like that of an engine that was there from the start.
  await expect.poll(() => daemons.knownImages(), SOON).toEqual([TEST_IMAGE])
  await scheduler.teardown()
}, 180_000)

test('a reset without its engine says what it could not ask, keeps what was written down, and fails', async () => {
  await using daemons = await Cluster.open()
  const agent = await daemons.boot()
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, KEEPS)
  const offer = await scheduler.offer()
  await scheduler.launch(offer, [
    task(offer, 'host', 'sleep 1000'),
    task(offer, 'boxed', 'sleep 1000', daemons.boxed),
  ])
  for (const id of ['host', 'boxed']) await scheduler.status(id, 'TASK_RUNNING')
  await daemons.end(agent, 'SIGKILL')
  await engine.stop()
  const refused = await daemons.reset(agent.port)
  expect(refused.code).toBe(1)
  expect(refused.said).toMatch(
    /Ended 1 container, but the Docker Engine does not answer at .*d\.sock.*\/meta was not removed/,
  )
  expect(refused.said).toMatch(/run this again; .*--containerizers=mesos.*label=tepui\.agent=/s)
  expect(existsSync(join(daemons.folder, '0/meta/agent.db'))).toBe(true)
  await engine.start()
  expect(await daemons.runningOnEngine()).toBe(1)
  expect(await daemons.reset(agent.port)).toEqual({
    code: 0,
    said: expect.stringContaining('ended 1 container and removed') as unknown,
  })
  expect(await daemons.runningOnEngine()).toBe(0)
  expect(existsSync(join(daemons.folder, '0/meta'))).toBe(false)
  await scheduler.teardown()
}, 180_000)

test('a reset without its engine gives up when it is told to, or when the agent never had one', async () => {
  await using daemons = await Cluster.open()
  const agent = await daemons.boot()
  await daemons.end(agent, 'SIGKILL')
  await engine.stop()
  expect((await daemons.reset(agent.port)).code).toBe(1)
  expect((await daemons.reset(agent.port, '--containerizers=mesos')).code).toBe(0)
  const without = await daemons.boot()
  await daemons.end(without, 'SIGKILL')
  expect((await daemons.reset(agent.port)).code).toBe(0)
}, 180_000)
