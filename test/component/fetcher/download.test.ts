// Downloads come whole or not at all: resumed where they were cut, tried again when that may help, or given up.
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { expect, test } from 'vitest'
import type { OperatingError } from '../../../src/base/errors.ts'
import { ManualClock } from '../../support/clock.ts'
import { over, Rig } from '../../support/fetch-rig.ts'

const TEXT = 'what a task needs, '.repeat(20_000)
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

test.each([
  [404, 'the server answered 404 Not Found', 'Is the URI right?'],
  [410, 'the server answered 410 Gone', 'Is the URI right?'],
  [400, 'the server answered 400 Bad Request', undefined],
  [401, 'the server answered 401 Unauthorized', 'other credentials'],
  [403, 'the server answered 403 Forbidden', 'other credentials'],
  [204, 'the server answered 204, not 200', undefined],
  [206, 'the server answered 206, not 200', undefined],
  [304, 'the server answered 304, not 200', undefined],
])('the answer %d is told at once, with the URI and the next step', async (status, message, hint) => {
  await using rig = await Rig.open()
  let requests = 0
  const url = await rig.serve((_, res) => {
    requests++
    res.writeHead(status).end()
  })
  const failed = await rig.fetch([{ value: `${url}/x` }]).catch((error: unknown) => error as OperatingError)
  expect((failed as OperatingError).message).toBe(`Cannot fetch '${url}/x': ${message}`)
  expect((failed as OperatingError).hint ?? '').toContain(hint ?? '')
  expect([requests, rig.names]).toEqual([1, []])
})

test.each([500, 502, 503, 504, 408, 429])('the answer %d is asked for four times', async (status) => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock })
  let requests = 0
  const url = await rig.serve((_, res) => {
    requests++
    res.writeHead(status).end()
  })
  const failed = await over(clock, rig.fetch([{ value: `${url}/x` }]))
  expect(String(failed)).toContain(`Cannot fetch '${url}/x': the server answered ${status}`)
  expect([requests, rig.names]).toEqual([4, []])
})

test('a passing failure is tried again, and told', async () => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock })
  let requests = 0
  const url = await rig.serve((_, res) => {
    requests++
    if (requests === 1) res.writeHead(503).end()
    else if (requests === 2) res.destroy()
    else res.end('at last')
  })
  const progress: string[] = []
  expect(await over(clock, rig.fetch([{ value: `${url}/x` }], { progress }))).toBeUndefined()
  expect(rig.read('x')).toBe('at last')
  expect(progress[0]).toMatch(/503 Service Unavailable; again in \d\.\d s$/)
  expect(progress.at(-1)).toMatch(/7 B, HTTP 200, in .*2 failed attempts, 0 resumed$/)
})

test('what was cut goes on where it ended, if it is still the same', async () => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock })
  const asked: string[] = []
  const url = await rig.serve((req, res) => {
    const { range } = req.headers
    asked.push(String(req.headers['if-range']))
    const from = Number(/\d+/.exec(range ?? '')?.[0] ?? 0)
    const rest = TEXT.slice(from)
    const headers = { ETag: '"v1"', 'Content-Length': rest.length }
    if (from > 0)
      res.writeHead(206, { ...headers, 'Content-Range': `bytes ${from}-${TEXT.length - 1}/${TEXT.length}` })
    else res.writeHead(200, headers)
    if (asked.length < 3) res.write(rest.slice(0, 150_000), () => res.destroy())
    else res.end(rest)
  })
  const value = `${url}/x#sha256=${sha256(TEXT)}`
  expect(await over(clock, rig.fetch([{ value }]))).toBeUndefined()
  expect(rig.read('x')).toBe(TEXT)
  expect(asked).toEqual(['undefined', '"v1"', '"v1"'])
  expect(rig.metrics.value('tepui/fetcher_resumes')).toBe(2)
})

test('what changed meanwhile is fetched anew, and its sum is that of the new contents', async () => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock })
  let requests = 0
  const url = await rig.serve((_, res) => {
    requests++
    if (requests === 1) {
      res.writeHead(200, { ETag: '"v1"', 'Content-Length': 9999 })
      res.write('old contents', () => res.destroy())
    } else res.writeHead(200, { ETag: '"v2"' }).end('new')
  })
  const value = `${url}/x#sha256=${sha256('new')}`
  expect(await over(clock, rig.fetch([{ value }]))).toBeUndefined()
  expect(rig.read('x')).toBe('new')
})

test('a part of something else is refused', async () => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock })
  let requests = 0
  const url = await rig.serve((_, res) => {
    requests++
    if (requests > 1) res.writeHead(206, { 'Content-Range': 'bytes 0-3/4' }).end('evil')
    else res.writeHead(200, { ETag: '"v1"', 'Content-Length': 9999 }).write('some', () => res.destroy())
  })
  const failed = await over(clock, rig.fetch([{ value: `${url}/x` }]))
  expect(String(failed)).toContain("the server sent 'bytes 0-3/4', not bytes from 4 on")
  expect(rig.names).toEqual([])
})

test('a server that knows no such range is asked for all of it', async () => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock })
  let requests = 0
  const url = await rig.serve((req, res) => {
    requests++
    if (req.headers.range !== undefined) res.writeHead(416).end()
    else if (requests === 1) res.writeHead(200, { ETag: '"v1"' }).write('some', () => res.destroy())
    else res.end('all of it')
  })
  expect(await over(clock, rig.fetch([{ value: `${url}/x` }]))).toBeUndefined()
  expect(rig.read('x')).toBe('all of it')
})

test('a download that is always cut leaves nothing', async () => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock, cacheBytes: 10_000 })
  const url = await rig.serve((_, res) => {
    res.writeHead(200, { 'Content-Length': 1000 })
    res.write('half', () => res.destroy())
  })
  for (const cache of [false, true]) {
    const failed = await over(clock, rig.fetch([{ value: `${url}/x`, cache }]))
    expect(String(failed)).toContain(`Cannot fetch '${url}/x': `)
    expect([rig.names, rig.cached, rig.cache?.page.entries]).toEqual([[], [], []])
  }
})

test('a download that stalls is given up after the stall timeout, four times', async () => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock })
  let requests = 0
  const url = await rig.serve((_, res) => {
    requests++
    res.writeHead(200, { 'Content-Length': 1000 }).write('some')
  })
  const failed = await over(clock, rig.fetch([{ value: `${url}/x` }]))
  expect(String(failed)).toContain('no data came for 5secs (--fetcher_stall_timeout)')
  expect((failed as OperatingError).hint).toContain('raise --fetcher_stall_timeout')
  expect([requests, rig.names]).toEqual([4, []])
})

test.each([true, false])('a file above the limit is refused, told before (%s) or not', async (told) => {
  await using rig = await Rig.open({ maxBytes: 4096 })
  const url = await rig.serve((_, res) => {
    if (told) res.setHeader('Content-Length', 500_000)
    res.write(Buffer.alloc(250_000))
    res.end(Buffer.alloc(250_000))
  })
  const failed = (await rig.fetch([{ value: `${url}/x` }]).catch((error: unknown) => error)) as OperatingError
  expect(failed.message).toMatch(told ? /it has 488 KiB, more than 4 KiB/ : /it is larger than 4 KiB/)
  expect(failed.hint).toContain('--fetcher_max_size')
  expect(rig.names).toEqual([])
})

test.each([false, true])(
  'contents with another sum than the URI says are refused (cache %s)',
  async (cache) => {
    await using rig = await Rig.open({ cacheBytes: 10_000 })
    const url = await rig.serve((_, res) => res.end('evil'))
    const failed = rig.fetch([{ value: `${url}/x#sha256=${sha256('good')}`, cache }])
    await expect(failed).rejects.toThrow(`its sha256 is ${sha256('evil')}, not ${sha256('good')}`)
    expect([rig.names, rig.cached, rig.cache?.page.entries]).toEqual([[], [], []])
  },
)

test('redirects are followed, with the name of the first URI', async () => {
  await using rig = await Rig.open()
  const url = await rig.serve((req, res) => {
    if (req.url === '/there') res.end('there')
    else res.writeHead(302, { Location: '/there' }).end()
  })
  await rig.fetch([{ value: `${url}/here` }])
  expect([rig.names, rig.read('here')]).toEqual([['here'], 'there'])
})

test.each([
  ['in a circle', '/x', 'Redirected 10 times'],
  ['to a file', 'file:///etc/passwd', 'Unsupported protocol'],
])('redirects %s end with an error', async (_, location, message) => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock })
  const url = await rig.serve((__, res) => res.writeHead(302, { Location: location }).end())
  expect(String(await over(clock, rig.fetch([{ value: `${url}/x` }])))).toMatch(new RegExp(message, 'i'))
  expect(rig.names).toEqual([])
})

test('user and password are sent, and told to nobody', async () => {
  await using rig = await Rig.open()
  let sent: string | undefined
  const url = await rig.serve((req, res) => {
    sent = req.headers.authorization
    res.writeHead(403).end()
  })
  const value = url.replace('://', '://me:hush@')
  const failed = (await rig
    .fetch([{ value: `${value}/x` }])
    .catch((error: unknown) => error)) as OperatingError
  expect(sent).toBe(`Basic ${Buffer.from('me:hush').toString('base64')}`)
  expect(JSON.stringify([failed.message, failed.hint, rig.fetcher.page])).not.toContain('hush')
})

test('a proxy of the environment is used, and not for hosts that are to be reached without', async () => {
  const asked: (string | undefined)[] = []
  const environment: Record<string, string> = {}
  await using rig = await Rig.open({ environment })
  const url = await rig.serve((_, res) => res.end('direct'))
  environment['http_proxy'] = await rig.serve((req, res) => {
    asked.push(req.url)
    request(req.url ?? '', (answer) => answer.resume().on('end', () => res.end('by the proxy'))).end()
  })
  await rig.fetch([{ value: `${url}/x` }])
  expect([rig.read('x'), asked]).toEqual(['by the proxy', [`${url}/x`]])
  environment['no_proxy'] = '127.0.0.1'
  await rig.fetch([{ value: `${url}/x` }])
  expect([rig.read('x'), asked.length]).toEqual(['direct', 1])
})

test('a server that is not there is told as such', async () => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock })
  const failed = await over(clock, rig.fetch([{ value: 'http://127.0.0.1:9/x' }]))
  expect(String(failed)).toContain("Cannot fetch 'http://127.0.0.1:9/x': connect ECONNREFUSED")
  expect((failed as OperatingError).hint).toContain('Is the server up')
})

test('an abort ends a download at once', async () => {
  await using rig = await Rig.open()
  const stop = new AbortController()
  const url = await rig.serve((_, res) => {
    res.write('some')
    stop.abort(new Error('killed'))
  })
  await expect(rig.fetch([{ value: `${url}/x` }], { signal: stop.signal })).rejects.toThrow('killed')
  expect(rig.names).toEqual([])
})

test('a slow download says every second how far it is, and how fast', async () => {
  const clock = new ManualClock()
  await using rig = await Rig.open({ clock })
  let send: (() => void) | undefined
  let pieces = 0
  const url = await rig.serve((_, res) => {
    res.writeHead(200, { 'Content-Length': 4_000_000 })
    send = () => {
      pieces++
      if (pieces === 4) res.end(Buffer.alloc(1_000_000))
      else res.write(Buffer.alloc(1_000_000))
    }
  })
  const progress: string[] = []
  const done = rig.fetch([{ value: `${url}/x` }], { progress })
  for (let piece = 1; piece <= 4; piece++) {
    await expect.poll(() => send !== undefined).toBe(true)
    await clock.advance(1000)
    send?.()
    await expect.poll(() => rig.fetcher.page.under_way[0]?.bytes ?? 4_000_000).toBe(piece * 1_000_000)
  }
  await done
  expect(progress[0]).toMatch(/^Fetching .*: .* of 3.81 MiB, .*\/s$/)
  expect(progress.length).toBeGreaterThan(3)
})
