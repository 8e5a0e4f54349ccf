// An agent that is drained: no offers, told again when it comes back, and DRAINED once every end is acknowledged.
import { expect, test } from 'vitest'
import { agentPage } from '../../../src/master/view-agents.ts'
import { tallyOf } from '../../../src/master/tally.ts'
import { MasterRig, task } from '../../support/master-rig.ts'

const CONFIG = { max_grace_period: { nanoseconds: 5e9 }, mark_gone: false }

function running(checkpoint = true) {
  const rig = new MasterRig()
  const agentId = rig.agent('a1')
  const id = rig.framework('f1', { checkpoint })
  rig.launch(id, rig.offers('f1'), [task('t', agentId)])
  rig.acknowledge(id, agentId, 't', rig.update(agentId, id, 't', 'TASK_RUNNING'))
  rig.heard('a1')
  const drain = (): void => void rig.step({ type: 'drain-agent', agentId, config: CONFIG })
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
  expect(rig.heard('a1')).toEqual(['DRAIN'])
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
  expect(rig.logs.at(-1)).toBe('An agent that is to be drained is not here')
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
