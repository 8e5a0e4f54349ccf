// A drain outlives both daemons: whoever is killed in the middle of it, agent and master meet again where they were.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { nothingLeft } from '../support/cluster.ts'
import { Daemons } from '../support/daemons.ts'
import { leftovers, requireEngine } from '../support/engine.ts'
import { post, RawScheduler, task } from '../support/raw-scheduler.ts'

const INFO = { capabilities: [{ type: 'PARTITION_AWARE' }], checkpoint: true, failover_timeout: 600 }
const LONG = 120_000
const SOON = { timeout: LONG, interval: 100 }

let before: string[]

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
})

afterAll(() => nothingLeft(before))

interface Shown {
  readonly id: string
  readonly active: boolean
  readonly deactivated: boolean
  readonly drain_info?: { readonly state: string }
}

/** The one agent, as the master shows it. */
async function shown(daemons: Daemons): Promise<Shown | undefined> {
  const { slaves } = (await daemons.page('/slaves')) as { slaves: readonly Shown[] }
  return slaves[0]
}

async function becomes(daemons: Daemons, agent: object): Promise<void> {
  await vi.waitFor(async () => expect(await shown(daemons)).toMatchObject(agent), SOON)
}

/** What an operator calls; its status. */
async function operator(daemons: Daemons, call: object): Promise<number> {
  return (await post(daemons.masterPort, '/api/v1', call)).status
}

test('a drain goes on when the agent and then the master are killed in the middle of it', async () => {
  await using daemons = new Daemons()
  const master = await daemons.master()
  const agent = await daemons.agent(0)
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, INFO)
  const offer = await scheduler.offer()
  const { agent_id } = offer
  const go = join(daemons.folder, 'go')
  // Hears the signal and goes on until it may end.
  const stubborn = `trap '' TERM; while [ ! -e ${go} ]; do sleep 0.1; done; kill -9 $$`
  await scheduler.launch(offer, [task(offer, 't', stubborn)])
  await scheduler.status('t', 'TASK_RUNNING')
  const drain_agent = { agent_id, max_grace_period: { seconds: 3000 } }
  expect(await operator(daemons, { type: 'DRAIN_AGENT', drain_agent })).toBe(200)
  expect(await operator(daemons, { type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id } })).toBe(400)
  const draining = { id: agent_id.value, active: false, drain_info: { state: 'DRAINING' } }
  await becomes(daemons, draining)

  await daemons.end(agent, 'SIGKILL')
  const again = await daemons.agent(0)
  await daemons.end(master, 'SIGKILL')
  await daemons.master()
  await becomes(daemons, { ...draining, deactivated: true })
  const state = await daemons.page('/state', again.port)
  expect(state).toMatchObject({ drain_config: { max_grace_period: { nanoseconds: 3e12 } } })

  // With the grace of the drain the task still runs, and its end says why it had to go.
  const id = { value: scheduler.frameworkId }
  using back = await RawScheduler.subscribe(daemons.masterPort, { ...INFO, id })
  expect(scheduler.states('t')).not.toContain('TASK_KILLED')
  writeFileSync(go, '')
  expect(await back.end('t', LONG)).toMatchObject({ state: 'TASK_KILLED', reason: 'REASON_AGENT_DRAINING' })
  await becomes(daemons, { drain_info: { state: 'DRAINED' } })
  expect(back.events.filter(({ offers }) => offers !== undefined)).toEqual([])
  expect(await operator(daemons, { type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id } })).toBe(200)
  expect((await back.offer(undefined, LONG)).agent_id).toEqual(agent_id)
  await back.teardown()
}, 400_000)

test('an agent that is drained for good ends when it is empty, and its next life is another agent', async () => {
  await using daemons = await Daemons.start()
  const agent = await daemons.agent(0)
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, INFO)
  const offer = await scheduler.offer()
  const { agent_id } = offer
  await scheduler.launch(offer, [task(offer, 't', 'sleep 1000')])
  await scheduler.status('t', 'TASK_RUNNING')
  const ended = once(agent.process, 'exit')
  const drain_agent = { agent_id, mark_gone: true }
  expect(await operator(daemons, { type: 'DRAIN_AGENT', drain_agent })).toBe(200)
  const gone = (): boolean => scheduler.states('t').includes('TASK_GONE_BY_OPERATOR')
  await scheduler.until(gone, LONG)
  await ended
  await vi.waitFor(async () => expect(await shown(daemons)).toBeUndefined(), SOON)
  await scheduler.call('RECONCILE', { reconcile: { tasks: [{ task_id: { value: 'x' }, agent_id }] } })
  expect((await scheduler.status('x', 'TASK_GONE_BY_OPERATOR', LONG)).reason).toBe('REASON_RECONCILIATION')
  await daemons.agent(0)
  expect((await shown(daemons))?.id).not.toBe(agent_id.value)
  await scheduler.teardown()
}, 400_000)
