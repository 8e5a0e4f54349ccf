// Custom executors: subscription, delivery, updates, messages, and every way in which they end.
import { describe, expect, test } from 'vitest'
import type { ContainerExit } from '../../../../src/containerizer/containerizer.ts'
import type { TaskState, TaskStatus } from '../../../../src/wire/tasks.ts'
import { CoreUnderTest, executorInfo, taskInfo } from '../../../support/agent-core.ts'

const info = executorInfo('E1')
const DIED: ContainerExit = { kind: 'exited', code: 1 }

const status = (task: string, state: TaskState, uuid = `${task}-${state}`): TaskStatus => ({
  task_id: { value: task },
  state,
  source: 'SOURCE_EXECUTOR',
  uuid: Buffer.from(uuid).toString('base64'),
})

/** A container of E1 that runs with one task queued. */
function launched(agent = CoreUnderTest.registered(), task = 't1'): CoreUnderTest {
  agent.run(taskInfo(task), { executor: info })
  agent.started(agent.lastContainer)
  return agent
}

/** E1 subscribed as 'c1' with t1 delivered. */
function subscribed(): CoreUnderTest {
  const agent = launched()
  agent.subscribe('c1')
  return agent
}

const events = (agent: CoreUnderTest, connection = 'c1') =>
  agent.of('to-executor').flatMap((effect) => (effect.connection === connection ? [effect.event] : []))

const eventTypes = (agent: CoreUnderTest, connection = 'c1') =>
  events(agent, connection).map(({ type }) => type)

describe('subscribing', () => {
  test('gives the executor what it needs to know, then the tasks that waited for it', () => {
    const agent = launched()
    agent.run(taskInfo('t2'), { executor: info, launchExecutor: false })
    expect(agent.effects).toEqual([])
    agent.subscribe('c1')
    const [first, ...rest] = events(agent)
    expect(first).toMatchObject({
      type: 'SUBSCRIBED',
      subscribed: {
        executor_info: { executor_id: { value: 'E1' }, framework_id: { value: 'F1' } },
        framework_info: { id: { value: 'F1' } },
        agent_info: { id: { value: 'M-S0' }, hostname: 'agent.example' },
        container_id: { value: agent.lastContainer },
      },
    })
    expect(rest.map(({ type, launch }) => [type, launch?.task.task_id.value])).toEqual([
      ['LAUNCH', 't1'],
      ['LAUNCH', 't2'],
    ])
    expect(agent.of('resize')[0]?.resources.toText()).toBe('cpus(allocated: *):0.3; mem(allocated: *):160')
  })

  test('is not needed again for later tasks: they are delivered at once', () => {
    const agent = subscribed()
    agent.run(taskInfo('t2'), { executor: info, launchExecutor: false })
    expect(eventTypes(agent)).toEqual(['LAUNCH'])
    expect(agent.of('launch')).toEqual([])
  })

  test('again closes the previous connection and repeats the kills that were asked for', () => {
    const agent = subscribed()
    agent.kill('t1', 500)
    agent.subscribe('c2', { unacknowledged_tasks: [taskInfo('t1')] })
    expect(agent.of('close-executor')).toEqual([{ type: 'close-executor', connection: 'c1' }])
    expect(events(agent, 'c2').at(-1)).toEqual({
      type: 'KILL',
      kill: { task_id: { value: 't1' }, kill_policy: { grace_period: { nanoseconds: 5e8 } } },
    })
  })

  test('again without knowing a task that was sent drops that task', () => {
    const agent = subscribed()
    agent.step({ type: 'executor-disconnected', connection: 'c1' })
    agent.subscribe('c2')
    expect(agent.ack('t1')).toMatchObject({ state: 'TASK_DROPPED', reason: 'REASON_AGENT_RESTARTED' })
  })

  test('again delivers what came while it was away, and takes its unacknowledged updates once', () => {
    const agent = subscribed()
    const update = { status: status('t1', 'TASK_RUNNING') }
    agent.update(update.status)
    agent.step({ type: 'executor-disconnected', connection: 'c1' })
    agent.run(taskInfo('t2'), { executor: info, launchExecutor: false })
    agent.subscribe('c2', { unacknowledged_updates: [update, { status: status('t1', 'TASK_FINISHED') }] })
    expect(eventTypes(agent, 'c2')).toEqual(['ACKNOWLEDGED', 'ACKNOWLEDGED', 'SUBSCRIBED', 'LAUNCH'])
    expect(agent.ackAll('t1').map(({ state }) => state)).toEqual(['TASK_RUNNING', 'TASK_FINISHED'])
  })

  test('of an executor whose tasks were all killed before is answered with SHUTDOWN', () => {
    const agent = CoreUnderTest.registered()
    agent.run(taskInfo('t1'), { executor: info })
    agent.kill('t1')
    expect(agent.ack('t1')).toMatchObject({
      state: 'TASK_KILLED',
      reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
    })
    agent.subscribe('late')
    expect(eventTypes(agent, 'late')).toEqual(['SHUTDOWN'])
    expect(agent.of('close-executor')).toEqual([{ type: 'close-executor', connection: 'late' }])
  })

  test('of a stranger is answered with SHUTDOWN', () => {
    const agent = CoreUnderTest.registered()
    agent.subscribe('stranger')
    expect(eventTypes(agent, 'stranger')).toEqual(['SHUTDOWN'])
  })

  test('too late ends the container and fails the tasks', () => {
    const agent = launched()
    const timer = agent.of('timer').find((effect) => effect.timer.kind === 'registration-timeout')
    expect(timer?.afterMs).toBe(60_000)
    agent.step({ type: 'timer', timer: { kind: 'registration-timeout', containerId: agent.lastContainer } })
    expect(agent.of('kill')[0]?.graceMs).toBe(0)
    agent.exited(agent.lastContainer, { kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    expect(agent.ack('t1')).toMatchObject({
      state: 'TASK_FAILED',
      source: 'SOURCE_AGENT',
      reason: 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
      message: 'Executor did not register within 1mins',
    })
  })

  test('in time makes the timeout harmless', () => {
    const agent = subscribed()
    agent.step({ type: 'timer', timer: { kind: 'registration-timeout', containerId: agent.lastContainer } })
    expect(agent.effects).toEqual([])
  })
})

describe('an update of an executor', () => {
  test('is filled in, told to the master and acknowledged to the executor', () => {
    const agent = subscribed()
    agent.update({ ...status('t1', 'TASK_RUNNING'), data: 'aGk=' })
    expect(agent.calls()).toMatchObject([
      {
        agent_id: { value: 'M-S0' },
        type: 'UPDATE',
        update: { executor_id: { value: 'E1' }, latest_state: 'TASK_RUNNING' },
      },
    ])
    expect(agent.sent()[0]).toMatchObject({
      state: 'TASK_RUNNING',
      data: 'aGk=',
      source: 'SOURCE_EXECUTOR',
      agent_id: { value: 'M-S0' },
      executor_id: { value: 'E1' },
      timestamp: agent.now / 1000,
      container_status: {
        container_id: { value: agent.lastContainer },
        executor_pid: 4242,
        network_infos: [{ ip_addresses: [{ protocol: 'IPv4', ip_address: '10.0.0.7' }] }],
      },
    })
    const { uuid } = status('t1', 'TASK_RUNNING')
    expect(events(agent)).toEqual([
      { type: 'ACKNOWLEDGED', acknowledged: { task_id: { value: 't1' }, uuid } },
    ])
  })

  test('that comes twice is told once and acknowledged twice', () => {
    const agent = subscribed()
    agent.update(status('t1', 'TASK_RUNNING'))
    agent.update(status('t1', 'TASK_RUNNING'))
    expect(agent.sent()).toEqual([])
    expect(eventTypes(agent)).toEqual(['ACKNOWLEDGED'])
  })

  test('after the end of its task changes nothing', () => {
    const agent = subscribed()
    agent.update(status('t1', 'TASK_FINISHED'))
    agent.update(status('t1', 'TASK_FAILED'))
    expect(agent.ackAll('t1').map(({ state }) => state)).toEqual(['TASK_FINISHED'])
    expect(agent.executor('E1')?.completedTasks.map(({ state }) => state)).toEqual(['TASK_FINISHED'])
  })

  test('beyond the limit of waiting ones is not taken, unless it is the end', () => {
    const agent = launched(CoreUnderTest.registered({ limits: { updatesPerTask: 2 } }))
    agent.subscribe('c1')
    for (const uuid of ['a', 'b', 'c']) agent.update(status('t1', 'TASK_RUNNING', uuid))
    expect(eventTypes(agent)).toEqual([])
    agent.update(status('t1', 'TASK_FAILED'))
    expect(eventTypes(agent)).toEqual(['ACKNOWLEDGED'])
    expect(agent.ackAll('t1').map(({ state }) => state)).toEqual([
      'TASK_RUNNING',
      'TASK_RUNNING',
      'TASK_FAILED',
    ])
  })

  test('that ends a task shrinks the reservation of the container', () => {
    const agent = subscribed()
    agent.update(status('t1', 'TASK_FINISHED'))
    expect(agent.of('resize')[0]?.resources.toText()).toBe('cpus(allocated: *):0.1; mem(allocated: *):32')
  })
})

describe('messages', () => {
  test('go both ways', () => {
    const agent = subscribed()
    const ids = { framework_id: { value: 'F1' }, executor_id: { value: 'E1' } }
    agent.link({ type: 'MESSAGE', message: { ...ids, data: 'aGk=' } })
    expect(events(agent)).toEqual([{ type: 'MESSAGE', message: { data: 'aGk=' } }])
    agent.step({ type: 'executor-call', call: { ...ids, type: 'MESSAGE', message: { data: 'eW8=' } } })
    expect(agent.calls()).toMatchObject([{ type: 'MESSAGE', message: { ...ids, data: 'eW8=' } }])
  })

  test('to an executor that does not listen are dropped and counted', () => {
    const agent = launched()
    const ids = { framework_id: { value: 'F1' }, executor_id: { value: 'E1' } }
    agent.link({ type: 'MESSAGE', message: { ...ids, data: 'aGk=' } })
    expect(agent.of('count')).toEqual([{ type: 'count', metric: 'slave/invalid_framework_messages', by: 1 }])
  })
})

describe('the end', () => {
  test('by itself fails the tasks that had not ended and tells the master how it was', () => {
    const agent = subscribed()
    agent.update(status('t1', 'TASK_RUNNING'))
    agent.ackAll('t1')
    agent.exited(agent.lastContainer, DIED)
    expect(agent.calls().find(({ type }) => type === 'EXITED_EXECUTOR')?.exited_executor?.status).toBe(256)
    expect(agent.of('close-executor')).toHaveLength(1)
    expect(agent.ack('t1')).toMatchObject({
      state: 'TASK_FAILED',
      source: 'SOURCE_AGENT',
      reason: 'REASON_EXECUTOR_TERMINATED',
      message: 'Executor terminated; exited with status 1',
    })
  })

  test('is remembered, after the last acknowledgement, with the tasks', () => {
    const agent = subscribed()
    agent.exited(agent.lastContainer, DIED)
    expect(agent.executor('E1')?.life.kind).toBe('terminated')
    agent.ack('t1')
    const [gone] = agent.core.state.completedFrameworks
    expect(gone?.completedExecutors.map(({ id }) => id)).toEqual(['E1'])
    expect(agent.core.state.frameworks.size).toBe(0)
  })

  test('for memory says so for each task', () => {
    const agent = subscribed()
    agent.exited(agent.lastContainer, {
      kind: 'memory',
      level: 'own',
      limitBytes: 96 * 1024 ** 2,
      peakBytes: undefined,
      detail: 'killed',
    })
    expect(agent.ack('t1')).toMatchObject({
      reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
      limitation: { resources: [{ name: 'mem', scalar: { value: 96 } }] },
    })
  })

  test('before the start fails the tasks with the whole reason', () => {
    const agent = CoreUnderTest.registered()
    agent.run(taskInfo('t1'), { executor: info })
    agent.step({ type: 'launch-failed', containerId: agent.lastContainer, message: 'no such file' })
    expect(agent.calls().find(({ type }) => type === 'EXITED_EXECUTOR')?.exited_executor?.status).toBe(-1)
    expect(agent.ack('t1')).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_CONTAINER_LAUNCH_FAILED',
      message: 'Failed to launch container: no such file',
    })
  })

  test('on request is SHUTDOWN first, and destruction after the grace', () => {
    const agent = subscribed()
    agent.link({
      type: 'SHUTDOWN_EXECUTOR',
      shutdown_executor: { framework_id: { value: 'F1' }, executor_id: { value: 'E1' } },
    })
    expect(eventTypes(agent)).toEqual(['SHUTDOWN'])
    expect(agent.of('kill')).toEqual([])
    const [timer] = agent.of('timer')
    expect(timer?.afterMs).toBe(5000)
    agent.step({ type: 'timer', timer: { kind: 'shutdown-grace', containerId: agent.lastContainer } })
    expect(agent.of('kill')).toEqual([{ type: 'kill', containerId: agent.lastContainer, graceMs: 0 }])
  })

  test('on request lets the executor report the ends of its tasks itself', () => {
    const agent = subscribed()
    agent.link({
      type: 'SHUTDOWN_EXECUTOR',
      shutdown_executor: { framework_id: { value: 'F1' }, executor_id: { value: 'E1' } },
    })
    agent.update(status('t1', 'TASK_KILLED'))
    agent.exited(agent.lastContainer, { kind: 'exited', code: 0 })
    expect(agent.ackAll('t1').map(({ state }) => state)).toEqual(['TASK_KILLED'])
  })

  test('of its framework ends it without a word about its tasks', () => {
    const agent = subscribed()
    agent.update(status('t1', 'TASK_RUNNING'))
    agent.link({ type: 'SHUTDOWN_FRAMEWORK', shutdown_framework: { framework_id: { value: 'F1' } } })
    expect(eventTypes(agent)).toEqual(['SHUTDOWN'])
    agent.update(status('t1', 'TASK_KILLED'))
    agent.exited(agent.lastContainer, { kind: 'exited', code: 0 })
    expect(agent.sent()).toEqual([])
    expect(agent.core.state.streams.size).toBe(0)
    expect(agent.core.state.completedFrameworks.map(({ id }) => id)).toEqual(['F1'])
  })
})
