// `/api/x1/events` over HTTP: the page with its filters, the stream that follows, and the log that outlives the master.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EventStream } from '../../support/event-stream.ts'
import { agentSubscribe, launchTask, TestMaster } from '../../support/master-server.ts'
import { requestText } from '../../support/raw-http.ts'

interface Told {
  readonly event: number
  readonly kind: string
  readonly agent?: string
  readonly framework?: string
  readonly text: string
}

async function eventsOf(master: TestMaster, query = ''): Promise<readonly Told[]> {
  return (await master.page(`/api/x1/events${query}`))['events'] as Told[]
}

const kinds = (events: readonly Told[]): string[] => events.map(({ kind }) => kind)

test('The page tells what happened, by task, agent, framework, kind and number', async () => {
  await using master = await TestMaster.start()
  using launched = await launchTask(master)
  await launched.agent.call('UPDATE', { update: launched.update })
  await launched.framework.status()
  expect(kinds(await eventsOf(master))).toEqual([
    'master-started',
    'agent-registered',
    'framework-subscribed',
    'offer-accepted',
    'task-launched',
    'task-state',
  ])
  expect(kinds(await eventsOf(master, '?task=t'))).toEqual(['task-launched', 'task-state'])
  expect(kinds(await eventsOf(master, '?framework=test&kind=task-state,framework-subscribed'))).toEqual([
    'framework-subscribed',
    'task-state',
  ])
  expect(await eventsOf(master, '?agent=127.0.0.1:5051&limit=1')).toMatchObject([
    { event: 6, kind: 'task-state', agent: '127.0.0.1:5051', framework: 'test', task_id: 't' },
  ])
  expect(kinds(await eventsOf(master, '?after=5'))).toEqual(['task-state'])
  expect(kinds(await eventsOf(master, '?before=6&limit=2'))).toEqual(['offer-accepted', 'task-launched'])
  expect(await eventsOf(master, `?since=${master.clock.now() + 1}`)).toEqual([])
  expect(await eventsOf(master, '?agent=nobody')).toEqual([])
})

function drainable(master: TestMaster): ReturnType<TestMaster['agent']> {
  const { subscribe } = agentSubscribe() as { readonly subscribe: { readonly agent_info: object } }
  const attributes = [{ name: 'agent', type: 'TEXT', text: { value: 'a2' } }]
  const agent_info = { ...subscribe.agent_info, port: 5052, attributes }
  return master.agent({ agent_info, capabilities: [{ type: 'AGENT_DRAINING' }] })
}

test('What operators ask for is told, with whom it is about and why', async () => {
  await using master = await TestMaster.start()
  using launched = await launchTask(master)
  await master.post('POST /api/x1/kill', JSON.stringify({ task_id: 't' }))
  for (const grace_ms of [-1, '5s', 1e9]) {
    const refused = await master.post('POST /api/x1/kill', JSON.stringify({ task_id: 't', grace_ms }))
    expect(refused).toMatchObject({
      status: 400,
      body: "Expecting 'grace_ms' to be a number from 0 to 86400000",
    })
  }
  using agent = await drainable(master)
  const agent_id = { value: agent.id }
  const drain = JSON.stringify({ type: 'DRAIN_AGENT', drain_agent: { agent_id } })
  await master.post('POST /api/v1?reason=its%20disk%20fails', drain)
  expect((await master.post(`POST /api/v1?reason=${'x'.repeat(301)}`, drain)).status).toBe(400)
  await master.post(
    'POST /api/v1',
    JSON.stringify({ type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id } }),
  )
  await master.post('POST /teardown', `frameworkId=${launched.framework.id}`, {})
  expect((await eventsOf(master, '?kind=operator')).map(({ text }) => text)).toEqual([
    "An operator ends 't'",
    'An operator drains a2: its disk fails',
    'An operator puts a2 to use again',
    "An operator tears 'test' down",
  ])
})

test('A wrong parameter is answered with 400 and a sentence', async () => {
  await using master = await TestMaster.start()
  for (const [query, words] of [
    ['?since=yesterday', "Parameter 'since' is 'yesterday': expected a time in ms since 1970"],
    ['?before=x', "Parameter 'before' is 'x': expected the number of an event"],
    ['?limit=0', "Parameter 'limit' is '0': expected a number from 1 to 1000"],
    ['?kind=nonsense', "Parameter 'kind' has 'nonsense': expected some of offer-accepted"],
    ['?follow=perhaps', "Parameter 'follow' is 'perhaps': expected true or false"],
  ] as const) {
    const { body, status } = await master.get(`/api/x1/events${query}`)
    expect(status).toBe(400)
    expect(body).toContain(words)
  }
})

test('A stream begins with what there is and goes on with what comes and matches', async () => {
  await using master = await TestMaster.start()
  const request = requestText('GET /api/x1/events?follow=true&kind=master-started,framework-subscribed', {})
  using stream = await EventStream.open(master.port, request)
  expect(await stream.find((event) => event['kind'] === 'master-started')).toBeDefined()
  using _agent = await master.agent()
  using _framework = await master.framework()
  await master.clock.advance(200)
  expect(await stream.find(() => true)).toMatchObject({ kind: 'framework-subscribed', framework: 'test' })
})

test('The log of a master with a work folder is there in its next life', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'events-'))
  try {
    {
      await using master = await TestMaster.start(`--work_dir=${join(folder, 'master')}`)
      using _framework = await master.framework()
    }
    await using master = await TestMaster.start(`--work_dir=${join(folder, 'master')}`)
    expect(kinds(await eventsOf(master)).filter((kind) => kind.startsWith('master-'))).toEqual([
      'master-started',
      'master-ended',
      'master-started',
    ])
    expect(kinds(await eventsOf(master, '?kind=framework-subscribed'))).toHaveLength(1)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
