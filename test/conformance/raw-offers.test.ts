// A scheduler that knows nothing of us: which offers come when, and what reconciliation answers, on a real agent.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cluster, nothingLeft, stopwatch } from '../support/cluster.ts'
import { leftovers } from '../support/engine.ts'
import {
  amount,
  framework,
  type RawOffer,
  type RawScheduler,
  scalar,
  task,
} from '../support/raw-scheduler.ts'

const AWARE = { capabilities: [{ type: 'PARTITION_AWARE' }] }

let before: string[]
let cluster: Cluster

beforeAll(async () => {
  before = await leftovers()
  cluster = await Cluster.start()
})

afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await nothingLeft(before)
})

/** All of the agent: what tasks of an earlier test had may still come back. */
async function wholeOffer(scheduler: RawScheduler): Promise<RawOffer> {
  const isWhole = (offer: RawOffer): boolean => amount(offer, 'cpus') === 4
  const isPart = (offer: RawOffer): boolean => !isWhole(offer)
  scheduler.declines = isPart
  const parts = scheduler.events.flatMap(({ offers }) => offers?.offers.filter(isPart) ?? [])
  const decline = { offer_ids: parts.map(({ id }) => id), filters: { refuse_seconds: 0 } }
  if (parts.length > 0) await scheduler.call('DECLINE', { decline })
  const offer = await scheduler.offer(isWhole)
  scheduler.declines = undefined
  return offer
}

describe('offers', () => {
  test('that are declined come again only after refuse_seconds', async () => {
    await using scheduler = await framework(cluster.port)
    const offer = await scheduler.offer()
    const elapsed = stopwatch()
    await scheduler.call('DECLINE', { decline: { offer_ids: [offer.id], filters: { refuse_seconds: 2 } } })
    await scheduler.offer()
    const waited = elapsed()
    expect(waited).toBeGreaterThan(1900)
    expect(waited).toBeLessThan(20_000)
  })

  test('that are declined come again at once after REVIVE', async () => {
    await using scheduler = await framework(cluster.port)
    const offer = await scheduler.offer()
    await scheduler.call('DECLINE', { decline: { offer_ids: [offer.id], filters: { refuse_seconds: 3600 } } })
    await scheduler.call('REVIVE')
    expect((await scheduler.offer()).id).not.toEqual(offer.id)
  })

  test('stay away after SUPPRESS until REVIVE', async () => {
    await using scheduler = await framework(cluster.port)
    const offer = await scheduler.offer()
    await scheduler.call('SUPPRESS')
    await scheduler.call('DECLINE', { decline: { offer_ids: [offer.id], filters: { refuse_seconds: 0 } } })
    await expect(scheduler.offer(undefined, 2500)).rejects.toThrow('went by')
    await scheduler.call('REVIVE')
    await scheduler.offer()
  })

  test('that are accepted with nothing are declined', async () => {
    await using scheduler = await framework(cluster.port)
    const offer = await wholeOffer(scheduler)
    const operations = [{ type: 'LAUNCH', launch: {} }]
    const accept = { offer_ids: [offer.id], operations, filters: { refuse_seconds: 0 } }
    expect((await scheduler.call('ACCEPT', { accept })).status).toBe(202)
    expect(amount(await scheduler.offer(), 'cpus')).toBe(4)
  })

  test('hold what a running task leaves, and name its executor only for custom ones', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    const offer = await wholeOffer(scheduler)
    await scheduler.launch(offer, [
      task(offer, 'part', 'sleep 100', { resources: [scalar('cpus', 1.5), scalar('mem', 64)] }),
    ])
    const rest = await scheduler.offer()
    expect([amount(rest, 'cpus'), amount(rest, 'mem')]).toEqual([2.5, 1984])
  })

  test('to a framework without MULTI_ROLE say nothing of an allocation', async () => {
    await using scheduler = await framework(cluster.port, { role: 'web' })
    const offer = await scheduler.offer()
    expect(JSON.stringify(offer)).not.toContain('allocation_info')
    expect(offer.resources.every(({ role }) => role === '*')).toBe(true)
  })

  test('to two roles are shared by their dominant shares', async () => {
    await using one = await framework(cluster.port, { role: 'one', name: 'one' })
    const offer = await wholeOffer(one)
    const big = { resources: [scalar('cpus', 1), scalar('mem', 64)] }
    await one.launch(offer, [task(offer, 'big', 'sleep 100', big)])
    await one.status('big', 'TASK_RUNNING')
    const rest = await one.offer()
    await using two = await framework(cluster.port, { role: 'two', name: 'two' })
    await one.call('DECLINE', { decline: { offer_ids: [rest.id], filters: { refuse_seconds: 0 } } })
    expect(amount(await two.offer(), 'cpus')).toBe(3)
  })
})

describe('reconciliation', () => {
  test('of a task says its latest state, without uuid', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    const offer = await scheduler.offer()
    await scheduler.launch(offer, [task(offer, 'known', 'sleep 100')])
    const { task_id } = await scheduler.status('known', 'TASK_RUNNING')
    await scheduler.call('RECONCILE', { reconcile: { tasks: [{ task_id }] } })
    const { update } = await scheduler.event(
      (event) => event.update?.status.reason === 'REASON_RECONCILIATION',
    )
    expect(update?.status).toMatchObject({
      state: 'TASK_RUNNING',
      source: 'SOURCE_MASTER',
      message: 'Reconciliation: Latest task state',
    })
    expect(update?.status.uuid).toBeUndefined()
  })

  test('of nothing says the states of all tasks', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    const offer = await scheduler.offer()
    await scheduler.launch(offer, [task(offer, 'first', 'sleep 100'), task(offer, 'second', 'sleep 100')])
    await scheduler.status('first', 'TASK_RUNNING')
    await scheduler.status('second', 'TASK_RUNNING')
    await scheduler.call('RECONCILE', { reconcile: {} })
    const said = (): string[] =>
      scheduler.events.flatMap(({ update }) =>
        update?.status.reason === 'REASON_RECONCILIATION' ? [update.status.task_id.value] : [],
      )
    await scheduler.until(() => said().length === 2)
    expect(said().sort()).toEqual(['first', 'second'])
  })

  test.each([
    ['a partition-aware framework', AWARE, 'TASK_UNKNOWN', 'TASK_GONE'],
    ['another', {}, 'TASK_LOST', 'TASK_LOST'],
  ])('of tasks that nobody knows is answered for %s', async (_who, info, unknown, gone) => {
    await using scheduler = await framework(cluster.port, info)
    const { agent_id } = await scheduler.offer()
    const tasks = [
      { task_id: { value: 'nobody' } },
      { task_id: { value: 'there' }, agent_id },
      { task_id: { value: 'nowhere' }, agent_id: { value: 'no-such-agent' } },
    ]
    await scheduler.call('RECONCILE', { reconcile: { tasks } })
    expect((await scheduler.status('nobody', /./)).state).toBe(unknown)
    expect((await scheduler.status('there', /./)).state).toBe(gone)
    expect((await scheduler.status('nowhere', /./)).state).toBe(unknown)
  })

  test('is how KILL of a task that nobody knows is answered', async () => {
    await using scheduler = await framework(cluster.port, AWARE)
    await scheduler.call('KILL', { kill: { task_id: { value: 'nobody' } } })
    expect(await scheduler.status('nobody', /./)).toMatchObject({
      state: 'TASK_UNKNOWN',
      reason: 'REASON_RECONCILIATION',
    })
  })
})
