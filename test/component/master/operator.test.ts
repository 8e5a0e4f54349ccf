// The v1 operator API of the master over real HTTP: answers held against those of a real one, and what calls change.
import { describe, expect, test } from 'vitest'
import recorded from '../../recorded/operator-api.json' with { type: 'json' }
import { TestMaster } from '../../support/master-server.ts'
import { operatorCall } from '../../support/operator-calls.ts'
import { asRecorded, shapeOf } from '../../support/recorded-shape.ts'
import type { RawAnswer } from '../../support/raw-http.ts'

const call = (master: TestMaster, type: string, part?: object): Promise<RawAnswer> =>
  master.post('POST /api/v1', JSON.stringify({ type, ...(part && { [type.toLowerCase()]: part }) }))

const answer = async (master: TestMaster, type: string, part?: object): Promise<Record<string, unknown>> => {
  const { status, body } = await call(master, type, part)
  if (status !== 200) throw new Error(`${type} was answered with ${status}: ${body}`)
  return (JSON.parse(body) as Record<string, Record<string, unknown>>)[type.toLowerCase()] ?? {}
}

/** Fields of theirs that ours has not: of v0, of a build, of capabilities and networks of the recorded agent. */
const NOT_OURS = /agent_info\.checkpoint|git_|network_infos/

describe('an answer has the fields of a real one in its order:', () => {
  const exchanges = recorded.filter(
    ({ request, response }) => request.to === 'master' && typeof response.body === 'object',
  )
  for (const { request, response } of exchanges) {
    const { type } = JSON.parse(request.body) as { readonly type: string }
    if (/QUOTA|MAINTENANCE|WEIGHTS/.test(type)) continue
    test(type, async () => {
      await using master = await TestMaster.start()
      using _ = await asRecorded(master)
      const { status, headers, body } = await master.post('POST /api/v1', request.body)
      expect(status).toBe(200)
      expect(headers['Content-Type']).toBe('application/json')
      expect(headers['Content-Length']).toBe(String(Buffer.byteLength(body)))
      const ours = shapeOf(JSON.parse(body)).filter((field) => !NOT_OURS.test(field))
      const theirs = shapeOf(response.body).filter((field) => !NOT_OURS.test(field))
      // What a cluster has none of is not in both.
      const common = (fields: string[]): string[] =>
        fields.filter((field) => !/completed_|\[\]\.uuid/.test(field))
      expect(common(ours)).toEqual(common(theirs))
    })
  }
})

test('GET_STATE tells what runs: the task with its statuses, the framework with its offer, the agent', async () => {
  await using master = await TestMaster.start()
  using framework = await asRecorded(master)
  const state = (await answer(master, 'GET_STATE')) as Record<string, Record<string, unknown[]>>
  expect(state['get_tasks']).toMatchObject({
    tasks: [
      {
        task_id: { value: 'hello' },
        framework_id: { value: framework.id },
        state: 'TASK_RUNNING',
        statuses: [{ state: 'TASK_STARTING' }, { state: 'TASK_RUNNING' }],
        status_update_state: 'TASK_RUNNING',
      },
    ],
    unreachable_tasks: [],
    completed_tasks: [],
  })
  expect(state['get_frameworks']?.['frameworks']).toMatchObject([
    { framework_info: { id: { value: framework.id } }, active: true, recovered: false, offers: [{}] },
  ])
  const [agent] = state['get_agents']?.['agents'] ?? []
  expect(agent).toMatchObject({ active: true, deactivated: false, pid: 'slave(1)@127.0.0.1:5051' })
  const cpus = (agent as Record<string, { name: string; scalar: object; role: string }[]>)[
    'allocated_resources'
  ]?.find(({ name }) => name === 'cpus')
  expect(cpus).toMatchObject({ scalar: { value: 1 }, role: '*', allocation_info: { role: '*' } })
  expect(state['get_executors']).toEqual({ executors: [] })
})

test('a task that ends goes over to the completed, and the page has its newest state at once', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  using framework = await master.framework()
  const offer = await framework.offer()
  await framework.launch(offer, 't')
  for (const state of ['TASK_RUNNING', 'TASK_FINISHED']) {
    await agent.update(framework, 't', state)
    expect(await answer(master, 'GET_TASKS')).toMatchObject({ tasks: [{ state }] })
    expect(await master.page('/tasks')).toMatchObject({ tasks: [{ state }] })
    await framework.acknowledge(await framework.status())
  }
  expect(await answer(master, 'GET_TASKS')).toMatchObject({
    tasks: [],
    completed_tasks: [{ state: 'TASK_FINISHED' }],
  })
})

test('a call without its part, and one that Accept leaves no format for, are refused as by Mesos', async () => {
  await using master = await TestMaster.start()
  for (const [type, part] of [
    ['GET_METRICS', 'get_metrics'],
    ['TEARDOWN', 'teardown'],
    ['DRAIN_AGENT', 'drain_agent'],
    ['RESERVE_RESOURCES', 'reserve_resources'],
  ]) {
    const refused = await call(master, type ?? '')
    expect(refused.status).toBe(400)
    expect(refused.body).toBe(`Failed to validate master::Call: Expecting '${part}' to be present`)
  }
  const html = await master.post('POST /api/v1', '{"type":"GET_HEALTH"}', { Accept: 'text/html' })
  expect(html.status).toBe(406)
  expect(html.body).toBe("Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'")
  expect((await call(master, 'UNKNOWN')).status).toBe(501)
  expect(await master.metric('master/operator_calls_refused')).toBe(6)
})

test('the level of the log is changed for a while, by call and by /logging/toggle', async () => {
  await using master = await TestMaster.start()
  const level = async (): Promise<unknown> => (await answer(master, 'GET_LOGGING_LEVEL'))['level']
  expect(await level()).toBe(0)
  const set = { level: 2, duration: { nanoseconds: 10e9 } }
  expect(await call(master, 'SET_LOGGING_LEVEL', set)).toMatchObject({ status: 200, body: '' })
  expect(await level()).toBe(2)
  await master.clock.advance(10_000)
  expect(await level()).toBe(0)
  expect((await master.get('/logging/toggle')).body).toBe('0\n')
  expect((await master.get('/logging/toggle?level=1')).body).toBe("Expecting 'duration=value' in query.\n")
  expect((await master.get('/logging/toggle?duration=1secs')).body).toBe(
    "Expecting 'level=value' in query.\n",
  )
  expect((await master.get('/logging/toggle?level=-1&duration=1secs')).status).toBe(400)
  expect((await master.get('/logging/toggle?level=1&duration=soon')).status).toBe(400)
  expect((await master.get('/logging/toggle?level=1&duration=1mins')).status).toBe(200)
  expect((await master.get('/logging/toggle')).body).toBe('1\n')
})

test('TEARDOWN removes a framework; of one that is not there it says so', async () => {
  await using master = await TestMaster.start()
  using framework = await master.framework()
  const teardown = { framework_id: { value: framework.id } }
  expect(await call(master, 'TEARDOWN', teardown)).toMatchObject({ status: 200, body: '' })
  await framework.stream.end()
  expect(await answer(master, 'GET_FRAMEWORKS')).toMatchObject({
    frameworks: [],
    completed_frameworks: [{ framework_info: { id: { value: framework.id } }, active: false }],
  })
  expect(await call(master, 'TEARDOWN', teardown)).toMatchObject({
    status: 400,
    body: 'No framework found with specified ID',
  })
})

test('an agent is deactivated, put to use again, drained with its grace, and given up', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent({ capabilities: [{ type: 'AGENT_DRAINING' }] })
  const agent_id = { value: agent.id }
  const shown = async (): Promise<unknown> => {
    const { agents } = (await answer(master, 'GET_AGENTS')) as { readonly agents: readonly unknown[] }
    return agents[0]
  }
  expect((await call(master, 'REACTIVATE_AGENT', { agent_id })).status).toBe(400)
  expect(await call(master, 'DEACTIVATE_AGENT', { agent_id })).toMatchObject({ status: 200, body: '' })
  expect(await shown()).toMatchObject({ active: false, deactivated: true })
  expect((await call(master, 'REACTIVATE_AGENT', { agent_id })).status).toBe(200)
  expect(await shown()).toMatchObject({ active: true, deactivated: false })
  const negative = { agent_id, max_grace_period: { seconds: -1 } }
  expect((await call(master, 'DRAIN_AGENT', negative)).status).toBe(400)
  const drain = { agent_id, max_grace_period: { seconds: 600 }, mark_gone: false }
  expect((await call(master, 'DRAIN_AGENT', drain)).status).toBe(200)
  expect(await agent.next('DRAIN')).toMatchObject({ drain: { max_grace_period: { nanoseconds: 600e9 } } })
  // Nothing runs there, so it is empty at once.
  expect(await shown()).toMatchObject({ deactivated: true, drain_info: { state: 'DRAINED' } })
  expect((await call(master, 'MARK_AGENT_GONE', { agent_id })).status).toBe(200)
  expect(await answer(master, 'GET_AGENTS')).toEqual({ agents: [], recovered_agents: [] })
  expect((await call(master, 'MARK_AGENT_GONE', { agent_id })).status).toBe(200)
})

test('agents that nobody knows are refused with the status of Mesos', async () => {
  await using master = await TestMaster.start()
  for (const [type, status] of [
    ['DRAIN_AGENT', 400],
    ['DEACTIVATE_AGENT', 400],
    ['REACTIVATE_AGENT', 400],
    ['MARK_AGENT_GONE', 404],
  ] as const) {
    const refused = await master.post('POST /api/v1', operatorCall(type))
    expect({ type, status: refused.status }).toEqual({ type, status })
    expect(refused.body).toContain('nobody')
  }
})

test('identical pages are written once while nothing changes, and anew after a change', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  const { body } = await master.get('/state')
  expect((await master.get('/state')).body).toBe(body)
  expect(await master.metric('master/http_cache_hits')).toBe(1)
  using framework = await master.framework()
  expect((await master.get('/state')).body).toContain(framework.id)
  expect(await master.metric('master/http_cache_hits')).toBe(1)
  expect(agent.id).not.toBe('')
})
