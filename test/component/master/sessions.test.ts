// Commands in containers through the master: what it passes on, and what it refuses.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cluster } from '../../support/cluster.ts'
import { exchange, requestText } from '../../support/raw-http.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await Cluster.start({ agents: [['--containerizers=mesos', '--attributes=agent:a1']] })
})
afterAll(() => cluster[Symbol.asyncDispose]())

const ID = { value: 's', parent: { value: 'nobody' } }

async function post(
  body: string,
  agent = 'a1',
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const all = { 'Content-Type': 'application/json', ...headers }
  const answer = await exchange(cluster.port, requestText(`POST /api/x1/agents/${agent}/session`, all, body))
  return `${answer.status} ${answer.body}`
}

const call = (type: string): string =>
  JSON.stringify({ type, [type.toLowerCase()]: { container_id: ID, command: { value: 'sh' } } })

test('what the agent says to a call is passed on, in its words', async () => {
  const unknown = "404 Container 'nobody' cannot be found"
  expect(await post(call('LAUNCH_NESTED_CONTAINER_SESSION'))).toBe(unknown)
  expect(await post(call('ATTACH_CONTAINER_OUTPUT'))).toMatch(/^404 Container 'nobody\.s' cannot be found/)
  expect(await post(call('WAIT_NESTED_CONTAINER'))).toMatch(/^404 /)
  expect(await post(call('KILL_NESTED_CONTAINER'))).toMatch(/^404 /)
  const accept = { Accept: 'application/recordio' }
  expect(await post(call('ATTACH_CONTAINER_OUTPUT'), 'a1', accept)).toMatch(/^406 .*Message-Accept/)
})

test('the agent answers records too, as soon as it knows', async () => {
  const record = JSON.stringify({
    type: 'ATTACH_CONTAINER_INPUT',
    attach_container_input: { type: 'CONTAINER_ID', container_id: ID },
  })
  const records = { 'Content-Type': 'application/recordio', 'Message-Content-Type': 'application/json' }
  const body = `${record.length}\n${record}`
  expect(await post(body, 'a1', records)).toBe("404 Container 'nobody.s' cannot be found")
  expect(await post(body, 'a1', { 'Content-Type': 'application/recordio' })).toMatch(
    /^400 .*Message-Content-Type/,
  )
  expect(await post('x', 'a1', records)).toMatch(/^400 Record 1/)
})

test('other calls, other methods and what is no call are refused by the master', async () => {
  expect(await post('{"type":"GET_FLAGS"}')).toMatch(/^400 Expecting 'type' to be one of LAUNCH_NESTED/)
  expect(await post('{"type":"LAUNCH_NESTED_CONTAINER_SESSION","launch_nested_container_session":{}}')).toBe(
    '400 Missing required fields: launch_nested_container_session.container_id',
  )
  expect(await post('no json')).toMatch(/^400 The body is not JSON/)
  expect(await post('[1]')).toMatch(/^400 /)
  expect(await post(' '.repeat(300_000))).toMatch(/^413 /)
  expect(await post(call('WAIT_NESTED_CONTAINER'), 'a7')).toBe("404 There is no agent 'a7'")
  const read = await exchange(cluster.port, requestText('GET /api/x1/agents/a1/session'))
  expect(read.status).toBe(405)
})
