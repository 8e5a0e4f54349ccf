// How the end of a host container is told from its record, its shell and the kernel's counters.
import { describe, expect, test } from 'vitest'
import { explainExit, parseExitRecord, type EndFacts } from '../../../src/containerizer/host/exit.ts'
import { parseStat, treeOf } from '../../../src/containerizer/host/process-table.ts'
import { rlimitArguments } from '../../../src/containerizer/host/rlimits.ts'

const FACTS: EndFacts = {
  record: { kind: 'exited', code: 1 },
  shim: { exitCode: 1, signal: undefined },
  memory: undefined,
  killed: undefined,
}
const MEMORY = { level: 'own', kills: 1, limitBytes: 10, peakBytes: 10, detail: 'exceeded' } as const

describe('a record', () => {
  test('counts only when it is whole', () => {
    expect(parseExitRecord('exited 3\n')).toEqual({ kind: 'exited', code: 3 })
    expect(parseExitRecord('signaled 137\n')).toEqual({ kind: 'signaled', number: 9 })
    // Written over the blanks that kept its room.
    expect(parseExitRecord('exited 3\n       ')).toEqual({ kind: 'exited', code: 3 })
    for (const text of [undefined, '', ' '.repeat(16), 'exited', 'exited 3', 'exited 3000\n', 'ended 3\n']) {
      expect(parseExitRecord(text)).toBeUndefined()
    }
  })

  test('that is missing is replaced by what the shell returned, or the container is lost', () => {
    const lost = { ...FACTS, record: undefined }
    expect(explainExit(lost)).toEqual({ kind: 'exited', code: 1 })
    expect(explainExit({ ...lost, shim: { exitCode: 137, signal: undefined } })).toMatchObject({
      signal: 'SIGKILL',
    })
    expect(explainExit({ ...lost, shim: { exitCode: undefined, signal: 'SIGTERM' } })).toEqual({
      kind: 'lost',
      detail: 'The shell that supervised the command was ended by SIGTERM first',
    })
  })
})

test('memory explains every failed end that we did not cause, and no success', () => {
  expect(explainExit({ ...FACTS, memory: MEMORY })).toMatchObject({ kind: 'memory', level: 'own' })
  const success = { ...FACTS, memory: MEMORY, record: { kind: 'exited', code: 0 } } as const
  expect(explainExit(success)).toEqual({ kind: 'exited', code: 0 })
  expect(explainExit({ ...FACTS, memory: MEMORY, killed: 'on request' })).toEqual({ kind: 'exited', code: 1 })
})

test('a process with spaces and parentheses in its name is parsed', () => {
  const fields = Array.from({ length: 30 }, (_, index) => String(index + 5))
  expect(parseStat(`42 (a) b (c)) S 7 8 9 ${fields.join(' ')}`)).toEqual({
    pid: 42,
    state: 'S',
    parent: 7,
    session: 9,
    startTicks: 20,
    threads: 18,
  })
  expect(parseStat('')).toBeUndefined()
})

test('a tree holds descendants of its roots and members of its session, without its shell', () => {
  const entry = (pid: number, parent: number, session: number) => ({
    pid,
    parent,
    session,
    state: 'S',
    startTicks: 1,
    threads: 1,
  })
  const table = [entry(30, 20, 9), entry(10, 1, 10), entry(20, 10, 10), entry(40, 1, 10), entry(50, 1, 50)]
  const tree = treeOf(table, new Set([10]), 10, 10)
  expect(tree.map((one) => one.pid)).toEqual([30, 20, 40])
})

test('resource limits are checked before anything starts', () => {
  expect(rlimitArguments(undefined)).toEqual([])
  const both = { rlimits: [{ type: 'RLMT_NOFILE', soft: 1, hard: 2 }, { type: 'RLMT_CORE' }] } as never
  expect(rlimitArguments(both)).toEqual(['--nofile=1:2', '--core=unlimited:unlimited'])
  const half = { rlimits: [{ type: 'RLMT_CPU', soft: 1 }] } as never
  expect(rlimitArguments(half)).toMatchObject({ message: expect.stringMatching(/needs both/) as string })
  const unknown = { rlimits: [{ type: 'UNKNOWN', soft: 1, hard: 1 }] } as never
  expect(rlimitArguments(unknown)).toMatchObject({
    message: expect.stringMatching(/UNKNOWN is not/) as string,
  })
})
