// How frameworks come, go, fail over and are removed.
import { describe, expect, test } from 'vitest'
import type { FrameworkInfo } from '../../../src/wire/frameworks.ts'
import { MasterRig, capabilities, frameworkInfo, task } from '../../support/master-rig.ts'

function running(changes: Partial<FrameworkInfo> = {}) {
  const rig = new MasterRig()
  const agentId = rig.agent('a1')
  const id = rig.framework('f1', changes)
  rig.launch(id, rig.offers('f1'), [task('t', agentId)])
  rig.update(agentId, id, 't', 'TASK_RUNNING')
  rig.heard('a1')
  rig.heard('f1')
  return { rig, agentId, id, info: frameworkInfo({ ...changes, id: { value: id } }) }
}

describe('a framework that subscribes with its id', () => {
  test('takes over from the old stream, which is told and closed; its offers end without a word', () => {
    const { rig, id, info } = running()
    expect(rig.offers('f1')).toHaveLength(1)
    rig.heard('f1')
    rig.subscribe('f2', info)
    expect(rig.heard('f1')).toEqual(['ERROR "Framework failed over"', '(closed)'])
    expect(rig.heard('f2')).toEqual([`SUBSCRIBED ${id}`])
    expect(rig.core.cluster.offers.size).toBe(0)
    // The end of the old stream arrives late and means nothing any more.
    rig.step({ type: 'framework-disconnected', connection: 'f1' })
    rig.advance(120_000)
    expect(rig.core.cluster.frameworks.get(id)?.state).toEqual({ kind: 'connected', connection: 'f2' })
  })

  test('within its failover_timeout keeps its tasks, and the agents send again what waits', () => {
    const { rig, id, info } = running()
    rig.step({ type: 'framework-disconnected', connection: 'f1' })
    rig.advance(59_000)
    rig.subscribe('f2', info)
    expect(rig.heard('a1')).toEqual(['UPDATE_FRAMEWORK'])
    rig.advance(120_000)
    expect(rig.core.cluster.frameworks.get(id)?.tasks.get('t')?.state).toBe('TASK_RUNNING')
  })

  test('does not change its user and checkpoint, and is refused with another principal', () => {
    const { rig, id, info } = running({ principal: 'p' })
    rig.subscribe('f2', { ...info, user: 'other', checkpoint: false, name: 'new name' })
    expect(rig.core.cluster.frameworks.get(id)?.info).toMatchObject({
      user: 'root',
      checkpoint: true,
      name: 'new name',
    })
    rig.subscribe('f3', { ...info, principal: 'q' })
    expect(rig.heard('f3')).toEqual([
      `ERROR "Updating 'FrameworkInfo.principal' is unsupported; attempted to update from 'p' to 'q'"`,
      '(closed)',
    ])
  })

  test('is taken in by a master that does not know it', () => {
    const rig = new MasterRig()
    rig.subscribe('f1', frameworkInfo({ id: { value: 'earlier-0007' } }))
    expect(rig.heard('f1')).toEqual(['SUBSCRIBED earlier-0007'])
  })
})

describe('a framework that does not come back', () => {
  test('is removed after failover_timeout: its tasks are KILLED, nobody is told, agents shut it down', () => {
    const { rig, id, info } = running({ failover_timeout: 30 })
    rig.step({ type: 'framework-disconnected', connection: 'f1' })
    rig.advance(29_999)
    expect(rig.core.cluster.frameworks.has(id)).toBe(true)
    rig.advance(1)
    expect(rig.core.cluster.frameworks.has(id)).toBe(false)
    const completed = rig.core.cluster.completedFrameworks.get(id)
    expect(completed?.completedTasks.map((one) => one.statuses.at(-1))).toMatchObject([
      { state: 'TASK_KILLED', source: 'SOURCE_MASTER', reason: 'REASON_FRAMEWORK_REMOVED' },
    ])
    expect(rig.heard('a1')).toEqual([`SHUTDOWN_FRAMEWORK ${id}`])
    rig.subscribe('f2', info)
    expect(rig.heard('f2')).toEqual(['ERROR "Framework has been removed"', '(closed)'])
  })

  test('has a new deadline with each absence', () => {
    const { rig, id, info } = running()
    rig.step({ type: 'framework-disconnected', connection: 'f1' })
    rig.advance(50_000)
    rig.subscribe('f2', info)
    rig.step({ type: 'framework-disconnected', connection: 'f2' })
    rig.advance(59_999)
    expect(rig.core.cluster.frameworks.has(id)).toBe(true)
    rig.advance(1)
    expect(rig.core.cluster.frameworks.has(id)).toBe(false)
  })

  test('is removed at once when it has no failover_timeout', () => {
    const { rig, id } = running({ failover_timeout: 0 })
    rig.step({ type: 'framework-disconnected', connection: 'f1' })
    rig.advance(0)
    expect(rig.core.cluster.completedFrameworks.has(id)).toBe(true)
  })

  test('gets no offers while it is away, and others get its own at once', () => {
    const { rig } = running()
    rig.offers('f1')
    rig.step({ type: 'framework-disconnected', connection: 'f1' })
    rig.framework('g1')
    expect(rig.offers('g1')).toHaveLength(1)
    expect(rig.offers('f1')).toEqual([])
  })
})

test('only the newest completed frameworks and tasks are kept', () => {
  const rig = new MasterRig({ maxCompletedFrameworks: 2, maxCompletedTasksPerFramework: 2 })
  const agentId = rig.agent('a1')
  const ids = ['f1', 'f2', 'f3'].map((connection) => {
    const id = rig.framework(connection)
    for (const name of ['x', 'y', 'z']) {
      rig.launch(id, rig.offers(connection), [task(name, agentId)])
      rig.acknowledge(id, agentId, name, rig.update(agentId, id, name, 'TASK_FINISHED'))
    }
    rig.call(id, { type: 'TEARDOWN' })
    return id
  })
  const { completedFrameworks } = rig.core.cluster
  expect([...completedFrameworks.keys()]).toEqual(ids.slice(1))
  expect(completedFrameworks.get('M-0002')?.completedTasks.map((one) => one.info.name)).toEqual(['y', 'z'])
})

describe('a subscription is refused on the stream', () => {
  const refusals: [string, Partial<FrameworkInfo>, string][] = [
    [
      'for a role that is not valid',
      { roles: ['a/../b'] },
      "'FrameworkInfo.roles' contains invalid role: Role 'a/../b' cannot include '..' as a component",
    ],
    [
      'for a role beside roles',
      { role: 'a' },
      "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable",
    ],
    [
      'for roles without MULTI_ROLE',
      { capabilities: [] },
      "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable",
    ],
    [
      'for a role that comes twice',
      { roles: ['a', 'b', 'a'] },
      "'FrameworkInfo.roles' contains duplicate items: { a }",
    ],
    [
      'for a role that is not on the whitelist',
      { roles: ['strange'] },
      "Roles '{ strange }' are not present in the master's --roles",
    ],
    [
      'for a failover_timeout that is no span',
      { failover_timeout: 1e11 },
      'The framework failover_timeout (100000000000) is invalid: expected a number of seconds of less than 9223372037',
    ],
    [
      'for the user root when that is not allowed',
      {},
      "User 'root' is not allowed to run frameworks without root submissions (--root_submissions)",
    ],
  ]
  test.each(refusals)('%s', (why, changes, message) => {
    const rig = new MasterRig({
      roles: why.includes('whitelist') ? ['known'] : undefined,
      rootSubmissions: !why.includes('root'),
    })
    rig.subscribe('f1', frameworkInfo(changes))
    expect(rig.heard('f1')).toEqual([`ERROR "${message}"`, '(closed)'])
    expect(rig.core.cluster.frameworks.size).toBe(0)
  })

  test('for suppressed roles and constraints of roles that it is not in', () => {
    const rig = new MasterRig()
    rig.subscribe('f1', frameworkInfo(), ['other'])
    expect(rig.heard('f1')[0]).toContain('Suppressed roles { other } are not a subset')
    rig.step({
      type: 'framework-subscribe',
      connection: 'f2',
      principal: undefined,
      call: {
        type: 'SUBSCRIBE',
        subscribe: {
          framework_info: frameworkInfo(),
          offer_constraints: { role_constraints: { other: { groups: [] } } },
        },
      },
    })
    expect(rig.heard('f2')[0]).toContain("role 'other', to which the framework is not subscribed")
  })
})

describe('UPDATE_FRAMEWORK', () => {
  test('changes roles and capabilities; outstanding offers stay', () => {
    const { rig, id, info } = running()
    rig.offers('f1')
    rig.call(id, {
      type: 'UPDATE_FRAMEWORK',
      update_framework: { framework_info: { ...info, roles: ['web', 'eng'] }, suppressed_roles: ['eng'] },
    })
    expect(rig.answers).toEqual(['200'])
    const framework = rig.core.cluster.frameworks.get(id)
    expect(framework?.roles).toEqual(['web', 'eng'])
    expect([...(framework?.suppressedRoles ?? [])]).toEqual(['eng'])
    expect(framework?.offers.size).toBe(1)
    expect(rig.heard('a1')).toEqual(['UPDATE_FRAMEWORK'])
  })

  test('is refused with 400 for what may not change, and changes nothing', () => {
    const { rig, id, info } = running()
    for (const changes of [{ user: 'other' }, { checkpoint: false }, { roles: [''] }]) {
      rig.call(id, {
        type: 'UPDATE_FRAMEWORK',
        update_framework: { framework_info: { ...info, name: 'new', ...changes } },
      })
    }
    expect(rig.answers).toEqual([
      "400 FrameworkInfo update is not valid: Updating 'FrameworkInfo.user' is unsupported; " +
        "attempted to update from 'root' to 'other'",
      "400 FrameworkInfo update is not valid: Updating 'FrameworkInfo.checkpoint' is unsupported; " +
        "attempted to update from 'true' to 'false'",
      "400 Supplied FrameworkInfo is not valid: 'FrameworkInfo.roles' contains invalid role: Role must not be empty",
    ])
    expect(rig.core.cluster.frameworks.get(id)?.info.name).toBe('test')
  })
})

test('REVIVE and SUPPRESS with a role that is not the framework’s are dropped whole', () => {
  const rig = new MasterRig()
  rig.agent('a1')
  const id = rig.framework('f1', { roles: ['a', 'b'] })
  rig.call(id, { type: 'SUPPRESS', suppress: { roles: ['a', 'other'] } })
  expect([...(rig.core.cluster.frameworks.get(id)?.suppressedRoles ?? [])]).toEqual([])
  rig.call(id, { type: 'SUPPRESS', suppress: { roles: ['a', 'b'] } })
  rig.call(id, { type: 'REVIVE', revive: { roles: ['b', 'other'] } })
  expect(rig.offers('f1')).toEqual([])
  rig.call(id, { type: 'REVIVE', revive: { roles: ['b'] } })
  expect(rig.offers('f1').map((offer) => offer.allocation_info)).toEqual([{ role: 'b' }])
  expect(rig.counts.get('master/dropped_messages')).toBe(2)
})

test('what clients of a single role see has no allocation, and capabilities decide the form of reservations', () => {
  const rig = new MasterRig()
  rig.agent('a1', 'cpus(web):2;mem(web):100')
  rig.framework('f1', { roles: [], role: 'web', capabilities: capabilities('PARTITION_AWARE') })
  const [offer] = rig.offers('f1')
  expect(offer).not.toHaveProperty('allocation_info')
  expect(offer?.resources?.[0]).toEqual({ name: 'cpus', type: 'SCALAR', scalar: { value: 2 }, role: 'web' })
  rig.step({ type: 'framework-disconnected', connection: 'f1' })
  rig.framework('f2', { roles: ['web'], capabilities: capabilities('MULTI_ROLE', 'RESERVATION_REFINEMENT') })
  const [refined] = rig.offers('f2')
  expect(refined?.allocation_info).toEqual({ role: 'web' })
  expect(refined?.resources?.[0]).toEqual({
    name: 'cpus',
    type: 'SCALAR',
    scalar: { value: 2 },
    allocation_info: { role: 'web' },
    reservations: [{ type: 'STATIC', role: 'web' }],
  })
})
