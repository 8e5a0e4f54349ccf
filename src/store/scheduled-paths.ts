// Paths that are to be removed one day, kept over restarts, and what is remembered of those that are gone.
import type { Database, Row, Statement } from './database.ts'

/** The schema, for `Database.open`. */
export const COLLECTION_MIGRATIONS: readonly string[] = [
  `CREATE TABLE paths (
     path TEXT PRIMARY KEY, kind TEXT NOT NULL, ending TEXT NOT NULL, since INTEGER NOT NULL,
     bytes INTEGER, facts TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE tombstones (
     container TEXT PRIMARY KEY, framework TEXT NOT NULL, executor TEXT NOT NULL,
     removed INTEGER NOT NULL, size INTEGER NOT NULL, record TEXT NOT NULL);
   CREATE INDEX tombstones_executor ON tombstones (framework, executor, removed);
   CREATE INDEX tombstones_removed ON tombstones (removed)`,
  `CREATE TABLE images (
     id TEXT PRIMARY KEY, names TEXT NOT NULL, pulled INTEGER NOT NULL, used INTEGER NOT NULL,
     bytes INTEGER NOT NULL) WITHOUT ROWID`,
]

export interface PathRow {
  readonly path: string
  readonly kind: string
  readonly ending: string
  /** Wall time, ms. */
  readonly since: number
  /** Undefined until it was measured. */
  readonly bytes: number | undefined
  /** A plain value: survives JSON. */
  readonly facts: unknown
}

export class ScheduledPaths {
  readonly #put: Statement
  readonly #remove: Statement
  readonly #all: Statement

  /** The table comes with `COLLECTION_MIGRATIONS`. */
  constructor(database: Database) {
    this.#put = database.prepare(
      `INSERT INTO paths (path, kind, ending, since, bytes, facts) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (path) DO UPDATE SET kind = excluded.kind, ending = excluded.ending,
         since = excluded.since, bytes = excluded.bytes, facts = excluded.facts`,
    )
    this.#remove = database.prepare('DELETE FROM paths WHERE path = ?')
    this.#all = database.prepare('SELECT path, kind, ending, since, bytes, facts FROM paths ORDER BY path')
  }

  /** @throws OperatingError FILE, as all of these */
  put(row: PathRow): void {
    const { bytes, ending, facts, kind, path, since } = row
    this.#put.run(path, kind, ending, Math.round(since), bytes ?? null, JSON.stringify(facts))
  }

  remove(path: string): void {
    this.#remove.run(path)
  }

  all(): readonly PathRow[] {
    return this.#all.all().map((row) => ({
      path: String(row['path']),
      kind: String(row['kind']),
      ending: String(row['ending']),
      since: Number(row['since']),
      bytes: row['bytes'] === null ? undefined : Number(row['bytes']),
      facts: JSON.parse(String(row['facts'])) as unknown,
    }))
  }
}

export interface StoredTombstone {
  readonly containerId: string
  readonly frameworkId: string
  readonly executorId: string
  /** Wall time, ms. */
  readonly removedAt: number
  /** A plain value: survives JSON. */
  readonly record: unknown
}

export interface TombstoneLimits {
  readonly entries: number
  readonly bytes: number
}

export class Tombstones {
  readonly #database: Database
  readonly #limits: TombstoneLimits
  readonly #put: Statement
  readonly #byContainer: Statement
  readonly #newest: Statement
  readonly #sums: Statement
  readonly #oldest: Statement
  readonly #remove: Statement

  /** The table comes with `COLLECTION_MIGRATIONS`. Beyond the limits the oldest are forgotten. */
  constructor(database: Database, limits: TombstoneLimits) {
    this.#database = database
    this.#limits = limits
    this.#put = database.prepare(
      `INSERT OR REPLACE INTO tombstones (container, framework, executor, removed, size, record)
       VALUES (?, ?, ?, ?, ?, ?)`,
    )
    const columns = 'SELECT container, framework, executor, removed, record FROM tombstones'
    this.#byContainer = database.prepare(`${columns} WHERE container = ?`)
    this.#newest = database.prepare(
      `${columns} WHERE framework = ? AND executor = ? ORDER BY removed DESC LIMIT 1`,
    )
    this.#sums = database.prepare('SELECT COUNT(*) AS entries, TOTAL(size) AS bytes FROM tombstones')
    this.#oldest = database.prepare('SELECT container, size FROM tombstones ORDER BY removed LIMIT 100')
    this.#remove = database.prepare('DELETE FROM tombstones WHERE container = ?')
  }

  /** @throws OperatingError FILE, as all of these */
  put(stone: StoredTombstone): void {
    const { containerId, executorId, frameworkId, record, removedAt } = stone
    const text = JSON.stringify(record)
    this.#put.run(containerId, frameworkId, executorId, Math.round(removedAt), text.length, text)
    this.#shrink()
  }

  of(containerId: string): StoredTombstone | undefined {
    return this.#byContainer.all(containerId).map(stoneOf)[0]
  }

  /** The one that was put last of an executor's. */
  newestOf(frameworkId: string, executorId: string): StoredTombstone | undefined {
    return this.#newest.all(frameworkId, executorId).map(stoneOf)[0]
  }

  get totals(): { readonly entries: number; readonly bytes: number } {
    const [row] = this.#sums.all()
    return { entries: Number(row?.['entries'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) }
  }

  #shrink(): void {
    let { bytes, entries } = this.totals
    if (entries <= this.#limits.entries && bytes <= this.#limits.bytes) return
    this.#database.transaction(() => {
      for (const row of this.#oldest.all()) {
        if (entries <= this.#limits.entries && bytes <= this.#limits.bytes) return
        this.#remove.run(String(row['container']))
        entries--
        bytes -= Number(row['size'])
      }
    })
    this.#database.shrink()
  }
}

function stoneOf(row: Row): StoredTombstone {
  return {
    containerId: String(row['container']),
    frameworkId: String(row['framework']),
    executorId: String(row['executor']),
    removedAt: Number(row['removed']),
    record: JSON.parse(String(row['record'])) as unknown,
  }
}
