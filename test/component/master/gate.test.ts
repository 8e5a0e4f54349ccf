// The answers to wrong requests, held against those of a real Mesos (test/recorded/gate.json).
import { expect, test, describe } from 'vitest'
import recorded from '../../recorded/gate.json' with { type: 'json' }
import { chunksOf } from '../../support/event-stream.ts'
import { TestMaster, type TestFramework } from '../../support/master-server.ts'
import { RawConnection, isComplete, parseAnswer, requestText } from '../../support/raw-http.ts'

/** The framework and the stream that were subscribed when the answers were recorded. */
const THEIR_FRAMEWORK = 'd4a2aad5-8f1d-40f0-bf19-5b295976ebba-0001'
const THEIR_STREAM = '5b513dc1-0f2f-4250-9b63-c40313a459ac'

interface Exchange {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

async function replay(
  master: TestMaster,
  framework: TestFramework,
  request: (typeof recorded)[number]['request'],
): Promise<Exchange> {
  const ours = (text: string): string =>
    text
      .replaceAll(THEIR_FRAMEWORK, framework.id)
      .replaceAll(THEIR_STREAM, framework.stream.header('Mesos-Stream-Id'))
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, ours(String(value))]),
  )
  const body = request.body === undefined ? undefined : ours(request.body)
  using connection = await RawConnection.open(master.port)
  connection.send(requestText(`${request.method} ${request.path}`, headers, body))
  await connection.until((text) =>
    text.includes('Transfer-Encoding') ? text.endsWith('\r\n0\r\n\r\n') : isComplete(text),
  )
  const { status, headers: answered, body: rest } = parseAnswer(connection.received)
  const isStream = answered['Transfer-Encoding'] === 'chunked'
  const text = isStream ? Buffer.concat(chunksOf(connection.bytes)).toString() : rest
  return { status, headers: answered, body: text }
}

describe('the gate', () => {
  for (const { why, request, response } of recorded.filter(({ request: { to } }) => to === 'master')) {
    test(`answers as Mesos does: ${why} (${request.method} ${request.path})`, async () => {
      await using master = await TestMaster.start()
      using framework = await master.framework()
      const answer = await replay(master, framework, request)
      expect(answer.status).toBe(response.status)
      const body = response.body.replaceAll(THEIR_FRAMEWORK, framework.id)
      expect(answer.body).toBe(body)
      const theirs: Readonly<Record<string, string>> = response.headers
      expect(Object.keys(answer.headers).toSorted()).toEqual(Object.keys(theirs).toSorted())
      for (const [name, value] of Object.entries(theirs)) {
        if (name === 'Date' || name === 'Mesos-Stream-Id') continue
        const expected = name === 'Content-Length' ? String(Buffer.byteLength(body)) : value
        expect(`${name}: ${answer.headers[name]}`).toBe(`${name}: ${expected}`)
      }
    })
  }

  test('refuses calls of a framework that is not connected with 403, before it looks at the stream id', async () => {
    await using master = await TestMaster.start()
    const framework = await master.framework({ failover_timeout: 3600 })
    framework[Symbol.dispose]()
    for (;;) {
      const answer = await framework.call('REVIVE')
      if (answer.status === 202) continue
      expect(answer).toMatchObject({ status: 403, body: 'Framework is not subscribed' })
      break
    }
    const body = JSON.stringify({ type: 'REVIVE', framework_id: { value: framework.id } })
    expect((await master.post('POST /api/v1/scheduler', body)).status).toBe(403)
  })

  test('answers a call of the type UNKNOWN with 501', async () => {
    await using master = await TestMaster.start()
    using framework = await master.framework()
    expect((await framework.call('UNKNOWN')).status).toBe(501)
  })

  test('counts what it refuses', async () => {
    await using master = await TestMaster.start()
    await master.post('POST /api/v1/scheduler', '{')
    await master.post('POST /api/v1/scheduler', '{"type":"ACKNOWLEDGE","framework_id":{"value":"x"}}')
    await master.post('POST /api/x1/agent', '[]')
    expect(await master.metric('master/scheduler_calls_refused')).toBe(2)
    expect(await master.metric('master/invalid_status_update_acknowledgements')).toBe(1)
    expect(await master.metric('master/agent_calls_refused')).toBe(1)
  })
})
