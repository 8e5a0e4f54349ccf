// The ways on which a file comes: in the clear and over TLS, in all forms of bodies, by redirects and by proxies.
import { readFileSync } from 'node:fs'
import { createServer, request, type RequestListener, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OperatingError } from '../../../src/base/errors.ts'
import { selfSigned } from '../../support/certificate.ts'
import { ManualClock } from '../../support/clock.ts'
import { over, Rig } from '../../support/fetch-rig.ts'

const trusted = selfSigned('localhost')
const before = getCACertificates('default')
beforeAll(() => setDefaultCACertificates([...before, trusted.cert]))
afterAll(() => setDefaultCACertificates(before))

/** No two stretches of it are the same. */
const BODY = Buffer.from(Array.from({ length: 300_000 }, (_, at) => `${at},`).join(''))
const PIECE = 70_000

/** In pieces, so that most of it comes behind the head. */
function send(
  response: ServerResponse,
  from = 0,
  to = BODY.length,
  end = (): unknown => response.end(),
): void {
  const more = (at: number): void => {
    if (at >= to) end()
    else response.write(BODY.subarray(at, Math.min(to, at + PIECE)), () => more(at + PIECE))
  }
  more(from)
}

const whole = (rig: Rig, name: string): boolean => readFileSync(join(rig.sandbox, name)).equals(BODY)
const troubleOf = async (fetched: Promise<void>): Promise<OperatingError> =>
  (await fetched.catch((error: unknown) => error)) as OperatingError

const FORMS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'with its length': (res) => send(res.writeHead(200, { 'Content-Length': BODY.length })),
  'in chunks': (res) => send(res.writeHead(200)),
  'up to the end of the connection': (res) => {
    res.useChunkedEncodingByDefault = false
    send(res.writeHead(200, { Connection: 'close' }))
  },
  'on a connection that stays open': (res) => {
    res.setHeader('Connection', 'keep-alive')
    send(res.writeHead(200, { 'Content-Length': BODY.length }), 0, BODY.length, () => undefined)
  },
}
const BOTH = Object.keys(FORMS).flatMap((form) => [[form, 'http'] as const, [form, 'https'] as const])

test.each(BOTH)('a body %s comes whole over %s', async (form, scheme) => {
  await using rig = await Rig.open()
  const url = await rig.serve((_, res) => FORMS[form]?.(res), scheme === 'https' ? trusted : undefined)
  await rig.fetch([{ value: `${url}/x` }])
  expect(whole(rig, 'x')).toBe(true)
})

test.each(['http', 'https'])(
  'what a server packed on its own stays as it was sent, over %s',
  async (scheme) => {
    await using rig = await Rig.open()
    const packed = gzipSync('some text')
    const asked: unknown[] = []
    const url = await rig.serve(
      (req, res) => {
        asked.push(req.headers['accept-encoding'])
        res.setHeader('Content-Encoding', 'gzip').end(packed)
      },
      scheme === 'https' ? trusted : undefined,
    )
    await rig.fetch([{ value: `${url}/x` }])
    expect(readFileSync(join(rig.sandbox, 'x')).equals(packed)).toBe(true)
    expect(asked).toEqual(['identity'])
  },
)

test.each([
  ['with its length', 'http'],
  ['with its length', 'https'],
  ['in chunks', 'http'],
  ['in chunks', 'https'],
])('a body %s that is cut over %s goes on where it ended', async (form, scheme) => {
  await using rig = await Rig.open()
  const asked: (string | undefined)[] = []
  const listener: RequestListener = (req, res) => {
    asked.push(req.headers.range)
    const from = Number(/\d+/.exec(req.headers.range ?? '')?.[0] ?? 0)
    res.setHeader('ETag', '"one"')
    if (form === 'with its length') res.setHeader('Content-Length', BODY.length - from)
    if (from === 0) send(res.writeHead(200), 0, BODY.length / 2, () => res.destroy())
    else {
      const range = `bytes ${from}-${BODY.length - 1}/${BODY.length}`
      send(res.writeHead(206, { 'Content-Range': range }), from)
    }
  }
  const url = await rig.serve(listener, scheme === 'https' ? trusted : undefined)
  await rig.fetch([{ value: `${url}/x` }])
  expect(whole(rig, 'x')).toBe(true)
  expect(asked).toEqual([undefined, expect.stringMatching(/^bytes=\d{5,}-$/)])
})

test('redirects lead from http to https and back', async () => {
  await using rig = await Rig.open()
  const last = await rig.serve((_, res) => FORMS['with its length']?.(res))
  const middle = await rig.serve(
    (_, res) => res.writeHead(307, { Location: `${last}/z` }).end('there'),
    trusted,
  )
  const first = await rig.serve((_, res) => res.writeHead(301, { Location: `${middle}/y` }).end('there'))
  await rig.fetch([{ value: `${first}/x` }])
  expect([rig.names, whole(rig, 'x')]).toEqual([['x'], true])
})

test.each([
  [
    'whose certificate nobody vouches for',
    'localhost',
    /self-signed certificate/,
    /NODE_EXTRA_CA_CERTS=FILE/,
  ],
  ['with the certificate of another', '127.0.0.1', /127\.0\.0\.1/, /a name that is in its certificate/],
])('of a server %s nothing is taken, and it is asked once', async (_, host, words, hint) => {
  await using rig = await Rig.open({ cacheBytes: 10_000_000 })
  let answers = 0
  const url = await rig.serve(
    (__, res) => {
      answers++
      res.end('evil')
    },
    host === 'localhost' ? selfSigned('localhost') : trusted,
  )
  const value = `${url.replace('localhost', host)}/x`
  for (const cache of [false, true]) {
    const trouble = await troubleOf(rig.fetch([{ value, cache }]))
    expect(trouble.message.startsWith(`Cannot fetch '${value}': `)).toBe(true)
    expect([trouble.message, trouble.hint]).toEqual([
      expect.stringMatching(words),
      expect.stringMatching(hint),
    ])
  }
  expect([answers, rig.names, rig.cached]).toEqual([0, [], []])
})

test('a server that does not speak TLS is told as such, at once', async () => {
  await using rig = await Rig.open()
  const url = await rig.serve((_, res) => res.end('plain'))
  const value = `${url.replace('http', 'https')}/x`
  const trouble = await troubleOf(rig.fetch([{ value }]))
  expect(trouble.message).toContain(`Cannot fetch '${value}': `)
  expect(trouble.hint).toContain('Does the server speak TLS at this port?')
})

/** A proxy that notes what it is asked for, and whom it lets through. */
async function proxyOf(rig: Rig, lets = true): Promise<{ readonly port: number; readonly asked: string[] }> {
  const asked: string[] = []
  const note = (method = '', target = '', authorization = ''): void =>
    void asked.push(`${method} ${target} ${authorization}`.trim())
  const server = createServer((req, res) => {
    note(req.method, req.url, req.headers['proxy-authorization'])
    if (!lets) return void res.writeHead(407).end()
    request(req.url ?? '', { headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(res)
    }).end()
  })
  server.on('connect', (req, socket: Socket) => {
    note(req.method, req.url, req.headers['proxy-authorization'])
    if (!lets) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const [host = '', port = ''] = (req.url ?? '').split(':')
    const other = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      other.pipe(socket).pipe(other)
    })
    for (const one of [socket, other]) one.on('error', () => one.destroy())
  })
  return { port: await rig.listen(server), asked }
}

test.each(['http', 'https'])('a file comes whole over %s by a proxy with a password', async (scheme) => {
  const environment: Record<string, string> = {}
  await using rig = await Rig.open({ environment })
  const isSecure = scheme === 'https'
  const url = await rig.serve((_, res) => FORMS['with its length']?.(res), isSecure ? trusted : undefined)
  const { asked, port } = await proxyOf(rig)
  environment[`${scheme}_proxy`] = `http://me:hush@127.0.0.1:${port}`
  await rig.fetch([{ value: `${url}/x` }])
  expect(whole(rig, 'x')).toBe(true)
  const basic = `Basic ${Buffer.from('me:hush').toString('base64')}`
  expect(asked).toEqual([isSecure ? `CONNECT ${new URL(url).host} ${basic}` : `GET ${url}/x ${basic}`])
  // The other scheme's proxy is nobody's business, and neither is this one's for a host that is exempt.
  environment['no_proxy'] = 'localhost,127.0.0.1'
  await rig.fetch([{ value: `${url}/x` }])
  expect(asked).toHaveLength(1)
})

test.each(['http', 'https'])(
  'a proxy that refuses is told, over %s, without its password',
  async (scheme) => {
    const clock = new ManualClock()
    const environment: Record<string, string> = {}
    await using rig = await Rig.open({ clock, environment })
    const url = await rig.serve((_, res) => res.end('x'), scheme === 'https' ? trusted : undefined)
    const { port } = await proxyOf(rig, false)
    environment[`${scheme}_proxy`] = `http://me:hush@127.0.0.1:${port}`
    const trouble = (await over(clock, rig.fetch([{ value: `${url}/x` }]))) as OperatingError
    expect(trouble.message).toMatch(/^Cannot fetch '.*\/x': .*407/)
    expect(trouble.hint).toContain('The proxy refuses: http_proxy')
    expect(JSON.stringify([trouble.message, trouble.hint, rig.fetcher.page])).not.toContain('hush')
    expect(rig.names).toEqual([])
  },
)

test.each([
  ['between the question for its size and the download', (asked: number) => asked > 0],
  ['when half of it is here', (asked: number) => asked > 1],
])('a file that vanishes %s is told, and nothing is left of it', async (_, isGone) => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock, cacheBytes: 10_000_000 })
  let asked = 0
  const url = await rig.serve((req, res) => {
    res.setHeader('ETag', '"one"').setHeader('Content-Length', BODY.length)
    if (req.method === 'HEAD') return void res.end()
    asked++
    if (isGone(asked)) {
      res.removeHeader('Content-Length')
      return void res.writeHead(404).end()
    }
    send(res, 0, BODY.length / 2, () => res.destroy())
  })
  for (const cache of [true, false]) {
    asked = 0
    const trouble = (await over(clock, rig.fetch([{ value: `${url}/x`, cache }]))) as OperatingError
    expect(trouble.message).toBe(`Cannot fetch '${url}/x': the server answered 404 Not Found`)
    expect(trouble.hint).toContain('Is the URI right?')
    expect([rig.names, rig.cached, rig.cache?.page.entries]).toEqual([[], [], []])
  }
})
