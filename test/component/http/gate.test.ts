// Replays the wrong requests to which a real Mesos answered, and compares statuses, headers and words.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { passGate } from '../../../src/http/gate.ts'
import type { HttpRequest } from '../../../src/http/request.ts'
import { accepted, type Answer } from '../../../src/http/response.ts'
import type { Route } from '../../../src/http/routes.ts'
import { ExecutorCall } from '../../../src/wire/executor.ts'
import { SchedulerCall } from '../../../src/wire/scheduler.ts'
import { exchange, requestText } from '../../support/raw-http.ts'
import { serving } from './serving.ts'

interface Recorded {
  readonly why: string
  readonly request: {
    readonly to: string
    readonly method: string
    readonly path: string
    readonly headers: Record<string, string>
    readonly body?: string
  }
  readonly response: {
    readonly status: number
    readonly headers: Record<string, string>
    readonly body: string
  }
}

const recorded = JSON.parse(
  readFileSync(new URL('../../recorded/gate.json', import.meta.url), 'utf8'),
) as Recorded[]

/** As much of the master's validation as the recorded requests need: the rest is the master's own (spec 2.2). */
function schedulerProblem(call: SchedulerCall): string | undefined {
  if (call.type === undefined) return "Expecting 'type' to be present"
  if (call.type === 'SUBSCRIBE') {
    if (call.subscribe === undefined) return "Expecting 'subscribe' to be present"
    if (call.framework_id?.value !== call.subscribe.framework_info.id?.value)
      return "'framework_id' differs from 'subscribe.framework_info.id'"
    return undefined
  }
  if (call.framework_id === undefined) return "Expecting 'framework_id' to be present"
  if (call.type === 'ACCEPT' && call.accept === undefined) return "Expecting 'accept' to be present"
  const uuid = call.acknowledge?.uuid
  return uuid !== undefined && Buffer.from(uuid, 'base64').length !== 16 ? 'Not a valid UUID' : undefined
}

async function scheduler(request: HttpRequest): Promise<Answer> {
  const passed = await passGate(request, {
    message: SchedulerCall,
    label: 'scheduler::Call',
    validate: schedulerProblem,
    answered: (call) => call.type === 'SUBSCRIBE' || call.type === 'RECONCILE_OPERATIONS',
  })
  return passed.ok ? accepted() : passed.answer
}

async function executor(request: HttpRequest): Promise<Answer> {
  const passed = await passGate(request, {
    message: ExecutorCall,
    label: 'executor::Call',
    validate: () => undefined,
    answered: (call) => call.type === 'SUBSCRIBE',
  })
  return passed.ok ? accepted() : passed.answer
}

const MASTER: Route[] = [{ path: '/api/v1/scheduler', handle: scheduler }]
const AGENT: Route[] = [{ path: '/api/v1/executor', handle: executor }]

/** What is decided behind the gate: who calls, on which stream, and the roles of a framework. */
const BEHIND_THE_GATE = [
  'stream id on subscribe',
  'bad role',
  'role and roles',
  'kill unknown framework',
  'no stream id',
  'other stream id',
  'executor no such',
]
const here = recorded.filter(
  ({ why, request }) =>
    /\/api\/v1\/(scheduler|executor)$/.test(request.path) && !BEHIND_THE_GATE.includes(why),
)

describe('the gate', () => {
  test('has most of the recorded requests to answer', () => {
    expect(here.length).toBe(19)
  })

  test.each(here.map((one) => [one.why, one] as const))(
    'answers like Mesos: %s',
    async (_why, { request, response }) => {
      await using served = await serving(request.to === 'master' ? MASTER : AGENT)
      const line = `${request.method} ${request.path}`
      const answer = await exchange(served.port, requestText(line, request.headers, request.body))
      const { Date: date, ...headers } = answer.headers
      const { Date: _, ...expectedHeaders } = response.headers
      expect({ status: answer.status, headers, body: answer.body }).toEqual({
        status: response.status,
        headers: expectedHeaders,
        body: response.body,
      })
      expect(date).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)
    },
  )

  const JSON_TYPE = { 'Content-Type': 'application/json' }
  const post = async (headers: Record<string, string>, body: string): Promise<string> => {
    await using served = await serving(MASTER)
    const answer = await exchange(served.port, requestText('POST /api/v1/scheduler', headers, body))
    return `${answer.status} ${answer.body}`
  }

  test('says that protobuf is not there yet instead of misreading it', async () => {
    expect(await post({ 'Content-Type': 'application/x-protobuf' }, '\b\u0001')).toBe(
      "415 Expecting 'Content-Type' of application/json: application/x-protobuf is not supported yet",
    )
    const subscribe = '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"x"}}}'
    expect(await post({ ...JSON_TYPE, Accept: 'application/x-protobuf' }, subscribe)).toBe(
      "406 Expecting 'Accept' to allow 'application/json': application/x-protobuf is not supported yet",
    )
  })

  test('looks at Accept only for calls that are answered with a body', async () => {
    expect(
      await post({ ...JSON_TYPE, Accept: 'text/xml' }, '{"type":"REVIVE","framework_id":{"value":"x"}}'),
    ).toBe('202 ')
  })

  test('names the line of a syntax error and what stands there', async () => {
    expect(await post(JSON_TYPE, '{\n "type": "REVIVE",,\n}')).toBe(
      '400 Failed to parse body into JSON: syntax error at line 2 near: ,',
    )
    expect(await post(JSON_TYPE, 'nonsense')).toMatch(/^400 Failed to parse body into JSON: syntax error/)
    expect(await post(JSON_TYPE, '')).toBe(
      '400 Failed to parse body into JSON: syntax error at line 1 near: ',
    )
    expect(await post(JSON_TYPE, '{"type":"REVIVE"} {}')).toBe(
      '400 Failed to parse body into JSON: syntax error at line 1 near: {}',
    )
  })

  test('names the field of a value of the wrong type', async () => {
    expect(await post(JSON_TYPE, '{"type":"REVIVE","framework_id":{"value":["x"]}}')).toMatch(
      /^400 Failed to convert JSON into Call protobuf: framework_id\.value: /,
    )
  })
})
