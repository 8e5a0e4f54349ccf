// What the master keeps of tasks: states, updates, acknowledgements, kills, messages, reconciliation, lending.
import { describe, expect, test } from 'vitest'
import { Resources } from '../../../src/resources/resources.ts'
import { MasterRig, capabilities, parse, task, uuidOf } from '../../support/master-rig.ts'

function running(types = capabilities('MULTI_ROLE', 'PARTITION_AWARE')) {
  const rig = new MasterRig()
  const agentId = rig.agent('a1')
  const id = rig.framework('f1', { capabilities: types })
  rig.launch(id, rig.offers('f1'), [task('t', agentId)])
  rig.heard('a1')
  rig.heard('f1')
  return { rig, agentId, id }
}

describe('an update', () => {
  test('frees the resources with the newest state, and completes the task with the acknowledgement of the end', () => {
    const { rig, agentId, id } = running()
    const first = rig.update(agentId, id, 't', 'TASK_RUNNING', 'TASK_FINISHED')
    expect(rig.core.cluster.allocator.booked(id, agentId).isEmpty).toBe(true)
    expect(rig.counts.get('master/tasks_finished')).toBe(1)
    rig.acknowledge(id, agentId, 't', first)
    expect(rig.core.cluster.frameworks.get(id)?.tasks.has('t')).toBe(true)
    const last = rig.update(agentId, id, 't', 'TASK_FINISHED')
    rig.acknowledge(id, agentId, 't', uuidOf('another'))
    expect(rig.core.cluster.frameworks.get(id)?.tasks.has('t')).toBe(true)
    rig.acknowledge(id, agentId, 't', last)
    const [completed] = rig.core.cluster.frameworks.get(id)?.completedTasks ?? []
    expect(completed?.statuses.map((status) => status.state)).toEqual(['TASK_RUNNING', 'TASK_FINISHED'])
    expect(rig.counts.get('master/tasks_finished')).toBe(1)
  })

  test('of the same state takes the place of the last one, and its data is not kept', () => {
    const { rig, agentId, id } = running()
    for (const healthy of [true, false]) {
      rig.agentCall(agentId, {
        type: 'UPDATE',
        update: {
          framework_id: { value: id },
          status: {
            task_id: { value: 't' },
            state: 'TASK_RUNNING',
            data: 'AAAA',
            healthy,
            uuid: uuidOf(`${healthy}`),
          },
        },
      })
    }
    expect(rig.lastStatus('f1')?.data).toBe('AAAA')
    expect(rig.core.cluster.frameworks.get(id)?.tasks.get('t')?.statuses).toMatchObject([
      { state: 'TASK_RUNNING', healthy: false },
    ])
    expect(rig.core.cluster.frameworks.get(id)?.tasks.get('t')?.statuses[0]).not.toHaveProperty('data')
    rig.call(id, { type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 't' } }] } })
    expect(rig.lastStatus('f1')).toMatchObject({ reason: 'REASON_RECONCILIATION', healthy: false })
  })

  test('waits at the agent while the framework is away', () => {
    const { rig, agentId, id } = running()
    rig.step({ type: 'framework-disconnected', connection: 'f1' })
    rig.update(agentId, id, 't', 'TASK_FINISHED')
    expect(rig.heard('f1')).toEqual([])
    expect(rig.core.cluster.frameworks.get(id)?.tasks.get('t')?.state).toBe('TASK_FINISHED')
  })

  test('says only states that the framework understands', () => {
    const { rig, agentId, id } = running(capabilities('MULTI_ROLE'))
    rig.update(agentId, id, 't', 'TASK_DROPPED')
    expect(rig.heard('f1')).toEqual(['UPDATE t TASK_LOST'])
    expect(rig.core.cluster.frameworks.get(id)?.tasks.get('t')?.state).toBe('TASK_LOST')
    expect(rig.counts.get('master/tasks_lost')).toBe(1)
  })

  test('of a task that the agent does not know is DROPPED where that is understood', () => {
    const { rig, agentId, id } = running()
    rig.agentCall(agentId, {
      type: 'UPDATE',
      update: {
        framework_id: { value: id },
        status: {
          task_id: { value: 't' },
          state: 'TASK_LOST',
          reason: 'REASON_RECONCILIATION',
          uuid: uuidOf('x'),
        },
        latest_state: 'TASK_LOST',
      },
    })
    expect(rig.heard('f1')).toEqual(['UPDATE t TASK_DROPPED REASON_RECONCILIATION'])
    expect(rig.core.cluster.frameworks.get(id)?.tasks.get('t')?.state).toBe('TASK_DROPPED')
  })

  test('without uuid completes the task by itself', () => {
    const { rig, agentId, id } = running()
    rig.agentCall(agentId, {
      type: 'UPDATE',
      update: { framework_id: { value: id }, status: { task_id: { value: 't' }, state: 'TASK_FAILED' } },
    })
    expect(rig.core.cluster.frameworks.get(id)?.tasks.size).toBe(0)
  })

  test('of a task that is completed already goes on, so that it can be acknowledged', () => {
    const { rig, agentId, id } = running()
    rig.acknowledge(id, agentId, 't', rig.update(agentId, id, 't', 'TASK_FINISHED'))
    rig.heard('a1')
    rig.heard('f1')
    const again = rig.update(agentId, id, 't', 'TASK_FINISHED')
    expect(rig.heard('f1')).toEqual(['UPDATE t TASK_FINISHED'])
    rig.acknowledge(id, agentId, 't', again)
    expect(rig.heard('a1')).toEqual([`ACKNOWLEDGE t ${again}`])
    expect(rig.core.cluster.frameworks.get(id)?.completedTasks).toHaveLength(1)
  })
})

test('an acknowledgement is dropped for a task that waits for none and for an agent that is away', () => {
  const { rig, agentId, id } = running()
  rig.acknowledge(id, agentId, 't', uuidOf('x'))
  rig.step({ type: 'agent-disconnected', connection: 'a1' })
  rig.acknowledge(id, agentId, 't', uuidOf('x'))
  expect(rig.heard('a1')).toEqual([])
  expect(rig.counts.get('master/invalid_status_update_acknowledgements')).toBe(2)
})

test('KILL of an unknown task is answered as by RECONCILE, of one elsewhere it is dropped', () => {
  const { rig, agentId, id } = running()
  rig.call(id, { type: 'KILL', kill: { task_id: { value: 'nobody' }, agent_id: { value: agentId } } })
  rig.call(id, { type: 'KILL', kill: { task_id: { value: 't' }, agent_id: { value: 'M-S7' } } })
  expect(rig.heard('f1')).toEqual([
    'UPDATE nobody TASK_GONE REASON_RECONCILIATION "Reconciliation: Task is gone"',
  ])
  expect(rig.heard('a1')).toEqual([])
})

test('SHUTDOWN and MESSAGE go to the executor through its agent, and messages come back', () => {
  const { rig, agentId, id } = running()
  const executor_id = { value: 'e' }
  rig.call(id, { type: 'MESSAGE', message: { agent_id: { value: agentId }, executor_id, data: 'aGk=' } })
  rig.call(id, { type: 'SHUTDOWN', shutdown: { agent_id: { value: agentId }, executor_id } })
  rig.call(id, { type: 'MESSAGE', message: { agent_id: { value: 'M-S9' }, executor_id, data: 'aGk=' } })
  rig.call(id, { type: 'SHUTDOWN', shutdown: { agent_id: { value: 'M-S9' }, executor_id } })
  expect(rig.heard('a1')).toEqual(['MESSAGE e aGk=', 'SHUTDOWN_EXECUTOR e'])
  rig.agentCall(agentId, {
    type: 'MESSAGE',
    message: { framework_id: { value: id }, executor_id, data: 'aG8=' },
  })
  expect(rig.heard('f1')).toEqual(['MESSAGE e aG8='])
  expect(rig.counts.get('master/invalid_framework_to_executor_messages')).toBe(1)
})

describe('RECONCILE', () => {
  test('says what is known of a task, by the first rule that fits', () => {
    const { rig, agentId, id } = running()
    const lost = rig.agent('a2')
    rig.step({ type: 'agent-disconnected', connection: 'a2' })
    rig.advance(600_000)
    rig.heard('f1')
    const ask = (name: string, agent?: string) => ({
      task_id: { value: name },
      ...(agent === undefined ? {} : { agent_id: { value: agent } }),
    })
    rig.call(id, {
      type: 'RECONCILE',
      reconcile: { tasks: [ask('t'), ask('x', agentId), ask('x', lost), ask('x', 'M-S99'), ask('x')] },
    })
    expect(rig.heard('f1')).toEqual([
      'UPDATE t TASK_STAGING REASON_RECONCILIATION "Reconciliation: Latest task state"',
      'UPDATE x TASK_GONE REASON_RECONCILIATION "Reconciliation: Task is gone"',
      'UPDATE x TASK_UNREACHABLE REASON_RECONCILIATION "Reconciliation: Task is unreachable"',
      'UPDATE x TASK_UNKNOWN REASON_RECONCILIATION "Reconciliation: Task is unknown"',
      'UPDATE x TASK_UNKNOWN REASON_RECONCILIATION "Reconciliation: Task is unknown"',
    ])
  })

  test('says LOST to frameworks that are not partition-aware', () => {
    const { rig, agentId, id } = running(capabilities('MULTI_ROLE'))
    rig.call(id, {
      type: 'RECONCILE',
      reconcile: {
        tasks: [{ task_id: { value: 'x' } }, { task_id: { value: 'y' }, agent_id: { value: agentId } }],
      },
    })
    expect(rig.heard('f1').map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'UPDATE x TASK_LOST',
      'UPDATE y TASK_LOST',
    ])
  })

  test('tells what the framework was told, not what the agent knows beyond it', () => {
    const { rig, agentId, id } = running()
    rig.update(agentId, id, 't', 'TASK_RUNNING', 'TASK_FAILED')
    rig.heard('f1')
    rig.call(id, { type: 'RECONCILE', reconcile: {} })
    expect(rig.heard('f1')).toEqual([
      'UPDATE t TASK_RUNNING REASON_RECONCILIATION "Reconciliation: Latest task state"',
    ])
    expect(rig.lastStatus('f1')).not.toHaveProperty('uuid')
  })

  test('of operations says that they are unknown', () => {
    const { rig, id } = running()
    rig.call(id, {
      type: 'RECONCILE_OPERATIONS',
      reconcile_operations: { operations: [{ operation_id: { value: 'op' } }] },
    })
    expect(rig.heard('f1')).toEqual([
      'OPERATION op OPERATION_UNKNOWN "Reconciliation: Operation is unknown to the master"',
    ])
  })
})

describe('lending', () => {
  const lend = (rig: MasterRig, agentId: string, text: string) =>
    rig.agentCall(agentId, {
      type: 'OVERSUBSCRIBED',
      oversubscribed: { resources: text === '' ? [] : parse(text).toWire() },
    })
  const revocable = (rig: MasterRig, connection: string) =>
    rig.offers(connection).flatMap((offer) => Resources.from(offer.resources).revocable().toText())

  test('offers what is lent to those that take it, and rescinds it when the amount changes', () => {
    const { rig, agentId } = running()
    rig.framework('b1', { capabilities: capabilities('MULTI_ROLE', 'REVOCABLE_RESOURCES') })
    rig.call('M-0000', { type: 'SUPPRESS' })
    rig.step({ type: 'allocate' })
    rig.heard('b1')
    lend(rig, agentId, 'cpus:4')
    expect(rig.heard('b1')).toEqual([])
    expect(revocable(rig, 'b1')).toEqual(['cpus(allocated: *){REV}:4'])
    const [offer] = rig.lastOffers('b1')
    rig.heard('b1')
    lend(rig, agentId, 'cpus:4')
    expect(rig.heard('b1')).toEqual([])
    lend(rig, agentId, 'cpus:3')
    expect(rig.heard('b1')).toEqual([`RESCIND ${offer?.id.value}`])
    expect(revocable(rig, 'b1')).toEqual(['cpus(allocated: *){REV}:3'])
  })

  test('may shrink below what borrowers hold: they keep it, and nothing more is offered', () => {
    const { rig, agentId } = running()
    const id = rig.framework('b1', { capabilities: capabilities('MULTI_ROLE', 'REVOCABLE_RESOURCES') })
    rig.call('M-0000', { type: 'SUPPRESS' })
    lend(rig, agentId, 'cpus:4;mem:100')
    const wish = parse('cpus:3;mem:50').markRevocable().toWire()
    rig.launch(id, rig.offers('b1'), [task('b', agentId, 'cpus:1', { resources: wish })])
    lend(rig, agentId, 'cpus:1')
    expect(revocable(rig, 'b1')).toEqual([''])
    lend(rig, agentId, '')
    expect(rig.core.cluster.agents.get(agentId)?.tasks.get(id)?.has('b')).toBe(true)
    rig.update(agentId, id, 'b', 'TASK_GONE')
    lend(rig, agentId, 'cpus:2')
    expect(revocable(rig, 'b1')).toContain('cpus(allocated: *){REV}:2')
  })

  test('what cannot be lent is dropped with a reason', () => {
    const { rig, agentId } = running()
    rig.agentCall(agentId, {
      type: 'OVERSUBSCRIBED',
      oversubscribed: { resources: [{ name: 'cpus', type: 'SCALAR' }] },
    })
    expect(rig.logs.at(-1)).toContain("Dropped OVERSUBSCRIBED: Resource 'cpus' is invalid")
  })
})
