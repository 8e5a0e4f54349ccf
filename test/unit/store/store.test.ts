// What happened stays known over restarts and crashes, within its limits.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Database } from '../../../src/store/database.ts'
import {
  EVENT_LOG_MIGRATIONS,
  EventLog,
  type EventQuery,
  type LogEntry,
} from '../../../src/store/event-log.ts'
import { Settings } from '../../../src/store/settings.ts'

let folder: string
let path: string
const damage: string[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
  path = join(folder, 'events.db')
  damage.length = 0
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (migrations = EVENT_LOG_MIGRATIONS): Database =>
  Database.open(path, { migrations, onDamaged: (message) => damage.push(message) })

const entry = (at: number, more: Partial<LogEntry> = {}): LogEntry => ({
  at,
  kind: 'lend',
  text: `at ${at}`,
  record: { at },
  ...more,
})

test('entries survive a restart and come back in order, with their ids', () => {
  {
    using database = open()
    const log = new EventLog(database)
    log.append(entry(1))
    log.append(entry(2, { taskId: 't', agentId: 'a', frameworkId: 'f' }))
  }
  using database = open()
  const log = new EventLog(database)
  expect(log.query()).toEqual([
    { id: 1, ...entry(1) },
    { id: 2, ...entry(2, { taskId: 't', agentId: 'a', frameworkId: 'f' }) },
  ])
  expect(log.append(entry(3))).toBe(3)
})

test.each<[EventQuery, number[]]>([
  [{ since: 20 }, [20, 30, 40]],
  [{ until: 20 }, [10]],
  [{ kinds: ['squeeze', 'evict'] }, [20, 40]],
  [{ taskId: 't1' }, [20, 30]],
  [{ agentId: 'a2' }, [40]],
  [{ frameworkId: 'nobody' }, []],
  [{ after: 2, limit: 1 }, [40]],
  [{ before: 4, limit: 2 }, [20, 30]],
  [{ id: 2 }, [20]],
  [{ limit: 2 }, [30, 40]],
  [{ taskId: 't1', kinds: ['lend'] }, [30]],
])('the query %j finds the entries at %j', (wanted, times) => {
  using database = open()
  const log = new EventLog(database)
  log.append(entry(10))
  log.append(entry(20, { kind: 'squeeze', taskId: 't1' }))
  log.append(entry(30, { taskId: 't1' }))
  log.append(entry(40, { kind: 'evict', agentId: 'a2' }))
  expect(log.query(wanted).map(({ at }) => at)).toEqual(times)
})

test('what is asked for is data, never a command', () => {
  using database = open()
  const log = new EventLog(database)
  log.append(entry(1))
  const evil = "x' OR 1=1; DROP TABLE events; --"
  expect(log.query({ taskId: evil, kinds: [evil] })).toEqual([])
  expect(log.query()).toHaveLength(1)
})

test('an entry is amended in place; one that is gone says so', () => {
  using database = open()
  const log = new EventLog(database)
  const id = log.append(entry(1))
  expect(log.amend(id, { effect: 1 })).toBe(true)
  expect(log.query()[0]?.record).toEqual({ effect: 1 })
  expect(log.amend(99, {})).toBe(false)
})

test('beyond the limit of entries the oldest go', () => {
  using database = open()
  const log = new EventLog(database, { entries: 100, bytes: 1e9 })
  for (let at = 1; at <= 1024; at++) log.append(entry(at))
  const kept = log.query()
  expect(kept.at(-1)?.at).toBe(1024)
  expect(kept.length).toBe(100)
})

test('beyond the limit of bytes the oldest go, and the file shrinks', () => {
  const limits = { entries: 1e6, bytes: 512 * 1024 }
  using database = open()
  const log = new EventLog(database, limits)
  for (let at = 1; at <= 2048; at++) log.append(entry(at, { record: 'x'.repeat(2000) }))
  expect(database.usedBytes).toBeLessThan(limits.bytes * 2)
  expect(log.query().at(-1)?.at).toBe(2048)
})

test('a file that is no database is put aside and told, and work goes on', () => {
  writeFileSync(path, 'this was written by somebody else, long enough to be looked at '.repeat(50))
  using database = open()
  new EventLog(database).append(entry(1))
  expect(damage[0]).toContain('put aside')
  expect(readFileSync(`${path}.damaged`, 'utf8')).toContain('somebody else')
})

test('a database whose pages are overwritten is put aside', () => {
  {
    using database = open()
    const log = new EventLog(database)
    for (let at = 1; at <= 500; at++) log.append(entry(at, { record: 'x'.repeat(500) }))
  }
  const bytes = readFileSync(path)
  bytes.fill(0xff, 4096, 4096 * 20)
  writeFileSync(path, bytes)
  using database = open()
  expect(new EventLog(database).query()).toEqual([])
  expect(existsSync(`${path}.damaged`)).toBe(true)
})

test('a file of an older version goes through the steps that it lacks, in order and once, and keeps its rows', () => {
  const steps = [
    'CREATE TABLE a (x)',
    "INSERT INTO a VALUES ('second'); ALTER TABLE a ADD COLUMN y DEFAULT 7",
  ]
  open(steps.slice(0, 1)).prepare('INSERT INTO a VALUES (?)').run('first')
  const all = [...steps, "INSERT INTO a VALUES ('third', 8)"]
  for (let life = 0; life < 3; life++) {
    using database = open(all)
    expect(database.prepare('SELECT x, y FROM a').all()).toEqual([
      { x: 'first', y: 7 },
      { x: 'second', y: 7 },
      { x: 'third', y: 8 },
    ])
  }
  expect(damage).toEqual([])
})

test('a step that fails leaves the file at the step before it, and says which file it is', () => {
  open(['CREATE TABLE a (x)'])[Symbol.dispose]()
  const broken = ['CREATE TABLE a (x)', 'CREATE TABLE b (x)', 'CREATE TABLE c (x); CREATE TABLE a (x)']
  expect(() => open(broken)).toThrow(`Cannot use the database ${path}: table a already exists`)
  using database = open(broken.slice(0, 2))
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all()
  expect(tables.map(({ name }) => name)).toEqual(['a', 'b'])
})

test('a file of a newer version is refused and left as it is', () => {
  open([...EVENT_LOG_MIGRATIONS, 'CREATE TABLE later (x)'])[Symbol.dispose]()
  expect(() => open()).toThrow(
    `has version ${EVENT_LOG_MIGRATIONS.length + 1}, this Tepui knows ${EVENT_LOG_MIGRATIONS.length}`,
  )
  expect(damage).toEqual([])
})

test('a folder that does not exist is named', () => {
  path = join(folder, 'missing', 'events.db')
  expect(() => open()).toThrow(`Cannot use the database ${path}`)
})

test('a transaction is all or nothing', () => {
  using database = open()
  const log = new EventLog(database)
  expect(() =>
    database.transaction(() => {
      log.append(entry(1))
      throw new Error('no')
    }),
  ).toThrow('no')
  expect(log.query()).toEqual([])
})

test('what is written is there for a second reader at once, as after a crash of the first', () => {
  using first = open()
  new EventLog(first).append(entry(7))
  using second = open()
  expect(new EventLog(second).query().map(({ at }) => at)).toEqual([7])
})

test('settings keep any plain value over a restart and can be forgotten', () => {
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), (name, value) => {
      {
        using database = open()
        new Settings(database).set(name, value)
      }
      using database = open()
      const settings = new Settings(database)
      expect(settings.get(name)).toEqual(JSON.parse(JSON.stringify(value)))
      settings.set(name, undefined)
      expect(settings.get(name)).toBeUndefined()
    }),
    { numRuns: 30 },
  )
})

test('a task finds every event that is about it, also where it is one of several; they go with their events', () => {
  using database = open()
  const log = new EventLog(database, { entries: 2, bytes: 1e9 })
  const add = (at: number, taskId: string, ...otherTaskIds: string[]): number =>
    log.append({ at, kind: 'freeze', taskId, otherTaskIds, text: '', record: {} })
  const first = add(1, 'web', 'b1', 'b2')
  add(2, 'db', 'b2')
  expect(log.query({ taskId: 'b1' }).map(({ id }) => id)).toEqual([first])
  expect(log.query({ taskId: 'b2' })).toHaveLength(2)
  add(3, 'db')
  new EventLog(database, { entries: 1, bytes: 1e9 })
  expect(log.query({ taskId: 'b2' })).toEqual([])
  expect(database.prepare('SELECT count(*) AS count FROM event_tasks').all()).toEqual([{ count: 0 }])
})
