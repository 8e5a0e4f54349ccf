// The terminal of a command in a container of an engine that is busy, breaks off or is away for a moment.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Clock, systemClock } from '../../../src/base/clock.ts'
import { openEngine } from '../../../src/containerizer/docker/engine.ts'
import { openDockerSession } from '../../../src/containerizer/docker/session.ts'
import type { Session } from '../../../src/containerizer/session.ts'
import { ManualClock } from '../../support/clock.ts'
import { cut, FAKE_ID, type FakeEngine, fakeEngine, hang, inTurn, json } from '../../support/fake-engine.ts'

const SOON = { timeout: 60_000, interval: 20 }
let engine: FakeEngine
/** Of the terminal, as the engine was told, each time that it took one. */
let sizes: string[]

beforeEach(async () => {
  engine = await fakeEngine()
  sizes = []
  engine.script['POST exec'] = json(201, { Id: 'e1' })
  engine.script['POST start'] = (response) =>
    response.socket?.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
})
afterEach(() => engine[Symbol.asyncDispose]())

const taken: FakeEngine['script'][string] = (response, request) => {
  const { searchParams } = new URL(request.url ?? '', 'http://engine')
  sizes.push(`${searchParams.get('h')} ${searchParams.get('w')}`)
  response.writeHead(200).end()
}

function open(clock: Clock = systemClock): Promise<Session> {
  const timeouts = { shortMs: 300, createMs: 300, startMs: 300 }
  const door = openEngine({ socket: engine.socket, clock: systemClock, timeouts })
  const place = { engine: door, dockerId: FAKE_ID, clock, inside: (): readonly number[] => [] }
  const command = { shell: false, value: 'sh', arguments: ['sh'] }
  return openDockerSession(place, { id: 'c.s', command, terminal: { rows: 33, columns: 101 } })
}

const refused = json(409, { message: 'the command does not run' })

test.each([
  ['refuses it until the command runs', inTurn(...Array.from({ length: 8 }, () => refused), taken)],
  ['breaks off', inTurn(cut, taken)],
  ['does not answer in time', inTurn(hang, taken)],
])('the first size comes through when the engine %s', async (_how, handler) => {
  engine.script['POST resize'] = handler
  const session = await open()
  await vi.waitFor(() => expect(sizes).toEqual(['33 101']), SOON)
  await session.end()
})

test('the newest size wins over one that the engine has not taken yet', async () => {
  engine.script['POST resize'] = inTurn(hang, refused, cut, taken)
  const session = await open()
  session.resize({ rows: 44, columns: 101 })
  session.resize({ rows: 44, columns: 155 })
  await vi.waitFor(() => expect(sizes).toEqual(['44 155']), SOON)
  await session.end()
})

test('a session that has ended asks no more', async () => {
  engine.script['POST resize'] = refused
  const manual = new ManualClock()
  const session = await open(manual)
  const asked = (): number => engine.requests.filter((one) => one.endsWith('/resize')).length
  await vi.waitFor(() => expect([asked(), manual.pending]).toEqual([1, 1]), SOON)
  await session.end()
  await session.exited
  session.resize({ rows: 44, columns: 155 })
  await manual.advance(60_000)
  expect([asked(), manual.pending]).toEqual([1, 0])
})
