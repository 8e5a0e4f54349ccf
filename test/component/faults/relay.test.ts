// The bad network of the fault suite: what passes, what waits, what is cut.
import { createServer, get, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openRelay, type Relay } from '../../support/relay.ts'

let server: Server
let relay: Relay
let seen: string[]

beforeEach(async () => {
  seen = []
  server = createServer((request, answer) => {
    seen.push(request.url ?? '')
    answer.end('from behind')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  relay = await openRelay({ port: 0 }, { port })
})

afterEach(async () => {
  await relay[Symbol.asyncDispose]()
  server.close()
})

const port = (): number => (relay.place as { port: number }).port

function ask(path: string): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  get({ host: '127.0.0.1', port: port(), path, agent: false }, (answer) => {
    let body = ''
    answer.on('data', (part: Buffer) => (body += part.toString()))
    answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }))
  }).on('error', reject)
  return promise
}

/** A connection that the server behind has answered on once. */
async function openConnection(): Promise<Socket> {
  const socket = connect(port(), '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.write('GET /first HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'data')
  return socket
}

describe('a relay', () => {
  test('lets requests and answers through while it is open', async () => {
    expect(await ask('/one')).toEqual({ status: 200, body: 'from behind' })
    expect(seen).toEqual(['/one'])
  })

  test('that is away cuts what is open and takes nothing new, until it is open again', async () => {
    const socket = await openConnection()
    const closed = once(socket, 'close')
    relay.mode = { kind: 'away' }
    await closed
    await expect(ask('/lost')).rejects.toThrow('socket hang up')
    relay.mode = { kind: 'open' }
    expect((await ask('/again')).status).toBe(200)
    expect(seen).toEqual(['/first', '/again'])
  })

  test('that is silent cuts nothing, and hands on afterwards what was sent meanwhile', async () => {
    const socket = await openConnection()
    relay.mode = { kind: 'silent' }
    socket.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n')
    const other = ask('/new')
    // The server answers to a third party at once, so it would have heard of these two by then.
    const { port: behind } = server.address() as { port: number }
    await fetch(`http://127.0.0.1:${behind}/beside`)
    expect(seen).toEqual(['/first', '/beside'])
    relay.mode = { kind: 'open' }
    expect((await other).status).toBe(200)
    await expect.poll(() => seen.toSorted()).toEqual(['/beside', '/first', '/held', '/new'])
    socket.destroy()
  })

  test('that is failing answers every request with 500 and never reaches the server', async () => {
    relay.mode = { kind: 'failing' }
    expect(await ask('/refused')).toEqual({ status: 500, body: '{"message":"the engine is out of order"}' })
    expect(seen).toEqual([])
  })

  test('that is slow keeps the order of what passes', async () => {
    const socket = await openConnection()
    relay.mode = { kind: 'slow', ms: 50 }
    socket.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\n')
    relay.mode = { kind: 'open' }
    socket.write('GET /b HTTP/1.1\r\nHost: x\r\n\r\n')
    await expect.poll(() => seen).toEqual(['/first', '/a', '/b'])
    socket.destroy()
  })
})
