// Streaming answers on the wire: one record, one chunk; slow readers are cut.
import { describe, expect, test } from 'vitest'
import { stream, text } from '../../../src/http/response.ts'
import type { Route } from '../../../src/http/routes.ts'
import type { RecordStream, StreamEnd } from '../../../src/http/stream.ts'
import { ManualClock } from '../../support/clock.ts'
import { RawConnection, requestText } from '../../support/raw-http.ts'
import { serving } from './serving.ts'

/** A route that hands its stream to the test. */
function subscribing(): { route: Route; opened: Promise<RecordStream> } {
  const { promise: opened, resolve } = Promise.withResolvers<RecordStream>()
  const route: Route = {
    path: '/api/v1/scheduler',
    async handle(request) {
      const body = await request.body()
      if (!body.ok) return body.answer
      return stream({ contentType: 'application/json', headers: { 'Mesos-Stream-Id': 'id' }, open: resolve })
    },
  }
  return { route, opened }
}

const ended = (one: RecordStream): Promise<StreamEnd> => new Promise((resolve) => one.onClose(resolve))

const HEAD =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: id\r\nContent-Type: application/json\r\nDate: '

describe('a stream', () => {
  test('sends its headers before any record, with only what real ones have', async () => {
    const { route, opened } = subscribing()
    await using served = await serving([route])
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('POST /api/v1/scheduler', {}, '{}'))
    await opened
    const head = await connection.until('\r\n\r\n')
    expect(head.replace(/Date: .*?\r\n/, 'Date: \r\n')).toBe(`${HEAD}\r\n\r\n`)
  })

  test('writes each record as one chunk of length, newline and text', async () => {
    const { route, opened } = subscribing()
    await using served = await serving([route])
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('POST /api/v1/scheduler', {}, '{}'))
    const one = await opened
    const large = `{"a":"${'x'.repeat(200_000)}"}`
    const records = ['{"type":"SUBSCRIBED"}', '{"type":"HEARTBEAT"}', large, '{"type":"OFFERS"}']
    for (const record of records) one.send(record)
    one.end()
    const received = await connection.until('0\r\n\r\n')
    const chunks = records.map((record) => {
      const framed = `${record.length}\n${record}`
      return `${framed.length.toString(16)}\r\n${framed}\r\n`
    })
    expect(received.slice(received.indexOf('\r\n\r\n') + 4)).toBe(`${chunks.join('')}0\r\n\r\n`)
    expect(await ended(one)).toBe('ended')
  })

  test.each([
    ['a close of the connection', { Connection: 'close' }],
    ['compression', { 'Accept-Encoding': 'gzip' }],
  ])('is endless, chunked and plain for a client that asked for %s', async (_what, headers) => {
    const { route, opened } = subscribing()
    await using served = await serving([route])
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('POST /api/v1/scheduler', headers, '{}'))
    const one = await opened
    one.send('{"type":"A"}')
    await connection.until('"A"}\r\n')
    expect(connection.closed).toBe(false)
    one.send(`{"type":"${'B'.repeat(2000)}"}`)
    const received = await connection.until('B"}\r\n')
    expect(received.slice(0, HEAD.length)).toBe(HEAD)
    expect(received).toContain(`7d4\r\n2000\n{`.replace('7d4', (2016).toString(16)).replace('2000', '2011'))
  })

  test('tells when its client leaves, once, and swallows what is sent later', async () => {
    const { route, opened } = subscribing()
    await using served = await serving([route])
    const connection = await RawConnection.open(served.port)
    connection.send(requestText('POST /api/v1/scheduler', {}, '{}'))
    const one = await opened
    expect(served.metrics.value('http/streams')).toBe(1)
    connection.socket.destroy()
    expect(await ended(one)).toBe('left')
    expect(one.send('{}')).toBe(false)
    one.end()
    expect(await ended(one)).toBe('left')
    expect(served.metrics.value('http/streams')).toBe(0)
  })

  test('counts a client that closes only its sending side as gone', async () => {
    const { route, opened } = subscribing()
    await using served = await serving([route])
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('POST /api/v1/scheduler', {}, '{}'))
    const one = await opened
    connection.socket.end()
    expect(await ended(one)).toBe('left')
  })

  test('whose reader does not read is cut at the budget, counted, and others go on', async () => {
    const { route, opened } = subscribing()
    const budget = 1024 * 1024
    await using served = await serving([route, { path: '/health', handle: () => text(200, 'ok') }], {
      streams: { unsentBytes: budget, stallMs: 60_000 },
    })
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('POST /api/v1/scheduler', {}, '{}'))
    const one = await opened
    connection.socket.pause()
    const record = `{"a":"${'x'.repeat(64 * 1024)}"}`
    let most = 0
    while (one.send(record)) {
      most = Math.max(most, one.unsentBytes)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await ended(one)).toBe('slow')
    expect(most).toBeGreaterThan(budget)
    expect(most).toBeLessThan(budget + 3 * record.length)
    expect(served.metrics.value('http/streams_cut')).toBe(1)
    using other = await RawConnection.open(served.port)
    other.send(requestText('GET /health'))
    expect(await other.until('ok')).toContain('200 OK')
  })

  test('lets one record through that is larger than the budget, for a reader that reads', async () => {
    const { route, opened } = subscribing()
    await using served = await serving([route], { streams: { unsentBytes: 1000, stallMs: 60_000 } })
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('POST /api/v1/scheduler', {}, '{}'))
    const one = await opened
    expect(one.send('{"type":"HEARTBEAT"}')).toBe(true)
    expect(one.send(`{"a":"${'x'.repeat(8_000_000)}"}`)).toBe(true)
    expect(one.send('{"type":"LAST"}')).toBe(true)
    await connection.untilBytes(8_000_000)
    await connection.until('LAST')
    expect(one.closed).toBe(false)
  })

  test('whose reader takes nothing for too long is cut at the next record, however small', async () => {
    const { route, opened } = subscribing()
    const clock = new ManualClock()
    await using served = await serving([route], { clock, streams: { unsentBytes: 2 ** 30, stallMs: 60_000 } })
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('POST /api/v1/scheduler', {}, '{}'))
    const one = await opened
    connection.socket.pause()
    // More than the kernel holds for a connection, so that something waits.
    one.send('x'.repeat(32 * 1024 * 1024))
    await clock.advance(60_000)
    expect(one.send('{"type":"HEARTBEAT"}')).toBe(true)
    await clock.advance(1)
    expect(one.send('{"type":"HEARTBEAT"}')).toBe(false)
    expect(await ended(one)).toBe('slow')
  })

  test('ends regularly when the server closes', async () => {
    const { route, opened } = subscribing()
    const served = await serving([route])
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('POST /api/v1/scheduler', {}, '{}'))
    const one = await opened
    one.send('{"type":"A"}')
    await served[Symbol.asyncDispose]()
    expect(await connection.end()).toMatch(/"A"}\r\n0\r\n\r\n$/)
    expect(await ended(one)).toBe('ended')
  })
})
