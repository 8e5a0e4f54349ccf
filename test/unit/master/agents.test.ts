// How agents register, come back, fall silent and leave, and what becomes of the tasks on them.
import { describe, expect, test } from 'vitest'
import type { FrameworkInfo } from '../../../src/wire/frameworks.ts'
import type { LinkTask } from '../../../src/wire/link.ts'
import { MasterRig, capabilities, frameworkInfo, parse, task, uuidOf } from '../../support/master-rig.ts'

const AGENT = {
  hostname: 'host-a1',
  port: 5051,
  resources: parse('cpus:8;mem:16384').toWire(),
}

function running(changes: Partial<FrameworkInfo> = {}) {
  const rig = new MasterRig()
  const agentId = rig.agent('a1')
  const id = rig.framework('f1', changes)
  rig.launch(id, rig.offers('f1'), [task('t', agentId)])
  rig.acknowledge(id, agentId, 't', rig.update(agentId, id, 't', 'TASK_RUNNING'))
  rig.heard('a1')
  rig.heard('f1')
  return { rig, agentId, id }
}

function reported(
  frameworkId: string,
  agentId: string,
  name = 't',
  state: LinkTask['state'] = 'TASK_RUNNING',
): LinkTask {
  const info = { ...task(name, agentId), resources: parse('cpus:1;mem:64').allocateTo('*').toWire() }
  return { task: info, framework_id: { value: frameworkId }, state }
}

describe('registration', () => {
  test('gives ids in order and tells how long to wait for pings', () => {
    const rig = new MasterRig()
    expect([rig.agent('a1'), rig.agent('a2')]).toEqual(['M-S0', 'M-S1'])
    const effects = rig.step({
      type: 'agent-subscribe',
      connection: 'a3',
      call: { type: 'SUBSCRIBE', subscribe: { agent_info: { hostname: 'h3' }, version: '1.12.0' } },
      address: { ip: '10.0.0.3', port: 5051 },
    })
    const registered = effects.find((effect) => effect.type === 'to-agent')
    expect(registered).toMatchObject({ event: { registered: { total_ping_timeout_seconds: 75 } } })
  })

  test('hears how the cluster is called', () => {
    const rig = new MasterRig({ cluster: 'blue' })
    const call = {
      type: 'SUBSCRIBE',
      subscribe: { agent_info: { hostname: 'h' }, version: '1.12.0' },
    } as const
    const address = { ip: '10.0.0.3', port: 5051 }
    const effects = rig.step({ type: 'agent-subscribe', connection: 'a', call, address })
    const registered = effects.find((effect) => effect.type === 'to-agent')
    expect(registered).toMatchObject({ event: { registered: { cluster: 'blue' } } })
  })

  test('is refused with a sentence for resources that cannot be', () => {
    const rig = new MasterRig()
    rig.agentSubscribes('a1', {
      agent_info: { hostname: 'h', resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: -1 } }] },
      version: '1.12.0',
    })
    expect(rig.heard('a1')).toEqual([
      expect.stringContaining("ERROR \"Resource 'cpus' is invalid"),
      '(closed)',
    ])
    rig.agentSubscribes('a2', {
      agent_info: { hostname: 'h', resources: parse('cpus:1').markRevocable().toWire() },
      version: '1.12.0',
    })
    expect(rig.heard('a2')[0]).toContain('must be neither revocable nor allocated')
  })

  test('of a second agent at the same address replaces the first, whose tasks are lost', () => {
    const { rig, agentId } = running()
    rig.agentSubscribes('b1', { agent_info: AGENT, version: '1.12.0' })
    expect(rig.heard('a1')).toEqual(['(closed)'])
    expect(rig.heard('b1')).toEqual(['REGISTERED M-S1'])
    expect(rig.heard('f1')).toEqual([
      'UPDATE t TASK_LOST REASON_AGENT_REMOVED "Agent host-a1 removed: a new agent registered at its address"',
      `FAILURE ${agentId}`,
    ])
    expect(rig.counts.get('master/slave_removals/reason_registered')).toBe(1)
  })

  test('that is repeated because the answer was lost gives the same id again', () => {
    const rig = new MasterRig()
    rig.agentSubscribes('a1', { agent_info: AGENT, version: '1.12.0' })
    rig.agentSubscribes('a2', { agent_info: AGENT, version: '1.12.0' })
    expect(rig.heard('a1')).toEqual(['REGISTERED M-S0', '(closed)'])
    expect(rig.heard('a2')).toEqual(['REGISTERED M-S0'])
  })

  test('under a known id from another host is answered with SHUTDOWN', () => {
    const { rig, agentId } = running()
    rig.agentSubscribes('b1', {
      agent_info: { ...AGENT, hostname: 'elsewhere' },
      agent_id: { value: agentId },
      version: '1',
    })
    expect(rig.heard('b1')).toEqual([expect.stringContaining('SHUTDOWN "Agent M-S0 was host-a1'), '(closed)'])
    expect(rig.core.cluster.agents.get(agentId)?.state.kind).toBe('connected')
  })
})

describe('a link that breaks', () => {
  test('ends the offers of the agent with RESCIND and nothing else for frameworks with checkpointing', () => {
    const { rig, agentId, id } = running()
    const [offer] = rig.offers('f1')
    rig.heard('f1')
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    expect(rig.heard('f1')).toEqual([`RESCIND ${offer?.id.value}`])
    expect(rig.offers('f1')).toEqual([])
    rig.agentAgain('a2', agentId, { tasks: [reported(id, agentId)], frameworks: [] })
    expect(rig.heard('a2')).toEqual([`REGISTERED ${agentId}`])
    expect(rig.heard('f1')).toEqual([])
    rig.advance(700_000)
    expect(rig.core.cluster.agents.get(agentId)?.state.kind).toBe('connected')
    expect(rig.offers('f1')).toHaveLength(1)
  })

  test('loses tasks without checkpointing at once; if they come back they are killed and nobody hears', () => {
    const { rig, agentId, id } = running({ checkpoint: false })
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    expect(rig.heard('f1')).toEqual([
      'UPDATE t TASK_LOST REASON_AGENT_DISCONNECTED "Agent host-a1 disconnected"',
    ])
    rig.agentAgain('a2', agentId, { tasks: [reported(id, agentId)] })
    expect(rig.heard('a2')).toEqual([`REGISTERED ${agentId}`, 'KILL_TASK t'])
    const held = rig.core.cluster.allocator.booked(id, agentId)
    expect(held.scalar('cpus')).toBe(1)
    const uuid = rig.update(agentId, id, 't', 'TASK_KILLED')
    expect(rig.heard('a2')).toEqual([`ACKNOWLEDGE t ${uuid}`])
    expect(rig.heard('f1')).toEqual([])
    expect(rig.core.cluster.allocator.booked(id, agentId).isEmpty).toBe(true)
    // Sent once more before the acknowledgement arrived.
    rig.update(agentId, id, 't', 'TASK_KILLED')
    expect(rig.heard('f1')).toEqual([])
    rig.agentAgain('a3', agentId, {})
    expect(rig.core.cluster.agents.get(agentId)?.disowned.size).toBe(0)
  })

  test('of which only the agent knows does no harm: its second stream takes over with all tasks', () => {
    const { rig, agentId, id } = running({ checkpoint: false })
    rig.agentAgain('a2', agentId, { tasks: [reported(id, agentId)] })
    expect(rig.heard('a1')).toEqual(['(closed)'])
    expect(rig.heard('f1')).toEqual([])
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    expect(rig.core.cluster.agents.get(agentId)?.state).toEqual({ kind: 'connected', connection: 'a2' })
    expect(rig.core.cluster.frameworks.get(id)?.tasks.get('t')?.state).toBe('TASK_RUNNING')
  })

  test('tells a new master what was told of its tasks, so that it can answer as the old one did', () => {
    const { rig, agentId, id } = running()
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.advance(600_000)
    const container_status = { container_id: { value: 'c' } }
    const told = { task_id: { value: 't' }, state: 'TASK_RUNNING', container_status } as const
    rig.agentAgain('a2', agentId, {
      agent_info: AGENT,
      tasks: [{ ...reported(id, agentId), statuses: [told] }],
    })
    rig.call(id, { type: 'RECONCILE', reconcile: { tasks: [] } })
    expect(rig.lastStatus('f1')).toMatchObject({ state: 'TASK_RUNNING', container_status })
  })

  test('asks the agent about a task that it never got, and kills again what was to be killed', () => {
    const { rig, agentId, id } = running()
    rig.launch(id, rig.offers('f1'), [task('late', agentId)])
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.call(id, { type: 'KILL', kill: { task_id: { value: 't' } } })
    rig.agentAgain('a2', agentId, { tasks: [reported(id, agentId)] })
    expect(rig.heard('a2')).toEqual([`REGISTERED ${agentId}, missing: late`, 'KILL_TASK t'])
    rig.heard('f1')
    rig.acknowledge(id, agentId, 'late', rig.update(agentId, id, 'late', 'TASK_DROPPED'))
    expect(rig.heard('f1')).toEqual(['UPDATE late TASK_DROPPED'])
    expect(rig.core.cluster.frameworks.get(id)?.tasks.has('late')).toBe(false)
  })
})

describe('an agent that is not heard of', () => {
  test('is unreachable after five pings without an answer; its tasks may come back with it', () => {
    const { rig, agentId, id } = running()
    rig.mute.add('a1')
    // The first ping was answered before: five more go unanswered.
    rig.advance(89_999)
    expect(rig.heard('f1')).toEqual([])
    rig.advance(1)
    const at = (rig.now / 1000) * 1e9
    expect(rig.heard('a1').at(-1)).toBe('(closed)')
    expect(rig.heard('f1')).toEqual([
      'UPDATE t TASK_UNREACHABLE REASON_AGENT_REMOVED "Agent host-a1 is unreachable: health check timed out"',
      `FAILURE ${agentId}`,
    ])
    expect(rig.lastStatus('f1')?.unreachable_time).toEqual({ nanoseconds: at })
    expect(rig.core.cluster.unreachableAgents.has(agentId)).toBe(true)

    rig.agentAgain('a2', agentId, {
      agent_info: AGENT,
      frameworks: [frameworkInfo({ id: { value: id } })],
      tasks: [reported(id, agentId)],
    })
    expect(rig.heard('a2')).toEqual([`REGISTERED ${agentId}`, 'UPDATE_FRAMEWORK'])
    expect(rig.heard('f1')).toEqual([
      'UPDATE t TASK_RUNNING REASON_AGENT_REREGISTERED "Unreachable agent reregistered"',
    ])
    expect(rig.core.cluster.frameworks.get(id)?.unreachableTasks.size).toBe(0)
  })

  test('is unreachable after agent_reregister_timeout; LOST without partition-awareness', () => {
    const { rig, agentId } = running({ capabilities: capabilities('MULTI_ROLE') })
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.advance(599_999)
    expect(rig.heard('f1')).toEqual([])
    rig.advance(1)
    expect(rig.heard('f1')).toEqual([
      'UPDATE t TASK_LOST REASON_AGENT_REMOVED "Agent host-a1 is unreachable: it did not come back within 600 s"',
      `FAILURE ${agentId}`,
    ])
  })

  test('that comes back without a task is asked for its end', () => {
    const { rig, agentId, id } = running()
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.advance(600_000)
    rig.agentAgain('a2', agentId, { agent_info: AGENT })
    expect(rig.heard('a2')).toEqual([`REGISTERED ${agentId}, missing: t`])
    // Until it answers nobody hears a guess, and what the task held is not given away.
    rig.heard('f1')
    rig.call(id, {
      type: 'RECONCILE',
      reconcile: { tasks: [{ task_id: { value: 't' }, agent_id: { value: agentId } }] },
    })
    expect(rig.lastStatus('f1')).toMatchObject({ state: 'TASK_RUNNING', reason: 'REASON_RECONCILIATION' })
    rig.heard('f1')
    rig.acknowledge(id, agentId, 't', rig.update(agentId, id, 't', 'TASK_DROPPED'))
    expect(rig.heard('f1')).toEqual(['UPDATE t TASK_DROPPED'])
    expect(rig.core.cluster.allocator.booked(id, agentId).isEmpty).toBe(true)
  })

  test('after a task ended says nothing of it when that was told, and UNREACHABLE when it waits to be told', () => {
    const { rig, agentId, id } = running()
    rig.launch(id, rig.offers('f1'), [task('waits', agentId)])
    rig.update(agentId, id, 't', 'TASK_FINISHED')
    rig.update(agentId, id, 'waits', 'TASK_RUNNING', 'TASK_FINISHED')
    rig.heard('f1')
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.advance(600_000)
    expect(rig.heard('f1').map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'UPDATE waits TASK_UNREACHABLE',
      `FAILURE ${agentId}`,
    ])
  })

  test('keeps the ids of its tasks: none of them may be used again', () => {
    const { rig, id } = running()
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.advance(600_000)
    const other = rig.agent('b1')
    rig.launch(id, rig.offers('f1'), [task('t', other)])
    expect(rig.heard('f1').at(-1)).toBe(
      'UPDATE t TASK_ERROR REASON_TASK_INVALID "Task reuses the ID of an unreachable task: t"',
    )
  })

  test('has a new deadline with each disconnection', () => {
    const { rig, agentId, id } = running()
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.advance(500_000)
    rig.agentAgain('a2', agentId, { tasks: [reported(id, agentId)] })
    rig.step({ type: 'agent-disconnected', connection: 'a2' })
    rig.advance(599_999)
    expect(rig.core.cluster.agents.has(agentId)).toBe(true)
    rig.advance(1)
    expect(rig.core.cluster.agents.has(agentId)).toBe(false)
  })

  test('remembers which tasks were lost for good, however long it is away', () => {
    const { rig, agentId, id } = running({ checkpoint: false })
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.advance(600_000)
    rig.heard('f1')
    rig.agentAgain('a2', agentId, { agent_info: AGENT, tasks: [reported(id, agentId)] })
    expect(rig.heard('a2')).toEqual([`REGISTERED ${agentId}`, 'KILL_TASK t'])
    expect(rig.heard('f1')).toEqual([])
  })

  test('says farewell: its tasks are lost for good, its id is not waited for', () => {
    const { rig, agentId } = running()
    rig.agentCall(agentId, { type: 'UNREGISTER' })
    expect(rig.heard('f1')).toEqual([
      'UPDATE t TASK_LOST REASON_AGENT_REMOVED "Agent host-a1 removed: it unregistered"',
      `FAILURE ${agentId}`,
    ])
    expect(rig.core.cluster.unreachableAgents.size).toBe(0)
    expect(rig.core.cluster.agents.size).toBe(0)
  })
})

describe('a master that starts anew', () => {
  test('takes back agents, frameworks, executors and tasks as they say', () => {
    const rig = new MasterRig()
    const frameworkId = 'old-0003'
    const executor = {
      executor_id: { value: 'e' },
      command: { value: './run' },
      resources: parse('cpus:0.5').allocateTo('*').toWire(),
    }
    rig.agentAgain('a1', 'old-S5', {
      agent_info: AGENT,
      frameworks: [frameworkInfo({ id: { value: frameworkId } })],
      executors: [
        { framework_id: { value: frameworkId }, executor_info: executor, command_executor: false },
        {
          framework_id: { value: frameworkId },
          executor_info: { ...executor, executor_id: { value: 't' } },
          command_executor: true,
        },
      ],
      tasks: [reported(frameworkId, 'old-S5')],
    })
    expect(rig.heard('a1')).toEqual(['REGISTERED old-S5'])
    const framework = rig.core.cluster.frameworks.get(frameworkId)
    expect(framework?.state.kind).toBe('recovered')
    expect(rig.core.cluster.allocator.booked(frameworkId, 'old-S5').scalar('cpus')).toBe(1.5)
    rig.subscribe('f1', frameworkInfo({ id: { value: frameworkId } }))
    expect(rig.heard('f1')).toEqual([`SUBSCRIBED ${frameworkId}`])
    expect(rig.heard('a1')).toEqual(['UPDATE_FRAMEWORK'])
    rig.call(frameworkId, { type: 'RECONCILE', reconcile: {} })
    expect(rig.heard('f1')).toEqual([
      'UPDATE t TASK_RUNNING REASON_RECONCILIATION "Reconciliation: Latest task state"',
    ])
  })

  test('has agents shut down frameworks that are over', () => {
    const { rig, agentId, id } = running()
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.call(id, { type: 'TEARDOWN' })
    rig.agentAgain('a2', agentId, {
      frameworks: [frameworkInfo({ id: { value: id } })],
      tasks: [reported(id, agentId)],
    })
    expect(rig.heard('a2')).toEqual([`REGISTERED ${agentId}`, `SHUTDOWN_FRAMEWORK ${id}`])
    expect(rig.core.cluster.agents.get(agentId)?.tasks.size).toBe(0)
  })
})

test('a task id that is used elsewhere by now is killed where it comes back, and its framework hears nothing', () => {
  const { rig, agentId, id } = running({ checkpoint: false })
  rig.step({ type: 'agent-disconnected', connection: 'a1' })
  const other = rig.agent('b1')
  rig.launch(id, rig.offers('f1'), [task('t', other)])
  rig.heard('f1')
  rig.agentAgain('a2', agentId, { tasks: [reported(id, agentId)] })
  expect(rig.heard('a2')).toEqual([`REGISTERED ${agentId}`, 'KILL_TASK t'])
  rig.update(agentId, id, 't', 'TASK_KILLED')
  expect(rig.heard('f1')).toEqual([])
  rig.update(other, id, 't', 'TASK_RUNNING')
  expect(rig.heard('f1')).toEqual(['UPDATE t TASK_RUNNING'])
})

test('an update of an unknown framework makes the agent shut it down', () => {
  const { rig, agentId } = running()
  rig.update(agentId, 'nobody', 'x', 'TASK_RUNNING')
  expect(rig.heard('a1')).toEqual(['SHUTDOWN_FRAMEWORK nobody'])
  expect(rig.counts.get('master/invalid_status_updates')).toBe(1)
})

test('calls of an agent that is not registered change nothing', () => {
  const { rig } = running()
  rig.agentCall('M-S99', { type: 'PONG' })
  rig.agentCall('M-S99', {
    type: 'UPDATE',
    update: {
      framework_id: { value: 'M-0000' },
      status: { task_id: { value: 't' }, state: 'TASK_LOST', uuid: uuidOf('x') },
    },
  })
  expect(rig.heard('f1')).toEqual([])
  expect(rig.counts.get('master/dropped_messages')).toBe(2)
})
