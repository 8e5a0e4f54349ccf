// Whatever bytes come, the server answers or closes, and goes on serving.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { passGate } from '../../../src/http/gate.ts'
import { accepted, empty, json } from '../../../src/http/response.ts'
import type { Route } from '../../../src/http/routes.ts'
import { SchedulerCall } from '../../../src/wire/scheduler.ts'
import { exchange, isComplete, parseAnswer, RawConnection, requestText } from '../../support/raw-http.ts'
import { serving } from './serving.ts'

const ROUTES: Route[] = [
  { path: '/', methods: ['GET'], handle: () => empty(200) },
  { path: '/state', methods: ['GET'], handle: () => json({ ok: true }) },
  {
    path: '/api/v1/scheduler',
    async handle(request) {
      const passed = await passGate(request, {
        message: SchedulerCall,
        label: 'scheduler::Call',
        validate: (call) => (call.type === undefined ? "Expecting 'type' to be present" : undefined),
        answered: () => true,
      })
      return passed.ok ? accepted() : passed.answer
    },
  },
]
const LINES = ['GET /state', 'POST /api/v1/scheduler', 'PUT /state', 'GET /%', 'OPTIONS *', 'BREW /']
const NAMES = [
  'Content-Length',
  'Transfer-Encoding',
  'Content-Type',
  'Content-Encoding',
  'Accept',
  'Connection',
  'X',
]
const VALUES = ['0', '5', '-1', 'chunked', 'gzip', 'application/json', 'close', '*/*;q=', '\u00ff', '']
const BODIES = [
  '',
  '{',
  '{"type":"SUBSCRIBE"}',
  '5\r\nhello\r\n0\r\n\r\n',
  'ffffffffffff\r\n',
  '\u0000\u0001',
]

const pieces = fc.array(
  fc.oneof(
    fc.constantFrom(...LINES).map((line) => `${line} HTTP/1.1\r\n`),
    fc
      .tuple(fc.constantFrom(...NAMES), fc.oneof(fc.constantFrom(...VALUES), fc.string({ maxLength: 20 })))
      .map(([name, value]) => `${name}: ${value}\r\n`),
    fc.constantFrom('\r\n', '\r\n\r\n', '\n', ...BODIES),
    fc.string({ maxLength: 50 }),
  ),
  { maxLength: 12 },
)

test('garbled requests end in an answer or a closed connection, and the server goes on', async () => {
  await using served = await serving(ROUTES, { maxBodyBytes: 10_000 })
  await fc.assert(
    fc.asyncProperty(pieces, async (parts) => {
      using connection = await RawConnection.open(served.port)
      for (const part of parts) connection.send(Buffer.from(part, 'latin1'))
      connection.socket.end()
      await connection.end()
      for (const status of connection.received.match(/(?<=^HTTP\/1\.1 )\d+/gm) ?? [])
        expect([100, 200, 202, 400, 404, 405, 406, 408, 413, 415, 417, 431]).toContain(Number(status))
    }),
    { numRuns: 300 },
  )
  expect((await exchange(served.port, requestText('GET /state'))).body).toBe('{"ok":true}')
  expect(served.metrics.value('http/failed_requests')).toBe(0)
  expect(served.metrics.value('http/connections')).toBeLessThan(10)
})

test('any JSON as a call gets a status of the protocol and a text that says what was expected', async () => {
  await using served = await serving(ROUTES)
  using connection = await RawConnection.open(served.port)
  let from = 0
  const call = fc.oneof(
    fc.json(),
    fc
      .record({ type: fc.constantFrom('SUBSCRIBE', 'ACCEPT', 'NOPE', 1, null), accept: fc.jsonValue() })
      .map((value) => JSON.stringify(value)),
  )
  await fc.assert(
    fc.asyncProperty(call, async (body) => {
      connection.send(requestText('POST /api/v1/scheduler', { 'Content-Type': 'application/json' }, body))
      const answer = (await connection.until((received) => isComplete(received.slice(from)))).slice(from)
      from += answer.length
      const { status, body: words } = parseAnswer(answer)
      expect([202, 400]).toContain(status)
      if (status === 400) expect(words).toMatch(/^Failed to (convert JSON into|parse body|validate) /)
    }),
    { numRuns: 500 },
  )
})
