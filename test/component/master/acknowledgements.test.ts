// Acknowledgements as records of one upload: they count like calls of their own, and nothing else may come so.
import { expect, test } from 'vitest'
import { EventStream } from '../../support/event-stream.ts'
import { requestText } from '../../support/raw-http.ts'
import { launchTask, recordsHeaders, recordsOf, TestMaster } from '../../support/master-server.ts'

const PATH = 'POST /api/v1/scheduler'
const UUID = Buffer.from('0123456789abcdef').toString('base64')

const acknowledge = (frameworkId: string, agentId: string, taskId: string, uuid = UUID): object => ({
  framework_id: { value: frameworkId },
  type: 'ACKNOWLEDGE',
  acknowledge: { agent_id: { value: agentId }, task_id: { value: taskId }, uuid },
})

test('an acknowledgement that comes as a record reaches the agent like one that comes alone', async () => {
  await using master = await TestMaster.start()
  using task = await launchTask(master)
  const { agent, framework, update } = task
  const { uuid } = update.status
  await agent.call('UPDATE', { update })
  await framework.stream.next('UPDATE')
  const before = Number(await master.metric('master/scheduler_calls'))
  const streamId = framework.stream.header('Mesos-Stream-Id')
  const call = acknowledge(framework.id, agent.id, 't', uuid)
  expect((await master.post(PATH, recordsOf(call), recordsHeaders(streamId))).status).toBe(202)
  expect(await agent.next('ACKNOWLEDGE')).toMatchObject({ acknowledge: { uuid } })
  expect(await master.metric('master/scheduler_calls')).toBe(before + 1)
})

test('the first record that is no acknowledgement of the stream ends an upload with the words of the API', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  using framework = await master.framework()
  const mine = recordsHeaders(framework.stream.header('Mesos-Stream-Id'))
  const good = acknowledge(framework.id, agent.id, 't')
  const wrong: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    [recordsOf(good, { framework_id: { value: framework.id }, type: 'REVIVE' }), mine, /but received REVIVE/],
    [recordsOf({ ...good, acknowledge: {} }), mine, /Missing required fields/],
    [recordsOf(acknowledge('nobody', agent.id, 't')), mine, /Framework cannot be found/],
    [recordsOf(good), recordsHeaders('other'), /The stream ID 'other' included in this request didn't match/],
    ['5\nhello', mine, /Failed to parse body into JSON/],
    ['x', mine, /does not begin with its length/],
  ]
  for (const [bytes, heads, words] of wrong) {
    const answer = await master.post(PATH, bytes, heads)
    expect([answer.status, answer.body]).toEqual([400, expect.stringMatching(words)])
  }
  expect(await master.metric('master/scheduler_calls_refused')).toBe(wrong.length)
})

test('only a client that asks is told that records are taken', async () => {
  await using master = await TestMaster.start()
  const call = JSON.stringify({
    type: 'SUBSCRIBE',
    subscribe: { framework_info: { user: 'root', name: 'asks' } },
  })
  const heads = { 'Content-Type': 'application/json', Accept: 'application/json', Prefer: 'records' }
  using asking = await EventStream.open(master.port, requestText(PATH, heads, call))
  expect(asking.header('Preference-Applied')).toBe('records')
  using silent = await master.framework()
  expect(silent.stream.header('Preference-Applied')).toBe('')
})
