// Commands in running containers over real HTTP: sessions, who hears them, how they end, and their limits.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { type RawAnswer } from '../../support/raw-http.ts'
import {
  running,
  type Wish,
  launchCall,
  STREAM_HEADERS,
  Reader,
  output,
  sessionIn,
  call,
  nested,
  until,
} from '../../support/session-client.ts'

test('output comes as records by its stream, ends with the session, and the end is told afterwards', async () => {
  await using here = await running()
  using reader = await Reader.open(here, launchCall(here))
  expect(reader.connection.received).toContain('Content-Type: application/recordio')
  expect(reader.connection.received).toContain('Message-Content-Type: application/json')
  const session = sessionIn(here)
  expect(session.wish).toMatchObject({ command: { value: 'sh' }, terminal: undefined })
  await session.print('STDOUT', 'to you')
  await session.print('STDERR', 'to me')
  expect(await reader.until(2)).toEqual([output('STDOUT', 'to you'), output('STDERR', 'to me')])
  session.exit(7 * 256)
  await reader.connection.until('\r\n0\r\n\r\n')
  const waited = await call(here, 'WAIT_NESTED_CONTAINER', nested(here))
  expect(JSON.parse(waited.body)).toEqual({
    type: 'WAIT_NESTED_CONTAINER',
    wait_nested_container: { exit_status: 7 * 256 },
  })
})

test('a session ends with the connection that opened it', async () => {
  await using here = await running()
  const reader = await Reader.open(here, launchCall(here))
  reader[Symbol.dispose]()
  await until(() => sessionIn(here).ends > 0)
})

test('a session ends with its agent, also when the task goes on', async () => {
  await using here = await running()
  using reader = await Reader.open(here, launchCall(here))
  await here.agent.leave()
  expect(sessionIn(here).ends).toBeGreaterThan(0)
  await reader.connection.end()
})

test('a session ends with its container', async () => {
  await using here = await running()
  using reader = await Reader.open(here, launchCall(here))
  here.container.end()
  await reader.connection.until('\r\n0\r\n\r\n')
  expect(sessionIn(here).ends).toBeGreaterThan(0)
})

test('who attaches later reads what comes from then on', async () => {
  await using here = await running()
  using first = await Reader.open(here, launchCall(here))
  await sessionIn(here).print('STDOUT', 'before')
  const attach = JSON.stringify({ type: 'ATTACH_CONTAINER_OUTPUT', attach_container_output: nested(here) })
  using second = await Reader.open(here, attach)
  await sessionIn(here).print('STDOUT', 'after')
  expect(await second.until(1)).toEqual([output('STDOUT', 'after')])
  expect(await first.until(2)).toHaveLength(2)
})

test('a reader that does not read makes the session wait, and is cut after a minute', async () => {
  await using here = await running()
  using reader = await Reader.open(here, launchCall(here))
  reader.connection.socket.pause()
  const session = sessionIn(here)
  // More than the kernel takes, and more than a stream may leave unsent.
  let isTaken = false
  const printing = session.print('STDOUT', Buffer.alloc(64 * 1024 * 1024)).then(() => (isTaken = true))
  await here.clock.advance(62_000)
  expect({ ends: session.ends, isTaken }).toEqual({ ends: 0, isTaken: false })
  await here.clock.advance(30_000)
  await until(() => session.ends > 0)
  await printing
})

test('heartbeats come every 30 seconds', async () => {
  await using here = await running()
  using reader = await Reader.open(here, launchCall(here))
  await here.clock.advance(30_000)
  expect(await reader.until(1)).toEqual([
    {
      type: 'CONTROL',
      control: { type: 'HEARTBEAT', heartbeat: { interval: { nanoseconds: 30_000_000_000 } } },
    },
  ])
})

test('KILL_NESTED_CONTAINER sends signals, and 9 ends all of a session', async () => {
  await using here = await running()
  using _ = await Reader.open(here, launchCall(here))
  const session = sessionIn(here)
  const kill = (signal?: number, id?: string): Promise<RawAnswer> =>
    call(here, 'KILL_NESTED_CONTAINER', { ...nested(here, id), signal })
  expect((await kill(15)).status).toBe(200)
  expect({ signals: session.signals, ends: session.ends }).toEqual({ signals: [15], ends: 0 })
  expect((await kill(4711)).status).toBe(400)
  expect((await kill()).status).toBe(200)
  expect(session.ends).toBe(1)
  expect((await kill()).status).toBe(200)
  expect((await kill(9, 'nobody')).status).toBe(404)
})

test('WAIT_NESTED_CONTAINER waits for the end', async () => {
  await using here = await running()
  using _ = await Reader.open(here, launchCall(here))
  const waited = call(here, 'WAIT_NESTED_CONTAINER', nested(here))
  sessionIn(here).exit(15)
  expect(JSON.parse((await waited).body)).toMatchObject({ wait_nested_container: { exit_status: 15 } })
  expect((await call(here, 'WAIT_NESTED_CONTAINER', nested(here, 'x'))).status).toBe(404)
})

test('more sessions than the agent takes are refused, until one has ended', async () => {
  await using here = await running('--max_sessions=2')
  using _one = await Reader.open(here, launchCall(here, { id: 'one' }))
  using _two = await Reader.open(here, launchCall(here, { id: 'two' }))
  const refused = await here.agent.post('/api/v1', launchCall(here, { id: 'three' }), STREAM_HEADERS)
  expect(refused.status).toBe(503)
  expect(refused.body).toContain('2 sessions already')
  sessionIn(here, 'one').exit(0)
  await call(here, 'WAIT_NESTED_CONTAINER', nested(here, 'one'))
  using _three = await Reader.open(here, launchCall(here, { id: 'three' }))
  const metrics = await here.agent.page<Record<string, number>>('/metrics/snapshot')
  expect(metrics).toMatchObject({
    'slave/sessions': 2,
    'slave/sessions_opened': 3,
    'slave/sessions_refused': 1,
  })
})

test('more sessions than one container takes are refused with its name, until one has ended', async () => {
  await using here = await running('--max_container_sessions=1')
  using _one = await Reader.open(here, launchCall(here, { id: 'one' }))
  const refused = await here.agent.post('/api/v1', launchCall(here, { id: 'two' }), STREAM_HEADERS)
  expect(refused).toMatchObject({
    status: 503,
    body: `Container '${here.container.id}' has 1 session already, its limit (--max_container_sessions)`,
  })
  sessionIn(here, 'one').exit(0)
  await call(here, 'WAIT_NESTED_CONTAINER', nested(here, 'one'))
  using _three = await Reader.open(here, launchCall(here, { id: 'three' }))
})

test('an agent on which it is switched off refuses', async () => {
  await using here = await running('--disable_exec')
  const { body, status } = await here.agent.post('/api/v1', launchCall(here), STREAM_HEADERS)
  expect({ body, status }).toEqual({
    status: 403,
    body: 'Sessions in containers are switched off on this agent (--disable_exec)',
  })
})

test('what is wrong with a call for a session is told', async () => {
  await using here = await running()
  const asked = async (wish: Wish, headers: object = STREAM_HEADERS): Promise<string> => {
    const { body, status } = await here.agent.post('/api/v1', launchCall(here, wish), { ...headers })
    return `${status} ${body}`
  }
  expect(await asked({ parent: 'nobody' })).toBe("404 Container 'nobody' cannot be found")
  expect(await asked({ id: 'a/b' })).toMatch(/^400 'a\/b' has characters/)
  expect(await asked({ id: 'a'.repeat(243) })).toMatch(/^400 .*more than 242/)
  expect(await asked({ command: {} })).toMatch(/^400 .*command.value' to be present/)
  expect(await asked({ container: { type: 'DOCKER' } })).toMatch(/^400 .*to be MESOS/)
  expect(await asked({ container: { type: 'MESOS', hostname: 'x' } })).toMatch(/^400 .*no 'hostname'/)
  const orphan = { container_id: { value: 'x' }, command: { value: 'sh' } }
  expect((await call(here, 'LAUNCH_NESTED_CONTAINER_SESSION', orphan)).body).toContain('container_id.parent')
  here.container.refuses = new OperatingError('LAUNCH', 'there is no such program')
  expect(await asked({})).toBe('400 there is no such program')
  here.container.refuses = new OperatingError('ENGINE', 'the engine is away')
  expect(await asked({})).toBe('500 the engine is away')
  here.container.refuses = undefined
  using _ = await Reader.open(here, launchCall(here))
  expect(await asked({})).toMatch(/^409 There is a container/)
})

test('headers that do not fit a stream are refused as Mesos does', async () => {
  await using here = await running()
  const asked = async (
    headers: Readonly<Record<string, string>>,
    body = launchCall(here),
  ): Promise<string> => {
    const { status, body: words } = await here.agent.post('/api/v1', body, headers)
    return `${status} ${words}`
  }
  const records = { Accept: 'application/recordio' }
  expect(await asked(records)).toMatch(/^406 Expecting 'Message-Accept' to be set/)
  expect(await asked({ ...records, 'Message-Accept': 'text/plain' })).toMatch(/^406 /)
  expect(await asked({ Accept: 'application/json', 'Message-Accept': 'application/json' })).toMatch(/^406 /)
  expect(await asked({ 'Message-Content-Type': 'application/json' })).toMatch(/^415 /)
  expect(await asked(STREAM_HEADERS, '{"type":"GET_HEALTH"}')).toMatch(/^406 /)
  expect(await asked({}, '{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{}}')).toMatch(/^415 /)
  expect(here.container.sessions.size).toBe(0)
})

test('a container in a container writes below the sandbox, is waited for, and removed with what it wrote', async () => {
  await using here = await running()
  const folder = join(here.sandbox, 'containers', 's1')
  const launched = { ...nested(here), command: { value: 'date' } }
  expect((await call(here, 'LAUNCH_NESTED_CONTAINER', launched)).status).toBe(200)
  expect((await call(here, 'LAUNCH_NESTED_CONTAINER', launched)).status).toBe(202)
  const session = sessionIn(here)
  expect(session.inputEnded).toBe(true)
  await session.print('STDOUT', 'Monday')
  await session.print('STDERR', 'no')
  expect((await call(here, 'REMOVE_NESTED_CONTAINER', nested(here))).status).toBe(500)
  session.exit(256)
  const { body } = await call(here, 'WAIT_NESTED_CONTAINER', nested(here))
  expect(JSON.parse(body)).toMatchObject({ wait_nested_container: { exit_status: 256 } })
  expect(readFileSync(join(folder, 'stdout'), 'utf8')).toBe('Monday')
  expect(readFileSync(join(folder, 'stderr'), 'utf8')).toBe('no')
  expect((await call(here, 'REMOVE_CONTAINER', nested(here))).status).toBe(200)
  expect(existsSync(folder)).toBe(false)
  expect((await call(here, 'WAIT_NESTED_CONTAINER', nested(here))).status).toBe(404)
})

test('a link that a task puts in the way of what is written leads nowhere', async () => {
  await using here = await running()
  const elsewhere = join(here.agent.workDir, 'elsewhere')
  mkdirSync(join(elsewhere, 's1'), { recursive: true })
  writeFileSync(join(elsewhere, 's1', 'stdout'), 'mine')
  symlinkSync(elsewhere, join(here.sandbox, 'containers'))
  const launched = { ...nested(here), command: { value: 'date' } }
  const { body, status } = await call(here, 'LAUNCH_NESTED_CONTAINER', launched)
  expect({ body, status }).toMatchObject({
    status: 500,
    body: expect.stringContaining('Cannot open the folder'),
  })
  expect(sessionIn(here).ends).toBe(1)
  expect((await call(here, 'REMOVE_NESTED_CONTAINER', nested(here))).status).toBe(500)
  expect(readdirSync(join(elsewhere, 's1'))).toEqual(['stdout'])
  expect(readFileSync(join(elsewhere, 's1', 'stdout'), 'utf8')).toBe('mine')
})

test('what a container in a container cannot have is refused', async () => {
  await using here = await running()
  const asked = { ...nested(here), command: { value: 'date' } }
  const limits = { limits: { cpus: { value: 1 } } }
  expect((await call(here, 'LAUNCH_CONTAINER', { ...asked, ...limits })).status).toBe(400)
  const alone = await call(here, 'LAUNCH_CONTAINER', { ...asked, container_id: { value: 'alone' } })
  expect(alone).toMatchObject({ status: 400, body: "Expecting 'container_id.parent' to be present" })
  expect((await call(here, 'PRUNE_IMAGES', {})).status).toBe(200)
})
