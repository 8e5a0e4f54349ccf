// Which launches are refused, and registration, reconciliation and shutdown of the whole agent.
import { describe, expect, test } from 'vitest'
import { limitsOf } from '../../../../src/agent/core/limits.ts'
import { liveContainers } from '../../../../src/agent/core/live.ts'
import { Resources } from '../../../../src/resources/resources.ts'
import {
  AGENT_ID,
  CoreUnderTest,
  executorInfo,
  framework,
  scalar,
  taskInfo,
} from '../../../support/agent-core.ts'

const info = executorInfo('E1')
const command = (id: string) => taskInfo(id, { command: { value: 'sleep 1000' } })

test('a container is asked for with the name of the cluster that the master told last', () => {
  const agent = CoreUnderTest.registered()
  agent.run(command('t1'))
  agent.register(AGENT_ID, [], 'blue')
  agent.run(command('t2'))
  const names = agent.of('launch', agent.all).map(({ request }) => [request.taskId, request.cluster])
  expect(names).toEqual([
    ['t1', undefined],
    ['t2', 'blue'],
  ])
})

describe('a launch is refused', () => {
  const exitedExecutors = (agent: CoreUnderTest) =>
    agent.calls().filter(({ type }) => type === 'EXITED_EXECUTOR')

  test('when the executor was to be there and is not', () => {
    const agent = CoreUnderTest.registered()
    agent.run(taskInfo('t1'), { executor: info, launchExecutor: false })
    expect(agent.of('launch')).toEqual([])
    expect(agent.sent()).toMatchObject([
      { state: 'TASK_DROPPED', source: 'SOURCE_AGENT', reason: 'REASON_EXECUTOR_TERMINATED' },
    ])
    expect(agent.core.state.frameworks.size).toBe(0)
  })

  test('when the executor was to be launched and runs already', () => {
    const agent = CoreUnderTest.registered()
    agent.run(taskInfo('t1'), { executor: info })
    agent.run(taskInfo('t2'), { executor: info })
    expect(agent.sent()).toMatchObject([{ task_id: { value: 't2' }, state: 'TASK_DROPPED' }])
    expect(exitedExecutors(agent)).toEqual([])
  })

  test('when the executor is ending', () => {
    const agent = CoreUnderTest.registered()
    agent.run(taskInfo('t1'), { executor: info })
    agent.kill('t1')
    agent.run(taskInfo('t2'), { executor: info, launchExecutor: false })
    expect(agent.sent()).toMatchObject([{ state: 'TASK_DROPPED', message: "Executor 'E1' is terminating" }])
  })

  test('as LOST for a framework that is not partition-aware', () => {
    const agent = CoreUnderTest.registered()
    const plain = framework('F1', [])
    agent.run(taskInfo('t1'), { executor: info, launchExecutor: false, framework: plain })
    expect(agent.sent()[0]?.state).toBe('TASK_LOST')
  })

  test('when a command task has the id of an executor that is here', () => {
    const agent = CoreUnderTest.registered()
    agent.run(taskInfo('t1'), { executor: info })
    agent.run(command('E1'))
    expect(agent.sent()).toMatchObject([{ state: 'TASK_DROPPED', reason: 'REASON_TASK_INVALID' }])
  })

  test('when it limits what this machine cannot, unless the engine does', () => {
    const agent = CoreUnderTest.registered({ unlimited: ['mem'] })
    const limits = { cpus: { value: 2 }, mem: { value: 128 } }
    agent.run({ ...command('t1'), limits })
    expect(agent.sent()).toMatchObject([
      {
        state: 'TASK_DROPPED',
        reason: 'REASON_GC_ERROR',
        message: 'The limit on mem cannot be enforced on this machine: it has no such control group',
      },
    ])
    agent.run({ ...command('t2'), limits: { cpus: { value: 2 } } })
    agent.run({ ...command('t3'), limits, container: { type: 'DOCKER', docker: { image: 'busybox' } } })
    expect(agent.of('launch', agent.all).map(({ request }) => request.taskId)).toEqual(['t2', 't3'])
    agent.run({ ...taskInfo('t4'), limits }, { executor: info })
    expect(agent.sent()).toMatchObject([{ state: 'TASK_DROPPED', reason: 'REASON_GC_ERROR' }])
  })

  test('when too many tasks wait for an executor that has not subscribed', () => {
    const agent = CoreUnderTest.registered({ limits: { queuedTasks: 1 } })
    agent.run(taskInfo('t1'), { executor: info })
    agent.run(taskInfo('t2'), { executor: info, launchExecutor: false })
    expect(agent.sent()[0]?.message).toContain('1 tasks wait')
  })

  test('in silence when a task of this id runs, because a status would end that one', () => {
    const agent = CoreUnderTest.registered()
    agent.run(command('t1'))
    agent.run(command('t1'))
    expect(agent.sent()).toEqual([])
    expect(agent.of('launch')).toEqual([])
    expect(agent.of('log')[0]?.message).toBe('task not launched: a task of this id is here already')
  })

  test('when the agent shuts down, and the master hears that the executor will not come', () => {
    const agent = CoreUnderTest.registered()
    agent.run(command('t1'))
    agent.step({ type: 'shutdown', message: 'asked to' })
    agent.run(taskInfo('t2'), { executor: info })
    expect(agent.sent()).toMatchObject([{ state: 'TASK_DROPPED', reason: 'REASON_AGENT_DRAINING' }])
    expect(exitedExecutors(agent)).toHaveLength(1)
  })
})

describe('registration', () => {
  test('tells the master all that the agent still has', () => {
    const agent = CoreUnderTest.registered()
    agent.run(command('c1'))
    agent.run(taskInfo('t1'), { executor: info })
    agent.step({ type: 'link-lost' })
    agent.step({ type: 'link-open' })
    const call = agent.of('subscribe')[0]?.call
    expect(call?.agent_id).toEqual({ value: AGENT_ID })
    expect(call?.subscribe).toMatchObject({
      agent_id: { value: AGENT_ID },
      agent_info: { hostname: 'agent.example', id: { value: AGENT_ID } },
      frameworks: [{ id: { value: 'F1' } }],
      executors: [
        { executor_info: { executor_id: { value: 'c1' } }, command_executor: true },
        { executor_info: { executor_id: { value: 'E1' } }, command_executor: false },
      ],
      tasks: [
        {
          task: { task_id: { value: 'c1' } },
          state: 'TASK_STARTING',
          statuses: [{ state: 'TASK_STARTING' }],
        },
        { task: { task_id: { value: 't1' } }, state: 'TASK_STAGING', statuses: [] },
      ],
    })
  })

  test('for the first time carries no id', () => {
    const agent = new CoreUnderTest()
    agent.step({ type: 'link-open' })
    const call = agent.of('subscribe')[0]?.call
    expect(call?.agent_id).toBeUndefined()
    expect(call?.subscribe?.agent_id).toBeUndefined()
  })

  test('ends tasks that the master believes to be here and that are not', () => {
    const agent = CoreUnderTest.registered()
    agent.run(command('c1'))
    agent.step({ type: 'link-lost' })
    agent.register(AGENT_ID, [
      ['F1', 'c1'],
      ['F1', 'ghost'],
      ['F9', 'ghost'],
    ])
    const reconciled = agent.sent().filter(({ reason }) => reason === 'REASON_RECONCILIATION')
    expect(reconciled.map((status) => [status.task_id.value, status.state])).toEqual([
      ['ghost', 'TASK_DROPPED'],
      ['ghost', 'TASK_LOST'],
    ])
  })

  test('under another id is fatal', () => {
    const agent = CoreUnderTest.registered()
    agent.step({ type: 'link-lost' })
    agent.register('M-S1')
    expect(agent.of('fatal')).toHaveLength(1)
  })

  test('is asked for again when the master holds the agent for disconnected', () => {
    const agent = CoreUnderTest.registered()
    agent.link({ type: 'PING', ping: { connected: true } })
    expect(agent.calls()).toEqual([{ agent_id: { value: AGENT_ID }, type: 'PONG' }])
    agent.link({ type: 'PING', ping: { connected: false } })
    expect(agent.of('reconnect')).toHaveLength(1)
  })
})

describe('a shutdown', () => {
  test('ends everything, waits for the acknowledgements, then says goodbye and is done', () => {
    const agent = CoreUnderTest.registered()
    agent.run(command('t1'))
    agent.started(agent.lastContainer)
    agent.ackAll('t1')
    agent.step({ type: 'shutdown', message: 'the agent was asked to stop' })
    expect(agent.of('kill')).toHaveLength(1)
    agent.exited(agent.lastContainer, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    expect(agent.of('done')).toEqual([])
    expect(agent.ack('t1')).toMatchObject({
      state: 'TASK_KILLED',
      message: 'Command terminated with signal Terminated; the agent was asked to stop',
    })
    expect(agent.calls().map(({ type }) => type)).toEqual(['UNREGISTER'])
    expect(agent.of('done')).toHaveLength(1)
  })

  test('of an agent with nothing to do is done at once', () => {
    const agent = CoreUnderTest.registered()
    agent.step({ type: 'shutdown', message: 'asked to' })
    expect(agent.of('done')).toHaveLength(1)
  })

  test('by the master does not wait for acknowledgements', () => {
    const agent = CoreUnderTest.registered()
    agent.run(command('t1'))
    agent.link({ type: 'SHUTDOWN', shutdown: { message: 'marked gone' } })
    agent.step({ type: 'launch-failed', containerId: agent.lastContainer, message: 'stopped' })
    expect(agent.of('done')).toHaveLength(1)
    expect(agent.calls().map(({ type }) => type)).not.toContain('UNREGISTER')
  })

  test('is done when the link is lost and nobody can be told', () => {
    const agent = CoreUnderTest.registered()
    agent.run(command('t1'))
    agent.step({ type: 'shutdown', message: 'asked to' })
    agent.step({ type: 'launch-failed', containerId: agent.lastContainer, message: 'stopped' })
    expect(agent.of('done')).toEqual([])
    agent.step({ type: 'link-lost' })
    expect(agent.of('done')).toHaveLength(1)
  })
})

test('a framework that comes back finds its completed executors remembered', () => {
  const agent = CoreUnderTest.registered()
  agent.run(command('t1'))
  agent.started(agent.lastContainer)
  agent.exited(agent.lastContainer, { kind: 'exited', code: 0 })
  agent.ackAll('t1')
  agent.run(command('t2'))
  expect(agent.core.state.completedFrameworks).toEqual([])
  expect(agent.core.state.frameworks.get('F1')?.completedExecutors.map(({ id }) => id)).toEqual(['t1'])
})

test('what is completed is remembered up to its limit, the newest kept', () => {
  const agent = CoreUnderTest.registered({ limits: { completedFrameworks: 2 } })
  for (const id of ['F1', 'F2', 'F3']) {
    agent.run(command('t'), { framework: framework(id) })
    agent.step({ type: 'launch-failed', containerId: agent.lastContainer, message: 'no' })
    agent.ackAll('t', id)
  }
  expect(agent.core.state.completedFrameworks.map(({ id }) => id)).toEqual(['F2', 'F3'])
})

test('the containers that run are listed for the reading of usage, borrowers marked', () => {
  const agent = CoreUnderTest.registered()
  agent.run(taskInfo('t1', { command: { value: 'x' }, resources: [scalar('cpus', 1, { revocable: {} })] }))
  expect(liveContainers(agent.core.state)).toEqual([])
  agent.started(agent.lastContainer)
  expect(liveContainers(agent.core.state)).toMatchObject([
    { containerId: agent.lastContainer, taskIds: ['t1'], revocable: true, startedAt: agent.now },
  ])
})

describe('limits of a container', () => {
  const own = Resources.from([scalar('cpus', 0.1), scalar('mem', 32)])
  const task = (cpus?: number, mem?: number) =>
    taskInfo('t', {
      limits: {
        ...(cpus !== undefined && { cpus: { value: cpus } }),
        ...(mem !== undefined && { mem: { value: mem } }),
      },
    })

  test('are unset when no task has any', () => {
    expect(limitsOf([task()], own, false)).toEqual({})
  })

  test('add the own request and the requests of tasks without a limit', () => {
    expect(limitsOf([task(2, 100), task()], own, true)).toEqual({ cpus: 2.2, mem: 196 })
  })

  test('set no limit of cpus when a task has none and quotas are off', () => {
    expect(limitsOf([task(2, 100), task()], own, false)).toEqual({ mem: 196 })
  })

  test('are infinite when one task is', () => {
    const { mem } = limitsOf([task(1, Number.POSITIVE_INFINITY), task(1, 5)], own, false)
    expect(mem).toBe(Number.POSITIVE_INFINITY)
  })
})
