// HTTP and TCP checks over real connections: what counts as an answer, what is followed, what ends with the check.
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { type AddressInfo, createServer as createPlain } from 'node:net'
import { describe, expect, test } from 'vitest'
import { dialWith } from '../../../src/agent/checks/dial.ts'
import type { Finding } from '../../../src/agent/checks/judging.ts'
import type { Target } from '../../../src/agent/checks/plans.ts'
import { probeWith } from '../../../src/agent/checks/probe.ts'
import { taskInfo } from '../../support/agent-core.ts'
import { selfSigned } from '../../support/certificate.ts'

const TASK = taskInfo('t', { command: { value: 'x' } })
const HERE = { pid: process.pid, addresses: [] }
const probe = probeWith(dialWith())
const never = (): AbortSignal => new AbortController().signal

interface Served extends AsyncDisposable {
  readonly port: number
}

async function listening(
  server: Server | ReturnType<typeof createPlain>,
  host = '127.0.0.1',
): Promise<Served> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      if ('closeAllConnections' in server) server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const serving = (handler: RequestListener): Promise<Served> => listening(createServer(handler))

const http = (port: number, more: Partial<Extract<Target, { type: 'HTTP' }>> = {}): Target => ({
  type: 'HTTP',
  scheme: 'http',
  host: '127.0.0.1',
  port,
  path: '/health',
  ...more,
})
const run = (target: Target, signal = never()): Promise<Finding> => probe(target, HERE, TASK, signal)

describe('an HTTP check', () => {
  test.each([
    [200, true],
    [204, true],
    [304, true],
    [399, true],
    [400, false],
    [500, false],
  ])('that is answered with %i passes: %s', async (status, passed) => {
    await using served = await serving((_request, response) => void response.writeHead(status).end())
    expect(await run(http(served.port))).toEqual({
      passed,
      value: { type: 'HTTP', http: { status_code: status } },
      words: `GET http://127.0.0.1:${served.port}/health was answered with ${status}`,
    })
  })

  test('asks for its path, of its host and port', async () => {
    const asked: unknown[] = []
    await using served = await serving((request, response) => {
      asked.push([request.method, request.url, request.headers.host])
      response.end('x'.repeat(100_000))
    })
    expect((await run(http(served.port, { path: '/a?b=1' }))).passed).toBe(true)
    expect(asked).toEqual([['GET', '/a?b=1', `127.0.0.1:${served.port}`]])
  })

  test('follows redirects, and gives up on one that leads in circles or out of HTTP', async () => {
    await using served = await serving((request, response) => {
      const to = { '/health': '/there', '/round': '/round', '/out': 'ftp://127.0.0.1/' }[request.url ?? '']
      if (to === undefined) response.writeHead(500).end()
      else response.writeHead(302, { location: to }).end()
    })
    expect((await run(http(served.port))).value).toEqual({ type: 'HTTP', http: { status_code: 500 } })
    const failures = await Promise.all(['/round', '/out'].map((path) => run(http(served.port, { path }))))
    expect(failures.map(({ passed, value }) => [passed, value])).toEqual([
      [false, undefined],
      [false, undefined],
    ])
    expect(failures.map(({ words }) => words.replace(/.*answered: /, ''))).toEqual([
      'it redirects more than 10 times',
      "it redirects to 'ftp://127.0.0.1/'",
    ])
  })

  test('over https takes any certificate', async () => {
    const server = createSecure(selfSigned(), (_request, response) => void response.writeHead(200).end())
    await using served = await listening(server)
    expect((await run(http(served.port, { scheme: 'https' }))).passed).toBe(true)
    expect(await run(http(served.port))).toMatchObject({ passed: false })
  })

  test('has failed where nobody listens, where the line is cut, and where it is not HTTP', async () => {
    await using cutting = await serving((request) => void request.socket.destroy())
    await using talking = await listening(createPlain((socket) => void socket.resume().end('hello\r\n\r\n')))
    const closed = await serving(() => undefined)
    await closed[Symbol.asyncDispose]()
    for (const { port } of [cutting, talking, closed]) {
      expect(await run(http(port))).toMatchObject({
        passed: false,
        value: undefined,
        words: expect.stringMatching(/was not answered: .+/),
      })
    }
  })

  test('that is given up ends its connection, before the answer and in the middle of it', async () => {
    for (const begun of [false, true]) {
      const { promise: asked, resolve } = Promise.withResolvers<{ readonly closed: Promise<void> }>()
      await using served = await serving((request, response) => {
        resolve({ closed: new Promise((closed) => request.socket.on('close', () => closed())) })
        if (begun) response.write('first')
      })
      const giveUp = new AbortController()
      const checked = run(http(served.port), giveUp.signal)
      const { closed } = await asked
      giveUp.abort(new Error('too late'))
      await expect(checked).rejects.toThrow('too late')
      await closed
    }
  })
})

describe('a TCP check', () => {
  test('passes where somebody listens, by either protocol, and ends the connection', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const { promise: closed, resolve } = Promise.withResolvers<void>()
      const server = createPlain(
        (socket) => void socket.on('close', () => resolve()).on('error', () => resolve()),
      )
      await using served = await listening(server, host)
      expect(await run({ type: 'TCP', host, port: served.port })).toEqual({
        passed: true,
        value: { type: 'TCP', tcp: { succeeded: true } },
        words: `port ${served.port} takes connections`,
      })
      await closed
    }
  })

  test('has not succeeded where nobody does, and says so', async () => {
    const served = await serving(() => undefined)
    await served[Symbol.asyncDispose]()
    expect(await run({ type: 'TCP', host: '127.0.0.1', port: served.port })).toMatchObject({
      passed: false,
      value: { type: 'TCP', tcp: { succeeded: false } },
      words: expect.stringContaining('ECONNREFUSED'),
    })
  })
})

describe('a check that cannot be run', () => {
  test('says that its container has no process any more', async () => {
    const gone = { pid: 2 ** 22 + 1, addresses: [] }
    await expect(probe(http(1), gone, TASK, never())).rejects.toThrow(
      `the network of process ${gone.pid} cannot be found`,
    )
  })

  test('says that its containerizer cannot run commands', async () => {
    const target: Target = { type: 'COMMAND', command: { value: 'true' } }
    await expect(run(target)).rejects.toThrow('cannot run commands beside it')
  })
})
