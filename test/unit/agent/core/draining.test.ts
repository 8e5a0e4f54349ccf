// DRAIN: every task is killed within the bound of the master, its end says why, and nothing new is taken meanwhile.
import { expect, test } from 'vitest'
import type { ContainerExit } from '../../../../src/containerizer/containerizer.ts'
import type { TaskInfo, TaskStatus } from '../../../../src/wire/tasks.ts'
import { CoreUnderTest, executorInfo, framework, START, taskInfo } from '../../../support/agent-core.ts'

const TERMINATED: ContainerExit = { kind: 'signaled', signal: 'SIGTERM', detail: undefined }
const own = (id: string, graceMs: number): TaskInfo =>
  taskInfo(id, { kill_policy: { grace_period: { nanoseconds: graceMs * 1e6 } } })

function drain(agent: CoreUnderTest, config: { readonly graceMs?: number; readonly gone?: boolean } = {}) {
  return agent.link({
    type: 'DRAIN',
    drain: {
      ...(config.graceMs !== undefined && { max_grace_period: { nanoseconds: config.graceMs * 1e6 } }),
      mark_gone: config.gone ?? false,
    },
  })
}

/** A registered agent on which these command tasks run, acknowledged as far as they are. */
function running(tasks: readonly TaskInfo[], info = framework('F1')): CoreUnderTest {
  const agent = CoreUnderTest.registered()
  for (const task of tasks) {
    agent.run(task, { framework: info })
    agent.started(agent.lastContainer)
    agent.ackAll(task.task_id.value)
  }
  return agent
}

const kills = (agent: CoreUnderTest) => agent.of('kill').map(({ graceMs }) => graceMs)

test('every task is killed with its own grace, or with the bound where its own is longer or missing', () => {
  const agent = running([own('short', 1000), own('long', 60_000), taskInfo('none')])
  drain(agent, { graceMs: 10_000 })
  expect(kills(agent)).toEqual([1000, 10_000, 10_000])
  const unbound = running([own('short', 1000), own('long', 60_000), taskInfo('none')])
  drain(unbound)
  expect(kills(unbound)).toEqual([1000, 60_000, 3000])
})

test('the kill and the end of a task say that the agent is draining; one that ends well is FINISHED', () => {
  const agent = running([taskInfo('a'), taskInfo('b')])
  const [first, second] = [...agent.core.state.containers.keys()]
  drain(agent)
  expect(agent.sent()).toMatchObject([
    { task_id: { value: 'a' }, state: 'TASK_KILLING', reason: 'REASON_AGENT_DRAINING' },
    { task_id: { value: 'b' }, state: 'TASK_KILLING', reason: 'REASON_AGENT_DRAINING' },
  ])
  agent.exited(first ?? '', TERMINATED)
  agent.exited(second ?? '', { kind: 'exited', code: 0 })
  expect(agent.ackAll('a').at(-1)).toMatchObject({ state: 'TASK_KILLED', reason: 'REASON_AGENT_DRAINING' })
  const finished = agent.ackAll('b').at(-1)
  expect(finished).toMatchObject({ state: 'TASK_FINISHED' })
  expect(finished?.reason).toBeUndefined()
})

test('an agent that goes for good tells GONE_BY_OPERATOR, but only whom it means something', () => {
  for (const [capabilities, state] of [
    [['PARTITION_AWARE', 'TASK_KILLING_STATE'], 'TASK_GONE_BY_OPERATOR'],
    [[], 'TASK_KILLED'],
  ] as const) {
    const agent = running([taskInfo('t')], framework('F1', capabilities))
    drain(agent, { gone: true })
    expect(agent.sent().map((status) => status.state)).toEqual(
      capabilities.length > 0 ? ['TASK_KILLING'] : [],
    )
    agent.exited(agent.lastContainer, TERMINATED)
    expect(agent.ackAll('t').at(-1)).toMatchObject({ state, reason: 'REASON_AGENT_DRAINING' })
  }
})

test('a task whose container is still being prepared is ended, too', () => {
  const agent = CoreUnderTest.registered()
  agent.run(taskInfo('t'))
  drain(agent)
  expect(kills(agent)).toEqual([3000])
  agent.step({ type: 'launch-failed', containerId: agent.lastContainer, message: 'stopped' })
  expect(agent.ackAll('t').at(-1)).toMatchObject({ state: 'TASK_KILLED', reason: 'REASON_AGENT_DRAINING' })
})

test('a custom executor is asked for the end of its tasks with the bound, and a queued task ends at once', () => {
  const agent = CoreUnderTest.registered()
  agent.run(taskInfo('t'), { executor: executorInfo('E1') })
  agent.started(agent.lastContainer)
  agent.subscribe('c1')
  drain(agent, { graceMs: 2000 })
  expect(agent.of('to-executor').map(({ event }) => event)).toEqual([
    {
      type: 'KILL',
      kill: { task_id: { value: 't' }, kill_policy: { grace_period: { nanoseconds: 2e9 } } },
    },
  ])
  const killed: TaskStatus = { task_id: { value: 't' }, state: 'TASK_KILLED', uuid: 'AAAA' }
  agent.update(killed)
  expect(agent.ack('t')).toMatchObject({ state: 'TASK_KILLED', reason: 'REASON_AGENT_DRAINING' })

  const waiting = CoreUnderTest.registered()
  waiting.run(taskInfo('queued'), { executor: executorInfo('E1') })
  drain(waiting)
  expect(waiting.sent()).toMatchObject([{ state: 'TASK_KILLED', reason: 'REASON_AGENT_DRAINING' }])
})

test('a task that comes meanwhile is dropped, with the reason', () => {
  const agent = running([taskInfo('t')])
  drain(agent)
  agent.run(taskInfo('late'))
  expect(agent.of('launch')).toEqual([])
  expect(agent.sent()).toMatchObject([
    { task_id: { value: 'late' }, state: 'TASK_DROPPED', reason: 'REASON_AGENT_DRAINING' },
  ])
})

test('with nothing left, and every end acknowledged, draining is over for the agent', () => {
  const agent = running([taskInfo('t')])
  drain(agent)
  agent.now += 5000
  drain(agent, { graceMs: 1000 })
  expect(agent.core.state.draining).toMatchObject({ since: START })
  expect(kills(agent)).toEqual([1000])
  agent.exited(agent.lastContainer, TERMINATED)
  expect(agent.core.state.draining).toBeDefined()
  agent.ackAll('t')
  expect(agent.core.state.draining).toBeUndefined()
  const idle = CoreUnderTest.registered()
  drain(idle)
  expect(idle.core.state.draining).toBeUndefined()
  expect(idle.of('log').map(({ message }) => message)).toContain('nothing is left here: the agent is drained')
})

test('a master that does not know us yet drains nothing', () => {
  const agent = new CoreUnderTest()
  drain(agent)
  expect(agent.core.state.draining).toBeUndefined()
  expect(agent.of('log').map(({ message }) => message)).not.toContain('the master drains this agent')
})

test('it keeps what the master holds of it, tells it with every registration, and forgets it in use again', () => {
  const agent = CoreUnderTest.registered()
  const config = { mark_gone: false }
  const standing = { deactivated: true, drain: { state: 'DRAINED' as const, config }, drain_since: START }
  agent.link({ type: 'STANDING', standing })
  const next = agent.next()
  const told = () => next.step({ type: 'link-open' }) && next.of('subscribe')[0]?.call.subscribe?.standing
  expect(told()).toEqual(standing)
  next.register()
  next.link({ type: 'STANDING', standing: { deactivated: false } })
  expect(told()).toBeUndefined()
  expect(next.next().core.state.standing).toBeUndefined()
})

test('a drain goes on in the next life of the agent: the killed task says why, and nothing new comes', () => {
  const agent = running([taskInfo('t')])
  drain(agent, { graceMs: 1000 })
  const next = agent.next({ found: new Set([agent.lastContainer]) })
  next.register()
  expect(next.core.state.draining).toMatchObject({ since: START })
  next.run(taskInfo('late'))
  expect(next.sent()).toMatchObject([{ task_id: { value: 'late' }, reason: 'REASON_AGENT_DRAINING' }])
  next.exited(agent.lastContainer, TERMINATED)
  expect(next.ackAll('t').at(-1)).toMatchObject({ state: 'TASK_KILLED', reason: 'REASON_AGENT_DRAINING' })
})
