// Calls of an agent as records of one upload: they count like calls of their own, and the first wrong one ends it.
import { expect, test } from 'vitest'
import {
  agentSubscribe,
  launchTask,
  recordsHeaders,
  recordsOf,
  TestMaster,
  type ToyAgent,
} from '../../support/master-server.ts'

const headers = (agent: ToyAgent): Record<string, string> =>
  recordsHeaders(agent.stream.header('Mesos-Stream-Id'))

const PATH = 'POST /api/x1/agent'

test('an update that comes as a record reaches its framework like one that comes alone', async () => {
  await using master = await TestMaster.start()
  using task = await launchTask(master)
  const { agent, framework, update } = task
  const call = { agent_id: { value: agent.id } }
  const before = Number(await master.metric('master/agent_calls'))
  const calls = recordsOf({ ...call, type: 'PONG' }, { ...call, type: 'UPDATE', update })
  expect((await master.post(PATH, calls, headers(agent))).status).toBe(202)
  expect(await framework.stream.next('UPDATE')).toMatchObject({
    update: { status: { state: 'TASK_RUNNING' } },
  })
  expect(await master.metric('master/agent_calls')).toBe(before + 2)
})

test('the first wrong record ends an upload with the words that a call of its own would get', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  const pong = { type: 'PONG', agent_id: { value: agent.id } }
  const wrong: readonly (readonly [string, Record<string, string>, number, RegExp])[] = [
    [recordsOf(pong, { type: 'PONG' }), headers(agent), 400, /Expecting 'agent_id' to be present/],
    ['5\nhello', headers(agent), 400, /Failed to parse body into JSON/],
    [recordsOf(agentSubscribe()), headers(agent), 400, /SUBSCRIBE call opens a link/],
    [
      recordsOf(pong),
      recordsHeaders('other'),
      400,
      /The stream ID 'other' is not that of the current stream/,
    ],
    ['x', headers(agent), 400, /does not begin with its length/],
  ]
  for (const [bytes, heads, status, words] of wrong) {
    const answer = await master.post(PATH, bytes, heads)
    expect([answer.status, answer.body]).toEqual([status, expect.stringMatching(words)])
  }
  expect(await master.metric('master/agent_calls_refused')).toBe(wrong.length)
  expect((await master.post(PATH, recordsOf(pong), headers(agent))).status).toBe(202)
})
