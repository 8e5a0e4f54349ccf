// Pulls: shared, told, stopped when nothing moves or nobody waits; and the credentials that go with them.
import { expect, test } from 'vitest'
import { Channel } from '../../../../src/base/channel.ts'
import { credentialsFor } from '../../../../src/containerizer/docker/credentials.ts'
import type { PullLine } from '../../../../src/containerizer/docker/engine-answers.ts'
import { Images } from '../../../../src/containerizer/docker/image.ts'
import { ManualClock } from '../../../support/clock.ts'

interface Fake {
  readonly images: Images
  readonly clock: ManualClock
  /** One per request to the engine. */
  readonly pulls: { readonly lines: Channel<PullLine>; readonly signal: AbortSignal }[]
}

function fake(): Fake {
  const clock = new ManualClock()
  const pulls: Fake['pulls'] = []
  const engine = {
    pull: (_reference: string, _auth: unknown, signal: AbortSignal) => {
      const lines = new Channel<PullLine>(100, 'close')
      signal.addEventListener('abort', () => lines.close(signal.reason as Error))
      pulls.push({ lines, signal })
      return lines
    },
  }
  return { images: new Images({ engine, clock, stallMs: 60_000 }), clock, pulls }
}

const layer = (id: string, current: number): PullLine => ({
  id,
  status: 'Downloading',
  progressDetail: { current, total: 100 },
})
const never = new AbortController().signal

test('tasks that want the same image share one pull, and each is told of it at most once a second', async () => {
  const { images, clock, pulls } = fake()
  const told: string[][] = [[], []]
  const waiting = told.map((lines) =>
    images.pull({ reference: 'app:1', auth: undefined, progress: (line) => lines.push(line) }, never),
  )
  const lines = pulls[0]?.lines
  for (let step = 0; step <= 20; step++) {
    lines?.push(layer('a', step * 5))
    await clock.advance(100)
  }
  lines?.close()
  await Promise.all(waiting)
  expect(pulls).toHaveLength(1)
  expect(told[0]).toEqual(told[1])
  expect(told[0]).toEqual([
    'Pulling the image app:1: 0 of 1 layer, 0 % (0 B of 100 B)',
    'Pulling the image app:1: 0 of 1 layer, 50 % (50 B of 100 B)',
    'Pulling the image app:1: 0 of 1 layer, 100 % (100 B of 100 B)',
  ])
})

test('a pull goes on while somebody waits and ends with the last one', async () => {
  const { images, clock, pulls } = fake()
  const first = new AbortController()
  const second = new AbortController()
  const waiting = [first, second].map((stop) =>
    images
      .pull({ reference: 'app:1', auth: undefined, progress: () => undefined }, stop.signal)
      .catch((error: unknown) => error),
  )
  const reason = new Error('killed')
  first.abort(reason)
  expect(await waiting[0]).toBe(reason)
  expect(pulls[0]?.signal.aborted).toBe(false)
  second.abort(reason)
  expect(await waiting[1]).toBe(reason)
  expect(pulls[0]?.signal.aborted).toBe(true)
  await clock.settle()
  expect(clock.pending).toBe(0)
})

test('a pull in which nothing moves for the stall time fails, however often it repeats itself', async () => {
  const { images, clock, pulls } = fake()
  const pull = images
    .pull({ reference: 'app:1', auth: undefined, progress: () => undefined }, never)
    .catch((error: unknown) => error)
  pulls[0]?.lines.push(layer('a', 10))
  for (let second = 0; second < 61; second++) {
    await clock.advance(1000)
    pulls[0]?.lines.push(layer('a', 10))
  }
  await clock.settle()
  expect(await pull).toMatchObject({
    code: 'IMAGE',
    message: 'Pulling the image app:1: 0 of 1 layer, 10 % (10 B of 100 B): nothing moved for 60 s',
  })
})

test('an error line is the engine’s answer, although the request was accepted', async () => {
  const { images, pulls, clock } = fake()
  const pull = images
    .pull({ reference: 'app:1', auth: undefined, progress: () => undefined }, never)
    .catch((error: unknown) => error)
  await clock.settle()
  pulls[0]?.lines.push({ error: 'manifest unknown' })
  expect(await pull).toMatchObject({
    code: 'IMAGE',
    message: 'Cannot pull the image app:1: manifest unknown',
  })
})

test('credentials are found by the registry’s name, or by the engine’s index for images without one', () => {
  const auth = Buffer.from('me:se:cret').toString('base64')
  const config = JSON.stringify({
    auths: { 'https://registry.test:5000/v1/': { auth }, 'index.test': { identitytoken: 't' } },
  })
  expect(credentialsFor('registry.test:5000/app:1', config, 'index.test')).toEqual({
    username: 'me',
    password: 'se:cret',
    serveraddress: 'registry.test:5000',
  })
  expect(credentialsFor('team/app:1', config, 'https://index.test/v1/')).toMatchObject({ identitytoken: 't' })
  expect(credentialsFor('other.test/app:1', config, 'index.test')).toBeUndefined()
  expect(() => credentialsFor('app:1', '{secret', 'x')).toThrow(
    /^The Docker configuration with credentials is not JSON$/,
  )
})
