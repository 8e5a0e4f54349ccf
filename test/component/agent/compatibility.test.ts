// docs/compatibility.md says of every flag, call, event and endpoint of the agent what is true of the program.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { AGENT_FLAGS, AGENT_FLAGS_NOT_YET } from '../../../src/agent/flags.ts'
import { ExecutorCallType, ExecutorEventType } from '../../../src/wire/executor.ts'
import { AgentCallType } from '../../../src/wire/agent-call.ts'
import { operatorCall } from '../../support/operator-calls.ts'
import { TestAgent } from '../../support/agent-server.ts'

const document = readFileSync(new URL('../../../docs/compatibility.md', import.meta.url), 'utf8')

/** The rows of a table of the agent: the name in its first column to the status in its second. */
function tableUnder(heading: string): Map<string, string> {
  const agent = document.slice(document.indexOf('## Agent'))
  const rest = agent.slice(agent.indexOf(`### ${heading}`) + 4)
  const section = rest.slice(0, rest.search(/^##/m) < 0 ? undefined : rest.search(/^##/m))
  return new Map(
    [...section.matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm)].map((row) => [row[1] ?? '', row[2] ?? '']),
  )
}

test('every flag has a row, and those that are not yet supported say so', () => {
  const rows = tableUnder('Flags')
  const notYet = [...rows].filter(([, status]) => status === 'not yet').map(([name]) => name)
  expect(notYet.toSorted()).toEqual([...AGENT_FLAGS_NOT_YET].toSorted())
  const others = [...rows.keys()].filter((name) => !notYet.includes(name))
  expect(others.toSorted()).toEqual(Object.keys(AGENT_FLAGS).toSorted())
})

test('every call and event of the executor API has a row', () => {
  const calls = Object.keys(ExecutorCallType.numbers)
  const events = Object.keys(ExecutorEventType.numbers)
  expect([...tableUnder('Executor API: calls').keys()].toSorted()).toEqual(calls.toSorted())
  expect([...tableUnder('Executor API: events').keys()].toSorted()).toEqual(events.toSorted())
})

test('endpoints that are not yet there answer 501, all others do not', async () => {
  await using agent = await TestAgent.start('127.0.0.1:1')
  const rows = tableUnder('Endpoints')
  expect(rows.size).toBeGreaterThan(15)
  for (const [path, status] of rows) {
    const get = await agent.get(path)
    const { status: answered } = get.status === 405 ? await agent.post(path, '') : get
    expect({ path, notYet: answered === 501 }).toEqual({ path, notYet: status === 'not yet' })
    expect({ path, found: answered !== 404 }).toEqual({ path, found: true })
  }
})

test('every call of the operator API has a row, and those that are not yet there answer 501', async () => {
  await using daemon = await TestAgent.start('127.0.0.1:1')
  const rows = tableUnder('Operator API')
  expect([...rows.keys()].toSorted()).toEqual(Object.keys(AgentCallType.numbers).toSorted())
  for (const [type, status] of rows) {
    if (type === 'UNKNOWN' || type === 'SUBSCRIBE') continue
    const answer = await daemon.post('/api/v1', operatorCall(type))
    // A call that is there refuses the ids of nobody with another status.
    const notYet = answer.status === 501
    expect({ type, notYet, body: notYet ? '' : answer.body }).toEqual({
      type,
      notYet: status === 'not yet',
      body: notYet ? '' : answer.body,
    })
  }
})
