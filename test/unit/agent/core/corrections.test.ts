// Lending as the agent's core carries it out: corrections end borrowers, estimates reach the master.
import { describe, expect, test } from 'vitest'
import { Resources } from '../../../../src/resources/resources.ts'
import { CoreUnderTest, executorInfo, framework, taskInfo } from '../../../support/agent-core.ts'

/** Executor E1 subscribed with t1 delivered. */
function subscribed(): CoreUnderTest {
  const agent = CoreUnderTest.registered()
  agent.run(taskInfo('t1'), { executor: executorInfo('E1') })
  agent.started(agent.lastContainer)
  agent.subscribe('c1')
  return agent
}

describe('a correction', () => {
  const correction = (agent: CoreUnderTest, containerId = agent.lastContainer) =>
    ({
      type: 'correction',
      correction: {
        kind: 'kill',
        frameworkId: 'F1',
        executorId: 'E1',
        containerId,
        message: "owner 'web' waited 12 % of its time for cpu, more than 10 %",
        cause: { owner: 'web', signal: 'cpu', value: 12, threshold: 10, unit: '%', forMs: 500 },
      },
    }) as const

  test('ends the container at once; its tasks are GONE with the words of the correction', () => {
    const agent = subscribed()
    agent.step(correction(agent))
    expect(agent.of('kill')).toEqual([{ type: 'kill', containerId: agent.lastContainer, graceMs: 0 }])
    expect(agent.of('count')).toEqual([{ type: 'count', metric: 'slave/executors_preempted', by: 1 }])
    agent.exited(agent.lastContainer, { kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    expect(agent.ack('t1')).toMatchObject({
      state: 'TASK_GONE',
      source: 'SOURCE_AGENT',
      reason: 'REASON_CONTAINER_PREEMPTED',
      message: "owner 'web' waited 12 % of its time for cpu, more than 10 %",
    })
  })

  test('makes tasks LOST for a framework that is not partition-aware', () => {
    const agent = CoreUnderTest.registered()
    agent.run(taskInfo('E1', { command: { value: 'x' } }), { framework: framework('F1', []) })
    agent.started(agent.lastContainer)
    agent.ackAll('E1')
    agent.step(correction(agent))
    agent.exited(agent.lastContainer, { kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    expect(agent.ackAll('E1').at(-1)).toMatchObject({
      state: 'TASK_LOST',
      reason: 'REASON_CONTAINER_PREEMPTED',
    })
  })

  test('never hits the successor of the container that it names', () => {
    const agent = subscribed()
    agent.step(correction(agent, 'an older container'))
    expect(agent.of('kill')).toEqual([])
    expect(agent.executor('E1')?.life.kind).toBe('running')
  })

  test('takes the rest of the grace from what is ending already, and leaves its cause', () => {
    const agent = CoreUnderTest.registered()
    agent.run(taskInfo('E1', { command: { value: 'x' } }))
    agent.started(agent.lastContainer)
    agent.kill('E1', 60_000)
    agent.step(correction(agent))
    expect(agent.of('kill')[0]?.graceMs).toBe(0)
    expect(agent.of('count')).toEqual([])
    agent.exited(agent.lastContainer, { kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    expect(agent.ackAll('E1').at(-1)?.state).toBe('TASK_KILLED')
  })
})

describe('what may be lent', () => {
  const lent = (cpus: number) =>
    Resources.from([{ name: 'cpus', type: 'SCALAR', scalar: { value: cpus } }]).markRevocable()

  test('is told to the master only when it differs from what it heard last', () => {
    const agent = CoreUnderTest.registered()
    agent.step({ type: 'oversubscribed', resources: lent(2) })
    expect(agent.calls()[0]?.oversubscribed?.resources).toMatchObject([
      { name: 'cpus', scalar: { value: 2 }, revocable: {} },
    ])
    agent.step({ type: 'oversubscribed', resources: lent(2) })
    expect(agent.calls()).toEqual([])
    agent.step({ type: 'oversubscribed', resources: Resources.empty })
    expect(agent.calls()[0]?.oversubscribed).toEqual({ resources: [] })
  })

  test('is told again with a registration', () => {
    const agent = CoreUnderTest.registered()
    agent.step({ type: 'link-lost' })
    agent.step({ type: 'oversubscribed', resources: lent(3) })
    expect(agent.effects).toEqual([])
    agent.step({ type: 'link-open' })
    expect(agent.of('subscribe')[0]?.call.subscribe?.oversubscribed_resources).toMatchObject([
      { scalar: { value: 3 } },
    ])
  })
})
