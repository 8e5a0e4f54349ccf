// Bodies that are taken off their connections: byte for byte, however they come and however slowly they are used.
import { once } from 'node:events'
import { type ClientRequest, get, type IncomingMessage, type RequestListener } from 'node:http'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TappedAgent } from '../../../src/fetcher/body-tap.ts'
import { Rig } from '../../support/fetch-rig.ts'

let rig: Rig
let agent: TappedAgent
beforeEach(async () => {
  rig = await Rig.open()
  agent = new TappedAgent()
})
afterEach(async () => {
  agent.destroy()
  await rig[Symbol.asyncDispose]()
})

/** The head of an answer. */
async function ask(listener: RequestListener): Promise<[IncomingMessage, ClientRequest]> {
  const sent = get(await rig.serve(listener), { agent })
  sent.on('error', () => undefined)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.on('error', () => undefined)
  return [response, sent]
}

/** Bytes of which no two stretches are the same. */
function numbers(bytes: number): Buffer {
  const all = Buffer.alloc(bytes)
  for (let at = 0; at + 4 <= bytes; at += 4) all.writeUInt32LE(at, at)
  return all
}

/** Copies each piece when others have had their turn, for as long as it is said to be good. */
async function collect(body: AsyncIterable<Buffer>, turns: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of body) {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces)
}

test('law: a body comes as it was sent, in whatever pieces, to whoever takes it fast or slowly', async () => {
  const sizes = fc.array(fc.oneof(fc.nat(2000), fc.nat(400_000)), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(20), fc.boolean(), async (pieces, turns, apart) => {
      const whole = numbers(pieces.reduce((sum, size) => sum + size, 4))
      const [response, sent] = await ask((_, res) => {
        res.writeHead(200, { 'Content-Length': whole.length }).flushHeaders()
        void (async () => {
          let at = 0
          for (const size of [...pieces, 4]) {
            if (apart) await new Promise((resolve) => setImmediate(resolve))
            res.write(whole.subarray(at, (at += size)))
          }
          res.end()
        })()
      })
      const body = agent.bodyOf(response, whole.length)
      const came = await collect(body ?? response, turns)
      expect(came.equals(whole)).toBe(true)
      sent.destroy()
    }),
    { numRuns: 40 },
  )
}, 120_000)

test('a large body is read into few buffers, and no further than they hold while nobody takes it', async () => {
  const whole = numbers(16 * 1024 * 1024)
  let sentBytes = 0
  const [response, sent] = await ask((_, res) => {
    res.writeHead(200, { 'Content-Length': whole.length }).flushHeaders()
    const more = (): void => {
      if (sentBytes === whole.length) return void res.end()
      res.write(whole.subarray(sentBytes, (sentBytes += 65_536)), more)
    }
    more()
  })
  const body = agent.bodyOf(response, whole.length)
  expect(body).toBeDefined()
  const memories = new Set<unknown>()
  const pieces: Buffer[] = []
  for await (const piece of body ?? response) {
    memories.add((piece as Buffer).buffer)
    pieces.push(Buffer.from(piece as Buffer))
  }
  expect(Buffer.concat(pieces).equals(whole)).toBe(true)
  // Those of the tap, and what had come with the head.
  expect(memories.size).toBeLessThanOrEqual(8)
  sent.destroy()
})

test('a body whose connection ends early ends early', async () => {
  const [response] = await ask((_, res) => {
    res.writeHead(200, { 'Content-Length': 1_000_000 })
    res.write(Buffer.alloc(300_000), () => res.destroy())
  })
  const body = agent.bodyOf(response, 1_000_000)
  expect(await collect(body ?? response, 0).then(({ length }) => length)).toBeLessThanOrEqual(300_000)
})

test.each<[string, RequestListener]>([
  ['in chunks of its own', (_, res) => void res.writeHead(200).write('some')],
  ['with the head', (_, res) => void res.writeHead(200, { 'Content-Length': 4 }).end('some')],
])('a body that comes %s takes the usual way', async (_, listener) => {
  const [response, sent] = await ask(listener)
  await new Promise((resolve) => setImmediate(resolve))
  const piece = once(response, 'data')
  expect(agent.bodyOf(response, 4)).toBeUndefined()
  expect(String((await piece)[0])).toBe('some')
  sent.destroy()
})
