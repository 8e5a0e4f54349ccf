// An agent and the life after it, over HTTP and on disk: its id and its tasks stay, and what does not fit is said.
import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AgentOptions, runTask, TestAgent, ToyMaster } from '../../support/agent-server.ts'
import { ManualClock } from '../../support/clock.ts'

let clock: ManualClock
let workDir: string
let master: ToyMaster

beforeEach(async () => {
  clock = new ManualClock()
  workDir = mkdtempSync(join(tmpdir(), 'tepui-restart-'))
  master = await ToyMaster.start(clock)
})

afterEach(async () => {
  await master[Symbol.asyncDispose]()
  rmSync(workDir, { recursive: true, force: true })
})

const start = (options: AgentOptions = {}): Promise<TestAgent> =>
  TestAgent.start(master.address, { clock, workDir, ...options })

/** An agent that has run task `t` and left; its container runs on. */
async function oneLife(options: AgentOptions = {}): Promise<TestAgent> {
  const agent = await start(options)
  const link = await master.link()
  link.send(runTask('t'))
  const told = await master.callsOf('UPDATE', 1)
  expect(told[0]?.update?.status.state).toBe('TASK_STARTING')
  await expect.poll(() => agent.containers.containers.size).toBe(1)
  await agent.leave()
  return agent
}

test('a task runs on while its agent is away, is told to the master again, and ends with its own status', async () => {
  const first = await oneLife()
  expect(first.agent.left).toEqual(['t'])
  const [container] = first.containers.containers.values()
  expect(container?.kills).toEqual([])
  expect(container?.released).toBe(0)

  await using second = await start({ left: first.containers.containers })
  const link = await master.link()
  expect(link.call).toMatchObject({
    agent_id: { value: 'M-S0' },
    subscribe: {
      frameworks: [{ id: { value: 'F1' } }],
      executors: [{ command_executor: true }],
      tasks: [{ task: { task_id: { value: 't' } }, status_update_state: 'TASK_STARTING' }],
    },
  })
  expect(second.containers.specs).toEqual([])
  container?.end({ kind: 'exited', code: 7 })
  await expect.poll(() => container?.released).toBe(1)
  const states = []
  for (let sent = 2; sent <= 4; sent++) {
    const status = (await master.callsOf('UPDATE', sent)).at(-1)?.update?.status
    states.push(status?.state)
    if (status?.state === 'TASK_FAILED') expect(status.message).toBe('Command exited with status 7')
    link.send({
      type: 'ACKNOWLEDGE',
      acknowledge: { framework_id: { value: 'F1' }, task_id: { value: 't' }, uuid: status?.uuid },
    })
  }
  expect(states).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FAILED'])
  expect(await second.page('/metrics/snapshot')).toMatchObject({ 'slave/recovery_errors': 0 })
})

test('how long the recovery took is told, as of the start: 0 on a clock that stood still', async () => {
  await using agent = await start()
  expect(await agent.page('/metrics/snapshot')).toMatchObject({ 'slave/recovery_time_secs': 0 })
  await clock.advance(5000)
  expect(await agent.page('/metrics/snapshot')).toMatchObject({ 'slave/recovery_time_secs': 0 })
})

test('what is written down can be read by its owner only', async () => {
  await oneLife()
  const mode = (path: string): number => statSync(join(workDir, path)).mode & 0o777
  expect([mode('meta'), mode('meta/agent.db')]).toEqual([0o700, 0o600])
})

test('after a reboot the agent is the same, and its tasks have failed', async () => {
  const first = await oneLife()
  await using _second = await start({ bootId: 'boot-2', left: first.containers.containers })
  const { call } = await master.link()
  expect(call.agent_id?.value).toBe('M-S0')
  expect(call.subscribe?.tasks?.map(({ state }) => state)).toEqual(['TASK_FAILED'])
})

test('after a reboot a task that had ended before it has its own end', async () => {
  const first = await oneLife()
  for (const container of first.containers.containers.values()) container.end({ kind: 'exited', code: 7 })
  await using _second = await start({ bootId: 'boot-2', left: first.containers.containers })
  const link = await master.link()
  await expect.poll(() => link.call.subscribe?.tasks?.length).toBe(1)
  const said: (string | undefined)[] = []
  for (let sent = 2; sent <= 4; sent++) {
    const status = (await master.callsOf('UPDATE', sent)).at(-1)?.update?.status
    said.push(status?.state, status?.message)
    link.send({
      type: 'ACKNOWLEDGE',
      acknowledge: { framework_id: { value: 'F1' }, task_id: { value: 't' }, uuid: status?.uuid },
    })
  }
  expect(said.slice(-2)).toEqual(['TASK_FAILED', 'Command exited with status 7'])
})

test('--recover=cleanup ends what was left, never registers, and ends', async () => {
  const first = await oneLife()
  const [container] = first.containers.containers.values()
  const second = await start({ left: first.containers.containers, argv: ['--recover=cleanup'] })
  await expect.poll(() => container?.kills).toEqual([3000])
  container?.end({ kind: 'signaled', signal: 'SIGTERM', detail: undefined })
  expect(await second.agent.ended).toBeUndefined()
  await second.agent[Symbol.asyncDispose]()
  expect(master.tries).toHaveLength(1)
})

describe('an agent that is not the same any more', () => {
  const refusal = async (options: AgentOptions): Promise<unknown> => {
    const agent = await start(options).catch((error: unknown) => error)
    if (agent instanceof TestAgent) await agent[Symbol.asyncDispose]()
    return agent
  }

  test('is refused with what changed and what to do', async () => {
    await oneLife()
    expect(await refusal({ argv: ['--resources=cpus:2', '--attributes=rack:a'] })).toMatchObject({
      code: 'RECOVERY',
      message: expect.stringMatching(/its resources were .*; its attribute 'rack' is new$/),
      hint: expect.stringContaining(`tepui agent reset --work_dir=${workDir}`),
    })
  })

  test('may have more with --reconfiguration_policy=additive, and not less', async () => {
    const first = await oneLife({ argv: ['--resources=cpus:4;mem:1000'] })
    const additive = '--reconfiguration_policy=additive'
    expect(await refusal({ argv: [additive, '--resources=cpus:3;mem:1000'] })).toMatchObject({
      code: 'RECOVERY',
    })
    const argv = [additive, '--resources=cpus:5;mem:1000', '--attributes=rack:a']
    await using _second = await start({ argv, left: first.containers.containers })
    expect((await master.link()).call.agent_id?.value).toBe('M-S0')
  })

  test('is another agent when the machine was started anew', async () => {
    await oneLife()
    await using _second = await start({ argv: ['--resources=cpus:2'], bootId: 'boot-2' })
    const { call } = await master.link()
    expect([call.agent_id, call.subscribe?.tasks]).toEqual([undefined, undefined])
  })
})

describe('a checkpoint', () => {
  const file = (): string => join(workDir, 'meta/agent.db')
  const spoilRecord = (): void => {
    using database = new DatabaseSync(file())
    database.exec("UPDATE things SET value = substr(value, 1, 40) WHERE kind = 'task'")
  }
  const spoilFile = (): void => writeFileSync(file(), 'SQLite format 3\0'.padEnd(8192, 'x'))
  const foreign = (): void => writeFileSync(file(), 'slave.info\n'.repeat(1000))

  const companions = (): void => {
    for (const suffix of ['-wal', '-shm']) rmSync(`${file()}${suffix}`, { force: true })
  }
  const cutTo = (part: number) => (): void => {
    companions()
    truncateSync(file(), Math.floor((statSync(file()).size * part) / 4096) * 4096 + (part === 0 ? 0 : 100))
  }
  const unfinished = (): void => {
    companions()
    truncateSync(file(), 0)
    using database = new DatabaseSync(file())
    database.exec('PRAGMA journal_mode = WAL')
  }
  const another = (): void => {
    companions()
    rmSync(file())
    using database = new DatabaseSync(file())
    database.exec('CREATE TABLE tracks (artist TEXT); CREATE TABLE albums (title TEXT)')
  }
  const newer = (): void => {
    using database = new DatabaseSync(file())
    database.exec('PRAGMA user_version = 99')
  }
  const folder = (): void => {
    companions()
    rmSync(file())
    mkdirSync(file())
  }

  test.each([
    ['that is cut in half', cutTo(0.5), /cannot be read: .*malformed|cannot be read: .*not a database/],
    ['that is empty', cutTo(0), /cannot be read: .*it holds nothing, though an agent has worked in/],
    [
      'that has lost its tables',
      unfinished,
      /cannot be read: .*it holds nothing, though an agent has worked/,
    ],
    [
      'of another program',
      another,
      /cannot be read: .*a database of another program, with tracks, albums in it/,
    ],
    ['of a newer version', newer, /cannot be read: .*has version 99, this Tepui knows 1/],
    ['that is a folder', folder, /cannot be read: .*unable to open/],
    [
      'with a record that is cut short',
      spoilRecord,
      /cannot be used: The record of task F1 \/ t \/ t cannot be read/,
    ],
    ['whose pages are damaged', spoilFile, /cannot be read/],
    ['that is something else', foreign, /cannot be read: .*not a database/],
  ])('%s is named, and nothing is touched', async (_, spoil, words) => {
    const first = await oneLife()
    spoil()
    const refused = await start({ left: first.containers.containers }).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      code: 'RECOVERY',
      message: expect.stringMatching(words),
      hint: expect.stringContaining('tepui agent reset'),
    })
    expect(String((refused as Error).message)).toContain(file())
    // Refused again: the first refusal wrote nothing that would make the next start believe it.
    await expect(start({ left: first.containers.containers })).rejects.toMatchObject({ code: 'RECOVERY' })
    expect([...first.containers.containers.values()][0]?.kills).toEqual([])
  })

  test.each([
    ['a record of it', spoilRecord, 'M-S0'],
    ['all of it', spoilFile, undefined],
    ['all of it, cut off', cutTo(0), undefined],
    ['all of it to another program', another, undefined],
  ])('with --no-strict loses %s, and that is counted', async (_, spoil, id) => {
    await oneLife()
    spoil()
    await using second = await start({ argv: ['--no-strict'] })
    const { call } = await master.link()
    expect([call.agent_id?.value, call.subscribe?.tasks]).toEqual([id, undefined])
    expect(await second.page('/metrics/snapshot')).toMatchObject({ 'slave/recovery_errors': 1 })
  })
})

describe('the port that the system chose for an agent', () => {
  const occupy = async (port: number) => {
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    return { [Symbol.asyncDispose]: async () => void (await new Promise((done) => server.close(done))) }
  }

  test('is that of its next life, too', async () => {
    const first = await oneLife()
    await using second = await start({ left: first.containers.containers })
    expect(second.port).toBe(first.port)
  })

  test('is another one when it is taken by then, and nobody relies on it', async () => {
    const first = await oneLife()
    await using _other = await occupy(first.port)
    await using second = await start({ left: first.containers.containers })
    expect(second.port).not.toBe(first.port)
  })

  test('is insisted on while custom executors run that know no other', async () => {
    const agent = await start()
    const link = await master.link()
    link.send(runTask('t', 'e'))
    await expect.poll(() => agent.containers.containers.size).toBe(1)
    await agent.leave()
    await using _other = await occupy(agent.port)
    const left = agent.containers.containers
    await expect(start({ left })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringMatching(new RegExp(`^Port ${agent.port}, .* know no other: e$`)) as unknown,
    })
    expect([...left.values()].map(({ kills }) => kills)).toEqual([[]])
  })
})

test('a shutdown gives the id back: the next life is another agent', async () => {
  const agent = await start()
  await master.link()
  agent.agent.shutdown('over')
  await agent.agent.ended
  await agent.agent[Symbol.asyncDispose]()
  await using _second = await start()
  expect((await master.link()).call.agent_id).toBeUndefined()
})
