// The tasks of a fault run: drawn from a seed, and honest about their starts and ends.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { parseLedger } from '../../faults/history.ts'
import { readLedger } from '../../faults/ledger.ts'
import { drawTask, scriptOf, TASK_KINDS, type TaskPlan } from '../../faults/tasks.ts'

const draw = (seed: number): TaskPlan[] => {
  const random = seededRandom(seed)
  return Array.from({ length: 200 }, (_, number) => drawTask(number, random))
}

describe('the tasks of a seed', () => {
  test('are the same every time, and of every kind and end, lent or not', () => {
    expect(draw(7)).toEqual(draw(7))
    const seen = new Set(draw(7).flatMap(({ kind, end, revocable }) => [kind, end.kind, revocable]))
    expect(seen).toEqual(new Set([...TASK_KINDS, 'exits', 'killed', 'stays', true, false]))
  })

  test('each have an id of their own', () => {
    expect(new Set(draw(7).map(({ id }) => id)).size).toBe(200)
  })
})

describe('a task', () => {
  const plan = (code: number): TaskPlan => ({
    id: 'one',
    kind: 'host',
    revocable: false,
    end: { kind: 'exits', afterMs: 1, code },
  })

  test('writes its start and its status, and ends with it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
    const { status } = spawnSync('/bin/sh', ['-c', scriptOf(plan(3), folder)])
    expect(status).toBe(3)
    expect(readLedger(folder)).toEqual(new Map([['one', { starts: 1, ended: 3, termed: false }]]))
    rmSync(folder, { recursive: true })
  })

  test('that is run twice has written two starts', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
    for (let run = 0; run < 2; run++) spawnSync('/bin/sh', ['-c', scriptOf(plan(0), folder)])
    expect(readLedger(folder).get('one')?.starts).toBe(2)
    rmSync(folder, { recursive: true })
  })
})

test('a line that was not written whole is not read', () => {
  expect(parseLedger('start 17\nterm\nend 1')).toEqual({ starts: 1, ended: undefined, termed: true })
})
