// Scopes, channels, periodic work and retries end when they are told to and lose nothing on the way.
import { expect, test } from 'vitest'
import { Channel } from '../../../src/base/channel.ts'
import { every } from '../../../src/base/clock.ts'
import { delays, retry } from '../../../src/base/delays.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import { seededRandom, shuffled, uuidBytes } from '../../../src/base/random.ts'
import { Scope } from '../../../src/base/scope.ts'
import { ManualClock } from '../../support/clock.ts'

test('a scope ends what it holds in reverse order, after its loops', async () => {
  const order: string[] = []
  {
    await using scope = new Scope()
    scope.defer(() => void order.push('first'))
    scope.defer(() => void order.push('second'))
    scope.spawn(
      'loop',
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            order.push('loop')
            reject(signal.reason as Error)
          })
        }),
      () => order.push('crash'),
    )
  }
  expect(order).toEqual(['loop', 'second', 'first'])
})

test('a crash of a loop is reported with its name', async () => {
  const crashes: string[] = []
  await using scope = new Scope()
  scope.spawn(
    'broken',
    () => Promise.reject(new Error('no')),
    (name) => crashes.push(name),
  )
  await new ManualClock().settle()
  expect(crashes).toEqual(['broken'])
})

test('a channel delivers in order and ends after what is queued', async () => {
  const channel = new Channel<number>(10, 'close')
  for (const item of [1, 2, 3]) channel.push(item)
  channel.close()
  expect(await Array.fromAsync(channel)).toEqual([1, 2, 3])
  expect(channel.push(4)).toBe(false)
})

test('a slow reader loses the oldest, or the whole channel, as the policy says', async () => {
  const dropping = new Channel<number>(2, 'drop-oldest')
  for (const item of [1, 2, 3]) dropping.push(item)
  dropping.close()
  expect([await Array.fromAsync(dropping), dropping.dropped]).toEqual([[2, 3], 1])
  const closing = new Channel<number>(2, 'close')
  expect([1, 2, 3].map((item) => closing.push(item))).toEqual([true, true, false])
  await expect(Array.fromAsync(closing)).rejects.toThrow('2 items behind')
})

test('a waiting reader is woken by the next item', async () => {
  const channel = new Channel<string>(2, 'close')
  const reader = channel[Symbol.asyncIterator]()
  const next = reader.next()
  channel.push('late')
  expect((await next).value).toBe('late')
})

test('periodic work never overlaps, survives a failure, and tells it once per streak', async () => {
  const clock = new ManualClock()
  const stop = new AbortController()
  const failures: unknown[] = []
  let runs = 0
  const loop = every(
    clock,
    { ms: 1000, name: 'test', onFailure: (error) => failures.push(error) },
    () => {
      runs++
      if (runs === 2 || runs === 3) throw new Error(`run ${runs}`)
    },
    stop.signal,
  )
  await clock.advance(5000)
  expect([runs, failures.length]).toEqual([5, 1])
  stop.abort()
  await loop
  expect(clock.pending).toBe(0)
})

test('a retry waits longer each time up to its maximum and stops on abort', async () => {
  const clock = new ManualClock()
  const random = seededRandom(1)
  const waits: number[] = []
  const result = retry(
    { clock, random },
    { firstMs: 100, factor: 2, maxMs: 300, jitter: 0 },
    () => (waits.length < 4 ? Promise.reject(new Error('not yet')) : Promise.resolve('done')),
    (_, wait) => waits.push(wait),
    new AbortController().signal,
  )
  await clock.advance(1000)
  expect(await result).toBe('done')
  expect(waits).toEqual([100, 200, 300, 300])
  const stop = new AbortController()
  const endless = retry(
    { clock, random },
    { firstMs: 1, factor: 1, maxMs: 1, jitter: 1 },
    () => Promise.reject(new Error('x')),
    () => undefined,
    stop.signal,
  )
  stop.abort(new Error('enough'))
  await expect(endless).rejects.toThrow('enough')
})

test('jitter stays within its share', () => {
  const source = delays({ firstMs: 100, factor: 1, maxMs: 100, jitter: 0.5 }, seededRandom(3))
  for (let count = 0; count < 100; count++) {
    const delay = source.next().value
    expect(delay).toBeGreaterThanOrEqual(50)
    expect(delay).toBeLessThan(100)
  }
})

test('a seed repeats its sequence and uuids have their form', () => {
  const [a, b] = [seededRandom(42), seededRandom(42)]
  expect([a.next(), a.uuid()]).toEqual([b.next(), b.uuid()])
  expect(a.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(Buffer.from(uuidBytes(a.uuid()), 'base64')).toHaveLength(16)
  expect(shuffled([1, 2, 3, 4], a).toSorted((x, y) => x - y)).toEqual([1, 2, 3, 4])
})

test('metrics show declared counters as zero and gauges as they are now', () => {
  const metrics = new Metrics()
  metrics.declare('b')
  metrics.count('a', 2)
  metrics.gauge('c', () => 7)
  expect(metrics.snapshot()).toEqual({ a: 2, b: 0, c: 7 })
})
