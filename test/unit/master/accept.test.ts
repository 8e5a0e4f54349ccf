// What becomes of offers and of the operations with which they are accepted.
import { describe, expect, test } from 'vitest'
import { Resources } from '../../../src/resources/resources.ts'
import type { TaskInfo } from '../../../src/wire/tasks.ts'
import { MasterRig, capabilities, parse, task } from '../../support/master-rig.ts'

function offered(resources = 'cpus:8;mem:16384;ports:[31000-31009]') {
  const rig = new MasterRig()
  const agentId = rig.agent('a1', resources)
  const id = rig.framework('f1')
  const offers = rig.offers('f1')
  rig.heard('f1')
  rig.heard('a1')
  return { rig, agentId, id, offers }
}

function executor(changes: Partial<NonNullable<TaskInfo['executor']>> = {}): Partial<TaskInfo> {
  return {
    executor: {
      executor_id: { value: 'e' },
      command: { value: './executor' },
      resources: parse('cpus:0.5;mem:32').toWire(),
      ...changes,
    },
  }
}

/** A task without a command of its own. */
function executorTask(
  name: string,
  agentId: string,
  changes: Partial<NonNullable<TaskInfo['executor']>> = {},
): TaskInfo {
  const { command: _, ...info } = task(name, agentId)
  return { ...info, ...executor(changes) }
}

describe('ACCEPT', () => {
  test('launches in order and gives back what is left', () => {
    const { rig, agentId, id, offers } = offered()
    rig.launch(id, offers, [task('t1', agentId, 'cpus:5;mem:64'), task('t2', agentId, 'cpus:5;mem:64')])
    expect(rig.heard('a1')).toEqual(['RUN_TASK t1 (with its executor)'])
    expect(rig.heard('f1')[0]).toContain(
      'UPDATE t2 TASK_ERROR REASON_TASK_INVALID "Total resources cpus(allocated: *):5',
    )
    const [rest] = rig.offers('f1')
    expect(Resources.from(rest?.resources).scalar('cpus')).toBe(3)
  })

  test('starts an executor once and uses it for later tasks', () => {
    const { rig, agentId, id, offers } = offered()
    rig.launch(id, offers, [executorTask('t1', agentId), executorTask('t2', agentId)])
    rig.launch(id, rig.offers('f1'), [executorTask('t3', agentId)])
    expect(rig.heard('a1')).toEqual(['RUN_TASK t1 (with its executor)', 'RUN_TASK t2', 'RUN_TASK t3'])
    expect(rig.core.cluster.allocator.booked(id, agentId).scalar('cpus')).toBe(3.5)
    const [offer] = rig.offers('f1')
    expect(offer?.executor_ids).toEqual([{ value: 'e' }])
    rig.agentCall(agentId, {
      type: 'EXITED_EXECUTOR',
      exited_executor: { framework_id: { value: id }, executor_id: { value: 'e' }, status: 256 },
    })
    expect(rig.heard('f1').at(-1)).toBe(`FAILURE ${agentId} e 256`)
    // The offer that is out holds 4.5, the three tasks hold 3.
    expect(rig.core.cluster.allocator.booked(id, agentId).scalar('cpus')).toBe(7.5)
  })

  test('refuses an executor that differs from the one that runs under its id', () => {
    const { rig, agentId, id, offers } = offered()
    rig.launch(id, offers, [
      executorTask('t1', agentId),
      executorTask('t2', agentId, { command: { value: './other' } }),
    ])
    expect(rig.heard('f1')[0]).toContain(
      'ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID: ' +
        `'e' runs on agent ${agentId} with another 'command'`,
    )
  })

  test('of offers that are not valid together discards them all and drops the tasks', () => {
    const { rig, agentId, id, offers } = offered()
    rig.operate(
      id,
      [...offers, ...offers],
      [{ type: 'LAUNCH', launch: { task_infos: [task('t', agentId)] } }],
    )
    expect(rig.heard('f1')).toEqual([
      'UPDATE t TASK_DROPPED REASON_INVALID_OFFERS "Task launched with invalid offers: ' +
        `Duplicate offer ${offers[0]?.id.value} in offer list"`,
    ])
    expect(rig.core.cluster.offers.size).toBe(0)
    expect(rig.offers('f1')).toHaveLength(1)
  })

  test('of somebody else’s offer does not touch it', () => {
    const { rig, agentId, offers } = offered()
    const other = rig.framework('g1', { capabilities: capabilities('MULTI_ROLE') })
    rig.launch(other, offers, [task('t', agentId)])
    expect(rig.heard('g1')[1]).toContain(
      'UPDATE t TASK_LOST REASON_INVALID_OFFERS "Task launched with invalid offers: ' +
        `Offer ${offers[0]?.id.value} has invalid framework`,
    )
    expect(rig.core.cluster.offers.size).toBe(1)
  })

  test('of offers of two agents is refused', () => {
    const { rig, agentId, id, offers } = offered()
    rig.agent('a2')
    rig.launch(id, [...offers, ...rig.offers('f1')], [task('t', agentId)])
    expect(rig.heard('f1').at(-1)).toContain('Aggregated offers must belong to one single agent')
  })

  test('with other operations than LAUNCH says which are not supported', () => {
    const { rig, agentId, id, offers } = offered()
    rig.operate(id, offers, [
      { type: 'RESERVE', id: { value: 'op1' }, reserve: { resources: [] } },
      { type: 'CREATE', create: { volumes: [] } },
      {
        type: 'LAUNCH_GROUP',
        launch_group: {
          executor: { executor_id: { value: 'e' } },
          task_group: { tasks: [task('g', agentId)] },
        },
      },
      { type: 'LAUNCH', id: { value: 'op2' }, launch: { task_infos: [task('t', agentId)] } },
    ])
    expect(rig.heard('f1')).toEqual([
      'OPERATION op1 OPERATION_ERROR "RESERVE is not supported by this master yet"',
      'UPDATE g TASK_ERROR REASON_TASK_GROUP_INVALID ' +
        '"LAUNCH_GROUP is not supported by this master yet: launch tasks with LAUNCH"',
      `UPDATE t TASK_ERROR REASON_TASK_INVALID "The 'id' field must not be set in an operation of type LAUNCH"`,
    ])
    expect(rig.counts.get('master/operations/create/error')).toBe(1)
    expect(rig.core.cluster.allocator.booked(id, agentId).isEmpty).toBe(true)
  })

  test('fills in roles and framework ids and sends resources in one form', () => {
    const { rig, agentId, id, offers } = offered()
    rig.launch(id, offers, [executorTask('t', agentId)])
    const info = rig.core.cluster.frameworks.get(id)?.tasks.get('t')?.info
    expect(info?.resources?.[0]?.allocation_info).toEqual({ role: '*' })
    expect(info?.executor).toMatchObject({ framework_id: { value: id }, type: 'CUSTOM' })
  })
})

describe('filters', () => {
  test('default to 5 seconds, last as long as is asked, and end with REVIVE', () => {
    const { rig, id, offers } = offered()
    const decline = (refuse_seconds?: number) => {
      const offer_ids = [...rig.core.cluster.offers.keys()].map((value) => ({ value }))
      const filters = refuse_seconds === undefined ? {} : { filters: { refuse_seconds } }
      rig.call(id, { type: 'DECLINE', decline: { offer_ids, ...filters } })
    }
    expect(offers).toHaveLength(1)
    decline()
    rig.advance(4_999)
    expect(rig.offers('f1')).toEqual([])
    rig.advance(1)
    expect(rig.offers('f1')).toHaveLength(1)
    decline(3600)
    rig.advance(3_599_000)
    expect(rig.offers('f1')).toEqual([])
    rig.call(id, { type: 'REVIVE' })
    expect(rig.offers('f1')).toHaveLength(1)
    decline(-3)
    expect(rig.logs.at(-1)).toBe('refuse_seconds is -3, expected 0 or more: 5 is used')
    rig.advance(5_000)
    expect(rig.offers('f1')).toHaveLength(1)
    decline(0)
    expect(rig.offers('f1')).toHaveLength(1)
  })

  test('an ACCEPT with a launch of nothing is a decline', () => {
    const { rig, id, offers } = offered()
    rig.operate(id, offers, [{ type: 'LAUNCH', launch: {} }], 60)
    rig.advance(30_000)
    expect(rig.offers('f1')).toEqual([])
    rig.advance(30_000)
    expect(rig.offers('f1')).toHaveLength(1)
  })
})

test('an offer is rescinded after offer_timeout', () => {
  const rig = new MasterRig({ offerTimeoutMs: 10_000 })
  rig.agent('a1')
  rig.framework('f1')
  const [offer] = rig.offers('f1')
  rig.advance(10_000)
  expect(rig.heard('f1').at(-1)).toBe(`RESCIND ${offer?.id.value}`)
  expect(rig.offers('f1')).toHaveLength(1)
})

describe('a task is refused', () => {
  const cases: [string, Partial<TaskInfo>, string][] = [
    ['an id with a slash', { task_id: { value: 'a/b' } }, "Task ID 'a/b' must not contain '/' or"],
    [
      'another agent',
      { agent_id: { value: 'M-S9' } },
      'Task uses invalid agent M-S9 while agent M-S0 is expected',
    ],
    [
      'a negative grace',
      { kill_policy: { grace_period: { nanoseconds: -1 } } },
      "Task's 'kill_policy.grace_period' must be non-negative",
    ],
    [
      'a negative time to complete',
      { max_completion_time: { nanoseconds: -1 } },
      "Task's 'max_completion_time' must be non-negative",
    ],
    ['no resources', { resources: [] }, 'Task uses no resources'],
    [
      'a resource that cannot be',
      { resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: -1 } }] },
      "Task uses invalid resources: Resource 'cpus' is invalid: scalar.value is -1",
    ],
    [
      'revocable and other cpus together',
      { resources: [...parse('cpus:1').toWire(), ...parse('cpus:1').markRevocable().toWire()] },
      "Cannot use both revocable and non-revocable 'cpus' at the same time",
    ],
    [
      'half a GPU',
      { resources: parse('gpus:0.5').toWire() },
      "The 'gpus' resource must be an unsigned integer",
    ],
    [
      'a command and an executor',
      executor(),
      'Task should have at least one (but not both) of CommandInfo or ExecutorInfo present',
    ],
    [
      'a variable without value',
      { command: { value: 'x', environment: { variables: [{ name: 'A', type: 'VALUE' }] } } },
      "Task's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must have a value set",
    ],
    [
      'a Docker container without docker',
      { container: { type: 'DOCKER' } },
      "Task's `ContainerInfo` is invalid: DockerInfo 'docker' is not set for DOCKER typed ContainerInfo",
    ],
    [
      'a volume from nowhere',
      { container: { type: 'MESOS', volumes: [{ mode: 'RW', container_path: '/x' }] } },
      "Volume '/x' is invalid: Exactly one of 'host_path', 'image' and 'source' must be set",
    ],
    [
      'a health check over gopher',
      { health_check: { type: 'HTTP', http: { port: 80, scheme: 'gopher' } } },
      "Task uses invalid health check: Unsupported HTTP health check scheme: 'gopher'",
    ],
    ['a check without type', { check: {} }, 'Task uses invalid check: CheckInfo must specify a type'],
    [
      'limits that the agent cannot keep',
      { limits: { cpus: { value: 2 } } },
      'Agent is not capable of handling task',
    ],
    [
      'ports outside of the offer',
      { resources: parse('cpus:1;ports:[99-99]').toWire() },
      'is more than available',
    ],
  ]
  test.each(cases)('for %s', (_, changes, message) => {
    const { rig, agentId, id, offers } = offered()
    rig.launch(id, offers, [{ ...task('t', agentId), ...changes }])
    expect(rig.lastStatus('f1')).toMatchObject({
      state: 'TASK_ERROR',
      reason: 'REASON_TASK_INVALID',
      source: 'SOURCE_MASTER',
      message: expect.stringContaining(message) as string,
    })
    expect(rig.lastStatus('f1')).not.toHaveProperty('uuid')
    expect(rig.heard('a1')).toEqual([])
  })

  test('for an id that is in use; a completed one may be used again', () => {
    const { rig, agentId, id, offers } = offered()
    rig.launch(id, offers, [task('t', agentId), task('t', agentId)])
    expect(rig.heard('f1')).toEqual(['UPDATE t TASK_ERROR REASON_TASK_INVALID "Task has duplicate ID: t"'])
    rig.acknowledge(id, agentId, 't', rig.update(agentId, id, 't', 'TASK_FINISHED'))
    rig.heard('a1')
    rig.launch(id, rig.offers('f1'), [task('t', agentId)])
    expect(rig.heard('a1')).toEqual(['RUN_TASK t (with its executor)'])
  })

  test('for limits below the request, on an agent that can keep limits', () => {
    const rig = new MasterRig()
    const agentId = rig.agent('a1', 'cpus:8;mem:1000', { capabilities: [{ type: 'TASK_RESOURCE_LIMITS' }] })
    const id = rig.framework('f1')
    const limited = (name: string, value: number) =>
      task(name, agentId, 'cpus:1;mem:64', { limits: { cpus: { value } } })
    rig.launch(id, rig.offers('f1'), [limited('small', 0.5), limited('free', Number.POSITIVE_INFINITY)])
    expect(rig.heard('f1').at(-1)).toContain('The limit cpus:0.5 is less than the requested cpus:1')
    expect(rig.heard('a1').at(-1)).toBe('RUN_TASK free (with its executor)')
  })

  test('for two roles, for an executor of another framework, and for ports that its executor has', () => {
    const { rig, agentId, id, offers } = offered()
    rig.launch(id, offers, [
      task('roles', agentId, 'cpus:1', {
        resources: [...parse('cpus:1').allocateTo('a').toWire(), ...parse('mem:1').allocateTo('b').toWire()],
      }),
      executorTask('foreign', agentId, { framework_id: { value: 'other' } }),
      executorTask('grouped', agentId, { type: 'DEFAULT' }),
      {
        ...executorTask('ports', agentId, { resources: parse('ports:[31000-31001]').toWire() }),
        resources: parse('cpus:1;ports:[31001-31002]').toWire(),
      },
    ])
    const heard = rig.heard('f1')
    expect(heard[0]).toContain("The resources have multiple allocation roles ('a' and 'b')")
    expect(heard[1]).toContain(`ExecutorInfo has an invalid FrameworkID (Actual: other vs Expected: ${id})`)
    expect(heard[2]).toContain("'ExecutorInfo.type' is DEFAULT, but tasks of LAUNCH need a 'CUSTOM' executor")
    expect(heard[3]).toContain("Task and its executor use the same 'ports'")
  })
})
