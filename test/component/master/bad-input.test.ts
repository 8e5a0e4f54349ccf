// Nothing that a client sends brings the master down, changes its state or goes unanswered.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { agentSubscribe, TestMaster } from '../../support/master-server.ts'

const SCHEDULER = 'POST /api/v1/scheduler'
const AGENT = 'POST /api/x1/agent'

/** Good calls that are damaged at random below. */
const CALLS = (framework: string): string[] =>
  [
    { type: 'SUBSCRIBE', subscribe: { framework_info: { user: 'u', name: 'n', roles: ['a'] } } },
    { type: 'ACCEPT', accept: { offer_ids: [{ value: 'o' }], operations: [{ type: 'LAUNCH', launch: {} }] } },
    { type: 'DECLINE', decline: { offer_ids: [{ value: 'o' }], filters: { refuse_seconds: 1 } } },
    { type: 'KILL', kill: { task_id: { value: 't' }, kill_policy: { grace_period: { nanoseconds: 1 } } } },
    { type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 't' } }] } },
    { type: 'MESSAGE', message: { agent_id: { value: 'a' }, executor_id: { value: 'e' }, data: 'AAAA' } },
    { type: 'UPDATE_FRAMEWORK', update_framework: { framework_info: { user: 'u', name: 'n' } } },
  ].map((call) => JSON.stringify({ ...call, framework_id: { value: framework } }))

const SCRAPS = [
  'null',
  '-1',
  '1e400',
  '""',
  '[]',
  '{}',
  '"\\u0000"',
  '{"value":{}}',
  '[[[]]]',
  '9007199254740993',
]

/** Replaces, cuts or repeats a piece of a text. */
const damage = fc.record({
  at: fc.nat(300),
  length: fc.nat(40),
  scrap: fc.oneof(fc.constantFrom(...SCRAPS), fc.string({ maxLength: 12 })),
})

const damaged = (
  text: string,
  { at, length, scrap }: { at: number; length: number; scrap: string },
): string => {
  const from = at % text.length
  return text.slice(0, from) + scrap + text.slice(from + length)
}

test('damaged calls of frameworks are answered, and the master goes on', async () => {
  await using master = await TestMaster.start()
  using framework = await master.framework()
  const stream = framework.stream.header('Mesos-Stream-Id')
  const calls = CALLS(framework.id)
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...calls.slice(1)), damage, async (call, how) => {
      const answer = await master.post(SCHEDULER, damaged(call, how), { 'Mesos-Stream-Id': stream })
      expect([200, 202, 400, 403, 501]).toContain(answer.status)
      if (answer.status >= 400) expect(answer.body.length).toBeGreaterThan(10)
    }),
    { numRuns: 300, seed: 11 },
  )
  await fc.assert(
    fc.asyncProperty(damage, async (how) => {
      const answer = await master.post(SCHEDULER, `${damaged(calls[0] ?? '', how)} `)
      expect([200, 400]).toContain(answer.status)
    }),
    { numRuns: 60, seed: 12 },
  )
  expect((await framework.call('REVIVE')).status).toBe(202)
  expect(await master.metric('master/scheduler_calls_refused')).toBeGreaterThan(100)
})

test('damaged calls of agents are answered, and the master goes on', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  const stream = agent.stream.header('Mesos-Stream-Id')
  const status = { task_id: { value: 't' }, state: 'TASK_RUNNING', uuid: 'AAAAAAAAAAAAAAAAAAAAAA==' }
  const calls = [
    { type: 'UPDATE', update: { framework_id: { value: 'f' }, status } },
    { type: 'MESSAGE', message: { framework_id: { value: 'f' }, executor_id: { value: 'e' }, data: '' } },
    {
      type: 'EXITED_EXECUTOR',
      exited_executor: { framework_id: { value: 'f' }, executor_id: { value: 'e' }, status: 0 },
    },
    {
      type: 'OVERSUBSCRIBED',
      oversubscribed: { resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 1 } }] },
    },
    { type: 'PONG' },
  ].map((call) => JSON.stringify({ ...call, agent_id: { value: agent.id } }))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...calls), damage, async (call, how) => {
      const answer = await master.post(AGENT, damaged(call, how), { 'Mesos-Stream-Id': stream })
      expect([202, 400, 403]).toContain(answer.status)
    }),
    { numRuns: 300, seed: 13 },
  )
  expect((await agent.call('PONG')).status).toBe(202)
  expect(await master.metric('master/agent_calls_refused')).toBeGreaterThan(100)
})

test('an agent that says nonsense about itself is told which field is wrong', async () => {
  await using master = await TestMaster.start()
  const info = (agentSubscribe()['subscribe'] as { agent_info: Record<string, unknown> }).agent_info
  const cases: [Record<string, unknown>, string][] = [
    [{ agent_info: { ...info, hostname: 'a b' } }, "'agent_info.hostname'"],
    [{ agent_info: { ...info, hostname: 'x'.repeat(300) } }, "'agent_info.hostname'"],
    [{ agent_info: { ...info, port: 70_000 } }, "'agent_info.port'"],
    [{ version: 'latest' }, "'version'"],
    [
      {
        agent_info: {
          ...info,
          attributes: Array.from({ length: 1001 }, () => ({ name: 'a', type: 'TEXT' })),
        },
      },
      "'agent_info.attributes'",
    ],
  ]
  for (const [subscribe, field] of cases) {
    const answer = await master.post(AGENT, JSON.stringify(agentSubscribe(subscribe)))
    expect({ field, status: answer.status }).toEqual({ field, status: 400 })
    expect(answer.body).toContain(field)
  }
  // What only the core can judge is told on the stream, as to frameworks.
  const resources = [{ name: 'cpus', type: 'SCALAR', scalar: { value: -1 } }]
  const answer = await master.post(
    AGENT,
    JSON.stringify(agentSubscribe({ agent_info: { ...info, resources } })),
  )
  expect(answer.body).toContain('ERROR')
  expect(answer.body).toContain("Resource 'cpus' is invalid")
  expect(await master.page('/slaves')).toMatchObject({ slaves: [] })
})

test('calls of an agent need the stream that is its current one', async () => {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  const pong = JSON.stringify({ type: 'PONG', agent_id: { value: agent.id } })
  expect(await master.post(AGENT, pong)).toMatchObject({ status: 400 })
  expect(await master.post(AGENT, pong, { 'Mesos-Stream-Id': 'other' })).toMatchObject({ status: 400 })
  const stranger = JSON.stringify({ type: 'PONG', agent_id: { value: 'nobody' } })
  expect(await master.post(AGENT, stranger, { 'Mesos-Stream-Id': 'other' })).toMatchObject({
    status: 400,
    body: 'Agent cannot be found',
  })
})

test('a body beyond the limit is refused before it is read', async () => {
  await using master = await TestMaster.start()
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const answer = await master.post('POST /teardown', `frameworkId=${'x'.repeat(5000)}`, form)
  expect(answer.status).toBe(413)
})

/** 16 MB in messages of 256 KB: what the buffers of the kernel hold, and less than the usual backlog beside them. */
const MOST_SENT = 64

test('a reader that does not keep up is cut, and nobody else waits for it', { timeout: 60_000 }, async () => {
  await using master = await TestMaster.start('--max_stream_backlog=65536')
  using agent = await master.agent()
  using slow = await master.framework({ name: 'slow', failover_timeout: 3600 })
  using quick = await master.framework({ name: 'quick' })
  slow.stream.connection.socket.pause()
  const data = 'AAAA'.repeat(64 * 1024)
  const message = (id: string): Record<string, unknown> => ({
    message: { framework_id: { value: id }, executor_id: { value: 'e' }, data },
  })
  let sent = 0
  while ((await master.metric('http/streams_cut')) === 0) {
    if (sent++ > MOST_SENT) throw new Error('The slow reader was not cut.')
    expect((await agent.call('MESSAGE', message(slow.id))).status).toBe(202)
  }
  expect(await master.page(`/frameworks?framework_id=${slow.id}`)).toMatchObject({
    frameworks: [{ connected: false }],
  })
  await agent.call('MESSAGE', message(quick.id))
  await quick.stream.next('MESSAGE')
})
