// Lists: which tasks are meant, which columns are shown in which order, and what a wrong name is told.
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../support/clock.ts'
import type { Context } from '../../../src/cli/command.ts'
import { AGENT_LISTING } from '../../../src/cli/commands/agents.ts'
import { type Found, type Listing, showList } from '../../../src/cli/listing.ts'
import { clusterState } from '../../../src/cli/master-api.ts'
import type { Output } from '../../../src/cli/output.ts'
import { screenOn } from '../../../src/cli/screen.ts'
import {
  statesOf,
  TASK_LISTING,
  type TaskLine,
  tasksWanted,
  type Wanted,
} from '../../../src/cli/task-list.ts'
import { seededRandom } from '../../../src/base/random.ts'

const NOW = 1_700_000_000_000
const status = (agoSeconds: number): object => ({ timestamp: NOW / 1000 - agoSeconds })
const task = (id: string, agent: string, state: string, resources: object, ago = 60): object => ({
  id,
  name: id.replace(/\.\d+$/, ''),
  framework_id: 'F1',
  slave_id: agent,
  state,
  resources,
  role: '*',
  statuses: [status(ago)],
})
const STATE = clusterState({
  version: '1.12.0',
  slaves: [
    {
      id: 'S1',
      hostname: 'h',
      pid: 'slave(1)@10.0.0.1:5051',
      active: true,
      attributes: { agent: 'a1', zone: 'b', rack: 9 },
      resources: { cpus: 4, mem: 1024 },
      used_resources: { cpus: 3, mem: 64 },
    },
    {
      id: 'S2',
      hostname: 'h',
      pid: 'slave(1)@10.0.0.2:5051',
      active: true,
      attributes: { agent: 'a2', zone: 'c', rack: 10 },
      resources: { cpus: 8, mem: 2048 },
      used_resources: { cpus: 1, mem: 512 },
    },
  ],
  frameworks: [
    {
      id: 'F1',
      name: 'shop',
      tasks: [
        task('web.1', 'S1', 'TASK_RUNNING', { cpus: 2, mem: 64 }, 7200),
        task('batch.2', 'S2', 'TASK_RUNNING', { cpus: 0, cpus_revocable: 0.5, mem: 128 }),
        task('web.10', 'S9', 'TASK_STAGING', { cpus: 1, mem: 32 }, 5),
      ],
      completed_tasks: [task('job.3', 'S1', 'TASK_FAILED', { cpus: 1, mem: 32 })],
    },
    { id: 'F2', name: 'other', tasks: [] },
  ],
})

interface Shown {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function shown<Row>(
  listing: Listing<Row>,
  found: Found<Row>,
  options: Readonly<Record<string, string | boolean>> = {},
  output: Output = 'table',
): Promise<Shown> {
  let [out, err] = ['', '']
  const screen = screenOn(
    { write: (text) => (out += text.toString()) },
    { write: (text) => (err += text.toString()) },
    false,
  )
  const context: Context = {
    common: { master: '127.0.0.1:1', output, debug: false, endWithInput: false },
    screen,
    clock: new ManualClock(NOW),
    random: seededRandom(1),
    environment: {},
    signal: new AbortController().signal,
  }
  const code = await showList(context, listing, options, () => Promise.resolve(found))
  return { code, out, err }
}

const WANTED: Wanted = { all: false, lent: false, agent: undefined, framework: undefined, states: [] }
const ids = (wanted: Partial<Wanted>): string[] =>
  tasksWanted(STATE, { ...WANTED, ...wanted })
    .rows.map((row) => row.task.id)
    .toSorted()

describe('The tasks that ps lists', () => {
  test('are those that live, those on lent CPUs, of an agent, of a framework, in a state', () => {
    expect(ids({})).toEqual(['batch.2', 'web.1', 'web.10'])
    expect(ids({ all: true })).toEqual(['batch.2', 'job.3', 'web.1', 'web.10'])
    expect(ids({ lent: true })).toEqual(['batch.2'])
    expect(ids({ agent: 'a1' })).toEqual(['web.1'])
    expect(ids({ agent: 'a1', all: true })).toEqual(['job.3', 'web.1'])
    expect(ids({ framework: 'other' })).toEqual([])
    expect(ids({ framework: 'shop', states: ['staging'] })).toEqual(['web.10'])
    // Whoever asks for what has failed wants those that have ended.
    expect(ids({ states: ['failed'] })).toEqual(['job.3'])
  })

  test('in a state that is typed as people or the API name it', () => {
    expect(statesOf('running,TASK_FAILED')).toEqual(['running', 'failed'])
    expect(statesOf('gone-by-operator')).toEqual(['gone by operator'])
    expect(() => statesOf('runing')).toThrow(
      "Option '--state' has the value 'runing', which is no state of a task",
    )
  })

  test('say when none fits that there are others', async () => {
    const none = tasksWanted(STATE, { ...WANTED, framework: 'other' })
    expect(await shown(TASK_LISTING, none)).toEqual({
      code: 0,
      out: '',
      err: 'none of 3 tasks fits; `tepui ps -a` lists all\n',
    })
  })
})

describe('A list', () => {
  const tasks = tasksWanted(STATE, { ...WANTED, all: true })
  const table = async (options: Readonly<Record<string, string | boolean>>): Promise<string[]> =>
    (await shown<TaskLine>(TASK_LISTING, tasks, options)).out.split('\n').slice(0, -1)

  test('has the columns that are wanted, in the order that is wanted', async () => {
    expect(await table({ columns: 'name,cpus,age', sort: '-cpus,task' })).toEqual([
      'NAME   CPUS  AGE',
      'web       2  2h00m',
      'job       1  1m00s',
      'web       1  5.0 s',
      'batch   0.5  1m00s',
    ])
    expect(await table({ columns: 'task', sort: 'task' })).toEqual([
      'TASK',
      'batch.2',
      'job.3',
      'web.1',
      'web.10',
    ])
  })

  test('has the rows that are selected, by figures with their units', async () => {
    expect(await table({ columns: 'task', select: 'memory>=64MB && age>90s' })).toEqual(['TASK', 'web.1'])
    expect(await table({ columns: 'task', select: 'lent' })).toEqual(['TASK', 'batch.2'])
  })

  test('is plain figures for programs: whole rows, or the columns that are named', async () => {
    const options = { columns: 'task,cpus,memory', select: 'task==web.1' }
    expect((await shown(TASK_LISTING, tasks, options, 'jsonl')).out).toBe(
      '{"task":"web.1","cpus":2,"memory":64}\n',
    )
    const [whole] = JSON.parse(
      (await shown(TASK_LISTING, tasks, { select: 'task==web.1' }, 'json')).out,
    ) as object[]
    expect(whole).toMatchObject({ id: 'web.1', agent: 'a1', framework: 'shop', live: true, mem: 64 })
    expect((await shown(TASK_LISTING, tasks, { sort: 'task', quiet: true })).out).toBe(
      'batch.2\njob.3\nweb.1\nweb.10\n',
    )
    expect((await shown(TASK_LISTING, tasks, { columns: 'name', select: 'task==web.1' }, 'name')).out).toBe(
      'web.1\n',
    )
  })

  test('keeps within 100 columns', async () => {
    for (const line of await table({})) expect(line.length).toBeLessThanOrEqual(100)
  })

  test('tells of a name that is none what is near, before the master is asked', async () => {
    for (const option of ['columns', 'sort', 'select'])
      await expect(shown(TASK_LISTING, tasks, { [option]: 'cpu' })).rejects.toMatchObject({
        code: 'USAGE',
        message: `Option '--${option}' names 'cpu', which is no column here`,
        hint: 'Did you mean cpus?',
      })
  })

  test('of agents is also selected by their attributes, and a slip chooses not just nothing', async () => {
    const agents = { rows: STATE.agents, none: 'none' }
    const select = async (text: string): Promise<string> =>
      (await shown(AGENT_LISTING, agents, { columns: 'agent', select: text })).out
    expect(await select('zone==b')).toBe('AGENT\na1\n')
    expect(await select('rack>9 && cpus_free>=7')).toBe('AGENT\na2\n')
    expect(await shown(AGENT_LISTING, agents, { select: 'zone==x' })).toEqual({
      code: 0,
      out: '',
      err: 'none of 2 fits zone==x\n',
    })
    await expect(select('zonne==b')).rejects.toMatchObject({
      message: "Option '--select' names 'zonne', which nothing here has",
      hint: 'Did you mean zone?',
    })
  })
})
