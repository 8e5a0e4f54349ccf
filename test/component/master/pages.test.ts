// The pages of the master, field by field as a real Mesos wrote them (test/recorded/endpoints.json).
import { expect, test, describe } from 'vitest'
import afterTeardown from '../../recorded/after-teardown.json' with { type: 'json' }
import endpoints from '../../recorded/endpoints.json' with { type: 'json' }
import { TestMaster } from '../../support/master-server.ts'
import { asRecorded, shapeOf } from '../../support/recorded-shape.ts'

type Page = Readonly<Record<string, unknown>>

const recordedPage = (path: string): Page =>
  endpoints.find(({ request }) => request.to === 'master' && request.path === path)?.response.body as Page

describe('a page has the fields of a real one in its order:', () => {
  for (const path of ['/state', '/state-summary', '/slaves', '/tasks', '/roles', '/version']) {
    test(path, async () => {
      await using master = await TestMaster.start()
      using _ = await asRecorded(master)
      const page = await master.page(path)
      // What the toy agent does not report about networks is not looked for.
      const theirs = shapeOf(recordedPage(path)).filter((field) => !field.includes('network_infos'))
      expect(shapeOf(page)).toEqual(theirs)
    })
  }

  test('/frameworks', async () => {
    await using master = await TestMaster.start()
    using _ = await asRecorded(master)
    const [theirs] = recordedPage('/frameworks')['frameworks'] as Page[]
    const [ours] = (await master.page('/frameworks'))['frameworks'] as Page[]
    expect(shapeOf(ours)).toEqual(shapeOf(theirs).filter((field) => !field.includes('network_infos')))
  })

  test('/frameworks, of a framework that is completed', async () => {
    await using master = await TestMaster.start()
    using framework = await asRecorded(master)
    await framework.call('TEARDOWN')
    const recorded = afterTeardown.find(({ request }) => request.path === '/frameworks')
    const body = (recorded?.response.body ?? {}) as Record<string, unknown>
    const [theirs] = body['completed_frameworks'] as Page[]
    const page = await master.page('/frameworks')
    const [ours] = page['completed_frameworks'] as Page[]
    expect(shapeOf(ours)).toEqual(shapeOf(theirs).filter((field) => !field.includes('network_infos')))
    expect(ours).toMatchObject({
      active: false,
      tasks: [],
      completed_tasks: [{ id: 'hello', state: 'TASK_KILLED' }],
      used_resources: { cpus: 0, mem: 0, disk: 0, gpus: 0 },
    })
  })
})

test('/state says what is used, offered and free in the numbers and texts of Mesos', async () => {
  await using master = await TestMaster.start()
  using framework = await asRecorded(master)
  const { body } = await master.get('/master/state')
  expect(body).toContain(
    '"resources":{"disk":1000.0,"mem":4096.0,"gpus":0.0,"cpus":4.0,"ports":"[31000-32000]"}',
  )
  expect(body).toContain('"used_resources":{"disk":0.0,"mem":128.0,"gpus":0.0,"cpus":1.0}')
  expect(body).toContain('"failover_timeout":60.0')
  expect(body).toContain('"activated_slaves":1.0')
  expect(body).toContain('"port":5051,')
  const { slaves, frameworks } = JSON.parse(body) as Record<string, Page[]>
  expect(slaves?.[0]).toMatchObject({
    pid: 'slave(1)@127.0.0.1:5051',
    attributes: { rack: 'r1' },
    offered_resources: { cpus: 3, mem: 3968, disk: 1000, ports: '[31000-32000]' },
    active: true,
  })
  expect(frameworks?.[0]).toMatchObject({
    id: framework.id,
    resources: { cpus: 4 },
    registered_time: 1_700_000_000,
  })
})

test('the metrics that are real here have the names of a real master', async () => {
  await using master = await TestMaster.start()
  using _ = await asRecorded(master)
  const theirs = recordedPage('/metrics/snapshot')
  const page = await master.page('/metrics/snapshot')
  const own = [
    /^(http|system|tepui)\//,
    /^master\/(scheduler|agent|operator)_(calls|event_streams|callbacks)/,
    /^master\/agents_not_called_back$/,
    /^master\/frameworks_|task_|_revocable_/,
  ]
  const strangers = Object.keys(page).filter(
    (name) => !(name in theirs) && !own.some((pattern) => pattern.test(name)),
  )
  expect(strangers).toEqual([])
  expect(page).toMatchObject({
    'master/elected': 1,
    'master/cpus_total': 4,
    'master/cpus_used': 1,
    'master/cpus_percent': 0.25,
    'master/slaves_active': 1,
    'master/frameworks_active': 1,
    'master/tasks_running': 1,
    'master/outstanding_offers': 1,
    'master/messages_register_framework': 1,
    'master/messages_register_slave': 1,
    'allocator/mesos/resources/cpus/offered_or_allocated': 4,
  })
})

test('/tasks is sorted, cut and filtered as it is asked', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  using framework = await master.framework()
  const offer = await framework.offer()
  await framework.launch(offer, 'a', 'b', 'c')
  for (const id of ['a', 'b', 'c']) {
    await agent.update(framework, id, 'TASK_RUNNING')
    await master.clock.advance(1000)
  }
  const ids = async (query: string): Promise<unknown[]> =>
    ((await master.page(`/tasks?${query}`))['tasks'] as Page[]).map(({ id }) => id)
  expect(await ids('')).toEqual(['c', 'b', 'a'])
  expect(await ids('order=asc&limit=-1')).toEqual(['a', 'b', 'c'])
  expect(await ids('limit=1&offset=1')).toEqual(['b'])
  expect(await ids('task_id=b')).toEqual(['b'])
  expect(await ids('framework_id=nobody')).toEqual([])
  expect(await ids('limit=many')).toEqual(['c', 'b', 'a'])
})

test('/redirect names the leader without a scheme, only itself, and / answers', async () => {
  await using master = await TestMaster.start()
  for (const path of ['/redirect', '/master/redirect']) {
    const answer = await master.get(path)
    expect(answer).toMatchObject({ status: 307, body: '' })
    expect(answer.headers['Location']).toBe(`//127.0.0.1:${master.port}`)
  }
  expect((await master.get('/redirect/more')).status).toBe(404)
  expect((await master.get('/')).status).toBe(200)
})

test('/health is 200 without a body, and GET pages wrap themselves for JSONP', async () => {
  await using master = await TestMaster.start()
  const health = await master.get('/health')
  expect(health).toMatchObject({ status: 200, body: '' })
  expect(health.headers['Content-Type']).toBeUndefined()
  const wrapped = await master.get('/state?jsonp=show')
  expect(wrapped.headers['Content-Type']).toBe('text/javascript')
  expect(wrapped.body).toMatch(/^show\(\{.*\}\);$/)
})

test('what Mesos has and we do not yet is answered with 501 and says so', async () => {
  await using master = await TestMaster.start()
  for (const path of ['/quota', '/weights', '/maintenance/schedule', '/registrar(1)/registry']) {
    const answer = await master.get(path)
    expect({ path, status: answer.status }).toEqual({ path, status: 501 })
    expect(answer.body).toContain(path)
  }
  expect((await master.post('POST /api/v1', '{"type":"GET_QUOTA"}')).status).toBe(501)
  // Some clients post to a path below it (spec/clients.md Q7).
  expect((await master.post('POST /api/v1/operator', '{"type":"GET_HEALTH"}')).status).toBe(200)
})
