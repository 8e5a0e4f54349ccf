// The stream of one task's updates against a list: order, one in flight, retries, pauses, duplicates.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AgentTimer } from '../../../../src/agent/core/events.ts'
import type { TaskState } from '../../../../src/wire/tasks.ts'
import { CoreUnderTest, executorInfo, taskInfo } from '../../../support/agent-core.ts'

const uuidOf = (n: number): string => Buffer.from(String(n).padStart(16, '0')).toString('base64')

/** An executor that listens, with task t delivered and nothing said about it. */
function ready(): CoreUnderTest {
  const agent = CoreUnderTest.registered()
  agent.run(taskInfo('t'), { executor: executorInfo('E1') })
  agent.started(agent.lastContainer)
  agent.subscribe('c1')
  return agent
}

const say = (agent: CoreUnderTest, n: number, state: TaskState = 'TASK_RUNNING') =>
  agent.update({ task_id: { value: 't' }, state, source: 'SOURCE_EXECUTOR', uuid: uuidOf(n) })

const acknowledge = (agent: CoreUnderTest, n: number) =>
  agent.link({
    type: 'ACKNOWLEDGE',
    acknowledge: { framework_id: { value: 'F1' }, task_id: { value: 't' }, uuid: uuidOf(n) },
  })

const retryTimer = (agent: CoreUnderTest, among = agent.effects) =>
  agent.of('timer', among).find(({ timer }) => timer.kind === 'update-retry')

describe('an update', () => {
  test('waits until the one before it is acknowledged, and carries the newest state', () => {
    const agent = ready()
    say(agent, 1)
    say(agent, 2, 'TASK_FINISHED')
    expect(agent.sent()).toEqual([])
    agent.step({ type: 'link-lost' })
    agent.register()
    expect(agent.calls()).toMatchObject([
      { update: { status: { uuid: uuidOf(1) }, latest_state: 'TASK_FINISHED' } },
    ])
    acknowledge(agent, 1)
    expect(agent.sent().map(({ uuid }) => uuid)).toEqual([uuidOf(2)])
  })

  test('is shown to the next master with what was told before it, and what nobody was told yet is not', () => {
    const agent = ready()
    say(agent, 1, 'TASK_STARTING')
    acknowledge(agent, 1)
    say(agent, 2)
    say(agent, 3, 'TASK_FINISHED')
    const tasks = (): unknown => {
      agent.step({ type: 'link-lost' })
      agent.step({ type: 'link-open' })
      return agent.of('subscribe')[0]?.call.subscribe?.tasks
    }
    expect(tasks()).toMatchObject([
      {
        state: 'TASK_FINISHED',
        statuses: [{ state: 'TASK_STARTING' }, { state: 'TASK_RUNNING' }],
        status_update_state: 'TASK_RUNNING',
        status_update_uuid: uuidOf(2),
      },
    ])
  })

  test('that was acknowledged is still shown to the next master', () => {
    const agent = ready()
    say(agent, 1)
    acknowledge(agent, 1)
    agent.step({ type: 'link-lost' })
    agent.step({ type: 'link-open' })
    const [task] = agent.of('subscribe')[0]?.call.subscribe?.tasks ?? []
    expect(task?.statuses).toMatchObject([{ state: 'TASK_RUNNING', uuid: uuidOf(1) }])
    expect(task?.status_update_uuid).toBeUndefined()
  })

  test('is repeated after 10 s, then twice as late each time, at most every 10 min', () => {
    const agent = ready()
    say(agent, 1)
    const waits: number[] = []
    for (let round = 0; round < 9; round++) {
      const timer = retryTimer(agent)
      if (timer === undefined) throw new Error('no retry was planned')
      waits.push(timer.afterMs / 1000)
      agent.step({ type: 'timer', timer: timer.timer })
      expect(agent.sent()[0]?.uuid).toBe(uuidOf(1))
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 320, 600, 600, 600])
  })

  test('is sent again at once when its framework is back', () => {
    const agent = ready()
    say(agent, 1)
    const back = (id: string) =>
      agent.link({
        type: 'UPDATE_FRAMEWORK',
        update_framework: { framework_info: { id: { value: id }, user: 'u', name: 'n' } },
      })
    back('F1')
    expect(agent.sent().map(({ uuid }) => uuid)).toEqual([uuidOf(1)])
    expect(retryTimer(agent)?.afterMs).toBe(10_000)
    back('another')
    expect(agent.sent()).toEqual([])
  })

  test('starts with the first interval again after an acknowledgement', () => {
    const agent = ready()
    say(agent, 1)
    say(agent, 2)
    const first = agent.of('timer', agent.all).find(({ timer }) => timer.kind === 'update-retry')
    if (first !== undefined) agent.step({ type: 'timer', timer: first.timer })
    acknowledge(agent, 1)
    expect(retryTimer(agent)?.afterMs).toBe(10_000)
  })

  test('is not repeated by the timer of an older sending', () => {
    const agent = ready()
    say(agent, 1)
    const old = retryTimer(agent)
    agent.step({ type: 'link-lost' })
    agent.register()
    if (old !== undefined) agent.step({ type: 'timer', timer: old.timer })
    expect(agent.sent()).toEqual([])
  })

  test('waits in silence while there is no master', () => {
    const agent = ready()
    agent.step({ type: 'link-lost' })
    say(agent, 1)
    expect(agent.calls()).toEqual([])
    agent.register()
    expect(agent.sent().map(({ uuid }) => uuid)).toEqual([uuidOf(1)])
  })

  test('is not taken off by a foreign acknowledgement', () => {
    const agent = ready()
    say(agent, 1)
    acknowledge(agent, 2)
    expect(agent.of('log')[0]?.message).toBe('acknowledgement ignored: no such update is in flight')
    expect(agent.core.state.streams.get('F1\nt')?.pending).toHaveLength(1)
  })
})

type Op =
  | { readonly kind: 'say'; readonly n: number; readonly state: TaskState }
  | { readonly kind: 'acknowledge'; readonly n: number | 'head' }
  | { readonly kind: 'lose' | 'register' }
  | { readonly kind: 'timer'; readonly index: number }

const number = fc.integer({ min: 1, max: 6 })
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({
    kind: fc.constant('say' as const),
    n: number,
    state: fc.constantFrom<TaskState>('TASK_RUNNING', 'TASK_RUNNING', 'TASK_RUNNING', 'TASK_FINISHED'),
  }),
  fc.record({
    kind: fc.constant('acknowledge' as const),
    n: fc.oneof({ weight: 3, arbitrary: fc.constant('head' as const) }, number),
  }),
  fc.record({ kind: fc.constantFrom('lose' as const, 'register' as const) }),
  fc.record({ kind: fc.constant('timer' as const), index: fc.nat(20) }),
)

/** What a stream is: a list, what of it was taken before, and whether its end is in it. */
interface Model {
  readonly waiting: string[]
  readonly taken: Set<string>
  ended: boolean
  up: boolean
  /** Whether the first of `waiting` was ever sent. */
  sent: boolean
}

function play(agent: CoreUnderTest, model: Model, timers: AgentTimer[], one: Op): void {
  switch (one.kind) {
    case 'say': {
      const uuid = uuidOf(one.n)
      say(agent, one.n, one.state)
      if (model.ended || model.taken.has(uuid)) break
      model.taken.add(uuid)
      model.waiting.push(uuid)
      model.ended = one.state === 'TASK_FINISHED'
      break
    }
    case 'acknowledge': {
      const uuid = one.n === 'head' ? model.waiting[0] : uuidOf(one.n)
      if (uuid === undefined) break
      agent.link({
        type: 'ACKNOWLEDGE',
        acknowledge: { framework_id: { value: 'F1' }, task_id: { value: 't' }, uuid },
      })
      if (!model.up || !model.sent || model.waiting[0] !== uuid) break
      model.waiting.shift()
      model.sent = false
      break
    }
    case 'lose':
      agent.step({ type: 'link-lost' })
      model.up = false
      break
    case 'register':
      agent.register()
      model.up = true
      break
    case 'timer': {
      const timer = timers[one.index % Math.max(1, timers.length)]
      if (timer !== undefined) agent.step({ type: 'timer', timer })
      break
    }
  }
  if (model.up && model.waiting.length > 0) model.sent = true
  timers.push(...agent.of('timer').map(({ timer }) => timer))
}

test('a stream is a list: whatever happens, only its first is sent, and acknowledged ones leave in order', () => {
  fc.assert(
    fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
      const agent = ready()
      const model: Model = { waiting: [], taken: new Set(), ended: false, up: true, sent: false }
      const timers: AgentTimer[] = []
      for (const one of ops) {
        agent.effects = []
        play(agent, model, timers, one)
        const waiting = agent.core.state.streams.get('F1\nt')?.pending.map(({ status }) => status.uuid) ?? []
        expect(waiting).toEqual(model.waiting)
        for (const { uuid } of agent.sent()) expect(uuid).toBe(model.waiting[0])
      }
    }),
    { numRuns: 300 },
  )
})
