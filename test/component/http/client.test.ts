// Our own HTTP client, against servers that behave and servers that do not.
import { createServer, type Server, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { HttpClient, PeerRefusal } from '../../../src/http/client.ts'
import { json, redirect, stream, text } from '../../../src/http/response.ts'
import { ManualClock } from '../../support/clock.ts'
import { serving } from './serving.ts'

const never = new AbortController().signal

/** A server of bare sockets that answers each request with given bytes, and may close behind them. */
async function bytesServer(
  answer: string | Buffer,
  close = true,
): Promise<{ url: string } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => {
      if (close) socket.end(answer)
      else socket.write(answer)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function collect(records: AsyncIterable<string>): Promise<{ records: string[]; trouble: unknown }> {
  const got: string[] = []
  try {
    for await (const record of records) got.push(record)
    return { records: got, trouble: undefined }
  } catch (trouble) {
    return { records: got, trouble }
  }
}

describe('a request', () => {
  test('brings the whole answer, unzipped or plain', async () => {
    const big = 'x'.repeat(5000)
    await using served = await serving([{ path: '/big', handle: () => text(200, big) }])
    using client = new HttpClient(systemClock)
    const url = `http://127.0.0.1:${served.port}/big`
    const plain = await client.request({ url }, never)
    const zipped = await client.request({ url, headers: { 'Accept-Encoding': 'gzip' } }, never)
    expect([plain.text, zipped.text]).toEqual([big, big])
    expect(zipped.headers.get('content-encoding')).toBe('gzip')
  })

  test('keeps its connection, and with one connection keeps the order of calls', async () => {
    const seen: string[] = []
    await using served = await serving([
      {
        path: '/call',
        async handle(request) {
          const body = await request.body()
          if (body.ok) seen.push(body.bytes.toString())
          return json(request.remote.port)
        },
      },
    ])
    using client = new HttpClient(systemClock, 1)
    const url = `http://127.0.0.1:${served.port}/call`
    const numbers = Array.from({ length: 50 }, (_, index) => String(index))
    const answers = await Promise.all(
      numbers.map((body) => client.request({ method: 'POST', url, body }, never)),
    )
    expect(seen).toEqual(numbers)
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1)
  })

  test('that is refused throws the status, the words and where to go instead', async () => {
    await using served = await serving([
      { path: '/no', handle: () => text(400, 'Not a valid UUID') },
      { path: '/elsewhere', handle: () => redirect('//other:5050/elsewhere') },
    ])
    using client = new HttpClient(systemClock)
    const base = `http://127.0.0.1:${served.port}`
    const refused = await client.request({ url: `${base}/no` }, never).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(PeerRefusal)
    expect(refused).toMatchObject({ code: 'REFUSED', status: 400, text: 'Not a valid UUID' })
    expect((refused as Error).message).toBe(`GET ${base}/no was answered with 400: Not a valid UUID`)
    await expect(client.request({ url: `${base}/elsewhere` }, never)).rejects.toMatchObject({
      status: 307,
      location: '//other:5050/elsewhere',
    })
  })

  test('to a port where nobody listens is UNREACHABLE and names it', async () => {
    const served = await serving([])
    await served[Symbol.asyncDispose]()
    using client = new HttpClient(systemClock)
    const url = `http://127.0.0.1:${served.port}/`
    await expect(client.request({ url }, never)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `GET ${url} failed`,
    })
  })

  test.each([
    ['is no HTTP', 'hello\r\n\r\n', 'PROTOCOL'],
    ['breaks off', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', 'UNREACHABLE'],
    ['never begins', '', 'UNREACHABLE'],
    [
      'breaks off in its zipped body',
      Buffer.concat([
        Buffer.from('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n'),
        gzipSync('x'.repeat(500)),
      ]),
      'UNREACHABLE',
    ],
    ['is too long', `HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n${'x'.repeat(2000)}`, 'LIMIT'],
  ])('whose answer %s fails', async (_what, bytes, code) => {
    await using server = await bytesServer(bytes)
    using client = new HttpClient(systemClock)
    await expect(client.request({ url: server.url, maxBytes: 1000 }, never)).rejects.toMatchObject({ code })
  })

  test('whose answer does not come in time fails and says how long it waited', async () => {
    await using server = await bytesServer('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', false)
    const clock = new ManualClock()
    using client = new HttpClient(clock)
    const answer = client
      .request({ url: server.url, timeoutMs: 2000 }, never)
      .catch((error: unknown) => error)
    await clock.advance(2000)
    expect(await answer).toMatchObject({
      code: 'UNREACHABLE',
      message: `GET ${server.url} had no answer within 2000 ms`,
    })
    expect(clock.pending).toBe(0)
  })

  test('that is aborted rejects with the reason of its signal', async () => {
    await using server = await bytesServer('', false)
    using client = new HttpClient(systemClock)
    const controller = new AbortController()
    const answer = client.request({ url: server.url }, controller.signal).catch((error: unknown) => error)
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await answer).toBe(reason)
    await expect(client.request({ url: server.url }, controller.signal)).rejects.toBe(reason)
  })

  test('to something that is no URL is a mistake of the caller', async () => {
    using client = new HttpClient(systemClock)
    await expect(client.request({ url: 'nonsense' }, never)).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe('a stream', () => {
  const chunked = (...chunks: string[]): string =>
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks
      .map((chunk) => `${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`)
      .join('')}`

  test('brings its records and ends when the server ends it', async () => {
    await using served = await serving([
      {
        path: '/s',
        handle: () =>
          stream({
            contentType: 'application/json',
            headers: { 'Mesos-Stream-Id': 'id' },
            open(one) {
              one.send('{"a":1}')
              one.send('{"b":2}')
              one.end()
            },
          }),
      },
    ])
    using client = new HttpClient(systemClock)
    const opened = await client.openStream(
      { method: 'POST', url: `http://127.0.0.1:${served.port}/s` },
      never,
    )
    expect(opened.headers.get('mesos-stream-id')).toBe('id')
    expect(await collect(opened.records)).toEqual({ records: ['{"a":1}', '{"b":2}'], trouble: undefined })
  })

  test.each([
    ['a connection cut between records', chunked('2\n{}'), ['{}'], 'UNREACHABLE'],
    ['an end inside a record', `${chunked('2\n{}', '9\n{')}0\r\n\r\n`, ['{}'], 'PROTOCOL'],
    ['a header that is no number', chunked('2\n{}', 'x\n{}'), ['{}'], 'PROTOCOL'],
    ['a record over the limit', chunked('2\n{}', '1001\n'), ['{}'], 'LIMIT'],
    ['a length without end', chunked('1'.repeat(50)), [], 'LIMIT'],
  ])('fails at %s, and gives nothing that was not whole', async (_what, bytes, good, code) => {
    await using server = await bytesServer(bytes)
    using client = new HttpClient(systemClock)
    const limits = { headerDigits: 20, recordBytes: 1000 }
    const opened = await client.openStream({ url: server.url, limits }, never)
    const { records, trouble } = await collect(opened.records)
    // What came in one piece with the bad bytes may be lost with them; the next subscription makes up for it.
    expect(good.slice(0, records.length)).toEqual(records)
    expect(trouble).toMatchObject({ code })
  })

  test('ends quietly when it is closed, with the reason when it is aborted', async () => {
    await using server = await bytesServer(chunked('2\n{}'), false)
    using client = new HttpClient(systemClock)
    const closed = await client.openStream({ url: server.url }, never)
    for await (const record of closed.records) {
      expect(record).toBe('{}')
      closed.close()
    }
    const controller = new AbortController()
    const aborted = await client.openStream({ url: server.url }, controller.signal)
    const collected = collect(aborted.records)
    const reason = new Error('enough')
    controller.abort(reason)
    expect((await collected).trouble).toBe(reason)
  })

  test('outlives the time limit of its headers', async () => {
    await using server = await bytesServer(chunked('2\n{}'), false)
    const clock = new ManualClock()
    using client = new HttpClient(clock)
    const opened = await client.openStream({ url: server.url, timeoutMs: 1000 }, never)
    await clock.advance(5000)
    for await (const record of opened.records) {
      expect(record).toBe('{}')
      opened.close()
    }
  })

  test('that is refused throws the status and the words', async () => {
    await using served = await serving([{ path: '/s', handle: () => text(403, 'no') }])
    using client = new HttpClient(systemClock)
    await expect(
      client.openStream({ url: `http://127.0.0.1:${served.port}/s` }, never),
    ).rejects.toMatchObject({
      status: 403,
      text: 'no',
    })
  })
})
