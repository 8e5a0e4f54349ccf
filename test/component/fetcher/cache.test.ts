// One download for all who want the same; what nobody uses makes room; what it hands out is what was fetched.
import { appendFileSync, mkdirSync, readdirSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { FetchCache } from '../../../src/fetcher/cache.ts'
import { tar } from '../../support/tar.ts'
import { Rig } from '../../support/fetch-rig.ts'

const GETS = 'GETs'

/** A server that counts its downloads per path and waits with them until it is told. */
async function counting(rig: Rig, text: (path: string) => string | Buffer = (path) => path.slice(1)) {
  const gets = new Map<string, number>()
  const waiting: (() => void)[] = []
  const state = { held: false }
  const url = await rig.serve((req, res) => {
    const path = req.url ?? ''
    const body = Buffer.from(text(path))
    res.setHeader('Content-Length', body.length)
    if (req.method === 'HEAD') return void res.end()
    gets.set(path, (gets.get(path) ?? 0) + 1)
    gets.set(GETS, (gets.get(GETS) ?? 0) + 1)
    if (state.held) waiting.push(() => res.end(body))
    else res.end(body)
    return undefined
  })
  const letGo = (): void => {
    state.held = false
    for (const one of waiting.splice(0)) one()
  }
  return { url, gets: (path = GETS): number => gets.get(path) ?? 0, state, letGo }
}

const count = (rig: Rig, name: string): number => rig.metrics.value(`tepui/fetcher_cache_${name}`)

test('a file is fetched once for all tasks, and copied for each', async () => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  const server = await counting(rig)
  for (const name of ['one', 'two']) {
    const sandbox = rig.newSandbox(name)
    await rig.fetch([{ value: `${server.url}/x`, cache: true }], { sandbox })
    appendFileSync(join(sandbox, 'x'), ' and more')
  }
  expect([server.gets(), count(rig, 'misses'), count(rig, 'hits')]).toEqual([1, 1, 1])
  expect(rig.metrics.value('containerizer/fetcher/cache_size_used_bytes')).toBe(1)
  expect(rig.metrics.value('containerizer/fetcher/cache_size_total_bytes')).toBe(1000)
})

test('tasks that want the same at the same time share one download', async () => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  const server = await counting(rig)
  server.state.held = true
  const sandboxes = Array.from({ length: 20 }, (_, index) => rig.newSandbox(`s${index}`))
  const all = sandboxes.map((sandbox) => rig.fetch([{ value: `${server.url}/x`, cache: true }], { sandbox }))
  await expect.poll(() => server.gets()).toBe(1)
  server.letGo()
  await Promise.all(all)
  expect(sandboxes.map((sandbox) => rig.read('x', sandbox))).toEqual(sandboxes.map(() => 'x'))
  expect([server.gets(), count(rig, 'shared')]).toEqual([1, 19])
})

test('a shared download goes on when the task that began it is killed', async () => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  const server = await counting(rig)
  server.state.held = true
  const stop = new AbortController()
  const value = `${server.url}/x`
  const killed = rig.fetch([{ value, cache: true }], { sandbox: rig.newSandbox('a'), signal: stop.signal })
  await expect.poll(() => server.gets()).toBe(1)
  const other = rig.fetch([{ value, cache: true }])
  await expect.poll(() => (rig.cache?.page.entries[0] ?? {})['in_use']).toBe(2)
  stop.abort(new Error('killed'))
  await expect(killed).rejects.toThrow('killed')
  server.letGo()
  await other
  expect([rig.read('x'), server.gets()]).toEqual(['x', 1])
})

test('a download for which nobody waits any more is ended, and the next task begins anew', async () => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  const server = await counting(rig)
  server.state.held = true
  const stop = new AbortController()
  const killed = rig.fetch([{ value: `${server.url}/x`, cache: true }], { signal: stop.signal })
  await expect.poll(() => server.gets()).toBe(1)
  stop.abort(new Error('killed'))
  await expect(killed).rejects.toThrow('killed')
  expect([rig.cache?.page.entries, rig.cached, rig.names]).toEqual([[], [], []])
  server.letGo()
  await rig.fetch([{ value: `${server.url}/x`, cache: true }])
  expect(rig.read('x')).toBe('x')
})

test('of a failed download the first is told the reason, and the others try by themselves', async () => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  let gets = 0
  const first = Promise.withResolvers<() => void>()
  const url = await rig.serve((req, res) => {
    res.setHeader('Content-Length', 4)
    if (req.method === 'HEAD') return void res.end()
    gets++
    if (gets === 1) first.resolve(() => res.writeHead(404).end())
    else res.end('here')
    return undefined
  })
  const failing = rig.fetch([{ value: `${url}/x`, cache: true }], { sandbox: rig.newSandbox('a') })
  failing.catch((error: unknown) => error)
  const fail = await first.promise
  const other = rig.fetch([{ value: `${url}/x`, cache: true }])
  await expect.poll(() => (rig.cache?.page.entries[0] ?? {})['in_use']).toBe(2)
  fail()
  await expect(failing).rejects.toThrow('404 Not Found')
  await other
  expect([rig.read('x'), rig.cached]).toEqual(['here', []])
})

test('what was not used for longest makes room', async () => {
  await using rig = await Rig.open({ cacheBytes: 25 })
  const server = await counting(rig, (path) => path.slice(1, 2).repeat(10))
  for (const name of ['a', 'b', 'a', 'c', 'a', 'b'])
    await rig.fetch([{ value: `${server.url}/${name}`, cache: true }], {
      sandbox: rig.newSandbox(systemRandom.uuid()),
    })
  expect(['a', 'b', 'c'].map((name) => server.gets(`/${name}`))).toEqual([1, 2, 1])
  expect([count(rig, 'evictions'), rig.cached]).toEqual([2, ['c1-a', 'c4-b']])
})

test.each([
  ['does not fit', { 'Content-Length': 26 }, 'it does not fit in: 26 B, and 0 B of 25 B are taken'],
  ['has no size', {}, 'its size is not known beforehand'],
])('what %s is fetched past the cache, and that is told', async (_, headers, why) => {
  await using rig = await Rig.open({ cacheBytes: 25 })
  const url = await rig.serve((req, res) => {
    res.writeHead(200, headers)
    res.flushHeaders()
    res.end(req.method === 'HEAD' ? '' : 'x'.repeat(26))
  })
  const progress: string[] = []
  await rig.fetch([{ value: `${url}/x`, cache: true }], { progress })
  expect([rig.read('x').length, rig.cached, count(rig, 'bypasses')]).toEqual([26, [], 1])
  expect(progress.at(-1)).toContain(`not cached: ${why}`)
})

test('what is larger than was announced is fetched past the cache', async () => {
  await using rig = await Rig.open({ cacheBytes: 25 })
  const url = await rig.serve((req, res) => {
    if (req.method === 'HEAD') res.writeHead(200, { 'Content-Length': 3 }).end()
    else res.end('x'.repeat(26))
  })
  await rig.fetch([{ value: `${url}/x`, cache: true }])
  expect([rig.read('x').length, rig.cached, rig.cache?.page.used_bytes]).toEqual([26, [], 0])
})

test('one user’s file is not another’s', async () => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  const server = await counting(rig)
  for (const name of ['nobody', 'daemon']) {
    const owner = { name, uid: name === 'nobody' ? 65_534 : 1, gid: 1 }
    await rig.fetch([{ value: `${server.url}/x`, cache: true }], { owner, sandbox: rig.newSandbox(name) })
  }
  expect([server.gets(), rig.cached]).toEqual([2, ['daemon', 'daemon/c2-x', 'nobody', 'nobody/c1-x']])
})

test.each([
  ['changed', (path: string) => writeFileSync(path, 'y')],
  ['longer', (path: string) => appendFileSync(path, 'y')],
  ['gone', (path: string) => unlinkSync(path)],
])('a cached file that is %s is not handed out, but fetched anew', async (_, harm) => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  const server = await counting(rig)
  await rig.fetch([{ value: `${server.url}/x`, cache: true }])
  harm(join(rig.home, 'cache/c1-x'))
  const sandbox = rig.newSandbox('other')
  await rig.fetch([{ value: `${server.url}/x`, cache: true }], { sandbox })
  expect([rig.read('x', sandbox), server.gets(), count(rig, 'corruptions')]).toEqual(['x', 2, 1])
  expect(rig.cached).toEqual(['c2-x'])
})

test('a cached file that was only touched is looked through and handed out', async () => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  const server = await counting(rig)
  await rig.fetch([{ value: `${server.url}/x`, cache: true }])
  utimesSync(join(rig.home, 'cache/c1-x'), 1, 1)
  await rig.fetch([{ value: `${server.url}/x`, cache: true }], { sandbox: rig.newSandbox('other') })
  expect([server.gets(), count(rig, 'hits')]).toEqual([1, 1])
})

test('an archive is unpacked from the cache, and stays there', async () => {
  await using rig = await Rig.open({ cacheBytes: 10_000 })
  const server = await counting(rig, () => tar({ name: 'f', data: 'inside' }))
  for (const name of ['one', 'two']) {
    const sandbox = rig.newSandbox(name)
    await rig.fetch([{ value: `${server.url}/a.tar`, cache: true }], { sandbox })
    expect(readdirSync(sandbox)).toEqual(['f'])
  }
  expect([server.gets(), rig.cached]).toEqual([1, ['c1-a.tar']])
})

test('a local file is cached as well', async () => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  writeFileSync(join(rig.home, 'x'), 'old')
  await rig.fetch([{ value: join(rig.home, 'x'), cache: true, executable: true }])
  writeFileSync(join(rig.home, 'x'), 'new')
  const sandbox = rig.newSandbox('other')
  await rig.fetch([{ value: join(rig.home, 'x'), cache: true }], { sandbox })
  expect(rig.read('x', sandbox)).toBe('old')
})

test('purging removes what nobody uses', async () => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  const server = await counting(rig)
  await rig.fetch([{ value: `${server.url}/x`, cache: true }])
  server.state.held = true
  const underWay = rig.fetch([{ value: `${server.url}/y`, cache: true }])
  await expect.poll(() => server.gets('/y')).toBe(1)
  expect(await rig.cache?.purge()).toEqual({ removed: 1, bytes: 1, kept: 1 })
  server.letGo()
  await underWay
  expect([rig.read('y'), rig.cached]).toEqual(['y', ['c2-y']])
})

test('at a start the cache is emptied, and a folder with other things is refused', async () => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  const server = await counting(rig)
  await rig.fetch([{ value: `${server.url}/x`, cache: true }])
  const deps = { clock: systemClock, random: systemRandom, metrics: new Metrics() }
  await using again = await FetchCache.open(deps, join(rig.home, 'cache'), 1000)
  expect([again.page.entries, rig.cached]).toEqual([[], []])
  mkdirSync(join(rig.home, 'mine'))
  writeFileSync(join(rig.home, 'mine/precious'), '')
  await expect(FetchCache.open(deps, join(rig.home, 'mine'), 1000)).rejects.toThrow('holds other things')
  expect(readdirSync(join(rig.home, 'mine'))).toEqual(['precious'])
})

test('a long name is shortened as in Mesos, and without what stands behind a question mark', async () => {
  await using rig = await Rig.open({ cacheBytes: 1000 })
  const server = await counting(rig, () => 'x')
  await rig.fetch([
    { value: `${server.url}/abcdefghijklmnopqrstuvwxyz.txt?a=/b`, cache: true, output_file: 'x' },
  ])
  expect(rig.cached).toEqual(['c1-abcdefghij_uvwxyz.txt'])
})
