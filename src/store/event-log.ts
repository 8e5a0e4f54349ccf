/**
 * What happened, durable and bounded: events by time, kind, agent, framework and task, each with its record as JSON.
 * The oldest go first when there are too many or they take too much.
 */
import type { Cell, Database, Row } from './database.ts'

export interface LogEntry {
  /** Wall time, ms. */
  readonly at: number
  readonly kind: string
  readonly agentId?: string
  readonly frameworkId?: string
  readonly taskId?: string
  /** Other tasks that it is about: a query for one of them finds it too. At most 100 are kept. */
  readonly otherTaskIds?: readonly string[]
  /** One sentence for people. */
  readonly text: string
  /** A plain value: survives JSON. */
  readonly record: unknown
}

export interface StoredEntry extends Omit<LogEntry, 'otherTaskIds'> {
  /** Grows with every entry, also over restarts. */
  readonly id: number
}

export interface EventQuery {
  readonly id?: number
  /** Wall times, ms: from (inclusive) and to (exclusive). */
  readonly since?: number
  readonly until?: number
  /** Only entries with a larger id, for following. */
  readonly after?: number
  /** Only entries with a smaller id, for reading back page by page. */
  readonly before?: number
  readonly kinds?: readonly string[]
  readonly agentId?: string
  readonly frameworkId?: string
  readonly taskId?: string
  /** Default and most 1,000; the newest are kept. */
  readonly limit?: number
}

export interface EventLogLimits {
  readonly entries: number
  readonly bytes: number
}

export const EVENT_LOG_LIMITS: EventLogLimits = { entries: 100_000, bytes: 64 * 1024 * 1024 }

/** The schema, for `Database.open`. */
export const EVENT_LOG_MIGRATIONS: readonly string[] = [
  `CREATE TABLE events (
     id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL,
     agent TEXT, framework TEXT, task TEXT, text TEXT NOT NULL, record TEXT NOT NULL);
   CREATE INDEX events_at ON events (at);
   CREATE INDEX events_task ON events (task) WHERE task IS NOT NULL;
   CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE event_tasks (task TEXT, event INTEGER, PRIMARY KEY (task, event)) WITHOUT ROWID;
   CREATE TRIGGER events_gone AFTER DELETE ON events
     BEGIN DELETE FROM event_tasks WHERE event = old.id; END;
   CREATE INDEX event_tasks_event ON event_tasks (event)`,
  `CREATE INDEX events_agent ON events (agent) WHERE agent IS NOT NULL;
   CREATE INDEX events_framework ON events (framework) WHERE framework IS NOT NULL;
   CREATE INDEX events_kind ON events (kind)`,
]

const MOST_AT_ONCE = 1000
/** The file's size is looked at once in so many entries. */
const CHECK_EVERY = 256
/** A record beyond this is a mistake of its writer. */
export const MAX_RECORD_BYTES = 256 * 1024
const MAX_OTHER_TASKS = 100

export class EventLog {
  readonly #database: Database
  readonly #limits: EventLogLimits
  readonly #insert: ReturnType<Database['prepare']>
  readonly #amend: ReturnType<Database['prepare']>
  readonly #mention: ReturnType<Database['prepare']>
  readonly #trim: ReturnType<Database['prepare']>
  readonly #span: ReturnType<Database['prepare']>
  #sinceCheck = 0

  constructor(database: Database, limits: EventLogLimits = EVENT_LOG_LIMITS) {
    this.#database = database
    this.#limits = limits
    this.#insert = database.prepare(
      'INSERT INTO events (at, kind, agent, framework, task, text, record) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    this.#amend = database.prepare('UPDATE events SET record = ? WHERE id = ?')
    this.#mention = database.prepare('INSERT OR IGNORE INTO event_tasks (task, event) VALUES (?, ?)')
    this.#trim = database.prepare('DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?')
    this.#span = database.prepare(
      `SELECT min(id) AS oldest, max(id) AS newest,
       (SELECT at FROM events ORDER BY id LIMIT 1) AS since FROM events`,
    )
    this.#keepWithin()
  }

  /** Writes an entry and returns its id. @throws OperatingError FILE when the disk refuses */
  append(entry: LogEntry): number {
    const { at, kind, agentId = null, frameworkId = null, taskId = null, text } = entry
    const { lastId } = this.#insert.run(
      at,
      kind,
      agentId,
      frameworkId,
      taskId,
      text,
      recordText(entry.record),
    )
    for (const task of entry.otherTaskIds?.slice(0, MAX_OTHER_TASKS) ?? []) this.#mention.run(task, lastId)
    this.#sinceCheck++
    if (this.#sinceCheck >= CHECK_EVERY) this.#keepWithin()
    return lastId
  }

  /** Writes many at once, all or none, and returns what is stored of them. @throws OperatingError FILE */
  appendAll(entries: readonly LogEntry[]): readonly StoredEntry[] {
    const stored: StoredEntry[] = []
    this.#database.transaction(() => {
      for (const entry of entries) {
        const { otherTaskIds: _, ...kept } = entry
        stored.push({ ...kept, id: this.append(entry) })
      }
    })
    return stored
  }

  /** Number and time of the oldest and the newest entry; undefined when there is none. */
  span(): { readonly oldest: number; readonly newest: number; readonly since: number } | undefined {
    const [row] = this.#span.all()
    if (row === undefined || row['newest'] === null) return undefined
    return { oldest: Number(row['oldest']), newest: Number(row['newest']), since: Number(row['since']) }
  }

  /** Replaces the record of an entry; false when it has been dropped meanwhile. */
  amend(id: number, record: unknown): boolean {
    return this.#amend.run(recordText(record), id).changes > 0
  }

  /** Entries that match all that is given, oldest first; of too many, the newest. */
  query(wanted: EventQuery = {}): readonly StoredEntry[] {
    const conditions: string[] = []
    const parameters: Cell[] = []
    const where = (condition: string, ...values: readonly (Cell | undefined)[]): void => {
      const given = values.filter((value) => value !== undefined)
      if (given.length === 0) return
      conditions.push(condition)
      parameters.push(...given)
    }
    where('id = ?', wanted.id)
    where('id > ?', wanted.after)
    where('id < ?', wanted.before)
    where('at >= ?', wanted.since)
    where('at < ?', wanted.until)
    where('agent = ?', wanted.agentId)
    where('framework = ?', wanted.frameworkId)
    where('(task = ? OR id IN (SELECT event FROM event_tasks WHERE task = ?))', wanted.taskId, wanted.taskId)
    const kinds = wanted.kinds ?? []
    where(`kind IN (${kinds.map(() => '?').join(', ')})`, ...kinds)
    const filter = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
    const limit = Math.max(0, Math.min(wanted.limit ?? MOST_AT_ONCE, MOST_AT_ONCE))
    const statement = this.#database.prepare(`SELECT * FROM events ${filter} ORDER BY id DESC LIMIT ?`)
    return statement
      .all(...parameters, limit)
      .map(entryOf)
      .toReversed()
  }

  /** Drops the oldest entries beyond the limits. */
  #keepWithin(): void {
    this.#sinceCheck = 0
    let keep = this.#limits.entries
    this.#trim.run(keep)
    // What single entries take is not known; a tenth at a time is dropped until the rest fits.
    while (this.#database.usedBytes > this.#limits.bytes && keep > 1) {
      const [row] = this.#database.prepare('SELECT count(*) AS count FROM events').all()
      const count = Number(row?.['count'] ?? 0)
      if (count <= 1) break
      keep = Math.max(1, Math.floor(count * 0.9))
      this.#trim.run(keep)
    }
    this.#database.shrink()
  }
}

function recordText(record: unknown): string {
  const text = JSON.stringify(record)
  if (text.length > MAX_RECORD_BYTES) throw new Error(`A record of ${text.length} bytes is a mistake`)
  return text
}

function entryOf(row: Row): StoredEntry {
  const text = (name: string): string | undefined => (typeof row[name] === 'string' ? row[name] : undefined)
  const [agentId, frameworkId, taskId] = [text('agent'), text('framework'), text('task')]
  return {
    id: Number(row['id']),
    at: Number(row['at']),
    kind: text('kind') ?? '',
    ...(agentId !== undefined && { agentId }),
    ...(frameworkId !== undefined && { frameworkId }),
    ...(taskId !== undefined && { taskId }),
    text: text('text') ?? '',
    record: JSON.parse(text('record') ?? 'null'),
  }
}
