// Custom executors that know nothing of us: programs of their own in Node and Python, launched by a real agent.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Cluster, nothingLeft } from '../support/cluster.ts'
import { leftovers } from '../support/engine.ts'
import { amount, type RawOffer, RawScheduler, scalar, task } from '../support/raw-scheduler.ts'

const NODE = join(import.meta.dirname, '../support/executors/raw-executor.ts')
const PYTHON = join(import.meta.dirname, '../support/executors/raw_executor.py')
const AWARE = { capabilities: [{ type: 'PARTITION_AWARE' }] }

let before: string[]
let cluster: Cluster
let scheduler: RawScheduler
let folder: string

beforeAll(async () => {
  before = await leftovers()
  folder = mkdtempSync(join(tmpdir(), 'tepui-executors-'))
})

afterAll(async () => {
  rmSync(folder, { recursive: true })
  await nothingLeft(before)
})

/** For the tests of a group: an agent with these flags, and a framework for each. */
function withAgent(...flags: readonly string[]): void {
  beforeAll(async () => {
    cluster = await Cluster.start({ agents: [flags] })
  })

  beforeEach(async () => {
    scheduler = await RawScheduler.subscribe(cluster.port, AWARE)
  })

  afterEach(async () => {
    await scheduler.teardown()
    scheduler[Symbol.dispose]()
  })

  afterAll(() => cluster[Symbol.asyncDispose]())
}

interface Executor {
  readonly executor_id: { readonly value: string }
}

function executor(id: string, value: string, manner?: string): Executor & Record<string, unknown> {
  const variables = manner === undefined ? [] : [{ name: 'MANNER', value: manner }]
  return {
    executor_id: { value: id },
    name: id,
    command: { value, environment: { variables } },
    resources: [scalar('cpus', 0.1), scalar('mem', 64)],
  }
}

const node = (id: string, manner?: string): Executor & Record<string, unknown> =>
  executor(id, `exec ${process.execPath} ${NODE}`, manner)

const work = (offer: RawOffer, id: string, does: string, who: Executor): Record<string, unknown> =>
  task(offer, id, undefined, { executor: who, data: Buffer.from(does).toString('base64') })

/** An offer that holds more than what an ended task or executor has left. */
const roomy = (offer: RawOffer): boolean => amount(offer, 'cpus') >= 1

async function launch(id: string, does: string, who: Executor): Promise<RawOffer> {
  const offer = await scheduler.offer(roomy)
  await scheduler.launch(offer, [work(offer, id, does, who)])
  return offer
}

/** The container in which a task ran: the same for all tasks of one executor. */
async function containerOf(taskId: string): Promise<string> {
  const { container_status } = await scheduler.status(taskId, /./)
  return container_status?.container_id?.value ?? ''
}

function sandbox(who: string, containerId: string, file: string): string {
  const agentFolder = join(
    cluster.folder,
    'agent-0/slaves',
    scheduler.statuses(who)[0]?.agent_id?.value ?? '',
  )
  const framework = join(agentFolder, 'frameworks', scheduler.frameworkId)
  return join(framework, 'executors', who, 'runs', containerId, file)
}

describe.each([
  ['in Node', node('node')],
  ['in Python', executor('python', `exec python3 ${PYTHON}`)],
])('an executor %s', (_where, who) => {
  withAgent()

  test('does five tasks, one after the other and together, in one process', async () => {
    const file = join(folder, who.executor_id.value)
    const does = `${who.executor_id.value === 'node' ? 'run ' : ''}touch ${file} && echo hi >> ${file}`
    const ids = [1, 2, 3, 4, 5].map((n) => `${who.executor_id.value}-${n}`)
    await launch(ids[0] ?? '', does, who)
    await scheduler.end(ids[0] ?? '')
    const offer = await scheduler.offer(roomy)
    await scheduler.launch(
      offer,
      ids.slice(1).map((id) => work(offer, id, does, who)),
    )
    for (const id of ids) await scheduler.end(id)
    expect(readFileSync(file, 'utf8')).toBe('hi\n'.repeat(5))
    for (const id of ids) expect(scheduler.states(id)).toEqual(['TASK_RUNNING', 'TASK_FINISHED'])
    expect(new Set(await Promise.all(ids.map(containerOf))).size).toBe(1)
    expect(scheduler.statuses(ids[4] ?? '')[0]).toMatchObject({
      source: 'SOURCE_EXECUTOR',
      executor_id: who.executor_id,
      agent_id: offer.agent_id,
      timestamp: expect.any(Number),
    })
  })

  test('is named in offers while it lives, ends when it is asked to, and the scheduler hears how', async () => {
    const { executor_id } = who
    await launch('only', who.executor_id.value === 'node' ? 'run true' : 'true', who)
    const { agent_id } = await scheduler.end('only')
    await scheduler.offer(({ executor_ids = [] }) =>
      executor_ids.some(({ value }) => value === executor_id.value),
    )
    await scheduler.call('SHUTDOWN', { shutdown: { agent_id, executor_id } })
    const { failure } = await scheduler.event(({ type }) => type === 'FAILURE')
    expect(failure).toEqual({ agent_id, executor_id, status: 0 })
  })
})

describe('an executor', () => {
  withAgent()

  test('hears messages and is heard', async () => {
    const who = node('talker')
    await launch('talk', 'stay', who)
    const { agent_id, task_id } = await scheduler.status('talk', 'TASK_RUNNING')
    const data = Buffer.from('grüße').toString('base64')
    await scheduler.call('MESSAGE', { message: { agent_id, executor_id: who.executor_id, data } })
    const { message } = await scheduler.event(({ type }) => type === 'MESSAGE')
    expect(Buffer.from(message?.data ?? '', 'base64').toString()).toBe('echo grüße')
    expect(message).toMatchObject({ agent_id, executor_id: who.executor_id })
    await scheduler.call('KILL', { kill: { agent_id, task_id } })
    expect(await scheduler.end('talk')).toMatchObject({ state: 'TASK_KILLED', message: 'as asked' })
    await scheduler.call('SHUTDOWN', { shutdown: { agent_id, executor_id: who.executor_id } })
    await scheduler.event(({ type }) => type === 'FAILURE')
  })

  test('that subscribes again with what was not acknowledged loses and doubles nothing', async () => {
    const who = node('forgetful')
    await launch('again', 'again', who)
    await scheduler.end('again')
    await launch('after', 'run true', who)
    const { agent_id } = await scheduler.end('after')
    expect(scheduler.states('again')).toEqual(['TASK_RUNNING', 'TASK_FINISHED'])
    expect(await containerOf('after')).toBe(await containerOf('again'))
    await scheduler.call('SHUTDOWN', { shutdown: { agent_id, executor_id: who.executor_id } })
    await scheduler.event(({ type }) => type === 'FAILURE')
  })

  test.each([
    ['that exits with 3', 'exit 3', 3 << 8],
    ['that is killed', 'die', 9],
  ])('%s fails its tasks, and the scheduler hears of its status', async (_how, does, wait) => {
    const id = `ends-${wait}`
    const offer = await launch(id, does, node(id))
    expect(await scheduler.end(id)).toMatchObject({
      state: 'TASK_FAILED',
      source: 'SOURCE_AGENT',
      reason: 'REASON_EXECUTOR_TERMINATED',
      executor_id: { value: id },
    })
    const { failure } = await scheduler.event(({ type }) => type === 'FAILURE')
    expect(failure).toEqual({ agent_id: offer.agent_id, executor_id: { value: id }, status: wait })
  })

  test('that ends before it subscribes fails its tasks with its exit status', async () => {
    await launch('early', 'run true', node('early', 'early'))
    const end = await scheduler.end('early')
    expect(end).toMatchObject({ state: 'TASK_FAILED', reason: 'REASON_EXECUTOR_TERMINATED' })
    expect(end.message).toContain('exited with status 7')
    await scheduler.event(({ type }) => type === 'FAILURE')
  })

  test('with the id of a living one, but another command, is refused', async () => {
    const who = node('same')
    await launch('same-1', 'stay', who)
    await scheduler.status('same-1', 'TASK_RUNNING')
    await launch('same-2', 'stay', { ...who, command: { value: 'true' } } as Executor)
    const end = await scheduler.end('same-2')
    const { agent_id } = end
    expect(end).toMatchObject({ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID' })
    expect(end.message).toContain('same')
    await scheduler.call('SHUTDOWN', { shutdown: { agent_id, executor_id: who.executor_id } })
    await scheduler.event(({ type }) => type === 'FAILURE')
  })
})

describe('an executor whose agent waits a second for it', () => {
  withAgent('--executor_registration_timeout=1secs')

  test('that never subscribes is ended after the registration timeout', async () => {
    await launch('silent', 'run true', node('silent', 'silent'))
    expect(await scheduler.end('silent')).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
    })
    await scheduler.event(({ type }) => type === 'FAILURE')
  })
})

describe('an executor that has half a second to end', () => {
  withAgent('--executor_shutdown_grace_period=500ms')

  test('that is deaf to SHUTDOWN is killed after its grace period', async () => {
    const who = node('deaf', 'deaf')
    await launch('deaf', 'stay', who)
    const { agent_id } = await scheduler.status('deaf', 'TASK_RUNNING')
    const containerId = await containerOf('deaf')
    await scheduler.call('SHUTDOWN', { shutdown: { agent_id, executor_id: who.executor_id } })
    expect(await scheduler.end('deaf')).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_EXECUTOR_TERMINATED',
    })
    const { failure } = await scheduler.event(({ type }) => type === 'FAILURE')
    expect(failure?.status).toBe(9)
    expect(readFileSync(sandbox('deaf', containerId, 'stdout'), 'utf8')).toContain('event SHUTDOWN')
  })

  test('ends, with what it started, when its framework is torn down', async () => {
    const mark = join(folder, 'beat')
    const does = `run (trap "" TERM; while :; do echo x > ${mark}; sleep 0.1; done) & echo`
    await launch('torn', does, node('torn'))
    await scheduler.end('torn')
    await scheduler.teardown()
    await expect.poll(() => stopped(mark), { interval: 500 }).toBe(true)
  })
})

/** True when nobody has written to a file since the last look. */
function stopped(file: string): boolean {
  if (!existsSync(file)) return true
  rmSync(file)
  return false
}
