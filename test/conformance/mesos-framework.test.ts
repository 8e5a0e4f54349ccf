// The npm package mesos-framework, written by others, as a scheduler of command and Docker tasks on a real agent.
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Cluster, nothingLeft } from '../support/cluster.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { post, type RawStatus } from '../support/raw-scheduler.ts'

const PROGRAM = join(import.meta.dirname, '../support/frameworks/npm-scheduler.ts')
const SOON = { timeout: 60_000, interval: 20 }

let before: string[]
let cluster: Cluster
let logs: string

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
  logs = mkdtempSync(join(tmpdir(), 'tepui-npm-'))
  cluster = await Cluster.start()
})

afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  rmSync(logs, { recursive: true })
  await nothingLeft(before)
})

interface News {
  readonly name: string
  readonly what: unknown
}

class NpmScheduler implements AsyncDisposable {
  readonly news: News[] = []
  readonly #program: ChildProcess

  constructor(tasks: Readonly<Record<string, unknown>>) {
    const env = {
      ...process.env,
      TASKS: JSON.stringify(tasks),
      MASTER_PORT: String(cluster.port),
      LOGS: logs,
    }
    this.#program = fork(PROGRAM, { env, silent: true })
    this.#program.on('message', (news: News) => this.news.push(news))
  }

  say(method: string, ...values: readonly unknown[]): void {
    this.#program.send([method, ...values])
  }

  heard(name: string): Promise<unknown> {
    return vi.waitFor(() => {
      const found = this.news.find((news) => news.name === name)
      if (found === undefined) throw new Error(`No '${name}' among ${JSON.stringify(this.news)}`)
      return found.what
    }, SOON)
  }

  get statuses(): RawStatus[] {
    return this.news.flatMap(({ name, what }) =>
      name === 'update' ? [(what as { status: RawStatus }).status] : [],
    )
  }

  status(wanted: (status: RawStatus) => boolean): Promise<RawStatus> {
    return vi.waitFor(() => {
      const found = this.statuses.find(wanted)
      if (found === undefined) throw new Error(`Not among ${JSON.stringify(this.news)}`)
      return found
    }, SOON)
  }

  get errors(): readonly News[] {
    return this.news.filter(({ name }) => name === 'error')
  }

  /** Ends the framework and the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.say('teardown')
    await this.heard('sent_teardown')
    const gone = new Promise((resolve) => this.#program.on('exit', resolve))
    this.#program.disconnect()
    await gone
  }
}

/** States without immediate repetitions: an update may come again when its acknowledgement was late. */
const statesOf = (scheduler: NpmScheduler, taskId: string): string[] =>
  scheduler.statuses.filter(({ task_id }) => task_id.value === taskId).map(({ state }) => state)

describe('mesos-framework', () => {
  test('runs command tasks to their end and acknowledges each update once', async () => {
    await using scheduler = new NpmScheduler({ hello: { command: 'echo hello', instances: 3 } })
    await scheduler.heard('subscribed')
    const finished = (): RawStatus[] => scheduler.statuses.filter(({ state }) => state === 'TASK_FINISHED')
    await vi.waitFor(() => expect(finished()).toHaveLength(3), SOON)
    await vi.waitFor(
      () => expect(scheduler.news.filter(({ name }) => name === 'sent_acknowledge')).toHaveLength(9),
      SOON,
    )
    for (const { task_id } of finished()) {
      expect(statesOf(scheduler, task_id.value)).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
    }
    expect(scheduler.errors).toEqual([])
  })

  test('starts a task that failed again', async () => {
    await using scheduler = new NpmScheduler({ fails: { command: 'exit 1' } })
    const failed = await scheduler.status(({ state }) => state === 'TASK_FAILED')
    const again = await scheduler.status(
      ({ state, task_id }) => state === 'TASK_RUNNING' && task_id.value !== failed.task_id.value,
    )
    expect(again.task_id.value).toMatch(/^by-others\.fails-1\./)
    expect(failed.message).toBe('Command exited with status 1')
  })

  test('runs a task in Docker on the host network', async () => {
    await using scheduler = new NpmScheduler({
      boxed: { command: 'test -d /mnt/mesos/sandbox', image: TEST_IMAGE },
    })
    const end = await scheduler.status(({ state }) => /FINISHED|FAILED|ERROR/.test(state))
    expect(end).toMatchObject({ state: 'TASK_FINISHED', message: 'Container exited with status 0' })
  })

  test('runs a server in Docker behind a port of its offer', async () => {
    const command = 'echo from-inside > index.html && exec httpd -f -p 8080'
    const server = { command, image: TEST_IMAGE, network: 'BRIDGE', containerPort: 8080 }
    await using scheduler = new NpmScheduler({ server })
    await scheduler.status(({ state }) => state === 'TASK_RUNNING')
    const text = await vi.waitFor(async () => (await fetch('http://127.0.0.1:31000/')).text(), SOON)
    expect(text).toBe('from-inside\n')
  })

  test('kills a task', async () => {
    await using scheduler = new NpmScheduler({ long: { command: 'sleep 100' } })
    const { task_id, agent_id } = await scheduler.status(({ state }) => state === 'TASK_RUNNING')
    scheduler.say('kill', task_id.value, agent_id?.value)
    expect((await scheduler.status(({ state }) => state === 'TASK_KILLED')).task_id).toEqual(task_id)
  })

  test('as an executor is refused as by Mesos: it subscribes without saying what with', async () => {
    const body = { type: 'SUBSCRIBE', framework_id: { value: 'f' }, executor_id: { value: 'e' } }
    const reply = await post(cluster.agents[0]?.address.port ?? 0, '/slave(1)/api/v1/executor', body)
    expect(reply).toMatchObject({
      status: 400,
      body: expect.stringContaining("Expecting 'subscribe' to be present"),
    })
  })
})
