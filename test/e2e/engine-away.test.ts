// An agent that starts while its Docker Engine is away: it waits for what it has there, or takes Docker in later.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { nothingLeft } from '../support/cluster.ts'
import { Daemons } from '../support/daemons.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { OwnEngine } from '../support/own-engine.ts'
import { RawScheduler, task } from '../support/raw-scheduler.ts'

const KEEPS = { capabilities: [{ type: 'PARTITION_AWARE' }], checkpoint: true, failover_timeout: 60 }
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

  boot(...flags: readonly string[]): ReturnType<Daemons['agent']> {
    return this.agent(0, `--docker_socket=${engine.socket}`, `--log_dir=${this.folder}`, ...flags)
  }

  /** A folder that is the same inside. */
  get boxed(): Readonly<Record<string, unknown>> {
    const volumes = [{ host_path: this.folder, container_path: this.folder, mode: 'RW' }]
    return { container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'HOST' }, volumes } }
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
  await engine.start()
  await expect.poll(() => daemons.said('runs Docker tasks from now on'), SOON).toBe(true)
  const another = await scheduler.offer()
  await scheduler.launch(another, [task(another, 'later', 'exit 3', daemons.boxed)])
  expect(await scheduler.end('later')).toMatchObject({
    state: 'TASK_FAILED',
    message: expect.stringContaining('exited with status 3') as unknown,
  })
  await scheduler.teardown()
}, 180_000)
