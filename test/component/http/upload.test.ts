// Records that are sent as one endless request: our client and our server, each also against peers that misbehave.
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { takeRecords } from '../../../src/http/records.ts'
import type { HttpRequest } from '../../../src/http/request.ts'
import { accepted, text, type Answer } from '../../../src/http/response.ts'
import { Upload } from '../../../src/http/upload.ts'
import { ManualClock } from '../../support/clock.ts'
import { exchange, requestText } from '../../support/raw-http.ts'
import { serving, type Serving } from './serving.ts'

const LIMITS = { headerDigits: 20, recordBytes: 100_000 }

/** Takes records until one is `bad`; `seen` is called for each. */
async function taking(seen: (record: string) => void): Promise<Serving> {
  const handle = async (request: HttpRequest): Promise<Answer> => {
    const refusal = await takeRecords(request, LIMITS, (record) => {
      seen(record)
      return record === 'bad' ? text(400, 'It is bad') : undefined
    })
    return refusal ?? accepted()
  }
  return serving([{ path: '/up', handle }])
}

const uploadTo = (port: number, more: Partial<ConstructorParameters<typeof Upload>[0]> = {}): Upload =>
  new Upload({ clock: systemClock, url: `http://127.0.0.1:${port}/up`, ...more })

/** A peer that accepts connections and neither reads nor answers. */
async function deafServer(): Promise<{ port: number; close: () => void }> {
  const server = createServer((socket) => socket.pause().on('error', () => undefined))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as { port: number }).port, close: () => server.close() }
}

describe('an upload', () => {
  test('brings its records in order while it is open, and is answered at its end', async () => {
    const got: string[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    await using served = await taking((record) => got.push(record) === 3 && resolve())
    const upload = uploadTo(served.port)
    const long = 'ü'.repeat(40_000)
    for (const record of ['one', long, 'three']) upload.send(record)
    await promise
    expect(got).toEqual(['one', long, 'three'])
    upload.send('four')
    upload.end()
    await upload.answered
    expect(got.at(-1)).toBe('four')
  })

  test('hears at once of a record that is refused, and nothing behind it is taken', async () => {
    const got: string[] = []
    await using served = await taking((record) => got.push(record))
    const upload = uploadTo(served.port)
    for (const record of ['good', 'bad', 'good']) upload.send(record)
    await expect(upload.answered).rejects.toThrow(/was answered with 400: It is bad/)
    expect(got).toEqual(['good', 'bad'])
  })

  test('waits with the peer while a record is at work, comes in order, and is refused in its turn', async () => {
    const got: string[] = []
    let atWork = 0
    const handle = async (request: HttpRequest): Promise<Answer> => {
      const slowly = async (record: string): Promise<Answer | undefined> => {
        expect(++atWork).toBe(1)
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
        atWork -= 1
        got.push(record)
        return record === 'bad' ? text(400, 'It is bad') : undefined
      }
      return (await takeRecords(request, LIMITS, slowly)) ?? accepted()
    }
    await using served = await serving([{ path: '/up', handle }])
    const many = Array.from({ length: 50 }, (_, index) => `${index} ${'x'.repeat(index * 1000)}`)
    const whole = uploadTo(served.port)
    for (const record of many) whole.send(record)
    whole.end()
    await whole.answered
    expect(got).toEqual(many)
    const cut = uploadTo(served.port)
    for (const record of ['good', 'bad', 'good']) cut.send(record)
    await expect(cut.answered).rejects.toThrow(/was answered with 400: It is bad/)
    expect(got.slice(many.length)).toEqual(['good', 'bad'])
  })

  test('is over, without a refusal, when whoever takes it says so', async () => {
    const over = new AbortController()
    const taken = Promise.withResolvers<void>()
    const handle = async (request: HttpRequest): Promise<Answer> => {
      const take = (): undefined => {
        taken.resolve()
      }
      const refusal = await takeRecords(request, LIMITS, take, over.signal)
      return refusal ?? text(404, 'It is over')
    }
    await using served = await serving([{ path: '/up', handle }])
    const upload = uploadTo(served.port)
    upload.send('one')
    await taken.promise
    over.abort()
    await expect(upload.answered).rejects.toThrow(/was answered with 404: It is over/)
  })

  test('ends when its server closes, which does not wait for it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const served = await taking(() => resolve())
    const upload = uploadTo(served.port)
    upload.send('one')
    await promise
    await served[Symbol.asyncDispose]()
    await expect(upload.answered).rejects.toThrow(/503|failed/)
  })

  test('to a peer that takes nothing fails at its limit, and one without an answer when its time is over', async () => {
    const clock = new ManualClock()
    const deaf = await deafServer()
    try {
      const full = uploadTo(deaf.port, { unsentBytes: 1000 })
      full.send('x'.repeat(2000))
      await expect(full.answered).rejects.toThrow(/leaves more than 1000 bytes untaken/)
      const late = uploadTo(deaf.port, { clock })
      late.send('one')
      late.end()
      await clock.advance(10_000)
      await expect(late.answered).rejects.toThrow(/no answer within 10000 ms/)
    } finally {
      deaf.close()
    }
  })

  test('to nobody, and one that is closed, say so', async () => {
    const deaf = await deafServer()
    const closed = uploadTo(deaf.port)
    closed.close()
    await expect(closed.answered).rejects.toThrow(/was closed/)
    deaf.close()
    const nobody = uploadTo(deaf.port)
    nobody.send('one')
    await expect(nobody.answered).rejects.toThrow(/failed/)
  })

  test.each([
    ['no length', {}, 'x\n', 400, /decimal digits/],
    ['an end inside a record', {}, '9\nshort', 400, /ended 4 bytes before the end/],
    ['a record beyond the limit', {}, '100001\n', 400, /at most 100000/],
    ['zipped records', { 'Content-Encoding': 'gzip' }, '1\nx', 415, /but received 'gzip'/],
  ])('of other clients with %s is refused in words', async (_, headers, body, status, words) => {
    await using served = await taking(() => undefined)
    const answer = await exchange(served.port, requestText('POST /up', headers, body))
    expect([answer.status, answer.body]).toEqual([status, expect.stringMatching(words)])
  })
})
