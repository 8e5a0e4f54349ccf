// SUBSCRIBE of the operator API: the snapshot, every kind of event, readers that are too many.
import { request } from 'node:http'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import recorded from '../../recorded/operator-api.json' with { type: 'json' }
import { EventStream } from '../../support/event-stream.ts'
import { TestMaster } from '../../support/master-server.ts'
import { requestText } from '../../support/raw-http.ts'
import { asRecorded, shapeOf } from '../../support/recorded-shape.ts'

const HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' }

const subscribe = (master: TestMaster): Promise<EventStream> =>
  EventStream.open(master.port, requestText('POST /api/v1', HEADERS, '{"type":"SUBSCRIBE"}'))

test('the first event is a snapshot with the fields of a real one, and a heartbeat is right behind it', async () => {
  await using master = await TestMaster.start()
  using _ = await asRecorded(master)
  using reader = await subscribe(master)
  expect(reader.status).toBe(200)
  expect(reader.header('Content-Type')).toBe('application/json')
  const subscribed = await reader.next('SUBSCRIBED')
  await reader.next('HEARTBEAT')
  expect(reader.events.map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
  const stream = recorded.flatMap(({ response }) => ('stream' in response ? [response.stream] : []))[0] ?? ''
  const size = Number(stream.slice(0, stream.indexOf('\n')))
  const theirs: unknown = JSON.parse(stream.slice(stream.indexOf('\n') + 1, stream.indexOf('\n') + 1 + size))
  const known = (fields: string[]): string[] =>
    fields.filter((field) => !/completed_|network_infos|agent_info\.checkpoint/.test(field))
  expect(known(shapeOf(subscribed))).toEqual(known(shapeOf(theirs)))
  await master.clock.advance(15_000)
  await reader.next('HEARTBEAT')
})

test('what happens is told: agents, frameworks and tasks that are added, change and go', async () => {
  await using master = await TestMaster.start()
  using reader = await subscribe(master)
  await reader.next('SUBSCRIBED')
  using agent = await master.agent()
  expect(await reader.next('AGENT_ADDED')).toMatchObject({
    agent_added: { agent: { agent_info: { id: { value: agent.id } }, active: true } },
  })
  using framework = await master.framework()
  expect(await reader.next('FRAMEWORK_ADDED')).toMatchObject({
    framework_added: { framework: { framework_info: { id: { value: framework.id } }, connected: true } },
  })
  const offer = await framework.offer()
  await framework.launch(offer, 't')
  expect(await reader.next('TASK_ADDED')).toMatchObject({
    task_added: { task: { task_id: { value: 't' }, state: 'TASK_STAGING', agent_id: { value: agent.id } } },
  })
  await agent.update(framework, 't', 'TASK_RUNNING', { data: 'c2VjcmV0' })
  const updated = await reader.next('TASK_UPDATED')
  expect(updated).toMatchObject({
    task_updated: {
      framework_id: { value: framework.id },
      status: { task_id: { value: 't' }, state: 'TASK_RUNNING' },
      state: 'TASK_RUNNING',
    },
  })
  expect(JSON.stringify(updated)).not.toContain('c2VjcmV0')
  const name = 'another name'
  await framework.call('UPDATE_FRAMEWORK', {
    update_framework: { framework_info: { user: 'nobody', name, id: { value: framework.id } } },
  })
  expect(await reader.next('FRAMEWORK_UPDATED')).toMatchObject({
    framework_updated: { framework: { framework_info: { name } } },
  })
  await framework.call('TEARDOWN')
  expect(await reader.next('TASK_UPDATED')).toMatchObject({ task_updated: { state: 'TASK_KILLED' } })
  expect(await reader.next('FRAMEWORK_REMOVED')).toMatchObject({
    framework_removed: { framework_info: { id: { value: framework.id } } },
  })
  await agent.call('UNREGISTER')
  expect(await reader.next('AGENT_REMOVED')).toMatchObject({
    agent_removed: { agent_id: { value: agent.id } },
  })
})

test('an update that an agent sends again is told once', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  using framework = await master.framework()
  const offer = await framework.offer()
  await framework.launch(offer, 't')
  using reader = await subscribe(master)
  await reader.next('HEARTBEAT')
  const uuid = 'edsTZs6USCuFn7I3m3Pipg=='
  for (let times = 0; times < 3; times++) await agent.update(framework, 't', 'TASK_RUNNING', { uuid })
  await agent.update(framework, 't', 'TASK_FINISHED')
  await reader.find(({ task_updated: said }) => (said as { state?: string })?.state === 'TASK_FINISHED')
  expect(reader.events.filter(({ type }) => type === 'TASK_UPDATED')).toHaveLength(2)
})

test('a framework that goes and comes back is updated, and was added once', async () => {
  await using master = await TestMaster.start()
  using reader = await subscribe(master)
  using framework = await master.framework({ failover_timeout: 60 })
  await reader.next('FRAMEWORK_ADDED')
  framework[Symbol.dispose]()
  expect(await reader.next('FRAMEWORK_UPDATED')).toMatchObject({
    framework_updated: { framework: { active: false, connected: false } },
  })
  using again = await master.framework({ failover_timeout: 60, id: { value: framework.id } })
  expect(await reader.next('FRAMEWORK_UPDATED')).toMatchObject({
    framework_updated: { framework: { active: true } },
  })
  expect(again.id).toBe(framework.id)
  expect(reader.events.filter(({ type }) => type === 'FRAMEWORK_ADDED')).toHaveLength(1)
})

test('of too many readers the one that came first is ended', async () => {
  await using master = await TestMaster.start('--max_operator_event_stream_subscribers=2')
  using first = await subscribe(master)
  await first.next('HEARTBEAT')
  using second = await subscribe(master)
  await second.next('HEARTBEAT')
  using third = await subscribe(master)
  await third.next('HEARTBEAT')
  await first.end()
  expect(second.ended).toBe(false)
  expect(await master.metric('master/operator_event_stream_subscribers')).toBe(2)
  expect(await master.metric('master/operator_event_streams_ended')).toBe(1)
})

test('a reader that leaves is forgotten', async () => {
  await using master = await TestMaster.start()
  using watcher = await subscribe(master)
  {
    using leaver = await subscribe(master)
    await leaver.next('HEARTBEAT')
  }
  await expect.poll(() => master.metric('master/operator_event_stream_subscribers')).toBe(1)
  using _ = await master.framework()
  await watcher.next('FRAMEWORK_ADDED')
})

test('a reader that takes nothing is cut, and one that reads hears everything meanwhile', async () => {
  await using master = await TestMaster.start('--max_stream_backlog=65536')
  using framework = await master.framework()
  const body = '{"type":"SUBSCRIBE"}'
  const lazy = connect(master.port, '127.0.0.1')
  lazy.on('error', () => undefined)
  lazy.pause()
  lazy.write(requestText('POST /api/v1', HEADERS, body))
  const readers = (): Promise<unknown> => master.metric('master/operator_event_stream_subscribers')
  await expect.poll(readers).toBe(1)
  let heard = 0
  const eager = request({ port: master.port, path: '/api/v1', method: 'POST', headers: HEADERS }, (answer) =>
    answer.setEncoding('latin1').on('data', (piece: string) => {
      heard += piece.split('"FRAMEWORK_UPDATED"').length - 1
    }),
  )
  eager.end(body)
  await expect.poll(readers).toBe(2)
  // More than the kernel takes on its way; each event is waited for, so that the eager one is never behind.
  const label = { key: 'long', value: 'x'.repeat(200_000) }
  let told = 0
  while ((await readers()) === 2) {
    expect(told).toBeLessThan(500)
    const info = {
      user: 'nobody',
      name: `n${++told}`,
      id: { value: framework.id },
      labels: { labels: [label] },
    }
    await framework.call('UPDATE_FRAMEWORK', { update_framework: { framework_info: info } })
    await expect.poll(() => heard).toBe(told)
  }
  expect(told).toBeGreaterThan(1)
  expect(await readers()).toBe(1)
  eager.destroy()
  lazy.destroy()
})
