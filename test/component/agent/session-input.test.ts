// ATTACH_CONTAINER_INPUT over real HTTP: records that are the input of a session.
import { expect, test } from 'vitest'
import { exchange, requestText } from '../../support/raw-http.ts'
import {
  running,
  launchCall,
  Reader,
  sessionIn,
  nested,
  Writer,
  until,
} from '../../support/session-client.ts'

test('input, sizes and the end of input reach the session in their order', async () => {
  await using here = await running()
  const tty_info = { window_size: { rows: 30, columns: 100 } }
  using _ = await Reader.open(here, launchCall(here, { container: { type: 'MESOS', tty_info } }))
  const session = sessionIn(here)
  expect(session.wish.terminal).toEqual({ rows: 30, columns: 100 })
  using writer = await Writer.open(here)
  writer.send({ type: 'CONTAINER_ID', ...nested(here) })
  writer.input('first ')
  writer.input('second')
  const larger = { window_size: { rows: 50, columns: 200 } }
  const control = { type: 'TTY_INFO', tty_info: larger }
  writer.send({ type: 'PROCESS_IO', process_io: { type: 'CONTROL', control } })
  const beat = { type: 'HEARTBEAT', heartbeat: { interval: { nanoseconds: 1 } } }
  writer.send({ type: 'PROCESS_IO', process_io: { type: 'CONTROL', control: beat } })
  writer.input('')
  await until(() => session.inputEnded)
  expect(Buffer.concat(session.input).toString()).toBe('first second')
  expect(session.sizes).toEqual([{ rows: 50, columns: 200 }])
  session.exit(0)
  expect(await writer.answer()).toMatch(/^200/)
})

test('one connection at a time gives input, and the next one when it has left', async () => {
  await using here = await running()
  using _ = await Reader.open(here, launchCall(here))
  const session = sessionIn(here)
  const first = await Writer.open(here)
  first.send({ type: 'CONTAINER_ID', ...nested(here) })
  first.input('a')
  await until(() => session.input.length === 1)
  using second = await Writer.open(here)
  second.send({ type: 'CONTAINER_ID', ...nested(here) })
  expect(await second.answer()).toBe('409 Multiple input connections are not allowed')
  first.end()
  expect(await first.answer()).toMatch(/^200/)
  first[Symbol.dispose]()
  using third = await Writer.open(here)
  third.send({ type: 'CONTAINER_ID', ...nested(here) })
  third.input('b')
  await until(() => session.input.length === 2)
})

test('records that are no input are refused in words', async () => {
  await using here = await running()
  using _ = await Reader.open(here, launchCall(here))
  const id = { type: 'CONTAINER_ID', ...nested(here) }
  const data = { type: 'STDOUT', data: '' }
  const cases: readonly (readonly [readonly object[], RegExp])[] = [
    [
      [{ type: 'PROCESS_IO', process_io: { type: 'CONTROL', control: { type: 'HEARTBEAT' } } }],
      /^400 .*first/,
    ],
    [[{}], /^400 .*type' to be present/],
    [[{ type: 'CONTAINER_ID' }], /^400 .*container_id' to be present/],
    [[{ type: 'CONTAINER_ID', ...nested(here, 'nobody') }], /^404 /],
    [[id, { type: 'PROCESS_IO' }], /^400 .*process_io' to be present/],
    [[id, { type: 'PROCESS_IO', process_io: { type: 'DATA', data } }], /^400 .*to be STDIN/],
    [[id, id], /^400 .*PROCESS_IO/],
  ]
  for (const [inputs, said] of cases) {
    using writer = await Writer.open(here)
    for (const input of inputs) writer.send(input)
    expect(await writer.answer()).toMatch(said)
  }
  using other = await Writer.open(here)
  other.record({ type: 'GET_HEALTH' })
  expect(await other.answer()).toMatch(/^400 .*ATTACH_CONTAINER_INPUT/)
  using broken = await Writer.open(here)
  broken.connection.send('5\r\nhello\r\n')
  expect(await broken.answer()).toMatch(/^400 Record 1/)
  const bare = await exchange(
    here.agent.port,
    requestText('POST /api/v1', { 'Content-Type': 'application/recordio' }, '2\n{}'),
  )
  expect(bare.status).toBe(400)
  expect(sessionIn(here).input).toEqual([])
})
