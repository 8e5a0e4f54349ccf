// How things are told: tables, troubles, ends of tasks, the bars of top, the sum of lending.
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { eachLines, exitCodeOf, type EachLine } from '../../../src/cli/commands/each.ts'
import { startOfLast } from '../../../src/cli/commands/logs.ts'
import { allTasks } from '../../../src/cli/find-task.ts'
import { lendRow, sumLine } from '../../../src/cli/lend-view.ts'
import { LogOutputs } from '../../../src/cli/log-output.ts'
import { clusterState } from '../../../src/cli/master-api.ts'
import type { Output } from '../../../src/cli/output.ts'
import { screenOn, table, wantsColour } from '../../../src/cli/screen.ts'
import { endOf } from '../../../src/cli/task-end.ts'
import { barOf, topRow } from '../../../src/cli/top-view.ts'
import { tell } from '../../../src/cli/trouble.ts'
import type { Placement } from '../../../src/frameworks/run.ts'
import type { TaskStatus } from '../../../src/sdk/sdk.ts'

describe('A table', () => {
  test('is as wide as its longest cells, numbers to the right, nothing cut off', () => {
    expect(
      table(
        ['NAME', 'CPUS'],
        [
          ['a', '0.5'],
          ['longer', '12'],
        ],
      ),
    ).toEqual(['NAME    CPUS', 'a        0.5', 'longer    12'])
  })

  test('does not count colours as width', () => {
    const { paint } = screenOn({ write: () => true }, { write: () => true }, true)
    expect(table(['A', 'B'], [[paint('red', 'x'), 'y']])[1]).toBe(`${paint('red', 'x')}  y`)
  })

  test('is without colours when nobody sees them or somebody said no', () => {
    expect(wantsColour(true, {}, true)).toBe(true)
    for (const [tty, environment, option] of [
      [false, {}, true],
      [true, { NO_COLOR: '1' }, true],
      [true, {}, false],
    ] as const)
      expect(wantsColour(tty, environment, option)).toBe(false)
  })
})

describe('What tasks wrote', () => {
  const state = clusterState({
    version: '1',
    frameworks: [
      { id: 'F', tasks: ['web.1', 'web.2'].map((id) => ({ id, name: 'web', framework_id: 'F' })) },
    ],
  })
  const [first, second] = allTasks(state)

  function printed(
    grep: RegExp | undefined,
    isMerged: boolean,
    output: Output = 'table',
    isBoth = true,
  ): { readonly out: string; readonly err: string } {
    if (first === undefined || second === undefined) throw new Error('two tasks were made')
    let [out, err] = ['', '']
    const screen = screenOn(
      { write: (text) => (out += Buffer.from(text).toString()) },
      { write: (text) => (err += Buffer.from(text).toString()) },
      false,
    )
    const common = { master: '', output, debug: false, endWithInput: false }
    const outputs = new LogOutputs({ common, screen }, { isMerged, isBoth, grep })
    const streams = [outputs.of(first, 'stdout'), outputs.of(first, 'stderr')]
    if (isMerged) streams.push(outputs.of(second, 'stdout'))
    for (const [index, stream] of streams.entries()) {
      // A line may come in pieces, and the last may have no end.
      for (const piece of [`err`, `or ${index}\nfi`, `ne ${index}`]) stream.take(Buffer.from(piece))
      stream.end()
    }
    return { out, err }
  }

  test('comes as it is, each stream to its own', () => {
    expect(printed(undefined, false)).toEqual({ out: 'error 0\nfine 0', err: 'error 1\nfine 1' })
    // Whoever asks for one alone wants it as data, whichever it is.
    expect(printed(undefined, false, 'table', false).err).toBe('')
  })

  test('comes in lines that fit', () => {
    expect(printed(/^err/, false)).toEqual({ out: 'error 0\n', err: 'error 1\n' })
    expect(printed(/fine/, false, 'jsonl').out).toBe(
      '{"task":"web.1","stream":"stdout","text":"fine 0\\n"}\n' +
        '{"task":"web.1","stream":"stderr","text":"fine 1\\n"}\n',
    )
  })

  test('of several says whose each line is, and tells instances of one service apart', () => {
    expect(printed(/err/, true)).toEqual({
      out: 'web  error 0\nweb.2  error 2\n',
      err: 'web  error 1\n',
    })
  })
})

describe('A trouble', () => {
  test('is told as what failed, the cause and the fix, with the exit code of its kind', () => {
    const cause = new Error('connect ECONNREFUSED 127.0.0.1:1')
    const error = new OperatingError('UNREACHABLE', 'No master answers at x', { cause, hint: 'Start one' })
    expect(tell('tepui ps', error, false)).toEqual({
      lines: ['tepui ps: No master answers at x', `  cause: ${cause.message}`, '  fix:   Start one'],
      exitCode: 69,
    })
    expect(tell('tepui', new OperatingError('USAGE', 'x'), false).exitCode).toBe(64)
  })

  test('shows a stack only with --debug', () => {
    const fault = new TypeError('x is not a function')
    expect(tell('tepui', fault, false).lines.join('\n')).not.toContain(' at ')
    expect(tell('tepui', fault, true).lines.join('\n')).toContain(' at ')
  })
})

describe('The end of a run', () => {
  const placement: Placement = {
    taskId: 't',
    agentId: 'x',
    agentName: 'a1',
    hostname: 'h',
    address: undefined,
    ports: [],
  }
  const end = (state: TaskStatus['state'], message = '', reason?: TaskStatus['reason'], stopped = false) =>
    endOf(
      {
        kind: 'task-ended',
        placement,
        status: { task_id: { value: 't' }, state, message, ...(reason !== undefined && { reason }) },
      },
      stopped,
    )

  test('has the code of the task, 3 when it was taken back, 2 when it was not placed', () => {
    expect(end('TASK_FINISHED').exitCode).toBe(0)
    expect(end('TASK_FAILED', 'Command exited with status 7').exitCode).toBe(7)
    expect(end('TASK_GONE', 'owner x', 'REASON_CONTAINER_PREEMPTED').exitCode).toBe(3)
    expect(endOf({ kind: 'not-placed', seen: 0, nearest: undefined }, false).exitCode).toBe(2)
    expect(end('TASK_KILLED', 'Command terminated with signal Terminated', undefined, true).exitCode).toBe(
      130,
    )
  })

  test('counts programs that cannot be started as Docker does', () => {
    const failed = (words: string): number =>
      end('TASK_FAILED', `Failed to launch container: ${words}`).exitCode
    expect(failed('exec: "x": executable file not found in $PATH')).toBe(127)
    expect(failed('exec: "/x": permission denied')).toBe(126)
    expect(failed('the image cannot be had')).toBe(125)
  })

  test('that was taken back says so, with the words of the agent', () => {
    expect(
      end('TASK_GONE', "owner 'web' misses 0.5 cpus", 'REASON_CONTAINER_PREEMPTED').lines.join('\n'),
    ).toMatch(/taken back on a1.*not a crash.*\n.*owner 'web' misses 0.5 cpus/)
  })
})

describe('The outputs of each', () => {
  const line = (agent: string, stdout: string, kind: EachLine['kind'] = 'ok'): EachLine => ({
    agent,
    kind,
    exitCode: kind === 'ok' ? 0 : 1,
    stdout,
    stderr: '',
    reason: kind === 'ok' ? '' : 'exited with status 1',
  })

  test('are folded when equal, and failures come last with their reason', () => {
    const lines = [line('a1', '6.1\n'), line('a2', 'oops\n', 'failed'), line('a3', '6.1\n')]
    expect(eachLines(lines, true)).toEqual(['6.1  a1 a3 (2)', 'FAILED  a2  exited with status 1', 'a2: oops'])
    expect(eachLines(lines.slice(0, 1), false)).toEqual(['a1: 6.1'])
  })

  test('end with 0 when all are well, 4 when some are, 1 when none is', () => {
    expect(exitCodeOf([line('a1', '')])).toBe(0)
    expect(exitCodeOf([line('a1', ''), line('a2', '', 'unreachable')])).toBe(4)
    expect(exitCodeOf([line('a1', '', 'failed')])).toBe(1)
    expect(exitCodeOf([])).toBe(1)
  })
})

test('The last lines of a text begin where they begin, with or without a line end at the end', () => {
  const last = (text: string, lines: number): string => text.slice(startOfLast(Buffer.from(text), lines))
  expect(last('a\nb\nc\n', 2)).toBe('b\nc\n')
  expect(last('a\nb\nc', 1)).toBe('c')
  expect(last('a\nb\n', 5)).toBe('a\nb\n')
  expect(last('a\n', 0)).toBe('')
})

describe('Top', () => {
  const page = (at: number, owner: number, borrower: number): object => ({
    lending: true,
    lent: { cpus: 0.8 },
    containers: [
      { container_id: 'o', revocable: false, statistics: { at, cpuSeconds: owner, memoryBytes: 1024 ** 2 } },
      {
        container_id: 'b',
        revocable: true,
        statistics: { at, cpuSeconds: borrower, memoryBytes: 1024 ** 2 },
      },
    ],
  })
  const own = { total: { cpus: 2 }, allocated: { cpus: 1, mem: 64 }, lent_used: { cpus: 0.5 } }
  const row = topRow('a1', own, [page(0, 10, 5), page(2000, 10.5, 6)] as never, { tasks: 2, lentTasks: 1 })

  test('reckons rates between two samples', () => {
    expect(row).toMatchObject({ used: 0.25, lentUsed: 0.5, allocatedIdle: 0.25, free: 1, memoryUsed: 2 })
  })

  test('draws what is used, lent, idle and free; the bar is what the agent has', () => {
    expect(barOf(row)).toBe('███▓▓▓▓▓▒▒░░░░░░░░░░')
    expect(barOf({ ...row, total: 0 })).toBe('░'.repeat(20))
    expect(barOf({ ...row, lentUsed: 9 })).toHaveLength(20)
  })
})

describe('What is lent', () => {
  const agent = clusterState({
    version: '1.12.0',
    slaves: [{ id: 's', hostname: 'h', pid: 'slave(1)@1.2.3.4:5051' }],
  }).agents[0] as Parameters<typeof lendRow>[0]

  test('is told as a sum whose terms lead to it', () => {
    const terms = [
      { name: 'reserved but idle', value: 1.33, of: 'web' },
      { name: 'headroom', value: -0.2, of: 'the machine' },
    ]
    const estimate = { kind: 'known', additional: { cpus: 1.1 }, terms }
    const row = lendRow(agent, { lent_used: { cpus: 0.4 } }, { lending: true, lent: { cpus: 0.5 }, estimate })
    expect(sumLine(row)).toBe(
      '1.33 reserved but idle (web) − 0.20 headroom = 1.1 more cpus; lent 0.5, in use 0.4',
    )
  })

  test('is said to be off when it is, and unknown while it is', () => {
    expect(sumLine(lendRow(agent, {}, { lending: false }))).toMatch(/lending is off/)
    const unknown = {
      lending: true,
      estimate: { kind: 'unknown', reason: 'the first reading has no rate yet' },
    }
    expect(sumLine(lendRow(agent, {}, unknown))).toMatch(/no estimate yet: the first reading/)
  })
})

test('A page that is not the state of a master is refused, and does not pass for an empty cluster', () => {
  expect(() => clusterState({ hello: 'world' })).toThrow(/not that of a master/)
})
