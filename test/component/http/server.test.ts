// Requests and answers, byte by byte over real sockets.
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { accepted, empty, json, redirect, text } from '../../../src/http/response.ts'
import type { Route } from '../../../src/http/routes.ts'
import { ManualClock } from '../../support/clock.ts'
import { exchange, isComplete, parseAnswer, RawConnection, requestText } from '../../support/raw-http.ts'
import { serving } from './serving.ts'

/** Says what the handler saw of a request. */
const ECHO: Route = {
  path: '/echo',
  async handle(request) {
    const body = await request.body()
    if (!body.ok) return body.answer
    const seen = { path: request.path, rest: request.rest, accept: request.header('ACCEPT') }
    return json({ ...seen, query: Object.fromEntries(request.query), body: body.bytes.toString() })
  },
}

const seenBy = (body: string): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>

describe('an answer', () => {
  test('to a call that was taken has a date and a length of zero and nothing else', async () => {
    await using served = await serving([{ path: '/call', handle: accepted }])
    const answer = await exchange(served.port, requestText('POST /call', {}, '{}'))
    expect(answer.status).toBe(202)
    expect(Object.keys(answer.headers)).toEqual(['Content-Length', 'Date'])
    expect(answer.body).toBe('')
  })

  test('has header names in Title-Case, a bare media type for JSON, and its length', async () => {
    await using served = await serving([{ path: '/version', handle: () => json({ version: '1.12.0' }) }])
    const answer = await exchange(served.port, requestText('GET /version'))
    expect(answer.headers).toMatchObject({ 'Content-Type': 'application/json', 'Content-Length': '20' })
    expect(answer.body).toBe('{"version":"1.12.0"}')
  })

  test('redirects to where it was told', async () => {
    await using served = await serving([
      { path: '/redirect', exact: true, handle: () => redirect('//host:5050') },
    ])
    const answer = await exchange(served.port, requestText('GET /master/redirect'))
    expect(answer).toMatchObject({ status: 307, headers: { Location: '//host:5050', 'Content-Length': '0' } })
    expect(await exchange(served.port, requestText('GET /redirect/x'))).toMatchObject({ status: 404 })
  })

  test('says 404 and 405 as libprocess does', async () => {
    await using served = await serving([{ path: '/health', methods: ['GET'], handle: () => empty(200) }])
    expect(await exchange(served.port, requestText('GET /nothing'))).toMatchObject({
      status: 404,
      headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': '14' },
      body: '404 Not Found.',
    })
    expect(await exchange(served.port, requestText('PUT /health'))).toMatchObject({
      status: 405,
      headers: { Allow: 'GET' },
      body: "405 Method Not Allowed. Expecting one of { 'GET' }, but received 'PUT'.",
    })
  })

  test('is wrapped for JSONP, but only with the name of a function', async () => {
    await using served = await serving([{ path: '/state', handle: () => json({ a: '\u2028' }) }])
    const wrapped = await exchange(served.port, requestText('GET /state?jsonp=angular.callbacks._0'))
    expect(wrapped.headers['Content-Type']).toBe('text/javascript')
    expect(wrapped.body).toBe('angular.callbacks._0({"a":"\\u2028"});')
    for (const name of ['alert(1)', 'a;b', '1a', 'a.', '%3Cscript%3E', '', 'x'.repeat(129)])
      expect((await exchange(served.port, requestText(`GET /state?jsonp=${name}`))).status).toBe(400)
    expect((await exchange(served.port, requestText('POST /state?jsonp=f', {}, ''))).headers).toMatchObject({
      'Content-Type': 'application/json',
    })
  })

  test.each([
    [1024, 'gzip', true],
    [1023, 'gzip', false],
    [1024, undefined, false],
    [1024, 'gzip;q=0', false],
  ])('of %i bytes to a client that accepts %s is compressed: %s', async (bytes, coding, compressed) => {
    await using served = await serving([{ path: '/big', handle: () => text(200, 'x'.repeat(bytes)) }])
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('GET /big', coding === undefined ? {} : { 'Accept-Encoding': coding }))
    const received = await connection.until(isComplete)
    const answer = parseAnswer(received)
    expect(answer.headers['Content-Encoding']).toBe(compressed ? 'gzip' : undefined)
    const body = connection.bytes.subarray(received.indexOf('\r\n\r\n') + 4)
    expect(Number(answer.headers['Content-Length'])).toBe(body.length)
    expect((compressed ? gunzipSync(body) : body).toString()).toBe('x'.repeat(bytes))
  })

  test('to a handler that fails is a 500 with the reason, is counted, and the server goes on', async () => {
    const fails: Route = {
      path: '/fails',
      handle: () => {
        throw new OperatingError('ENGINE', 'The engine is gone')
      },
    }
    await using served = await serving([fails])
    const answer = await exchange(served.port, requestText('GET /fails'))
    expect(answer).toMatchObject({ status: 500, body: 'Failed to answer: The engine is gone' })
    expect(served.metrics.value('http/failed_requests')).toBe(1)
    expect((await exchange(served.port, requestText('GET /fails'))).status).toBe(500)
  })

  test('comes on one connection for many requests, and closes it only when asked', async () => {
    await using served = await serving([{ path: '/health', handle: () => empty(200) }])
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('GET /health') + requestText('GET /health'))
    await connection.until((received) => received.split('HTTP/1.1 200').length === 3)
    expect(connection.closed).toBe(false)
    expect(connection.received).not.toMatch(/^(connection|keep-alive):/im)
    connection.send(requestText('GET /health', { Connection: 'close' }))
    expect(await connection.end()).toContain('Connection: close')
  })
})

describe('a request', () => {
  test('has of duplicate headers the last, in any case', async () => {
    await using served = await serving([ECHO])
    const answer = await exchange(
      served.port,
      'GET /echo HTTP/1.1\r\nAccept: application/x-protobuf\r\nACCEPT: one\r\naccept: application/json\r\n\r\n',
    )
    expect(seenBy(answer.body)['accept']).toBe('application/json')
  })

  test('reaches its longest registered parent below any process prefix', async () => {
    await using served = await serving([ECHO])
    const answer = await exchange(served.port, requestText('GET /slave(1)/echo/a/b/?x=1&x=2'))
    expect(seenBy(answer.body)).toMatchObject({ path: '/echo/a/b', rest: 'a/b', query: { x: '2' } })
  })

  test('may send its body in chunks, in pieces of any size', async () => {
    await using served = await serving([ECHO])
    using connection = await RawConnection.open(served.port)
    connection.send('POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    const body = '7\r\n{"type"\r\n9\r\n:"REVIVE"\r\n1;ext=1\r\n}\r\n0\r\n\r\n'
    for (const character of body) connection.send(character)
    const answer = parseAnswer(await connection.until(isComplete))
    expect(seenBy(answer.body)['body']).toBe('{"type":"REVIVE"}')
  })

  test('may wait for a go-ahead before it sends its body', async () => {
    await using served = await serving([ECHO])
    using connection = await RawConnection.open(served.port)
    connection.send('POST /echo HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n')
    expect(await connection.until('100 Continue')).toContain('HTTP/1.1 100 Continue\r\n\r\n')
    connection.send('{}')
    expect(await connection.until('"body":"{}"')).toContain('200 OK')
  })

  test('may have a gzipped body; one that is damaged or in another coding is refused', async () => {
    await using served = await serving([ECHO])
    const send = (coding: string, body: Buffer): Promise<{ status: number; body: string }> => {
      const head = `POST /echo HTTP/1.1\r\nContent-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n`
      return exchange(served.port, Buffer.concat([Buffer.from(head), body]))
    }
    expect(seenBy((await send('gzip', gzipSync('hello'))).body)['body']).toBe('hello')
    expect(await send('gzip', Buffer.from('hello'))).toMatchObject({ status: 400 })
    expect((await send('gzip', gzipSync('hello').subarray(0, 12))).status).toBe(400)
    expect(await send('br', Buffer.from('x'))).toMatchObject({
      status: 415,
      body: "Expecting 'Content-Encoding' of gzip or none, but received 'br'",
    })
  })

  test('with a body over the limit is refused: declared, chunked or unzipped', async () => {
    await using served = await serving([ECHO], { maxBodyBytes: 1000 })
    const tooLarge = { status: 413, body: 'The body has more than 1000 bytes' }
    expect(await exchange(served.port, requestText('POST /echo', {}, 'x'.repeat(1001)))).toMatchObject(
      tooLarge,
    )
    const chunk = `3e9\r\n${'x'.repeat(0x3e9)}\r\n0\r\n\r\n`
    const chunked = requestText('POST /echo', { 'Transfer-Encoding': 'chunked' }) + chunk
    expect(await exchange(served.port, chunked)).toMatchObject(tooLarge)
    const bomb = gzipSync(Buffer.alloc(500_000))
    expect(bomb.length).toBeLessThan(1000)
    const head = `POST /echo HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`
    expect(await exchange(served.port, Buffer.concat([Buffer.from(head), bomb]))).toMatchObject(tooLarge)
    expect((await exchange(served.port, requestText('POST /echo', {}, 'x'.repeat(1000)))).status).toBe(200)
  })

  test('whose refused body never ends is cut', async () => {
    await using served = await serving([ECHO], { maxBodyBytes: 1000 })
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('POST /echo', { 'Transfer-Encoding': 'chunked' }))
    const chunk = `400\r\n${'x'.repeat(0x400)}\r\n`
    connection.send(chunk)
    await connection.until('413')
    while (!connection.closed) {
      connection.send(chunk)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(connection.received).toContain('The body has more than 1000 bytes')
  })

  test('whose body does not come is refused after a while', async () => {
    const clock = new ManualClock()
    await using served = await serving([ECHO], { clock, bodyTimeoutMs: 5000 })
    using connection = await RawConnection.open(served.port)
    connection.send('POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\n{')
    while (clock.pending === 0) await clock.settle()
    await clock.advance(4999)
    expect(connection.received).toBe('')
    await clock.advance(1)
    expect(await connection.until(isComplete)).toContain('408 Request Timeout')
    await clock.advance(5000)
    await connection.end()
  })

  test('of a client that leaves in the middle ends its handler and changes nothing', async () => {
    const { promise: ended, resolve } = Promise.withResolvers<unknown>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const route: Route = {
      path: '/body',
      async handle(request) {
        begin()
        await request.body().catch(resolve)
        return empty(200)
      },
    }
    await using served = await serving([route])
    const connection = await RawConnection.open(served.port)
    connection.send('POST /body HTTP/1.1\r\nContent-Length: 10\r\n\r\n{')
    await begun
    connection.socket.destroy()
    expect(await ended).toMatchObject({ code: 'UNREACHABLE' })
    expect(served.metrics.value('http/failed_requests')).toBe(0)
  })

  test('may upload without end while its handler reads', async () => {
    const pieces: string[] = []
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    const route: Route = {
      path: '/upload',
      async handle(request) {
        for await (const piece of request.chunks()) pieces.push(Buffer.from(piece).toString())
        resolve()
        return empty(200)
      },
    }
    await using served = await serving([route])
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('POST /upload', { 'Transfer-Encoding': 'chunked' }))
    connection.send('1\r\na\r\n')
    while (pieces.length < 1) await new Promise((next) => setImmediate(next))
    connection.send('1\r\nb\r\n0\r\n\r\n')
    await ended
    expect(pieces.join('')).toBe('ab')
    expect(await connection.until(isComplete)).toContain('200 OK')
  })

  test.each([
    ['no HTTP at all', 'hello\r\n\r\n', '400 Bad Request'],
    [
      'headers without end',
      `GET / HTTP/1.1\r\nX: ${'x'.repeat(40_000)}`,
      '431 Request Header Fields Too Large',
    ],
    ['a broken escape', requestText('GET /%zz'), '400 Bad Request'],
    ['two lengths', 'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', '400 Bad Request'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      '400 Bad',
    ],
  ])('that is %s is refused', async (_what, bytes, status) => {
    await using served = await serving([ECHO])
    using connection = await RawConnection.open(served.port)
    connection.send(bytes)
    expect(await connection.until(isComplete)).toContain(`HTTP/1.1 ${status}`)
  })
})

describe('a server', () => {
  test('that finds its port taken names it and says what to do', async () => {
    await using served = await serving([])
    const trouble = await serving([], { port: served.port }).catch((error: unknown) => error)
    expect(trouble).toBeInstanceOf(OperatingError)
    expect(trouble).toMatchObject({ code: 'PORT_TAKEN' })
    expect((trouble as OperatingError).message).toContain(String(served.port))
    expect((trouble as OperatingError).hint).toContain('--port')
  })

  test('that is told an address of another machine says so', async () => {
    await expect(serving([], { host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: '192.0.2.1 is no address of this machine',
    })
  })

  test('closes idle connections at once and lets answers under way finish', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const slow: Route = {
      path: '/slow',
      async handle() {
        begin()
        await promise
        return empty(200)
      },
    }
    const served = await serving([slow])
    using idle = await RawConnection.open(served.port)
    using busy = await RawConnection.open(served.port)
    busy.send(requestText('GET /slow'))
    await begun
    const closed = served[Symbol.asyncDispose]()
    resolve()
    await closed
    expect(await busy.end()).toContain('200 OK')
    expect(await idle.end()).toBe('')
  })

  test('does not wait longer than the grace for an answer that never comes, and tells its handler', async () => {
    const clock = new ManualClock()
    const { promise: told, resolve } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const stuck: Route = {
      path: '/stuck',
      handle(request) {
        request.signal.addEventListener('abort', () => resolve())
        begin()
        return new Promise<never>(() => undefined)
      },
    }
    const served = await serving([stuck], { clock, closeGraceMs: 1000 })
    using connection = await RawConnection.open(served.port)
    connection.send(requestText('GET /stuck'))
    await begun
    const closed = served[Symbol.asyncDispose]()
    await told
    await clock.advance(1000)
    await closed
    expect(await connection.end()).toBe('')
  })

  test('hears no more connections than it was allowed', async () => {
    await using served = await serving([{ path: '/', handle: () => empty(200) }], { maxConnections: 1 })
    using first = await RawConnection.open(served.port)
    first.send(requestText('GET /'))
    await first.until('200 OK')
    using second = await RawConnection.open(served.port)
    expect(await second.end()).toBe('')
    expect(served.metrics.value('http/connections_refused')).toBe(1)
    expect(served.metrics.value('http/connections')).toBe(1)
  })
})
