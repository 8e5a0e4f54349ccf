// What a life of the agent makes of the one before it: what is taken up, asked for again, ended, told.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkAgent } from '../../../../src/agent/core/invariants.ts'
import { type FoundRow, restore } from '../../../../src/agent/core/restore.ts'
import {
  AGENT_ID,
  applyRows,
  CoreUnderTest,
  executorInfo,
  framework,
  taskInfo,
} from '../../../support/agent-core.ts'
import { STEPS, Walk } from '../../../support/agent-walk.ts'

const sleep = (id: string, more = {}) => taskInfo(id, { command: { value: 'sleep 100' }, ...more })

/** A command task that runs and whose updates are acknowledged. */
function running(more = {}): { readonly agent: CoreUnderTest; readonly containerId: string } {
  const agent = CoreUnderTest.registered()
  agent.run(sleep('t', more))
  const containerId = agent.lastContainer
  agent.started(containerId)
  agent.ackAll('t')
  return { agent, containerId }
}

describe('a first start', () => {
  test('is the recovery of nothing', () => {
    const { agent, problems, state } = restore([])
    expect([agent, problems, state.agentId, state.frameworks.size]).toEqual([undefined, [], undefined, 0])
    const core = new CoreUnderTest({ state })
    expect(core.step({ type: 'recover', found: new Set(), rebooted: false, cleanup: false })).toEqual([])
    expect(core.rows.size).toBe(0)
  })
})

describe('a command task', () => {
  test('whose container is found runs on, and its agent registers with its id and all that it has', () => {
    const { agent, containerId } = running()
    const next = agent.next({ found: new Set([containerId]) })
    expect(next.of('launch')).toEqual([])
    next.started(containerId)
    next.step({ type: 'link-open' })
    expect(next.of('subscribe')[0]?.call).toMatchObject({
      agent_id: { value: AGENT_ID },
      subscribe: {
        agent_id: { value: AGENT_ID },
        frameworks: [{ id: { value: 'F1' } }],
        executors: [{ command_executor: true }],
        tasks: [{ task: { task_id: { value: 't' } }, state: 'TASK_RUNNING' }],
      },
    })
    expect(next.register().filter(({ type }) => type === 'to-master')).toEqual([])
    next.exited(containerId, { kind: 'exited', code: 3 })
    expect(next.ackAll('t')).toMatchObject([
      {
        state: 'TASK_FAILED',
        message: 'Command exited with status 3',
        container_status: { executor_pid: 4242 },
      },
    ])
    expect(next.rows.size).toBe(1)
  })

  test('that was asked for and never started is asked for again, in the same container', () => {
    const agent = CoreUnderTest.registered()
    agent.run(sleep('t'))
    const [before] = agent.of('launch')
    const next = agent.next()
    expect(next.of('launch')).toMatchObject([before])
  })

  test('that started just before the agent died is told as running, once', () => {
    const agent = CoreUnderTest.registered()
    agent.run(sleep('t'))
    agent.ackAll('t')
    const containerId = agent.lastContainer
    const next = agent.next({ found: new Set([containerId]) })
    next.started(containerId)
    next.register()
    expect(next.ackAll('t').map(({ state }) => state)).toEqual(['TASK_RUNNING'])
  })

  test('that ran and is not found has failed, and says so', () => {
    const next = running().agent.next()
    next.register()
    expect(next.ackAll('t')).toMatchObject([
      {
        state: 'TASK_FAILED',
        reason: 'REASON_EXECUTOR_TERMINATED',
        message: expect.stringContaining('gone when the agent'),
      },
    ])
    expect(next.core.state.frameworks.size).toBe(0)
  })

  test('did not outlive the machine, whether it ran or waited for its start', () => {
    const { agent } = running()
    agent.run(sleep('waits'))
    const next = agent.next({ rebooted: true })
    expect(next.of('launch')).toEqual([])
    next.register()
    for (const id of ['t', 'waits'])
      expect(next.ackAll(id).at(-1)).toMatchObject({
        state: 'TASK_FAILED',
        message: expect.stringContaining('the machine was started anew'),
      })
  })

  test('that had ended before the machine was started anew has its own end', () => {
    const { agent, containerId } = running()
    const next = agent.next({ found: new Set([containerId]), rebooted: true })
    next.started(containerId)
    next.register()
    next.exited(containerId, { kind: 'exited', code: 3 })
    expect(next.ackAll('t')).toMatchObject([
      { state: 'TASK_FAILED', message: 'Command exited with status 3' },
    ])
  })

  test('that was being killed is killed again, and ends as killed', () => {
    const { agent, containerId } = running()
    agent.kill('t', 7000)
    agent.ackAll('t')
    agent.now += 2000
    const next = agent.next({ found: new Set([containerId]) })
    expect(next.of('kill')).toMatchObject([{ containerId, graceMs: 5000 }])
    next.register()
    next.exited(containerId, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    expect(next.ackAll('t').map(({ state }) => state)).toEqual(['TASK_KILLED'])
  })

  test.each([
    ['the shortest grace that was asked for counts', [60_000, 4000, 9000], 500, 3500],
    ['none is left when it was over meanwhile', [5000], 60_000, 0],
    ['a clock that was set back makes it no longer', [5000], -86_400_000, 5000],
  ])('that is being killed: %s', (_, graces, awayMs, left) => {
    const { agent, containerId } = running()
    for (const grace of graces) agent.kill('t', grace)
    agent.now += awayMs
    const next = agent.next({ found: new Set([containerId]) })
    expect(next.of('kill')).toMatchObject([{ containerId, graceMs: left }])
  })

  test('has what is left of its max_completion_time', () => {
    const { agent, containerId } = running({ max_completion_time: { nanoseconds: 60e9 } })
    agent.now += 45_000
    const next = agent.next({ found: new Set([containerId]) })
    expect(next.of('timer')).toMatchObject([{ afterMs: 15_000, timer: { kind: 'max-completion' } }])
  })

  test('of a framework without checkpoint is not written down', () => {
    const agent = CoreUnderTest.registered()
    agent.run(sleep('t'), { framework: { ...framework('F1'), checkpoint: false } })
    agent.started(agent.lastContainer)
    expect([...agent.rows.values()].map(({ kind }) => kind)).toEqual(['agent'])
    expect(agent.next().core.state.frameworks.size).toBe(0)
  })
})

describe('updates', () => {
  test('that waited are sent again after the registration, the first of them first, with their uuids', () => {
    const agent = CoreUnderTest.registered()
    agent.run(sleep('t'))
    const containerId = agent.lastContainer
    agent.started(containerId)
    agent.exited(containerId, { kind: 'exited', code: 0 })
    const waiting = agent.core.state.streams.get('F1\nt')?.pending.map(({ status }) => status)
    expect(waiting?.map(({ state }) => state)).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
    const next = agent.next()
    expect(next.calls()).toEqual([])
    next.register()
    expect(next.ackAll('t')).toEqual(waiting)
    expect(next.rows.size).toBe(1)
  })

  test('of an executor that repeats what was taken before are acknowledged to it and not told again', () => {
    const agent = custom()
    const status = { task_id: { value: 'a' }, state: 'TASK_RUNNING', uuid: 'AAAA' } as const
    agent.update(status)
    agent.ackAll('a')
    const next = agent.next({ found: new Set([agent.lastContainer]) })
    next.register()
    next.subscribe('c2', { unacknowledged_updates: [{ status }] })
    expect(next.sent()).toEqual([])
    expect(next.of('to-executor').map(({ event }) => event.type)).toEqual(['ACKNOWLEDGED', 'SUBSCRIBED'])
  })
})

/** A custom executor that has subscribed and got task `a`. */
function custom(): CoreUnderTest {
  const agent = CoreUnderTest.registered()
  agent.run(taskInfo('a'), { executor: executorInfo('E1') })
  agent.started(agent.lastContainer)
  agent.subscribe('c1')
  return agent
}

describe('a custom executor', () => {
  test('that comes back in time goes on with its tasks, and tells the end of one that it never got', () => {
    const agent = custom()
    agent.update({ task_id: { value: 'a' }, state: 'TASK_RUNNING', uuid: 'AAAA' })
    agent.run(taskInfo('unheard'), { executor: executorInfo('E1'), launchExecutor: false })
    agent.ackAll('a')
    const containerId = agent.lastContainer
    const next = agent.next({ found: new Set([containerId]) })
    const [{ afterMs, timer } = {}] = next.of('timer')
    expect(afterMs).toBe(2000)
    next.register()
    next.subscribe('c2')
    expect(next.ackAll('unheard')).toMatchObject([
      { state: 'TASK_DROPPED', reason: 'REASON_AGENT_RESTARTED' },
    ])
    if (timer !== undefined) next.step({ type: 'timer', timer })
    expect(next.of('kill')).toEqual([])
    expect(next.executor('E1')?.life.kind).toBe('running')
  })

  test('that does not come back in time is ended, and its tasks are gone', () => {
    const agent = custom()
    const containerId = agent.lastContainer
    const next = agent.next({ found: new Set([containerId]) })
    const [timer] = next.of('timer').map((effect) => effect.timer)
    if (timer !== undefined) next.step({ type: 'timer', timer })
    expect(next.of('kill')).toMatchObject([{ containerId, graceMs: 0 }])
    next.register()
    next.exited(containerId, { kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    expect(next.ackAll('a')).toMatchObject([
      {
        state: 'TASK_GONE',
        reason: 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT',
        message: 'Executor did not reregister within 2secs',
      },
    ])
  })

  test('that had not subscribed yet gets the tasks that wait for it', () => {
    const agent = CoreUnderTest.registered()
    agent.run(taskInfo('a'), { executor: executorInfo('E1') })
    const containerId = agent.lastContainer
    const next = agent.next({ found: new Set([containerId]) })
    next.started(containerId)
    expect(next.of('timer')).toMatchObject([{ timer: { kind: 'registration-timeout' } }])
    next.subscribe('c1')
    expect(next.of('to-executor').map(({ event }) => event.type)).toEqual(['SUBSCRIBED', 'LAUNCH'])
  })
})

describe('an agent', () => {
  test('that leaves ends only what is without checkpoint, and its next life is the same agent', () => {
    const { agent, containerId } = running()
    agent.run(sleep('other'), { framework: { ...framework('F2'), checkpoint: false } })
    const other = agent.lastContainer
    agent.started(other)
    agent.step({ type: 'leave', message: 'stopped' })
    expect(agent.of('kill').map((kill) => kill.containerId)).toEqual([other])
    expect(agent.of('done')).toEqual([])
    agent.exited(other, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    agent.ackAll('other', 'F2')
    expect(agent.of('done')).toEqual([{ type: 'done', forget: false }])
    expect(agent.calls().filter(({ type }) => type === 'UNREGISTER')).toEqual([])
    const next = agent.next({ found: new Set([containerId]) })
    expect(next.core.state.agentId).toBe(AGENT_ID)
    expect([...next.core.state.containers.keys()]).toEqual([containerId])
  })

  test('that is shut down while it leaves ends everything and gives its id back', () => {
    const { agent, containerId } = running()
    agent.run(sleep('other'), { framework: { ...framework('F2'), checkpoint: false } })
    const other = agent.lastContainer
    agent.step({ type: 'leave', message: 'stopped' })
    agent.step({ type: 'shutdown', message: 'all of it' })
    expect(
      agent
        .of('kill')
        .map((kill) => kill.containerId)
        .toSorted(),
    ).toEqual([containerId, other].toSorted())
    for (const id of [containerId, other]) agent.exited(id, { kind: 'exited', code: 0 })
    agent.ackAll('t')
    agent.ackAll('other', 'F2')
    expect(agent.of('done')).toEqual([{ type: 'done', forget: true }])
  })

  test('that was started to clean up ends what it finds and keeps the updates for a later life', () => {
    const { agent, containerId } = running()
    const cleaning = agent.next({ found: new Set([containerId]), cleanup: true })
    expect(cleaning.of('kill').map((kill) => kill.containerId)).toEqual([containerId])
    cleaning.exited(containerId, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    expect(cleaning.of('done')).toEqual([{ type: 'done', forget: false }])
    const later = cleaning.next()
    later.register()
    expect(later.ackAll('t').map(({ state }) => state)).toEqual(['TASK_KILLED'])
  })
})

describe('a record', () => {
  const rows = (): FoundRow[] => [...running().agent.rows.values()]
  const bad: readonly [string, (row: FoundRow) => FoundRow, RegExp][] = [
    ['cut short', (row) => ({ ...row, value: row.value.slice(0, -9) }), /cannot be read: Not valid JSON/],
    ['of something else', (row) => ({ ...row, value: '{"kind":"Pod"}' }), /cannot be read: .*required/],
    [
      'under another name',
      (row) => ({ ...row, key: `${row.key}x` }),
      /is another one’s|has no executor|has no framework/,
    ],
  ]
  test.each(bad)('%s is named and left out, with what belongs to it', (_, spoil, words) => {
    for (const kind of ['framework', 'executor', 'task']) {
      const { problems, state } = restore(rows().map((row) => (row.kind === kind ? spoil(row) : row)))
      expect(problems[0]).toMatch(words)
      expect([state.frameworks.size, state.containers.size, state.streams.size]).toEqual([0, 0, 0])
      expect(state.agentId).toBe(AGENT_ID)
    }
  })

  test('that contradicts itself is left out', () => {
    const spoil = (row: FoundRow): FoundRow =>
      row.kind === 'task'
        ? { ...row, value: row.value.replace('"life":"launched"', '"life":"terminated"') }
        : row
    expect(restore(rows().map(spoil)).problems).toEqual([expect.stringContaining('contradicts itself')])
  })
})

test('cut off after any write, the next life is consistent, and each of its tasks is told exactly one end', () => {
  const step = fc.tuple(fc.nat(STEPS.length - 1), fc.nat(63), fc.nat(63))
  const life = fc.record({
    steps: fc.array(step, { minLength: 10, maxLength: 120 }),
    cut: fc.nat(),
    found: fc.nat(),
    rebooted: fc.boolean(),
    more: fc.oneof(
      { weight: 1, arbitrary: fc.array(step, { maxLength: 0 }) },
      fc.array(step, { maxLength: 40 }),
    ),
  })
  fc.assert(
    fc.property(life, ({ cut, found, more, rebooted, steps }) => {
      const walk = new Walk()
      for (const [kind, x, y] of steps) {
        STEPS[kind]?.(walk, x, y)
        walk.after()
      }
      const store = new Map<string, FoundRow>()
      const { writes } = walk.agent
      for (const rows of writes.slice(0, 1 + (cut % writes.length))) applyRows(store, rows)
      const { problems, state } = restore([...store.values()])
      expect(problems).toEqual([])
      checkAgent(state)
      const owed = unended(state)
      // Any of its containers may have been found, after a start of the machine those that had ended before.
      const there = new Set([...state.containers.keys()].filter((_, at) => (found >> (at % 16)) % 2 === 1))
      const agent = walk.agent.next({ rows: store.values(), found: there, rebooted })
      const next = new Walk(agent)
      for (const id of there) next.running.add(id)
      next.connections = 100
      next.after()
      for (const [kind, x, y] of more) {
        STEPS[kind]?.(next, x, y)
        next.after()
      }
      next.drain()
      const told = next.acknowledged.filter((id) => owed.has(id))
      const torn = more.some(([kind]) => kind >= 18)
      if (!torn) expect(new Set(told)).toEqual(owed)
      // Ids may be used again afterwards; without that nothing is told twice.
      if (more.length === 0) expect(told.length).toBe(owed.size)
      expect([...agent.core.state.containers.keys()]).toEqual([])
      expect([...agent.core.state.streams.keys()]).toEqual([])
      expect([...agent.rows.values()].filter(({ kind }) => kind !== 'agent')).toEqual([])
    }),
    { numRuns: 300 },
  )
})

/** Tasks whose end nobody has acknowledged, of frameworks that still listen. */
function unended(state: ReturnType<typeof restore>['state']): Set<string> {
  const active = [...state.frameworks.values()].filter(({ life }) => life === 'active')
  return new Set(
    active.flatMap(({ executors, id }) =>
      [...executors.values()].flatMap(({ tasks }) => [...tasks.keys()].map((task) => `${id}/${task}`)),
    ),
  )
}
