// What the page makes of what it is told: words, what needs attention, where a wish fits, why a task ended.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { taskValues } from '../../../src/master/page/rows.ts'
import type { AgentRow, FrameworkRow, TaskRow } from '../../../src/wire/page.ts'
import { encodeRecord } from '../../../src/wire/recordio.ts'
import { masterCost } from '../../../ui/data/cost.ts'
import { attention } from '../../../ui/data/attention.ts'
import { fitsOf } from '../../../ui/data/fits.ts'
import { memoryUsed, sumText, thresholdOf } from '../../../ui/data/lend-page.ts'
import { RecordReader } from '../../../ui/data/records.ts'
import { shellLine } from '../../../ui/data/shell-words.ts'
import { waitingOf } from '../../../ui/data/waiting.ts'
import { tasksOf } from '../../../ui/data/task-groups.ts'
import { causeOf, commandLine, endFacts, failuresOf, phasesOf } from '../../../ui/data/task-details.ts'
import { amount, counted, cpuText, memory, shortId, span, threeMemories } from '../../../ui/data/words.ts'

const NONE = { cpus: 0, mem: 0, disk: 0, gpus: 0 }
const AGENT: AgentRow = {
  id: 'S1',
  name: 'a1',
  hostname: 'h1',
  ip: '10.0.0.1',
  port: 5051,
  state: 'connected',
  since: 0,
  version: '0.1.0',
  attributes: {},
  total: { ...NONE, cpus: 4, mem: 1000 },
  allocated: { ...NONE, cpus: 3, mem: 500 },
  offered: NONE,
  lent: { ...NONE, cpus: 2 },
  lentHeld: { ...NONE, cpus: 0.5 },
  mode: 'full',
  sum: '',
  unknown: '',
  closed: '',
}
const FRAMEWORK: FrameworkRow = {
  id: 'F',
  name: 'f',
  user: 'root',
  roles: ['*'],
  state: 'connected',
  registered: 1_000_000,
  failoverTimeout: 0,
  checkpoint: false,
  capabilities: [],
  allocated: NONE,
  lentHeld: NONE,
  offered: NONE,
}
const TASK: TaskRow = {
  key: 'F/web',
  id: 'web',
  name: 'web',
  framework: 'F',
  agent: 'S1',
  executor: '',
  state: 'TASK_RUNNING',
  role: '*',
  cpus: 1,
  mem: 64,
  lentCpus: 0,
  changed: 1_000_000,
}
const NOW = 1_100_000

describe('words', () => {
  test.each([
    [span(900), '0.9 s'],
    [span(61_000), '1 min'],
    [span(3_660_000), '1 h 1 min'],
    [span(2 * 86_400_000 + 3_600_000), '2 d 1 h'],
    [amount(0.123), '0.12'],
    [amount(12.34), '12.3'],
    [amount(1234.5), '1235'],
    [memory(512), '512 MB'],
    [memory(1536), '1.5 GB'],
    [threeMemories(115, 256, 4096), '0.11 / 0.25 / 4 GB'],
    [threeMemories(undefined, 256, 512), '? / 256 / 512 MB'],
    [shortId('01234567-89ab-4cde-8f01-23456789abcd-S3'), 'S3'],
  ])('%s', (said, wanted) => expect(said).toBe(wanted))
})

describe('what needs attention', () => {
  const look = (part: Partial<Parameters<typeof attention>[1]>): string[] =>
    attention(NOW, { agents: [AGENT], frameworks: [], tasks: [TASK], events: [], ...part }).map(
      ({ text }) => text,
    )

  test('is nothing where all is well', () => expect(look({})).toEqual([]))
  test('is an agent that is away', () =>
    expect(look({ agents: [{ ...AGENT, state: 'disconnected' }] })).toEqual(['a1 is away']))
  test('is a task that waits for long, and not one that has just begun', () => {
    expect(look({ tasks: [{ ...TASK, state: 'TASK_STAGING' }] })).toEqual(['web is staging'])
    expect(look({ tasks: [{ ...TASK, state: 'TASK_STAGING', changed: NOW - 5000 }] })).toEqual([])
  })
  test('is a task that failed lately, those of one name together', () => {
    const failed = { ...TASK, state: 'TASK_FAILED' }
    expect(look({ tasks: [failed, { ...failed, key: 'F/web2', id: 'web2' }] })).toEqual([
      'web failed 2 times',
    ])
    expect(look({ tasks: [{ ...failed, changed: NOW - 3_600_000 }] })).toEqual([])
  })
  test('is a framework that says what it wants and has no place for it', () => {
    const waits = { name: 'big', cpus: 4, mem: 100, lent: false }
    const frameworks = [{ ...FRAMEWORK, waits }]
    expect(look({ frameworks })).toEqual(['big waits for a place'])
    const known = { agents: [AGENT], frameworks, tasks: [], events: [] }
    expect(attention(NOW, known)[0]?.why).toBe(
      'for 1 min: it wants 4 cpus and 100 MB, which fits on 0 of 1 agent now; nearest is a1: 4 cpus wanted, 1 free',
    )
    expect(look({ frameworks: [{ ...FRAMEWORK, waits, registered: NOW - 5000 }] })).toEqual([])
    expect(look({ frameworks: [FRAMEWORK] })).toEqual([])
  })
  test('names the agent that is nearest, one that is here rather than one that is away', () => {
    const waits = { name: 'big', cpus: 4, mem: 100, lent: false }
    const away: AgentRow = { ...AGENT, id: 'S2', name: 'a2', state: 'disconnected', allocated: NONE }
    const larger: AgentRow = { ...AGENT, id: 'S3', name: 'a3', allocated: { ...NONE, cpus: 1 } }
    const known = { frameworks: [{ ...FRAMEWORK, waits }], tasks: [] }
    expect(waitingOf({ ...known, agents: [away, AGENT, larger] })[0]?.why).toMatch(
      /nearest is a3: 4 cpus wanted, 3 free$/,
    )
    expect(waitingOf({ ...known, agents: [] })[0]?.why).toBe(
      'it wants 4 cpus and 100 MB, and there are no agents',
    )
  })
  test('is a wait since the last task of the framework ended, when it had one', () => {
    const waits = { name: 'big', cpus: 1, mem: 100, lent: false }
    const ended: TaskRow = { ...TASK, state: 'TASK_FINISHED', changed: NOW - 7000 }
    const known = { agents: [AGENT], frameworks: [{ ...FRAMEWORK, waits }] }
    expect(waitingOf({ ...known, tasks: [ended] })[0]?.since).toBe(NOW - 7000)
    expect(waitingOf({ ...known, tasks: [{ ...ended, framework: 'other' }] })[0]?.since).toBe(
      FRAMEWORK.registered,
    )
  })
  test('has names that cannot turn what follows them', () => {
    expect(look({ agents: [{ ...AGENT, name: 'a\u202E1', state: 'disconnected' }] })).toEqual([
      'a\uFFFD1 is away',
    ])
  })
  test('is worst first', () => {
    const agents = [{ ...AGENT, closed: 'lending is paused' }]
    expect(look({ agents, tasks: [{ ...TASK, state: 'TASK_LOST' }] })).toEqual([
      'web lost',
      'a1 lends nothing more',
    ])
  })
})

describe('where a wish fits', () => {
  const misses = (needs: Parameters<typeof fitsOf>[1], agent = AGENT): readonly string[] =>
    fitsOf([agent], needs)[0]?.misses ?? []

  test('is decided by what is not promised', () => {
    expect(misses({ cpus: 1, mem: 500, lent: false })).toEqual([])
    expect(misses({ cpus: 1.1, mem: 100, lent: false })).toEqual(['1.1 cpus wanted, 1 free'])
  })
  test('is decided by what may be lent and is not held, for lent cpus', () => {
    expect(misses({ cpus: 1.5, mem: 10, lent: true })).toEqual([])
    expect(misses({ cpus: 2, mem: 10, lent: true })).toEqual(['2 lent cpus wanted, 1.5 free'])
  })
  test('is nowhere on an agent that is away', () =>
    expect(misses({ cpus: 0.1, mem: 1, lent: false }, { ...AGENT, state: 'disconnected' })).toEqual([
      'it is away',
    ]))
})

describe('a task that ended', () => {
  const statuses = [
    { state: 'TASK_STARTING', timestamp: 10 },
    { state: 'TASK_RUNNING', timestamp: 12 },
    { state: 'TASK_RUNNING', timestamp: 13, healthy: true },
    { state: 'TASK_GONE', timestamp: 72, reason: 'REASON_CONTAINER_PREEMPTED', message: "'web' wants it" },
  ]
  test('has each phase once, with its length', () => {
    const phases = phasesOf(statuses, 100_000)
    expect(phases.map(({ ms, state }) => [state, ms])).toEqual([
      ['TASK_STARTING', 2000],
      ['TASK_RUNNING', 60_000],
      ['TASK_GONE', 28_000],
    ])
  })
  test('says why, how long it ran and what to do', () => {
    const cause = causeOf({ ...TASK, state: 'TASK_GONE' }, statuses)
    expect(cause).toMatchObject({ tone: 'lent', sentence: "'web' wants it" })
    expect(cause?.facts).toContainEqual(['ran for', '1 min'])
    expect(cause?.next).toContain('Nothing failed')
  })
  test('is none while it runs', () => expect(causeOf(TASK, statuses)).toBeUndefined())
})

describe('failures of tasks of one name', () => {
  const failed = (id: string, changed: number, message: string): TaskRow => ({
    ...TASK,
    id,
    state: 'TASK_FAILED',
    changed,
    message,
  })

  test('are the first and the last, with whether they ended alike', () => {
    const rows = [
      failed('web.3', 30, 'no port'),
      TASK,
      failed('web.1', 10, 'no disk'),
      failed('web.2', 20, 'no port'),
    ]
    expect(failuresOf(rows)).toMatchObject({
      count: 3,
      first: { id: 'web.1' },
      last: { id: 'web.3' },
      isSame: false,
    })
    expect(failuresOf(rows.filter(({ id }) => id !== 'web.1'))).toMatchObject({ count: 2, isSame: true })
  })
  test('are none where one failed, or what is unreachable may be back', () => {
    expect(failuresOf([failed('web.1', 10, ''), TASK])).toBeUndefined()
    const away = { ...TASK, state: 'TASK_UNREACHABLE' }
    expect(failuresOf([away, { ...away, id: 'web.2' }])).toBeUndefined()
  })
})

describe('from where on lending acts', () => {
  const at = (
    controller: string,
    controller_options: Readonly<Record<string, string>> = {},
  ): (number | undefined)[] =>
    (['squeeze', 'freeze'] as const).map((option) => thresholdOf({ controller, controller_options }, option))

  test.each([
    ['as usual', at('pressure'), [0.05, 0.1]],
    ['as the flag says, also beside other options of it', at('pressure?calm=2secs&squeeze=0.2'), [0.2, 0.1]],
    ['as it was set while it ran', at('pressure?squeeze=0.2', { squeeze: '0.3', freeze: '0.4' }), [0.3, 0.4]],
    ['not known of another controller', at('./mine.js?squeeze=0.2'), [undefined, undefined]],
  ])('is %s', (_, found, wanted) => expect(found).toEqual(wanted))
  test('is not known before the agent has told', () =>
    expect(thresholdOf(undefined, 'freeze')).toBeUndefined())
})

test('what the master costs is said as far as its metrics tell it', () => {
  const metrics = {
    'tepui/self_rss_bytes': 100 * 1024 ** 2,
    'tepui/self_cpu_seconds': 5,
    'master/uptime_secs': 1000,
    'http/requests': 12,
    'system/cpus_total': 2,
    'system/load_1min': 0.5,
  }
  expect(masterCost(metrics)).toEqual([
    ['the master itself', '100 MB, 0.5 % of a core since it began'],
    ['requests read', '12'],
    ['load of its machine', '0.5, –, – in 1, 5, 15 min, on 2 cores'],
  ])
  expect(masterCost({})).toEqual([])
})

test('memory counts without the file cache that can go, and is not known of what is not told', () => {
  const container = {
    container_id: '',
    framework_id: '',
    executor_id: '',
    tasks: [],
    revocable: false,
    allocated: {},
  }
  const MB = 1024 ** 2
  const statistics = { memoryBytes: 100 * MB, memoryInactiveFileBytes: 30 * MB }
  expect(memoryUsed({ ...container, statistics })).toBe(70)
  expect(memoryUsed({ ...container, statistics: { memoryBytes: 100 * MB } })).toBe(100)
  expect(memoryUsed(container)).toBeUndefined()
})

test('the command line of a task quotes what a shell would take apart', () => {
  const info = { command: { shell: true, value: "echo 'it is'; ls $HOME" } }
  expect(commandLine({ info, row: TASK, statuses: [] })).toBe(
    String.raw`tepui run --name web --cpus 1 --mem 64MB -- sh -c 'echo '\''it is'\''; ls $HOME'`,
  )
  expect(shellLine(['a b', 'c', ''])).toBe("'a b' c ''")
})

test('a sum is read as it is computed, without terms that say nothing', () => {
  const term = (name: string, value: number, of?: string): Parameters<typeof sumText>[0][number] => ({
    name,
    value,
    unit: 'cpus',
    why: '',
    ...(of !== undefined && { of }),
  })
  const terms = [term('idle', 1.33, 'web'), term('headroom', -0.2), term('rounding', 0.001)]
  expect(sumText(terms, 'cpus')).toBe('1.33 idle (web) − 0.2 headroom')
})

test('records come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 7 }),
      (texts, size) => {
        const bytes = Buffer.concat(texts.map((text) => encodeRecord(text)))
        const reader = new RecordReader()
        const read: string[] = []
        for (let at = 0; at < bytes.length; at += size)
          read.push(...reader.push(bytes.subarray(at, at + size)))
        expect(read).toEqual(texts.map((text) => Buffer.from(text).toString()))
      },
    ),
  )
  expect(() => new RecordReader().push(Buffer.from('<html>\n'))).toThrow('did not send a length')
})

const rows: fc.Arbitrary<TaskRow> = fc
  .record(
    {
      id: fc.string(),
      name: fc.string(),
      framework: fc.string(),
      agent: fc.string(),
      executor: fc.string(),
      state: fc.constantFrom('TASK_RUNNING', 'TASK_FAILED'),
      role: fc.constantFrom('*', 'web'),
      cpus: fc.nat(),
      mem: fc.nat(),
      lentCpus: fc.nat(3),
      image: fc.string(),
      changed: fc.nat(),
      healthy: fc.boolean(),
      reason: fc.string(),
      message: fc.string(),
    },
    {
      requiredKeys: [
        'id',
        'name',
        'framework',
        'agent',
        'executor',
        'state',
        'role',
        'cpus',
        'mem',
        'lentCpus',
      ],
    },
  )
  .map((row) => ({ ...row, key: `${row.framework}/${row.id}` }))

test('a task comes out of the stream as it went in', () => {
  fc.assert(
    fc.property(rows, (row) => {
      const { agent, framework } = row
      expect(tasksOf([{ framework, agent, tasks: [taskValues(row)] }])).toEqual([row])
    }),
  )
})

test('words have their number', () => {
  expect([0, 1, 2].map((count) => counted(count, 'task'))).toEqual(['0 tasks', '1 task', '2 tasks'])
  expect([cpuText(1), cpuText(0.5), cpuText(1, 'lent')]).toEqual(['1 cpu', '0.5 cpus', '1 lent cpu'])
})

test('how a task ended is told as far as it is known', () => {
  expect(endFacts(undefined)).toEqual([])
  expect(endFacts({ exit: 3, by: 'the kernel', stderr: [], next: [] })).toEqual([
    ['exit code', '3'],
    ['ended by', 'the kernel'],
  ])
})
