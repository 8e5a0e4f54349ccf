// What the master's core tells those who watch it: once for each thing that happens, in its order.
import { expect, test } from 'vitest'
import type { Occurrence } from '../../../src/master/core/occurrences.ts'
import { MasterRig, parse, task } from '../../support/master-rig.ts'

function line(what: Occurrence): string {
  switch (what.kind) {
    case 'offer-made':
      return `offer-made ${what.offer.frameworkId}`
    case 'offer-ended':
      return `offer-ended ${what.how}${what.tasks === undefined ? '' : ` ${what.tasks} tasks`}`
    case 'task-added':
      return `task-added ${what.task.info.task_id.value}${what.brought ? ' brought' : ''}`
    case 'task-updated':
      return `task-updated ${what.status.state}`
    case 'task-refused':
      return `task-refused ${what.status.task_id.value} ${what.status.state}`
    case 'agent-removed':
      return `agent-removed ${what.unreachable ? 'unreachable' : 'for good'}`
    case 'lend-step':
      return `lend-step ${what.counter} ${what.by}`
    default:
      return what.kind
  }
}

const since = (rig: MasterRig): string[] => rig.happenings.splice(0).map(line)

test('The life of a task is told from its offer to its end, each status once however often it is sent', () => {
  const rig = new MasterRig()
  const agentId = rig.agent('a1')
  const id = rig.framework('f1')
  const offers = rig.offers('f1')
  expect(since(rig)).toEqual(['agent-registered', 'framework-subscribed', `offer-made ${id}`])
  rig.launch(id, offers, [task('t', agentId), task('t', agentId)])
  expect(since(rig)).toEqual(['offer-ended accepted 2 tasks', 'task-added t', 'task-refused t TASK_ERROR'])
  rig.update(agentId, id, 't', 'TASK_RUNNING')
  rig.update(agentId, id, 't', 'TASK_RUNNING')
  expect(since(rig)).toEqual(['task-updated TASK_RUNNING'])
  rig.update(agentId, id, 't', 'TASK_FAILED')
  expect(since(rig)).toEqual(['task-updated TASK_FAILED'])
})

test('Offers end declined, rescinded, expired or withdrawn', () => {
  const rig = new MasterRig({ offerTimeoutMs: 500 })
  const agentId = rig.agent('a1')
  const id = rig.framework('f1')
  const decline = (): void => {
    const [offer] = rig.offers('f1')
    if (offer === undefined) throw new Error('There is no offer')
    rig.call(id, { type: 'DECLINE', decline: { offer_ids: [offer.id], filters: { refuse_seconds: 0 } } })
  }
  decline()
  rig.offers('f1')
  rig.advance(500)
  rig.offers('f1')
  rig.step({ type: 'drain-agent', agentId, config: {} })
  rig.step({ type: 'agent-disconnected', connection: 'a1' })
  rig.agentAgain('a2', agentId, {})
  rig.step({ type: 'framework-disconnected', connection: 'f1' })
  expect(since(rig).filter((one) => !one.startsWith('offer-made'))).toEqual([
    'agent-registered',
    'framework-subscribed',
    'offer-ended declined',
    'offer-ended expired',
    'agent-standing',
    'offer-ended rescinded',
    'agent-standing',
    'agent-disconnected',
    'agent-registered',
    'framework-disconnected',
  ])
  const other = new MasterRig()
  other.agent('a1')
  other.framework('f1')
  other.offers('f1')
  other.step({ type: 'framework-disconnected', connection: 'f1' })
  expect(since(other)).toContain('offer-ended withdrawn')
})

test('Agents and frameworks are told as they come, go and change, and what is lent', () => {
  const rig = new MasterRig({ agentReregisterTimeoutMs: 1000 })
  const agentId = rig.agent('a1')
  const id = rig.framework('f1', { failover_timeout: 1 })
  rig.agentCall(agentId, {
    type: 'OVERSUBSCRIBED',
    oversubscribed: { resources: parse('cpus:2').markRevocable().toWire() },
  })
  const lending = { mode: 'full', counters: [{ name: 'tepui/lend_freezes', value: 2 }] }
  rig.agentCall(agentId, { type: 'LENDING', lending })
  rig.agentCall(agentId, { type: 'LENDING', lending })
  rig.step({ type: 'framework-disconnected', connection: 'f1' })
  const agent_info = rig.core.cluster.agents.get(agentId)?.info
  rig.step({ type: 'agent-disconnected', connection: 'a1' })
  rig.advance(2000)
  if (agent_info === undefined) throw new Error('There is no agent')
  rig.agentAgain('a2', agentId, { agent_info })
  rig.agentCall(agentId, { type: 'UNREGISTER' })
  expect(since(rig)).toEqual([
    'agent-registered',
    'framework-subscribed',
    'lent-changed',
    'lend-step tepui/lend_freezes 2',
    'lend-mode',
    'framework-disconnected',
    'agent-disconnected',
    'framework-removed',
    'agent-removed unreachable',
    'agent-registered',
    'agent-removed for good',
  ])
  expect(id).toBe('M-0000')
})
