// What checks find becomes updates of the task, and a task that stays unhealthy is ended, as Mesos tells it.
import { describe, expect, test } from 'vitest'
import type { CheckInfo, HealthCheck } from '../../../../src/wire/health.ts'
import type { TaskInfo } from '../../../../src/wire/tasks.ts'
import { CoreUnderTest, framework, START, taskInfo } from '../../../support/agent-core.ts'

const health_check: HealthCheck = { type: 'TCP', tcp: { port: 80 } }
const check: CheckInfo = { type: 'COMMAND', command: { command: { value: 'true' } } }
const NOTHING = { type: 'COMMAND', command: {} }

const task = (more: Partial<TaskInfo> = {}): TaskInfo => taskInfo('t', { command: { value: 'x' }, ...more })

function running(info: TaskInfo, capable = true): { agent: CoreUnderTest; containerId: string } {
  const agent = CoreUnderTest.registered()
  agent.run(info, { framework: framework('F1', capable ? ['TASK_KILLING_STATE'] : []) })
  const containerId = agent.lastContainer
  agent.started(containerId, { inspect: '{}' })
  return { agent, containerId }
}

const judged = (agent: CoreUnderTest, healthy: boolean, ends = false, failures = ends ? 3 : 1): void =>
  void agent.step({
    type: 'health',
    containerId: agent.lastContainer,
    healthy,
    failures,
    ends,
    message: healthy ? undefined : 'health check failed 3 of 3 times in a row: refused',
  })

const found = (agent: CoreUnderTest, exit_code: number): void =>
  void agent.step({
    type: 'check',
    containerId: agent.lastContainer,
    status: { type: 'COMMAND', command: { exit_code } },
    message: undefined,
  })

describe('the watch', () => {
  test('begins when the task runs and ends with its container', () => {
    const info = task({ health_check })
    const { agent, containerId } = running(info)
    expect(agent.of('watch')).toEqual([
      {
        type: 'watch',
        watch: {
          containerId,
          task: info,
          startedAt: START,
          healthy: undefined,
          checkStatus: undefined,
          failures: 0,
        },
      },
    ])
    agent.exited(containerId, { kind: 'exited', code: 0 })
    expect(agent.of('unwatch')).toEqual([{ type: 'unwatch', containerId }])
  })

  test('ends with the first kill, and not again', () => {
    const { agent, containerId } = running(task({ check }))
    agent.kill('t')
    expect(agent.of('unwatch')).toHaveLength(1)
    agent.kill('t', 1)
    agent.exited(containerId, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    expect(agent.of('unwatch', agent.all)).toHaveLength(1)
  })

  test('is not begun for a task without checks, nor for one that was killed before it ran', () => {
    expect(running(task()).agent.of('watch')).toEqual([])
    const agent = CoreUnderTest.registered()
    agent.run(task({ check }))
    agent.kill('t')
    agent.started(agent.lastContainer)
    expect(agent.of('watch')).toEqual([])
  })
})

describe('a result', () => {
  test('of a health check is the last status once more, with it', () => {
    const { agent } = running(task({ health_check }))
    const [, ranAs] = agent.ackAll('t')
    agent.now += 5000
    judged(agent, true)
    const told = agent.ack('t')
    const { data: _, ...kept } = ranAs ?? { task_id: { value: '' }, state: 'TASK_LOST' }
    expect(told).toEqual({
      ...kept,
      healthy: true,
      reason: 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED',
      timestamp: (START + 5000) / 1000,
      uuid: told.uuid,
    })
    expect(told.uuid).not.toBe(ranAs?.uuid)
    judged(agent, false)
    expect(agent.ack('t')).toMatchObject({
      state: 'TASK_RUNNING',
      healthy: false,
      message: 'health check failed 3 of 3 times in a row: refused',
    })
    judged(agent, true)
    expect(agent.ack('t').message).toBeUndefined()
  })

  test('of a check comes beside what is known of the health', () => {
    const { agent } = running(task({ check, health_check }))
    expect(agent.ackAll('t').map((status) => status.check_status)).toEqual([NOTHING, NOTHING])
    judged(agent, true)
    found(agent, 3)
    expect(agent.ackAll('t').at(-1)).toMatchObject({
      state: 'TASK_RUNNING',
      healthy: true,
      check_status: { type: 'COMMAND', command: { exit_code: 3 } },
      reason: 'REASON_TASK_CHECK_STATUS_UPDATED',
    })
  })

  test('that comes during a kill, after the end, or of a container that nobody knows is not told', () => {
    const { agent, containerId } = running(task({ check, health_check }), false)
    agent.ackAll('t')
    agent.kill('t')
    judged(agent, false, true)
    found(agent, 1)
    agent.exited(containerId, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    judged(agent, false, true)
    expect(agent.ackAll('t')).toMatchObject([{ state: 'TASK_KILLED' }])
    judged(agent, false, true)
    expect(agent.effects).toEqual([])
  })
})

describe('a task that failed its health check too often', () => {
  test('is ended with its grace: unhealthy, KILLING, KILLED with what was wrong', () => {
    const kill_policy = { grace_period: { nanoseconds: 7e9 } }
    const { agent, containerId } = running(task({ health_check, kill_policy, check }))
    agent.ackAll('t')
    judged(agent, false, true)
    expect(agent.of('kill')).toEqual([{ type: 'kill', containerId, graceMs: 7000 }])
    expect(agent.of('unwatch')).toHaveLength(1)
    agent.exited(containerId, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    const seen = agent.ackAll('t')
    expect(seen.map(({ check_status, healthy, state }) => [state, healthy, check_status])).toEqual([
      ['TASK_RUNNING', false, NOTHING],
      ['TASK_KILLING', undefined, NOTHING],
      ['TASK_KILLED', false, NOTHING],
    ])
    expect(seen.at(-1)).toMatchObject({
      source: 'SOURCE_EXECUTOR',
      message:
        'Command terminated with signal Terminated; it was ended because its ' +
        'health check failed 3 of 3 times in a row: refused',
    })
  })

  test('and ends well when it is asked to is FINISHED, and unhealthy still', () => {
    const { agent, containerId } = running(task({ health_check }), false)
    agent.ackAll('t')
    judged(agent, false, true)
    agent.exited(containerId, { kind: 'exited', code: 0 })
    expect(agent.ackAll('t').map(({ healthy, state }) => [state, healthy])).toEqual([
      ['TASK_RUNNING', false],
      ['TASK_FINISHED', false],
    ])
  })
})

test('a framework that kills a task hears nothing of its health in the end', () => {
  const { agent, containerId } = running(task({ health_check }))
  judged(agent, true)
  agent.kill('t')
  agent.exited(containerId, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
  expect(agent.ackAll('t').map(({ healthy, state }) => [state, healthy])).toEqual([
    ['TASK_STARTING', undefined],
    ['TASK_RUNNING', undefined],
    ['TASK_RUNNING', true],
    ['TASK_KILLING', undefined],
    ['TASK_KILLED', undefined],
  ])
})

describe('a later life of the agent', () => {
  test('checks a task anew from its start on, and knows what was told', () => {
    const { agent, containerId } = running(task({ check, health_check }))
    judged(agent, true)
    found(agent, 3)
    agent.now += 60_000
    const next = agent.next({ found: new Set([containerId]) })
    expect(next.of('watch')).toMatchObject([
      {
        watch: {
          containerId,
          task: { check, health_check },
          startedAt: START,
          healthy: true,
          checkStatus: { type: 'COMMAND', command: { exit_code: 3 } },
        },
      },
    ])
  })

  test('goes on with the failures in a row of the life before, and with none after a success', () => {
    const { agent, containerId } = running(task({ health_check }))
    const failuresIn = (life: CoreUnderTest) => life.of('watch')[0]?.watch.failures
    judged(agent, false, false, 2)
    const next = agent.next({ found: new Set([containerId]) })
    expect(failuresIn(next)).toBe(2)
    next.step({ type: 'health', containerId, healthy: true, failures: 0, ends: false, message: undefined })
    expect(failuresIn(next.next({ found: new Set([containerId]) }))).toBe(0)
  })

  test('still knows that a task is ended for its health, and why', () => {
    const { agent, containerId } = running(task({ health_check }), false)
    agent.ackAll('t')
    judged(agent, false, true)
    const next = agent.next({ found: new Set([containerId]) })
    expect(next.of('watch')).toEqual([])
    next.register()
    next.exited(containerId, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    expect(next.ackAll('t').at(-1)).toMatchObject({
      state: 'TASK_KILLED',
      healthy: false,
      message: expect.stringContaining('failed 3 of 3 times in a row: refused'),
    })
  })
})
