// Bodies that are read while they are sent: whole or cut, never ahead of who takes them, and closed in every case.
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import type { BodyAnswer } from '../../../src/http/body.ts'
import { ManualClock } from '../../support/clock.ts'
import { type Serving, serving } from './serving.ts'

const PIECE = Buffer.alloc(256 * 1024, 'a piece of it ')
let served: Serving | undefined
afterEach(async () => {
  await served?.[Symbol.asyncDispose]()
  served = undefined
})

class Source {
  made = 0
  closed = 0
  readonly #stuck = Promise.withResolvers<undefined>()

  answer(pieces: number, more: Partial<BodyAnswer> = {}, stuckAt = Infinity): BodyAnswer {
    return {
      kind: 'body',
      status: 200,
      contentType: 'application/octet-stream',
      length: pieces * PIECE.length,
      pieces: this.#make(pieces, stuckAt),
      close: () => {
        this.closed++
        this.#stuck.resolve(undefined)
        return Promise.resolve()
      },
      ...more,
    }
  }

  async *#make(pieces: number, stuckAt: number): AsyncGenerator<Buffer> {
    for (; this.made < pieces; this.made++) {
      if (this.made === stuckAt) await this.#stuck.promise
      yield PIECE
    }
  }
}

async function ask(answer: BodyAnswer, clock?: ManualClock): Promise<IncomingMessage> {
  const route = { path: '/body', methods: ['GET'] as const, handle: () => answer }
  served = await serving([route], clock === undefined ? {} : { clock })
  const sent = get({ port: served.port, path: '/body', agent: false })
  sent.on('error', () => undefined)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.on('error', () => undefined)
  return response
}

/** Bytes that came, and whether that was all. */
async function taken(response: IncomingMessage): Promise<{ bytes: number; isWhole: boolean }> {
  let bytes = 0
  response.on('data', (piece: Buffer) => (bytes += piece.length))
  await new Promise<void>((resolve) => (response.destroyed ? resolve() : response.on('close', resolve)))
  return { bytes, isWhole: response.complete }
}

test('a body of 100 MB arrives whole, with its length told before', async () => {
  const source = new Source()
  const response = await ask(source.answer(400))
  expect(response.headers).toMatchObject({
    'content-length': String(400 * PIECE.length),
    'content-type': 'application/octet-stream',
  })
  expect(await taken(response)).toEqual({ bytes: 400 * PIECE.length, isWhole: true })
  await expect.poll(() => source.closed).toBe(1)
})

test('nothing is read ahead of a client that does not take it', async () => {
  const source = new Source()
  const response = await ask(source.answer(4000))
  let before = -1
  // What the kernel holds between the two is a few MB.
  await expect.poll(() => before === (before = source.made), { interval: 200 }).toBe(true)
  expect(source.made).toBeLessThan(200)
  response.destroy()
  await expect.poll(() => source.closed).toBe(1)
})

test('a client that takes nothing for a minute is let go', async () => {
  const clock = new ManualClock()
  const source = new Source()
  const response = await ask(source.answer(4000), clock)
  let before = -1
  await expect.poll(() => before === (before = source.made), { interval: 200 }).toBe(true)
  await clock.advance(59_000)
  expect(source.closed).toBe(0)
  await clock.advance(2000)
  await expect.poll(() => source.closed).toBe(1)
  expect((await taken(response)).isWhole).toBe(false)
})

test('a source that stands still for a minute is let go, and its client too', async () => {
  const clock = new ManualClock()
  const source = new Source()
  const response = await ask(source.answer(10, {}, 3), clock)
  const end = taken(response)
  await expect.poll(() => source.made).toBe(3)
  await clock.advance(61_000)
  expect(await end).toEqual({ bytes: 3 * PIECE.length, isWhole: false })
  await expect.poll(() => source.closed).toBe(1)
})

test('a client that leaves while the source stands still ends it', async () => {
  const source = new Source()
  const response = await ask(source.answer(10, {}, 3))
  await expect.poll(() => source.made).toBe(3)
  response.destroy()
  await expect.poll(() => source.closed).toBe(1)
})

test.each<[string, (source: Source) => BodyAnswer]>([
  ['ends before its length', (source) => source.answer(10, { length: 11 * PIECE.length })],
  [
    'breaks',
    (source) =>
      source.answer(10, {
        pieces: (async function* () {
          yield PIECE
          await Promise.reject(new Error('the disk broke'))
        })(),
      }),
  ],
])('a body that %s is cut: nobody takes a part for the whole', async (_, answer) => {
  const source = new Source()
  expect((await taken(await ask(answer(source)))).isWhole).toBe(false)
  await expect.poll(() => source.closed).toBe(1)
})

test('a body whose length nobody knows comes in chunks', async () => {
  const source = new Source()
  const response = await ask(source.answer(10, { length: undefined }))
  expect(response.headers['transfer-encoding']).toBe('chunked')
  expect(await taken(response)).toEqual({ bytes: 10 * PIECE.length, isWhole: true })
})
