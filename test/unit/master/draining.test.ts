// An agent that is drained or deactivated: no offers, told again when it comes back, also to a master that starts anew.
import { describe, expect, test } from 'vitest'
import { problemWithWish } from '../../../src/master/core/draining.ts'
import { agentPage } from '../../../src/master/view-agents.ts'
import { tallyOf } from '../../../src/master/tally.ts'
import type { LinkStanding } from '../../../src/wire/link.ts'
import { frameworkInfo, MasterRig, parse, task } from '../../support/master-rig.ts'

const CONFIG = { max_grace_period: { nanoseconds: 5e9 }, mark_gone: false }

const GONE_CONFIG = { ...CONFIG, mark_gone: true }

function running(checkpoint = true, config = CONFIG) {
  const rig = new MasterRig()
  const agentId = rig.agent('a1')
  const id = rig.framework('f1', { checkpoint })
  rig.launch(id, rig.offers('f1'), [task('t', agentId)])
  rig.acknowledge(id, agentId, 't', rig.update(agentId, id, 't', 'TASK_RUNNING'))
  rig.heard('a1')
  const drain = (): void => void rig.step({ type: 'drain-agent', agentId, config })
  const stateOf = (): string | undefined => rig.core.cluster.agents.get(agentId)?.drain?.state
  const page = () => {
    const agent = rig.core.cluster.agents.get(agentId)
    if (agent === undefined) throw new Error('the agent is not here')
    return JSON.parse(JSON.stringify(agentPage(agent, tallyOf(rig.core.cluster)))) as object
  }
  return { rig, agentId, id, drain, stateOf, page }
}

test('it loses the offers that are out, gets no new ones, and is told', () => {
  const { rig, drain, page } = running()
  rig.step({ type: 'allocate' })
  expect(rig.core.cluster.offers.size).toBe(1)
  expect(page()).toMatchObject({ active: true, deactivated: false })
  expect(page()).not.toHaveProperty('drain_info')
  drain()
  expect(rig.core.cluster.offers.size).toBe(0)
  expect(rig.offers('f1')).toEqual([])
  rig.advance(60_000)
  expect(rig.offers('f1')).toEqual([])
  expect(rig.heard('a1')).toEqual(['STANDING', 'DRAIN'])
  expect(page()).toMatchObject({
    active: false,
    deactivated: true,
    drain_info: { state: 'DRAINING', config: CONFIG },
    estimated_drain_start_time_seconds: rig.now / 1000 - 60,
  })
})

test('it is drained when the end of its last task is acknowledged, and not before', () => {
  const { rig, agentId, id, drain, stateOf } = running()
  drain()
  expect(stateOf()).toBe('DRAINING')
  const uuid = rig.update(agentId, id, 't', 'TASK_KILLED')
  expect(stateOf()).toBe('DRAINING')
  rig.acknowledge(id, agentId, 't', uuid)
  expect(stateOf()).toBe('DRAINED')
  expect(rig.offers('f1')).toEqual([])
  expect(rig.logs).toContain('Agent host-a1 is drained')
})

test('one without tasks is drained at once; one that is not here is only noted', () => {
  const rig = new MasterRig()
  const agentId = rig.agent('a1')
  rig.step({ type: 'drain-agent', agentId, config: CONFIG })
  expect(rig.core.cluster.agents.get(agentId)?.drain?.state).toBe('DRAINED')
  rig.step({ type: 'drain-agent', agentId: 'nobody', config: CONFIG })
  expect(rig.logs.at(-1)).toBe('An operator spoke of an agent that is not here')
})

test('one that comes back, even after it was unreachable, is told again and still gets no offers', () => {
  for (const away of [1000, 700_000]) {
    const { rig, agentId, id, drain, stateOf } = running()
    drain()
    const { info } = rig.core.cluster.agents.get(agentId) ?? {}
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.advance(away)
    expect(rig.core.cluster.agents.has(agentId)).toBe(away < 600_000)
    const known = { task: task('t', agentId), framework_id: { value: id }, state: 'TASK_RUNNING' as const }
    rig.agentAgain('a2', agentId, { ...(info !== undefined && { agent_info: info }), tasks: [known] })
    expect(rig.heard('a2')).toContain('DRAIN')
    expect(rig.offers('f1')).toEqual([])
    expect(stateOf()).toBe('DRAINING')
    rig.acknowledge(id, agentId, 't', rig.update(agentId, id, 't', 'TASK_KILLED'))
    expect(stateOf()).toBe('DRAINED')
    // A drained one that comes back has nothing to be told.
    rig.step({ type: 'agent-disconnected', connection: 'a2' })
    rig.agentAgain('a3', agentId, {})
    expect(rig.heard('a3')).not.toContain('DRAIN')
    expect(rig.offers('f1')).toEqual([])
  }
})

test('one that is away is not drained, though its tasks are given up: nobody knows whether they still run', () => {
  const { rig, agentId, drain, stateOf } = running(false)
  drain()
  rig.step({ type: 'agent-disconnected', connection: 'a1' })
  expect(rig.lastStatus('f1')).toMatchObject({ state: 'TASK_LOST' })
  expect(stateOf()).toBe('DRAINING')
  rig.agentAgain('a2', agentId, {})
  expect(stateOf()).toBe('DRAINED')
})

describe('a deactivated agent', () => {
  test('keeps its tasks, gets no offers, also when it comes back, and is in use again when that is asked for', () => {
    const { rig, agentId, id, page } = running()
    rig.step({ type: 'allocate' })
    rig.step({ type: 'deactivate-agent', agentId })
    expect(rig.core.cluster.offers.size).toBe(0)
    expect(rig.heard('a1')).toEqual(['STANDING'])
    expect(page()).toMatchObject({ active: false, deactivated: true })
    expect(page()).not.toHaveProperty('drain_info')
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    const known = { task: task('t', agentId), framework_id: { value: id }, state: 'TASK_RUNNING' as const }
    rig.agentAgain('a2', agentId, { tasks: [known] })
    expect(rig.heard('a2').filter((line) => !line.startsWith('REGISTERED'))).toEqual(['STANDING'])
    expect(rig.offers('f1')).toEqual([])
    expect(rig.lastStatus('f1')).toMatchObject({ state: 'TASK_RUNNING' })
    rig.step({ type: 'reactivate-agent', agentId })
    expect(rig.heard('a2')).toEqual(['STANDING'])
    expect(rig.offers('f1')).toHaveLength(1)
    expect(page()).toMatchObject({ active: true, deactivated: false })
  })

  test('that is away when it is taken into use again is offered when it is back, and forgets that it was not', () => {
    const { rig, agentId } = running()
    const { info } = rig.core.cluster.agents.get(agentId) ?? {}
    rig.step({ type: 'deactivate-agent', agentId })
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.advance(700_000)
    rig.step({ type: 'reactivate-agent', agentId })
    rig.agentAgain('a2', agentId, { standing: { deactivated: true }, ...(info && { agent_info: info }) })
    expect(rig.heard('a2')).toContain('STANDING')
    expect(rig.offers('f1')).toHaveLength(1)
  })

  test('that was drained is no less drained', () => {
    const { rig, agentId, drain, stateOf } = running()
    drain()
    rig.step({ type: 'deactivate-agent', agentId })
    expect(stateOf()).toBe('DRAINING')
    rig.step({ type: 'reactivate-agent', agentId })
    expect(stateOf()).toBe('DRAINING')
  })
})

describe('a master that starts anew', () => {
  const config = CONFIG
  const cases: readonly [string, LinkStanding, boolean][] = [
    ['deactivated', { deactivated: true }, false],
    ['drained', { deactivated: true, drain: { state: 'DRAINED', config }, drain_since: 5000 }, false],
    ['draining', { deactivated: true, drain: { state: 'DRAINING', config }, drain_since: 5000 }, true],
  ]
  test.each(cases)('learns from an agent that it is %s', (_name, standing, asks) => {
    const rig = new MasterRig()
    rig.framework('f1')
    const known = { task: task('t', 'M0-S0'), framework_id: { value: 'F' }, state: 'TASK_RUNNING' as const }
    const resources = parse('cpus:8;mem:1024').toWire()
    rig.agentAgain('a1', 'M0-S0', {
      agent_info: { hostname: 'h', port: 5051, resources },
      frameworks: [{ ...frameworkInfo(), id: { value: 'F' } }],
      tasks: [known],
      standing,
    })
    const agent = rig.core.cluster.agents.get('M0-S0')
    expect(agent?.deactivated).toBe(true)
    expect(agent?.drain).toEqual(standing.drain && { ...standing.drain, since: 5000 })
    expect(rig.offers('f1')).toEqual([])
    expect(rig.heard('a1').includes('DRAIN')).toBe(asks)
  })

  test('believes its own books more than an agent that it knows', () => {
    const { rig, agentId } = running()
    rig.step({ type: 'agent-disconnected', connection: 'a1' })
    rig.agentAgain('a2', agentId, { standing: { deactivated: true } })
    expect(rig.core.cluster.agents.get(agentId)?.deactivated).toBe(false)
  })
})

describe('an agent that is marked gone', () => {
  test('when it is empty after a drain is shut down, and never comes back', () => {
    const { rig, agentId, id, drain } = running(true, GONE_CONFIG)
    const { info } = rig.core.cluster.agents.get(agentId) ?? {}
    drain()
    rig.heard('a1')
    rig.acknowledge(id, agentId, 't', rig.update(agentId, id, 't', 'TASK_GONE_BY_OPERATOR'))
    expect(rig.heard('a1').slice(-2)).toEqual(['SHUTDOWN "This agent was marked gone"', '(closed)'])
    expect(rig.core.cluster.agents.has(agentId)).toBe(false)
    rig.agentAgain('a2', agentId, info === undefined ? {} : { agent_info: info })
    expect(rig.heard('a2')).toEqual(['SHUTDOWN "This agent was marked gone"', '(closed)'])
    const asked = { tasks: [{ task_id: { value: 'x' }, agent_id: { value: agentId } }] }
    rig.call(id, { type: 'RECONCILE', reconcile: asked })
    expect(rig.lastStatus('f1')).toMatchObject({
      state: 'TASK_GONE_BY_OPERATOR',
      reason: 'REASON_RECONCILIATION',
    })
  })

  test.each(['here', 'unreachable'])('while it is %s ends its tasks for good', (where) => {
    const { rig, agentId, id } = running()
    if (where === 'unreachable') {
      rig.step({ type: 'agent-disconnected', connection: 'a1' })
      rig.advance(700_000)
      expect(rig.lastStatus('f1')).toMatchObject({ state: 'TASK_UNREACHABLE' })
    }
    rig.step({ type: 'mark-agent-gone', agentId })
    expect(rig.lastStatus('f1')).toMatchObject({
      state: 'TASK_GONE_BY_OPERATOR',
      reason: 'REASON_AGENT_REMOVED_BY_OPERATOR',
      agent_id: { value: agentId },
    })
    const framework = rig.core.cluster.frameworks.get(id)
    expect(framework?.completedTasks.map(({ state }) => state)).toEqual(['TASK_GONE_BY_OPERATOR'])
    expect([framework?.tasks.size, framework?.unreachableTasks.size]).toEqual([0, 0])
    expect(rig.counts.get('master/tasks_gone_by_operator')).toBe(1)
  })
})

test('a wish that cannot be met is refused with the status of Mesos', () => {
  const { rig, agentId, drain } = running()
  const refused = (wish: Parameters<typeof problemWithWish>[1], id = agentId) =>
    problemWithWish(rig.core.cluster, wish, id)?.status
  expect([refused('drain', 'X'), refused('deactivate', 'X'), refused('mark-gone', 'X')]).toEqual([
    400, 400, 404,
  ])
  expect([refused('drain'), refused('deactivate'), refused('reactivate')]).toEqual([400, undefined, 400])
  const agent = rig.core.cluster.agents.get(agentId)
  if (agent !== undefined) agent.capabilities = ['AGENT_DRAINING']
  expect(refused('drain')).toBeUndefined()
  drain()
  expect(refused('reactivate')).toBe(400)
  rig.step({ type: 'mark-agent-gone', agentId })
  expect([refused('mark-gone'), refused('drain')]).toEqual([undefined, 400])
})
