// An agent of this version over the checkpoint of another: older ones are taken up, newer ones are left as they are.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TestAgent, ToyMaster } from '../../support/agent-server.ts'
import { ManualClock } from '../../support/clock.ts'
import { dockerSpec } from '../../support/docker.ts'
import { FakeContainer } from '../../support/fake-containerizer.ts'
import { Checkpoint } from '../../../src/store/checkpoint.ts'

const RECORDED = join(import.meta.dirname, '../../recorded')
const NAMES = readdirSync(RECORDED).filter((name) => /^checkpoint-\d+\.sql$/.test(name))
/** Of the task `runs` in the recordings. */
const CONTAINER = 'b071c772-4831-4b7c-8e5b-4a8d80e4ec6b'

let clock: ManualClock
let workDir: string
let file: string
let master: ToyMaster

beforeEach(async () => {
  clock = new ManualClock()
  workDir = mkdtempSync(join(tmpdir(), 'tepui-upgrade-'))
  file = join(workDir, 'meta/agent.db')
  mkdirSync(join(workDir, 'meta'))
  master = await ToyMaster.start(clock)
})

afterEach(async () => {
  await master[Symbol.asyncDispose]()
  rmSync(workDir, { recursive: true, force: true })
})

function writtenBy(name: string): void {
  using database = new DatabaseSync(file)
  database.exec(readFileSync(join(RECORDED, name), 'utf8'))
}

/** The schema of the file, and its number. */
function schemaOf(path: string): unknown {
  using database = new DatabaseSync(path)
  const tables = database.prepare('SELECT name, sql FROM sqlite_master ORDER BY name').all()
  return [database.prepare('PRAGMA user_version').get(), tables]
}

const start = (left: FakeContainer, ...argv: readonly string[]): Promise<TestAgent> =>
  TestAgent.start(master.address, { clock, workDir, left: new Map([[left.id, left]]), argv })

const running = (): FakeContainer => new FakeContainer(dockerSpec({}, {}, { containerId: CONTAINER }))

describe.each(NAMES)('%s', (name) => {
  test('is taken up: the same agent, what ran runs on, and what was not acknowledged is told again', async () => {
    writtenBy(name)
    const container = running()
    await using agent = await start(container)
    const link = await master.link()
    expect(link.call).toMatchObject({
      agent_id: { value: 'M-S0' },
      subscribe: { frameworks: [{ id: { value: 'F1' }, checkpoint: true }] },
    })
    expect(link.call.subscribe?.tasks?.map(({ state, task }) => [task.task_id.value, state])).toEqual([
      ['mine', 'TASK_FAILED'],
      ['ends', 'TASK_FAILED'],
      ['runs', 'TASK_RUNNING'],
    ])
    const told = await master.callsOf('UPDATE', 3)
    expect(new Map(told.map(({ update }) => [update?.status.task_id.value, update?.status.state]))).toEqual(
      new Map([
        ['ends', 'TASK_STARTING'],
        ['runs', 'TASK_RUNNING'],
        ['mine', 'TASK_FAILED'],
      ]),
    )
    expect(told.find(({ update }) => update?.status.task_id.value === 'ends')?.update?.status.uuid).toBe(
      'Lc1hVCJjQIeG/uRUPANvSQ==',
    )
    expect([agent.containers.specs, container.kills]).toEqual([[], []])
    expect(await agent.page('/metrics/snapshot')).toMatchObject({ 'slave/recovery_errors': 0 })
  })

  test('has the schema of a new file afterwards', () => {
    writtenBy(name)
    Checkpoint.open(file)[Symbol.dispose]()
    const fresh = join(workDir, 'new/agent.db')
    Checkpoint.open(fresh)[Symbol.dispose]()
    expect(schemaOf(file)).toEqual(schemaOf(fresh))
  })
})

test('every schema that there ever was has its recording', () => {
  Checkpoint.open(file)[Symbol.dispose]()
  using database = new DatabaseSync(file)
  const { user_version: newest } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  const expected = Array.from({ length: newest }, (_, at) => `checkpoint-${at + 1}.sql`)
  expect(NAMES.toSorted()).toEqual(expected.toSorted())
})

test.each([[], ['--no-strict']])(
  'one of a newer version is refused with its path and what to do, and nothing is touched: %j',
  async (...argv: readonly string[]) => {
    writtenBy('checkpoint-1.sql')
    {
      using database = new DatabaseSync(file)
      database.exec('PRAGMA user_version = 99')
    }
    const before = readFileSync(file)
    const container = running()
    await expect(start(container, ...argv)).rejects.toMatchObject({
      code: 'RECOVERY',
      message: expect.stringMatching(new RegExp(`${file} .*has version 99, this Tepui knows 1`)) as unknown,
      hint: expect.stringMatching(
        /^Start the newer Tepui that made it, or give up .*tepui agent reset/,
      ) as unknown,
    })
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(container.kills).toEqual([])
  },
)
