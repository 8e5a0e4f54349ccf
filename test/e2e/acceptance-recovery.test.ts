// What happens to tasks when a framework, an agent or the master dies by `kill -9`, on real processes of ours.
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { nothingLeft } from '../support/cluster.ts'
import { type Daemon, Daemons } from '../support/daemons.ts'
import { engineRequest, leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { type RawEvent, RawScheduler, task } from '../support/raw-scheduler.ts'

const AWARE = { capabilities: [{ type: 'PARTITION_AWARE' }] }
const DOCKER = { container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'HOST' } } }
const SOON = { timeout: 60_000, interval: 50 }

let before: string[]

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
})

afterAll(() => nothingLeft(before))

const alive = (pid = 0): boolean => existsSync(`/proc/${pid}`)

async function containerRuns(id = ''): Promise<boolean> {
  const { status, text } = await engineRequest('GET', `/containers/mesos-${id}/json`)
  return status === 200 && text.includes('"Running":true')
}

describe('a framework that dies', () => {
  test('and comes back with its id gets the updates made while it was away, in order', async () => {
    await using daemons = await Daemons.start([])
    const first = await RawScheduler.subscribe(daemons.masterPort, { ...AWARE, failover_timeout: 60 })
    const offer = await first.offer()
    await first.launch(offer, [task(offer, 'away', 'sleep 1'), task(offer, 'stays', 'sleep 1000')])
    await first.status('away', 'TASK_RUNNING')
    await first.status('stays', 'TASK_RUNNING')
    first[Symbol.dispose]()
    await vi.waitFor(async () => expect(await agentHasEnded(daemons, 'away')).toBe(true), SOON)
    const id = { value: first.frameworkId }
    using second = await RawScheduler.subscribe(daemons.masterPort, { ...AWARE, failover_timeout: 60, id })
    expect((await second.end('away')).state).toBe('TASK_FINISHED')
    await second.call('RECONCILE', { reconcile: {} })
    const isAnswer = (event: RawEvent): boolean => event.update?.status.reason === 'REASON_RECONCILIATION'
    expect((await second.event(isAnswer)).update?.status).toMatchObject({
      task_id: { value: 'stays' },
      state: 'TASK_RUNNING',
    })
    await second.teardown()
  })

  test('and does not return is torn down after its failover_timeout, with its tasks', async () => {
    await using daemons = await Daemons.start([])
    const scheduler = await RawScheduler.subscribe(daemons.masterPort, { ...AWARE, failover_timeout: 1 })
    const offer = await scheduler.offer()
    await scheduler.launch(offer, [
      task(offer, 'host', 'sleep 1000'),
      task(offer, 'boxed', 'sleep 1000', DOCKER),
    ])
    const host = await scheduler.status('host', 'TASK_RUNNING')
    const boxed = await scheduler.status('boxed', 'TASK_RUNNING')
    const container = boxed.container_status?.container_id?.value
    expect([alive(host.container_status?.executor_pid), await containerRuns(container)]).toEqual([true, true])
    scheduler[Symbol.dispose]()
    await vi.waitFor(async () => {
      expect([alive(host.container_status?.executor_pid), await containerRuns(container)]).toEqual([
        false,
        false,
      ])
    }, SOON)
    const { completed_frameworks } = await daemons.page('/frameworks')
    expect(completed_frameworks).toContainEqual(expect.objectContaining({ id: scheduler.frameworkId }))
  })
})

/** Whether an agent shows a task among those that ended. */
async function agentHasEnded(daemons: Daemons, taskId: string): Promise<boolean> {
  const { slaves } = (await daemons.page('/slaves')) as { slaves: readonly { port: number }[] }
  const state = await daemons.page('/state', slaves[0]?.port)
  return new RegExp(`"id":"${taskId}"[^}]*"state":"TASK_FINISHED"|TASK_FINISHED[^\\]]*"${taskId}"`).test(
    JSON.stringify(state),
  )
}

describe('an agent that is killed', () => {
  test('and started again ends what it left, and frameworks hear that their tasks are gone', async () => {
    await using daemons = await Daemons.start()
    const agent: Daemon = await daemons.agent(0)
    using scheduler = await RawScheduler.subscribe(daemons.masterPort, AWARE)
    const offer = await scheduler.offer()
    await scheduler.launch(offer, [
      task(offer, 'host', 'sleep 1000'),
      task(offer, 'boxed', 'sleep 1000', DOCKER),
    ])
    const host = await scheduler.status('host', 'TASK_RUNNING')
    const boxed = await scheduler.status('boxed', 'TASK_RUNNING')
    const pid = host.container_status?.executor_pid
    const container = boxed.container_status?.container_id?.value
    await daemons.end(agent, 'SIGKILL')
    expect([alive(pid), await containerRuns(container)]).toEqual([true, true])
    await daemons.agent(0)
    const run = async (): Promise<boolean[]> => [alive(pid), await containerRuns(container)]
    await vi.waitFor(async () => expect(await run()).toEqual([false, false]), SOON)
    const ends = await Promise.all(
      ['host', 'boxed'].map((id) => scheduler.status(id, /GONE|LOST|UNREACHABLE/)),
    )
    expect(ends.map(({ source }) => source)).toEqual(['SOURCE_MASTER', 'SOURCE_MASTER'])
    await scheduler.offer()
    await scheduler.teardown()
  })
})

describe('a master that is killed and started again', () => {
  test('gets agent, framework and tasks back; updates go on where they were', async () => {
    await using daemons = new Daemons()
    const master = await daemons.master()
    await daemons.agent(0)
    const first = await RawScheduler.subscribe(daemons.masterPort, { ...AWARE, failover_timeout: 60 })
    const offer = await first.offer()
    const command = 'while [ ! -e done ]; do sleep 0.1; done'
    await first.launch(offer, [task(offer, 'lives', command)])
    const running = await first.status('lives', 'TASK_RUNNING')
    await daemons.end(master, 'SIGKILL')
    await daemons.master()
    const id = { value: first.frameworkId }
    using second = await RawScheduler.subscribe(daemons.masterPort, { ...AWARE, failover_timeout: 60, id })
    expect(second.frameworkId).toBe(first.frameworkId)
    await vi.waitFor(async () => {
      const { slaves } = await daemons.page('/slaves')
      expect(slaves).toContainEqual(expect.objectContaining({ id: offer.agent_id.value, active: true }))
    }, SOON)
    const { agent_id, task_id } = running
    await second.call('RECONCILE', { reconcile: { tasks: [{ task_id, agent_id }] } })
    const { update } = await second.event((event) => event.update?.status.reason === 'REASON_RECONCILIATION')
    expect(update?.status).toMatchObject({
      state: 'TASK_RUNNING',
      container_status: { container_id: running.container_status?.container_id },
    })
    await second.call('KILL', { kill: { task_id, agent_id } })
    expect((await second.end('lives')).state).toBe('TASK_KILLED')
    await second.teardown()
  })
})

describe('two agents', () => {
  test('are both offered, and a task for one with an offer of the other is refused', async () => {
    await using daemons = await Daemons.start([], [])
    using scheduler = await RawScheduler.subscribe(daemons.masterPort, AWARE)
    const offers = (): Map<string, NonNullable<(typeof scheduler.events)[0]['offers']>['offers'][0]> =>
      new Map(
        scheduler.events
          .flatMap(({ offers: all }) => all?.offers ?? [])
          .map((one) => [one.agent_id.value, one]),
      )
    await scheduler.until(() => offers().size === 2)
    const [one, other] = [...offers().values()]
    if (one === undefined || other === undefined) throw new Error('There are two')
    await scheduler.launch(one, [{ ...task(one, 'wrong', 'true'), agent_id: other.agent_id }])
    expect(await scheduler.end('wrong')).toMatchObject({ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID' })
    await scheduler.launch(other, [task(other, 'right', 'true')])
    expect((await scheduler.end('right')).state).toBe('TASK_FINISHED')
    await scheduler.teardown()
  })
})
