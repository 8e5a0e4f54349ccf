// A framework's session with a master and an agent, over real HTTP.
import { expect, test } from 'vitest'
import recorded from '../../recorded/scheduler-session.json' with { type: 'json' }
import { scalar, TestMaster, type TestFramework, type ToyAgent } from '../../support/master-server.ts'

test('a task goes from its offer to its end, and its framework and agent hear all of it', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  using framework = await master.framework({ capabilities: [{ type: 'MULTI_ROLE' }], roles: ['web'] })
  const offer = await framework.offer()
  expect(offer).toMatchObject({
    framework_id: { value: framework.id },
    agent_id: { value: agent.id },
    hostname: '127.0.0.1',
    url: {
      scheme: 'http',
      address: { hostname: '127.0.0.1', ip: '127.0.0.1', port: 5051 },
      path: '/slave(1)',
    },
    allocation_info: { role: 'web' },
  })

  expect(await framework.launch(offer, 'one')).toMatchObject({ status: 202, body: '' })
  expect(await agent.next('RUN_TASK')).toMatchObject({
    run_task: { framework_info: { id: { value: framework.id } }, task: { task_id: { value: 'one' } } },
  })
  for (const state of ['TASK_RUNNING', 'TASK_FINISHED']) {
    expect(await agent.update(framework, 'one', state)).toMatchObject({ status: 202 })
    const status = await framework.status()
    expect(status).toMatchObject({ state, source: 'SOURCE_EXECUTOR', agent_id: { value: agent.id } })
    expect(await framework.acknowledge(status)).toMatchObject({ status: 202 })
    expect(await agent.next('ACKNOWLEDGE')).toMatchObject({
      acknowledge: { task_id: { value: 'one' }, uuid: status.uuid },
    })
  }
  expect(await framework.offers()).toHaveLength(1)
  const { tasks } = await master.page('/tasks')
  expect(tasks).toMatchObject([{ id: 'one', state: 'TASK_FINISHED', executor_id: '', role: 'web' }])
})

test('SUBSCRIBED is followed by a heartbeat at once and by one every 15 seconds', async () => {
  await using master = await TestMaster.start()
  using framework = await master.framework()
  await framework.stream.next('HEARTBEAT')
  expect(framework.stream.events.map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
  for (let beat = 0; beat < 3; beat++) {
    await master.clock.advance(14_999)
    const before = framework.stream.events.length
    await master.clock.advance(1)
    await framework.stream.next('HEARTBEAT')
    expect(framework.stream.events).toHaveLength(before + 1)
  }
})

test('a framework that is killed and does not come back is torn down after its failover_timeout', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  const framework = await master.framework({ failover_timeout: 30, checkpoint: true })
  const offer = await framework.offer()
  await framework.launch(offer, 'orphan')
  await agent.next('RUN_TASK')
  framework[Symbol.dispose]()
  await gone(master, framework.id)
  await master.clock.advance(29_000)
  expect((await master.page('/frameworks'))['frameworks']).toMatchObject([
    { id: framework.id, active: false },
  ])
  await master.clock.advance(1000)
  expect(await agent.next('SHUTDOWN_FRAMEWORK')).toMatchObject({
    shutdown_framework: { framework_id: { value: framework.id } },
  })
  const page = await master.page('/frameworks')
  expect(page).toMatchObject({ frameworks: [], completed_frameworks: [{ id: framework.id }] })
  const again = { name: 'test', user: 'nobody', id: { value: framework.id } }
  const body = { type: 'SUBSCRIBE', framework_id: again.id, subscribe: { framework_info: again } }
  const answer = await master.post('POST /api/v1/scheduler', JSON.stringify(body))
  expect(answer.body).toContain('Framework has been removed')
})

test('a framework that comes back with its id in time keeps its tasks and gets their updates', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  const first = await master.framework({ failover_timeout: 30, checkpoint: true })
  const offer = await first.offer()
  await first.launch(offer, 'kept')
  first[Symbol.dispose]()
  await gone(master, first.id)
  await master.clock.advance(29_000)
  using second = await master.framework({ failover_timeout: 30, checkpoint: true, id: { value: first.id } })
  expect(second.id).toBe(first.id)
  expect(second.stream.header('Mesos-Stream-Id')).not.toBe(first.stream.header('Mesos-Stream-Id'))
  await master.clock.advance(31_000)
  await agent.update(second, 'kept', 'TASK_RUNNING')
  expect(await second.status()).toMatchObject({ state: 'TASK_RUNNING', task_id: { value: 'kept' } })
})

test('who subscribes with the id of a connected framework takes over; the old stream ends with an error', async () => {
  await using master = await TestMaster.start()
  using first = await master.framework({ failover_timeout: 30 })
  using second = await master.framework({ failover_timeout: 30, id: { value: first.id } })
  const events = await first.stream.end()
  expect(events.at(-1)).toEqual({ type: 'ERROR', error: { message: 'Framework failed over' } })
  expect((await first.call('REVIVE')).status).toBe(400)
  expect((await second.call('REVIVE')).status).toBe(202)
})

test('TEARDOWN ends the stream of its framework, and /teardown does the same for an operator', async () => {
  await using master = await TestMaster.start()
  using one = await master.framework()
  using other = await master.framework()
  expect((await one.call('TEARDOWN')).status).toBe(202)
  await one.stream.end()
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
  expect(await master.post('POST /teardown', `frameworkId=${other.id}`, form)).toMatchObject({ status: 200 })
  await other.stream.end()
  expect(await master.page('/frameworks')).toMatchObject({ frameworks: [] })
})

test('UPDATE_FRAMEWORK is answered: 200 and nothing more, or 400 with the reason', async () => {
  await using master = await TestMaster.start()
  using framework = await master.framework()
  const info = { id: { value: framework.id }, user: 'nobody', name: 'renamed' }
  const good = await framework.call('UPDATE_FRAMEWORK', { update_framework: { framework_info: info } })
  expect(good).toMatchObject({ status: 200, body: '' })
  expect(Object.keys(good.headers).toSorted()).toEqual(['Content-Length', 'Date'])
  expect(await master.page('/frameworks')).toMatchObject({ frameworks: [{ name: 'renamed' }] })
  const bad = await framework.call('UPDATE_FRAMEWORK', {
    update_framework: { framework_info: { ...info, user: 'somebody' } },
  })
  expect(bad.status).toBe(400)
  expect(bad.body).toContain("'FrameworkInfo.user'")
})

test('two frameworks share an agent; what one does not want goes to the other', async () => {
  await using master = await TestMaster.start()
  using one = await master.framework({ name: 'one' })
  using two = await master.framework({ name: 'two' })
  using agent = await master.agent()
  await master.allocate()
  const hasOffers = ({ stream }: TestFramework): boolean =>
    stream.events.some(({ type }) => type === 'OFFERS')
  // Chance decides between equals; whoever is first has it at once.
  while (!hasOffers(one) && !hasOffers(two)) await master.page('/roles')
  const [first, second] = hasOffers(one) ? [one, two] : [two, one]
  const [event] = first.stream.events.filter(({ type }) => type === 'OFFERS')
  const { offers } = (event?.['offers'] ?? { offers: [] }) as { offers: { id: unknown }[] }
  const offer_ids = offers.map(({ id }) => id)
  await first.call('DECLINE', { decline: { offer_ids, filters: { refuse_seconds: 3600 } } })
  await master.clock.advance(1000)
  const [offer] = await second.offers()
  expect(offer).toMatchObject({ agent_id: { value: agent.id } })
  expect(first.stream.events.filter(({ type }) => type === 'OFFERS')).toHaveLength(1)
})

test('an agent that is lost costs its task, and every framework hears of the loss', async () => {
  await using master = await TestMaster.start('--agent_ping_timeout=1secs', '--max_agent_ping_timeouts=2')
  using agent = await master.agent()
  using framework = await master.framework({ checkpoint: true, capabilities: [{ type: 'PARTITION_AWARE' }] })
  const offer = await framework.offer()
  await framework.launch(offer, 'stranded')
  await agent.next('RUN_TASK')
  await master.clock.advance(5000)
  expect(await framework.status()).toMatchObject({
    state: 'TASK_UNREACHABLE',
    reason: 'REASON_AGENT_REMOVED',
  })
  expect(await framework.stream.next('FAILURE')).toMatchObject({ failure: { agent_id: { value: agent.id } } })
  await agent.stream.end()
  expect(await master.page('/state')).toMatchObject({ slaves: [], unreachable_slaves: 1 })
})

test('an agent is offered as long as it answers pings', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  for (let ping = 0; ping < 8; ping++) {
    await agent.next('PING')
    expect((await agent.call('PONG')).status).toBe(202)
    await master.clock.advance(15_000)
  }
  expect(await master.page('/slaves')).toMatchObject({ slaves: [{ id: agent.id, active: true }] })
})

test('what an agent lends is offered as revocable to those who take it, and /api/x1/lend shows it', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  using borrower = await master.framework({ capabilities: [{ type: 'REVOCABLE_RESOURCES' }] })
  const own = await borrower.offer()
  const resources = [{ name: 'cpus', type: 'SCALAR', scalar: { value: 2 }, revocable: {} }]
  expect((await agent.call('OVERSUBSCRIBED', { oversubscribed: { resources } })).status).toBe(202)
  const [lent] = await borrower.offers()
  expect(lent?.resources).toMatchObject([{ name: 'cpus', scalar: { value: 2 }, revocable: {} }])
  await borrower.launch(own, 'own')
  await agent.next('RUN_TASK')
  const { agents } = await master.page('/api/x1/lend')
  expect(agents).toMatchObject([
    {
      id: agent.id,
      total: { cpus: 4 },
      allocated: { cpus: 1, mem: 128 },
      lent_total: { cpus: 2 },
      lent_used: {},
      lent_offered: { cpus: 2 },
      frameworks: [{ id: borrower.id, tasks: 1 }],
    },
  ])
  expect(await master.metric('master/cpus_revocable_total')).toBe(2)
  expect(await master.metric('master/cpus_used')).toBe(1)
})

const lent = (cpus: number): object => ({
  name: 'cpus',
  type: 'SCALAR',
  scalar: { value: cpus },
  revocable: {},
})

test('the estimate of each agent is on the pages, as a sum or as unknown, and in total', async () => {
  await using master = await TestMaster.start()
  const named = (hostname: string, port: number): Promise<ToyAgent> =>
    master.agent({ agent_info: { hostname, port, resources: [scalar('cpus', 4)] } })
  using knows = await named('knows', 5051)
  using blind = await named('blind', 5052)
  expect((await master.page('/api/x1/lend'))['total']).toMatchObject({ agents: 2, unknown: 2 })
  await knows.call('OVERSUBSCRIBED', { oversubscribed: { resources: [lent(2)] } })
  const told = { mode: 'full', additional: [lent(1.5)], sum: '1.30 reserved but idle (web) + 0.20 free' }
  expect((await knows.call('LENDING', { lending: told })).status).toBe(202)
  await blind.call('LENDING', { lending: { mode: 'full', unknown: 'it threw: no luck' } })
  expect(await master.page('/api/x1/lend')).toMatchObject({
    total: {
      lent_cpus: 2,
      used_cpus: 0,
      lendable_cpus: 1.5,
      unknown: 1,
      line: '2 agents: 2 cpus lent, 0 in use; 1.5 more could be lent; the estimate of 1 is unknown',
    },
    agents: [
      { line: '1.30 reserved but idle (web) + 0.20 free = 1.5 more cpus; lent 2, in use 0' },
      { line: 'the estimate is unknown: it threw: no luck; lent 0, in use 0' },
    ],
  })
  const { slaves } = (await master.page('/state')) as { slaves: { hostname: string; lending: object }[] }
  const lending = (name: string): object | undefined =>
    slaves.find(({ hostname }) => hostname === name)?.lending
  expect(lending('knows')).toMatchObject({ mode: 'full', lent: { cpus: 2 }, lendable: { cpus: 1.5 } })
  expect(lending('blind')).toMatchObject({ lendable: 'unknown', unknown: 'it threw: no luck' })
  expect(await master.metric('tepui/lend_lendable_cpus')).toBe(1.5)
  expect(await master.metric('tepui/lend_agents_unknown')).toBe(1)
  // Nothing is booked by it.
  expect(await master.metric('master/cpus_revocable_total')).toBe(2)
})

test('what agents count of lending is added up, also when one begins anew', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  const tell = async (squeezes: number, fast: number): Promise<void> => {
    const counters = [
      { name: 'tepui/lend_squeezes', value: squeezes },
      { name: 'tepui/lend_take_back_secs/le_0.1', value: fast },
      { name: 'tepui/lend_take_back_secs/le_inf', value: fast },
      { name: 'master/dropped_messages', value: 1e9 },
    ]
    const answer = await agent.call('LENDING', { lending: { mode: 'full', counters } })
    expect(answer.status).toBe(202)
  }
  await tell(3, 2)
  await tell(5, 2)
  await tell(1, 2)
  expect(await master.metric('tepui/lend_squeezes')).toBe(6)
  expect(await master.metric('tepui/lend_take_back_secs/p50')).toBeCloseTo(0.075)
  expect(await master.metric('master/dropped_messages')).toBe(0)
})

/** Waits until the master has noticed that a framework's connection is gone. */
async function gone(master: TestMaster, id: string): Promise<void> {
  for (;;) {
    const { frameworks } = (await master.page('/frameworks')) as {
      frameworks: { id: string; connected: boolean }[]
    }
    if (frameworks.some((one) => one.id === id && !one.connected)) return
  }
}

test('SUBSCRIBED and OFFERS have the fields of those that a real master sent, in their order', async () => {
  await using master = await TestMaster.start()
  using _ = await master.agent()
  using framework = await master.framework({ capabilities: [{ type: 'MULTI_ROLE' }], roles: ['*'] })
  await framework.offers()
  for (const type of ['SUBSCRIBED', 'HEARTBEAT', 'OFFERS']) {
    const ours = framework.stream.events.find((event) => event.type === type)
    const theirs = recorded.find(({ event }) => event?.type === type)?.event
    // 'used' is a mark of the program that recorded.
    expect(fieldsOf(ours)).toEqual(fieldsOf(theirs).filter((field) => field !== '.used'))
  }
  expect(framework.stream.events.map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'OFFERS'])
})

/** The paths of all fields in the order in which they are written; of lists the first entry counts. */
function fieldsOf(value: unknown, at = ''): string[] {
  if (Array.isArray(value)) return fieldsOf(value[0], `${at}[]`)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    // Which resource comes first in an offer is not said anywhere.
    /^(scalar|ranges)$/.test(key) ? `${at}.value` : [`${at}.${key}`, ...fieldsOf(inner, `${at}.${key}`)],
  )
}
