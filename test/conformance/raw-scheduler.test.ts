// A scheduler that knows nothing of us, over the whole life of tasks and subscriptions, on a real agent.
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cluster, nothingLeft, stopwatch } from '../support/cluster.ts'
import { leftovers } from '../support/engine.ts'
import { framework, post, RawScheduler, task } from '../support/raw-scheduler.ts'

const AWARE = { capabilities: [{ type: 'PARTITION_AWARE' }] }
const KILLING = { capabilities: [{ type: 'PARTITION_AWARE' }, { type: 'TASK_KILLING_STATE' }] }

let before: string[]
let cluster: Cluster

beforeAll(async () => {
  before = await leftovers()
  cluster = await Cluster.start()
})

afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await nothingLeft(before)
})

describe('a subscription', () => {
  test('begins with SUBSCRIBED, HEARTBEAT and OFFERS', async () => {
    await using scheduler = await framework(cluster.port)
    await scheduler.offer()
    expect(scheduler.events.map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'OFFERS'])
    expect(scheduler.events[0]?.subscribed?.heartbeat_interval_seconds).toBe(15)
    expect(scheduler.frameworkId).toMatch(/^[0-9a-f-]{36}-\d{4}$/)
    expect(scheduler.streamId).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('again with its id takes over: the old one is told and ended', async () => {
    await using first = await framework(cluster.port, { failover_timeout: 60 })
    const again = { failover_timeout: 60, id: { value: first.frameworkId } }
    await using second = await framework(cluster.port, again)
    const told = await first.event(({ type }) => type === 'ERROR')
    await first.until(() => first.ended)
    expect(told.error?.message).toBe('Framework failed over')
    expect(second.frameworkId).toBe(first.frameworkId)
    expect(second.streamId).not.toBe(first.streamId)
    expect(first.events.some(({ type }) => type === 'RESCIND')).toBe(false)
    expect((await first.call('REVIVE')).status).toBe(400)
  })

  test('is known by its stream id: without it, and with another, a call is refused', async () => {
    await using scheduler = await framework(cluster.port)
    const body = { type: 'REVIVE', framework_id: { value: scheduler.frameworkId } }
    const without = await post(cluster.port, '/api/v1/scheduler', body)
    const other = await post(cluster.port, '/api/v1/scheduler', body, { 'Mesos-Stream-Id': 'other' })
    expect([without.status, other.status]).toEqual([400, 400])
    expect(without.body).toContain('Mesos-Stream-Id')
  })

  test('with the id of a framework that was torn down is told so and ended', async () => {
    const first = await framework(cluster.port)
    await first.teardown()
    await first.until(() => first.ended)
    const second = await RawScheduler.subscribe(cluster.port, { id: { value: first.frameworkId } })
    expect(second.events[0]?.error?.message).toContain('Framework has been removed')
    await second.until(() => second.ended)
  })

  test('that is lost without failover_timeout ends its framework at once', async () => {
    const scheduler = await framework(cluster.port)
    scheduler[Symbol.dispose]()
    await expect.poll(() => completed(scheduler.frameworkId)).toBe(true)
  })
})

async function completed(frameworkId: string): Promise<boolean> {
  const { completed_frameworks } = await cluster.page('/frameworks')
  return (completed_frameworks as readonly { id: string }[]).some(({ id }) => id === frameworkId)
}

describe('a command task', () => {
  test('is STARTING, RUNNING and FINISHED, each said once when acknowledged', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    const offer = await scheduler.offer()
    expect((await scheduler.launch(offer, [task(offer, 'one', 'echo hi')])).status).toBe(202)
    const end = await scheduler.end('one')
    expect(scheduler.states('one')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
    expect(end).toMatchObject({
      source: 'SOURCE_EXECUTOR',
      message: 'Command exited with status 0',
      executor_id: { value: 'one' },
      agent_id: offer.agent_id,
      timestamp: expect.any(Number),
      container_status: { container_id: { value: expect.any(String) } },
    })
    expect(Buffer.from(end.uuid ?? '', 'base64')).toHaveLength(16)
  })

  test('that exits with 3 is FAILED with its status', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    const offer = await scheduler.offer()
    await scheduler.launch(offer, [task(offer, 'three', 'exit 3')])
    expect(await scheduler.end('three')).toMatchObject({
      state: 'TASK_FAILED',
      message: 'Command exited with status 3',
    })
  })

  test('that dies by a signal of its own is FAILED and names it', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    const offer = await scheduler.offer()
    await scheduler.launch(offer, [task(offer, 'segv', 'kill -SEGV $$')])
    expect(await scheduler.end('segv')).toMatchObject({
      state: 'TASK_FAILED',
      message: 'Command terminated with signal Segmentation fault',
    })
  })

  test('that is killed is KILLING, for who asked for that, and KILLED', async () => {
    await using scheduler = await framework(cluster.port, KILLING)
    const offer = await scheduler.offer()
    await scheduler.launch(offer, [task(offer, 'long', 'sleep 100')])
    const running = await scheduler.status('long', 'TASK_RUNNING')
    const { agent_id, task_id } = running
    await scheduler.call('KILL', { kill: { agent_id, task_id } })
    const end = await scheduler.end('long')
    expect(scheduler.states('long').slice(1)).toEqual(['TASK_RUNNING', 'TASK_KILLING', 'TASK_KILLED'])
    expect(end.message).toMatch(/^Command terminated with signal Terminated/)
  })

  test('that ignores SIGTERM dies by SIGKILL after its grace period', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    const offer = await scheduler.offer()
    await scheduler.launch(offer, [task(offer, 'deaf', 'trap "" TERM; while :; do sleep 1; done')])
    const { task_id, container_status } = await scheduler.status('deaf', 'TASK_RUNNING')
    await expect.poll(() => ignoresTerm(container_status?.executor_pid)).toBe(true)
    const kill_policy = { grace_period: { nanoseconds: 200_000_000 } }
    await scheduler.call('KILL', { kill: { task_id, kill_policy } })
    const end = await scheduler.end('deaf')
    expect(end).toMatchObject({
      state: 'TASK_KILLED',
      message: expect.stringMatching(/^Command terminated with signal Killed/),
    })
    expect(scheduler.states('deaf')).not.toContain('TASK_KILLING')
  })

  test('that outlives max_completion_time is FAILED for that reason', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    const offer = await scheduler.offer()
    const max_completion_time = { nanoseconds: 300_000_000 }
    await scheduler.launch(offer, [task(offer, 'slow', 'sleep 100', { max_completion_time })])
    expect(await scheduler.end('slow')).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_MAX_COMPLETION_TIME_REACHED',
    })
  })

  test('runs beside others of the same ACCEPT', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    const offer = await scheduler.offer()
    const ids = ['a', 'b', 'c', 'd']
    await scheduler.launch(
      offer,
      ids.map((id) => task(offer, id, 'true')),
    )
    const ends = await Promise.all(ids.map((id) => scheduler.end(id)))
    expect(ends.map(({ state }) => state)).toEqual(ids.map(() => 'TASK_FINISHED'))
  })

  test('of arguments runs without a shell, in its sandbox, with its environment', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    const offer = await scheduler.offer()
    const script =
      'test "$A" = "x y" && test "$PWD" = "$MESOS_SANDBOX" && test -n "$MESOS_TASK_ID$MESOS_EXECUTOR_ID"'
    const command = {
      shell: false,
      value: '/bin/sh',
      arguments: ['sh', '-c', script],
      environment: { variables: [{ name: 'A', value: 'x y' }] },
    }
    await scheduler.launch(offer, [task(offer, 'argv', undefined, { command })])
    expect((await scheduler.end('argv')).state).toBe('TASK_FINISHED')
  })
})

/** RUNNING is told when the shell runs, which may be before it has come to its trap. */
function ignoresTerm(pid = 0): boolean {
  const [, mask = '0'] = /^SigIgn:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return (BigInt(`0x${mask}`) >> BigInt(constants.signals.SIGTERM - 1)) % 2n === 1n
}

describe('an update that is not acknowledged', () => {
  test('comes again after 10 s, and holds back those behind it', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    scheduler.acknowledges = false
    const offer = await scheduler.offer()
    await scheduler.launch(offer, [task(offer, 'again', 'true')])
    const first = await scheduler.status('again', 'TASK_STARTING')
    const elapsed = stopwatch()
    await scheduler.until(() => scheduler.statuses('again').length === 2)
    const waited = elapsed()
    expect(scheduler.statuses('again')[1]).toEqual(first)
    expect(waited).toBeGreaterThan(9000)
    scheduler.acknowledges = true
    await scheduler.acknowledge(first)
    await scheduler.end('again')
    expect(scheduler.states('again').slice(2)).toEqual(['TASK_RUNNING', 'TASK_FINISHED'])
  })

  test('comes to the framework when it is back, in order', async () => {
    await using first = await framework(cluster.port, { ...AWARE, failover_timeout: 60 })
    first.acknowledges = false
    const offer = await first.offer()
    await first.launch(offer, [task(offer, 'away', 'true')])
    await first.status('away', 'TASK_STARTING')
    first[Symbol.dispose]()
    const again = { ...AWARE, failover_timeout: 60, id: { value: first.frameworkId } }
    await using second = await framework(cluster.port, again)
    await second.end('away')
    expect(second.states('away')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
  })
})

describe('UPDATE_FRAMEWORK', () => {
  test('changes the name and is seen on the pages', async () => {
    await using scheduler = await framework(cluster.port)
    const framework_info = { ...scheduler.info, id: { value: scheduler.frameworkId }, name: 'renamed' }
    const reply = await scheduler.call('UPDATE_FRAMEWORK', { update_framework: { framework_info } })
    const { frameworks } = await cluster.page('/frameworks')
    expect(reply).toMatchObject({ status: 200, body: '' })
    expect(frameworks).toContainEqual(expect.objectContaining({ id: scheduler.frameworkId, name: 'renamed' }))
  })

  test('refuses another user, and changes nothing', async () => {
    await using scheduler = await framework(cluster.port)
    const framework_info = {
      ...scheduler.info,
      id: { value: scheduler.frameworkId },
      user: 'somebody',
      name: 'x',
    }
    const reply = await scheduler.call('UPDATE_FRAMEWORK', { update_framework: { framework_info } })
    const { frameworks } = await cluster.page('/frameworks')
    expect(reply.status).toBe(400)
    expect(reply.body).toContain('user')
    expect(frameworks).toContainEqual(expect.objectContaining({ id: scheduler.frameworkId, name: 'raw' }))
  })
})

describe('TEARDOWN', () => {
  test('ends the tasks, their processes and the stream, and says nothing more', async () => {
    const scheduler = await framework(cluster.port, AWARE)
    const offer = await scheduler.offer()
    await scheduler.launch(offer, [task(offer, 'torn', 'exec sleep 12345')])
    const running = await scheduler.status('torn', 'TASK_RUNNING')
    const pid = running.container_status?.executor_pid ?? 0
    expect((await scheduler.teardown()).status).toBe(202)
    await scheduler.until(() => scheduler.ended)
    await expect.poll(() => existsSync(`/proc/${pid}`)).toBe(false)
    expect(scheduler.states('torn')).toEqual(['TASK_STARTING', 'TASK_RUNNING'])
    expect(await completed(scheduler.frameworkId)).toBe(true)
  })
})

describe('an agent that shuts down', () => {
  test('takes its offers with it, and frameworks hear of it', async () => {
    await using other = await Cluster.start()
    using scheduler = await RawScheduler.subscribe(other.port, AWARE)
    const offer = await scheduler.offer()
    await scheduler.launch(offer, [task(offer, 'gone', 'sleep 100')])
    await scheduler.status('gone', 'TASK_RUNNING')
    const second = await scheduler.offer()
    other.agents[0]?.shutdown('The test ends it')
    const rescind = await scheduler.event(({ type }) => type === 'RESCIND')
    const failure = await scheduler.event(({ type }) => type === 'FAILURE')
    expect(rescind.rescind?.offer_id).toEqual(second.id)
    expect(failure.failure).toEqual({ agent_id: offer.agent_id })
  })
})
