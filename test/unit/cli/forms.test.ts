// The forms in which commands print, the other names of commands, and what a shell completes.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parseIsoTime } from '../../../src/base/clock.ts'
import { parseFlags, flagRows, boolFlag, textFlag } from '../../../src/base/flags.ts'
import { commandNamed, commandsFor } from '../../../src/cli/commands.ts'
import { configLines } from '../../../src/cli/commands/config.ts'
import { PAGES } from '../../../src/cli/commands/ui.ts'
import { allEvents, eventTable, moment } from '../../../src/cli/commands/events.ts'
import { type Commands, completions } from '../../../src/cli/completions.ts'
import { clusterState } from '../../../src/cli/master-api.ts'
import { allTasks } from '../../../src/cli/find-task.ts'
import { PrefixedLines, tasksMatching } from '../../../src/cli/matching-tasks.ts'
import { withoutNouns } from '../../../src/cli/nouns.ts'
import { type Output, OUTPUTS, showData } from '../../../src/cli/output.ts'
import { cardLines, historyOf } from '../../../src/cli/why-view.ts'
import { topLines } from '../../../src/cli/commands/top.ts'
import { type Screen, table } from '../../../src/cli/screen.ts'

function recorder(): { readonly lines: string[]; readonly screen: Screen } {
  const lines: string[] = []
  const nothing = (): void => undefined
  const screen = {
    print: (line: string) => void lines.push(line),
    write: nothing,
    note: nothing,
    writeError: nothing,
  }
  return { lines, screen: { ...screen, paint: (_, text) => text } }
}

async function shown(output: Output, value: unknown): Promise<readonly string[]> {
  const { lines, screen } = recorder()
  await showData({ common: { output }, screen }, value)
  return lines
}

describe('A list', () => {
  const rows = [
    { id: 't1', name: 'one', note: undefined },
    { id: 't2', name: 'two: 2', note: null },
  ]

  test('is one array, a line for each, YAML or names, as is wanted', async () => {
    expect(await shown('json', rows)).toEqual([
      '[{"id":"t1","name":"one"},{"id":"t2","name":"two: 2","note":null}]',
    ])
    expect(await shown('jsonl', rows)).toEqual([
      '{"id":"t1","name":"one"}',
      '{"id":"t2","name":"two: 2","note":null}',
    ])
    expect(await shown('yaml', rows)).toEqual([
      '- id: t1\n  name: one\n- id: t2\n  name: "two: 2"\n  note: null',
    ])
    expect(await shown('name', rows)).toEqual(['t1', 't2'])
  })

  test('of what has no id is named by what names it else', async () => {
    expect(await shown('name', [{ agent: 'a1', mode: 'full' }])).toEqual(['a1'])
    expect(await shown('name', { event: 7, agent: 'a1' })).toEqual(['7'])
  })
})

describe('A noun and its verb', () => {
  test.each([
    ['task ls -a', 'ps -a'],
    ['-m h:1 -o json task inspect web', '-m h:1 -o json inspect task web'],
    ['agent ls', 'agents'],
    ['agent drain a1 --grace 5s', 'drain a1 --grace 5s'],
    ['framework teardown shop', 'teardown shop'],
    ['event follow', 'events --follow'],
    ['event export', 'events --all -o jsonl'],
    ['task stats web', 'top tasks web'],
    ['offer history --since 1h', 'offers --past --since 1h'],
    ['dev --agents 1', 'up --agents 1'],
    ['-m h:1 dev', '-m h:1 up'],
    // The daemon's own words.
    ['agent --master=h:5050', 'agent --master=h:5050'],
    ['agent reset --work_dir=/x', 'agent reset --work_dir=/x'],
    ['run -- task ls', 'run -- task ls'],
  ])('%s means %s', (typed, meant) => {
    expect(withoutNouns(typed.split(' '))).toEqual(meant.split(' '))
  })

  test('that are not known are refused with those that are', () => {
    expect(() => withoutNouns(['task', 'lss'])).toThrow("'task lss' is unknown")
    expect(() => withoutNouns(['task'])).toThrow("'task' wants a verb")
  })
})

describe('Completion', () => {
  const state = clusterState({
    version: '1.12.0',
    slaves: [{ id: 'S0', hostname: 'h', pid: 'slave(1)@h:5051', attributes: { agent: 'a1' } }],
    frameworks: [{ id: 'F0', name: 'shop', tasks: [{ id: 'web.1', name: 'web', state: 'TASK_RUNNING' }] }],
  })
  const typed = (words: string): Promise<readonly string[]> =>
    completions(commands, words.split(' '), () => Promise.resolve(state))
  let commands: Commands
  beforeAll(async () => {
    const names = (await commandsFor([])).map(({ name }) => name)
    commands = { names, named: commandNamed, masters: () => ['prod', 'lab'] }
  })

  test('knows commands, verbs, actions and options', async () => {
    expect(await typed('ev')).toEqual(['event', 'events'])
    expect(await typed('task k')).toEqual(['kill'])
    expect(await typed('lend p')).toEqual(['pause'])
    expect(await typed('events --fo')).toEqual(['--follow'])
    expect(await typed('ps -o y')).toEqual(['yaml'])
    expect(await typed('ps -m p')).toEqual(['prod'])
    expect(await typed('ctx use ')).toEqual(['lab', 'prod'])
    expect(await typed('ctx ad')).toEqual(['add'])
    expect(await typed('top l')).toEqual(['lent'])
    expect(await typed('ps --state gone-')).toEqual(['gone-by-operator'])
    expect(await typed('ps --sort -c')).toEqual(['-container', '-cpus'])
    expect(await typed('ps --columns task,fra')).toEqual(['task,framework', 'task,framework_id'])
  })

  test('knows the names of what is there', async () => {
    expect(await typed('logs ')).toEqual(['web'])
    expect(await typed('task why ')).toEqual(['a1', 'shop', 'web'])
    expect(await typed('agent drain ')).toEqual(['a1'])
    expect(await typed('events --framework s')).toEqual(['shop'])
    expect(await typed('run --on ')).toEqual(['a1'])
    expect(await typed('logs --tail ')).toEqual([])
    expect(await typed('logs --tail 3 w')).toEqual(['web'])
    expect(await typed('lend set --mode f')).toEqual(['full'])
    expect(await completions(commands, ['logs', ''], () => Promise.resolve(undefined))).toEqual([])
  })
})

test('A table shows what could steer the terminal as it is written, and leaves our colours', () => {
  const rows = [['web\u001b[2J\u009b1A\n', '\u001b[31mred\u001b[0m']]
  expect(table(['NAME', 'STATE'], rows)).toEqual([
    'NAME                  STATE',
    'web\\x1b[2J\\x9b1A\\x0a  \u001b[31mred\u001b[0m',
  ])
})

test('Flags are told with where each came from', () => {
  const table = {
    ip: textFlag('x'),
    quiet: boolFlag(false, 'x'),
    port: textFlag('x', { alias: ['tcp_port'] }),
  }
  const rows = flagRows(table, parseFlags(table, ['--quiet', '--tcp_port=1'], { TEPUI_IP: '::1' }))
  expect(configLines(rows, true)).toEqual([
    'FLAG     VALUE  ORIGIN',
    '--ip     ::1    TEPUI_IP',
    '--port   1      command line',
    '--quiet  true   command line',
  ])
  expect(flagRows(table, parseFlags(table, [], {}))).toContainEqual({
    name: 'ip',
    value: null,
    origin: 'default',
  })
})

test('A moment is so long ago, a time of the last day, or a time with its date', () => {
  const utc = (text: string): number => parseIsoTime(text) ?? 0
  const now = utc('2026-01-31T12:00:00Z')
  expect(moment('10m', now)).toBe(now - 600_000)
  expect(moment('03:10', now)).toBe(utc('2026-01-31T03:10:00Z'))
  expect(moment('23:00:05', now)).toBe(utc('2026-01-30T23:00:05Z'))
  expect(moment('2026-01-31T03:10:00Z', now)).toBe(utc('2026-01-31T03:10:00Z'))
  for (const typed of ['25:00', 'yesterday', '03:60', '']) expect(moment(typed, now)).toBeUndefined()
})

test('Events are a table with their number, and wide with time and names', () => {
  const event = { event: 7, at: 1000, kind: 'lent', agent: 'a1', task_id: 't', text: 'a1 lends 2 cpus' }
  expect(eventTable([event], 61_000, false)[1]).toMatch(/^ {4}7 {2}\S.* ago {2}lent {2}a1 lends 2 cpus$/)
  expect(eventTable([event], 61_000, true)[1]).toBe(
    '    7  1970-01-01T00:00:01.000Z  a1                t     lent  a1 lends 2 cpus',
  )
})

test('All events are read back page by page, none twice, also when many happened in one moment', async () => {
  const all = Array.from({ length: 2500 }, (_, index) => ({ event: index + 1, at: 7 }))
  const asked: string[] = []
  const found = await allEvents(
    (query) => {
      asked.push(query.toString())
      const before = Number(query.get('before') ?? Number.POSITIVE_INFINITY)
      return Promise.resolve(all.filter(({ event }) => event < before).slice(-Number(query.get('limit'))))
    },
    new URLSearchParams({ kind: 'lent', limit: '100' }),
  )
  expect(found).toEqual(all)
  expect(asked).toEqual([
    'kind=lent&limit=1000',
    'kind=lent&limit=1000&before=1501',
    'kind=lent&limit=1000&before=501',
    'kind=lent&limit=1000&before=1',
  ])
})

test('A card tells the nearest miss first and why, or how a task ended and what to do', () => {
  const row = {
    agent: 'a1',
    fits: false,
    free: { cpus: 1, mem: 64 },
    short_by: { cpus: 1 },
    reason: 'shop holds it',
  }
  expect(cardLines({ sentence: 'it waits', framework: {}, offers_seen: 3, rows: [row] }, 0)).toEqual([
    'it waits',
    '  3 offers seen',
    '  AGENT  FREE CPUS  FREE MEMORY  FITS  SHORT BY  LAST OFFER  REASON',
    '  a1             1  64 MB        no    1 cpu     none        nearest miss; shop holds it',
  ])
  const ended = {
    state: 'TASK_FAILED',
    exit: 3,
    stderr: ['bad'],
    next: ['tepui logs t'],
    figures: { cpus: 0.5 },
  }
  expect(cardLines({ sentence: 'it failed', ended }, 0)).toEqual([
    'it failed',
    '  how     exit 3',
    '  had     cpus 0.5',
    '  stderr, its last lines:',
    '    bad',
    '  next    tepui logs t',
  ])
  expect(historyOf({ history: [{ event: 1, at: 0, text: 'x' }] }, 1000)).toHaveLength(2)
})

test('top keeps within 100 columns: the bar gives way to long names', () => {
  const row = {
    agent: 'machine-0012',
    total: 64,
    allocated: 32.25,
    used: 16.25,
    allocatedIdle: 16,
    lending: true,
    mode: 'full',
    lent: 12.25,
    lentUsed: 10.25,
    free: 21.5,
    memoryAllocated: 200_000,
    memoryUsed: 123_456,
    pressure: 0.02,
    tasks: 12,
    lentTasks: 3,
    takenBack: 2,
  }
  const lines = topLines([row])
  expect(Math.max(...lines.map((line) => Array.from(line).length))).toBeLessThanOrEqual(100)
  expect(lines[1]).toContain('12 (3 lent)')
})

test('ui knows the pages that there are', () => {
  const views = readFileSync(join(import.meta.dirname, '../../../ui/views.ts'), 'utf8')
  const paths = [...views.matchAll(/ path: '(\w*)'/g)].map(([, path]) => path || 'overview')
  expect(PAGES.toSorted()).toEqual(paths.toSorted())
})

test('Every form that is offered prints something of everything', async () => {
  for (const output of OUTPUTS) expect(await shown(output, [{ id: 'x' }])).not.toEqual([])
})

test('A pattern means the living tasks that fit, and each line of them says whose it is', () => {
  const task = (id: string, name: string, state: string): object => ({ id, name, state, framework_id: 'F' })
  const state = clusterState({
    version: '1',
    frameworks: [
      {
        id: 'F',
        tasks: [
          task('web.1', 'web', 'TASK_RUNNING'),
          task('web.2', 'web', 'TASK_RUNNING'),
          task('w', 'w+x', 'TASK_RUNNING'),
        ],
        completed_tasks: [task('web.0', 'web', 'TASK_FAILED'), task('old.0', 'old', 'TASK_FINISHED')],
      },
    ],
  })
  const meant = (...typed: string[]): string[] =>
    tasksMatching(allTasks(state), typed).map((one) => one.task.id)
  expect(meant('web*')).toEqual(['web.1', 'web.2'])
  expect(meant('web.?', 'web.1')).toEqual(['web.1', 'web.2'])
  expect(meant('w+*')).toEqual(['w'])
  expect(meant('ol*')).toEqual(['old.0'])
  expect(() => meant('x*')).toThrow("No task is named as 'x*'")
  const printed: string[] = []
  const lines = new PrefixedLines('web  ', (line) => printed.push(line))
  for (const piece of ['a\nb', 'c\n', 'd']) lines.take(Buffer.from(piece))
  lines.end()
  expect(printed).toEqual(['web  a', 'web  bc', 'web  d'])
})
