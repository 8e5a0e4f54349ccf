// The checkpoint's file: whole transactions, nothing lost while the disk refuses, no row that nobody wants any more.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Checkpoint } from '../../../src/store/checkpoint.ts'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-checkpoint-'))
  path = join(folder, 'meta', 'agent.db')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const put = (key: string, value: string | undefined) => ({ kind: 'task', key, value })

function rowsOnDisk(): string[] {
  using next = Checkpoint.open(path)
  return next.read().map(({ key, kind, value }) => `${kind} ${key}=${value}`)
}

test('rows are put, changed and taken out, and the next life reads what is left', () => {
  {
    using checkpoint = Checkpoint.open(path)
    checkpoint.write([put('a', '1'), put('b', '1')])
    checkpoint.write([put('a', '2'), put('c', '1')])
    checkpoint.write([put('b', undefined), put('never', undefined)])
  }
  expect(rowsOnDisk()).toEqual(['task a=2', 'task c=1'])
})

test('a row of the earlier life is taken out by the next', () => {
  {
    using checkpoint = Checkpoint.open(path)
    checkpoint.write([put('a', '1')])
  }
  {
    using checkpoint = Checkpoint.open(path)
    checkpoint.read()
    checkpoint.write([put('a', undefined)])
  }
  expect(rowsOnDisk()).toEqual([])
})

test('what the disk refuses is written whole with the next change, in its newest form', () => {
  {
    using checkpoint = Checkpoint.open(path)
    checkpoint.write([put('a', '1')])
    using other = new DatabaseSync(path)
    other.exec("CREATE TRIGGER full BEFORE INSERT ON things BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    expect(() => checkpoint.write([put('a', undefined), put('b', '1'), put('c', '1')])).toThrow(
      /disk is full/,
    )
    expect(() => checkpoint.write([put('b', '2'), put('c', undefined)])).toThrow(/disk is full/)
    expect(checkpoint.owed).toBe(3)
    other.exec('DROP TRIGGER full')
    checkpoint.write([])
    expect(checkpoint.owed).toBe(0)
  }
  expect(rowsOnDisk()).toEqual(['task b=2'])
})

test('what is cleared is gone', () => {
  {
    using checkpoint = Checkpoint.open(path)
    checkpoint.write([put('a', '1')])
    checkpoint.clear()
    checkpoint.write([put('a', undefined), put('b', '1')])
  }
  expect(rowsOnDisk()).toEqual(['task b=1'])
})
