// One whole session of a scheduler in order, with the events that a real master sent (test/recorded/scheduler-session).
import { expect, test } from 'vitest'
import { MasterRig, capabilities, task } from '../../support/master-rig.ts'

const REST = 'disk(allocated: *):50000; ports(allocated: *):[31000-32000]'

function recorder() {
  const rig = new MasterRig()
  const agentId = rig.agent('a1', 'cpus:8;mem:16384;disk:50000;ports:[31000-32000]')
  const id = rig.framework('f1', {
    name: 'recorder',
    capabilities: capabilities('MULTI_ROLE', 'PARTITION_AWARE', 'TASK_KILLING_STATE', 'REVOCABLE_RESOURCES'),
  })
  return { rig, agentId, id }
}

test('a session begins as the recorded one: offers, a task that finishes, a task that is killed', () => {
  const { rig, agentId, id } = recorder()
  expect(agentId).toBe('M-S0')
  expect(id).toBe('M-0000')
  rig.step({ type: 'allocate' })
  expect(rig.heard('f1')).toEqual([
    'SUBSCRIBED M-0000',
    `OFFERS M-O0 M-S0 cpus(allocated: *):8; mem(allocated: *):16384; ${REST}`,
  ])
  expect(rig.heard('a1')).toEqual(['REGISTERED M-S0'])

  rig.launch(id, rig.lastOffers('f1'), [task('hello', agentId, 'cpus:0.1;mem:64')])
  expect(rig.heard('a1')).toEqual(['RUN_TASK hello (with its executor)'])
  rig.step({ type: 'allocate' })
  expect(rig.heard('f1')).toEqual([
    `OFFERS M-O1 M-S0 cpus(allocated: *):7.9; mem(allocated: *):16320; ${REST}`,
  ])
  for (const state of ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'] as const) {
    const uuid = rig.update(agentId, id, 'hello', state)
    expect(rig.lastStatus('f1')).toMatchObject({
      state,
      uuid,
      agent_id: { value: agentId },
      executor_id: { value: 'hello' },
    })
    rig.acknowledge(id, agentId, 'hello', uuid)
    expect(rig.heard('a1')).toEqual([`ACKNOWLEDGE hello ${uuid}`])
  }
  expect(rig.core.cluster.frameworks.get(id)?.completedTasks.map((one) => one.state)).toEqual([
    'TASK_FINISHED',
  ])
  rig.heard('f1')

  rig.launch(id, rig.lastOffers('f1'), [task('killed', agentId)])
  rig.call(id, {
    type: 'KILL',
    kill: { task_id: { value: 'killed' }, kill_policy: { grace_period: { nanoseconds: 1e9 } } },
  })
  expect(rig.heard('a1')).toEqual(['RUN_TASK killed (with its executor)', 'KILL_TASK killed'])
  rig.acknowledge(id, agentId, 'killed', rig.update(agentId, id, 'killed', 'TASK_KILLED'))
})

test('a session goes on as the recorded one: refusals, reconcile, suppress, revive, update, teardown', () => {
  const { rig, agentId, id } = recorder()
  const offers = rig.offers('f1')
  rig.heard('f1')
  rig.launch(id, offers, [task('toobig', agentId, 'cpus:9999;mem:1')])
  rig.operate(
    id,
    [{ id: { value: 'no-such-offer' } }],
    [{ type: 'LAUNCH', launch: { task_infos: [task('invalidoffer', agentId)] } }],
  )
  rig.call(id, { type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 'nobody' } }] } })
  expect(rig.heard('f1')).toEqual([
    'UPDATE toobig TASK_ERROR REASON_TASK_INVALID "Total resources cpus(allocated: *):9999; mem(allocated: *):1 ' +
      'required by task and its executor is more than available cpus(allocated: *):8; mem(allocated: *):16384; ' +
      'disk(allocated: *):50000; ports(allocated: *):[31000-32000]"',
    'UPDATE invalidoffer TASK_DROPPED REASON_INVALID_OFFERS "Task launched with invalid offers: ' +
      'Offer no-such-offer is no longer valid"',
    'UPDATE nobody TASK_UNKNOWN REASON_RECONCILIATION "Reconciliation: Task is unknown"',
  ])

  rig.call(id, { type: 'SUPPRESS' })
  expect(rig.offers('f1')).toEqual([])
  rig.call(id, { type: 'REVIVE' })
  expect(rig.offers('f1')).toHaveLength(1)
  rig.call(id, { type: 'REQUEST', request: { requests: [] } })
  rig.call(id, {
    type: 'UPDATE_FRAMEWORK',
    update_framework: {
      framework_info: {
        id: { value: id },
        user: 'root',
        name: 'recorder2',
        failover_timeout: 60,
        checkpoint: true,
        roles: ['*'],
        capabilities: capabilities('MULTI_ROLE', 'PARTITION_AWARE'),
      },
    },
  })
  expect(rig.answers).toEqual(['200'])
  rig.heard('f1')
  rig.call(id, { type: 'TEARDOWN' })
  expect(rig.heard('f1')).toEqual(['(closed)'])
  expect(rig.heard('a1').at(-1)).toBe('SHUTDOWN_FRAMEWORK M-0000')
  expect(rig.core.cluster.completedFrameworks.get(id)?.info.name).toBe('recorder2')
  expect(rig.core.cluster.offers.size).toBe(0)
})

test('calls are counted under the names of Mesos', () => {
  const rig = new MasterRig()
  const agentId = rig.agent('a1')
  const id = rig.framework('f1')
  rig.launch(id, rig.offers('f1'), [task('t', agentId), task('bad', agentId, 'cpus:99')])
  rig.acknowledge(id, agentId, 't', rig.update(agentId, id, 't', 'TASK_FAILED'))
  rig.call(id, { type: 'TEARDOWN' })
  expect(Object.fromEntries(rig.counts)).toEqual({
    'master/messages_launch_tasks': 1,
    'master/messages_register_framework': 1,
    'master/messages_register_slave': 1,
    'master/messages_status_update': 1,
    'master/messages_status_update_acknowledgement': 1,
    'master/messages_unregister_framework': 1,
    'master/slave_registrations': 1,
    'master/task_error/source_master/reason_task_invalid': 1,
    'master/tasks_error': 1,
    'master/tasks_failed': 1,
    'master/valid_status_update_acknowledgements': 1,
    'master/valid_status_updates': 1,
  })
})
