/**
 * One SQLite file (node:sqlite) with a schema that migrates itself. The end of this process loses nothing; a power cut
 * loses at most what was written since the last `flush`, whole transactions from the end, never the middle: write-ahead
 * log, synchronous at its checkpoints (docs/decisions/0006-what-a-power-cut-may-take.md).
 */
import { closeSync, existsSync, fdatasyncSync, openSync, renameSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { OperatingError, reasonOf } from '../base/errors.ts'

/** What may stand in a row. */
export type Cell = string | number | null

export interface Row {
  readonly [column: string]: unknown
}

/** A prepared statement; parameters are `?` in order. */
export interface Statement {
  run(...parameters: readonly Cell[]): { readonly changes: number; readonly lastId: number }
  all(...parameters: readonly Cell[]): readonly Row[]
}

export interface OpenOptions {
  /** Steps from an empty file to the newest schema; each runs once, in order. Never change one that was released. */
  readonly migrations: readonly string[]
  /** Told when a file that cannot be read was put aside, with where it is now. Without it such a file is refused. */
  readonly onDamaged?: (message: string) => void
  /** Told when the file is there and holds nothing at all, before anything is written; it may refuse by throwing. */
  readonly onEmpty?: () => void
  /** Brings a file to the disk; for tests. */
  readonly sync?: (path: string) => Promise<void>
}

export class Database implements Disposable {
  readonly #database: DatabaseSync
  readonly #sync: (path: string) => Promise<void>
  readonly path: string
  /** The sync that is under way, and the one after it, in which all that comes meanwhile takes part. */
  #syncing: Promise<void> | undefined
  #next: Promise<void> | undefined

  private constructor(path: string, database: DatabaseSync, sync: (path: string) => Promise<void>) {
    this.path = path
    this.#database = database
    this.#sync = sync
  }

  /**
   * Opens or makes the file. A damaged file is put aside, not deleted, and a new one begun, if the caller says so.
   * @throws OperatingError FILE when the folder cannot be written, the file comes from a newer version or is damaged
   */
  static open(path: string, options: OpenOptions): Database {
    try {
      return Database.#tryOpen(path, options)
    } catch (error) {
      if (!isDamage(error) || options.onDamaged === undefined) throw troubleWith(path, error)
    }
    const aside = `${path}.damaged`
    for (const suffix of ['', '-wal', '-shm']) moveAside(path + suffix, aside + suffix)
    options.onDamaged(`${path} could not be read; it was put aside as ${aside} and a new one was begun`)
    try {
      return Database.#tryOpen(path, options)
    } catch (error) {
      throw troubleWith(path, error)
    }
  }

  static #tryOpen(path: string, options: OpenOptions): Database {
    const existed = path !== MEMORY && existsSync(path)
    const inner = new DatabaseSync(path, { timeout: 5000 })
    try {
      if (existed) refuseForeign(inner, options.onEmpty)
      refuseNewer(inner, path, options.migrations)
      inner.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA auto_vacuum = INCREMENTAL')
      // Few reads, and the system caches the file: the library need not keep 2 MB of it.
      inner.exec('PRAGMA cache_size = -256')
      const check = inner.prepare('PRAGMA quick_check(1)').get() as Row | undefined
      if (check?.['quick_check'] !== 'ok') throw new Damage(String(check?.['quick_check']))
      migrate(inner, options.migrations)
      return new Database(path, inner, options.sync ?? syncFile)
    } catch (error) {
      inner.close()
      throw error
    }
  }

  prepare(sql: string): Statement {
    const statement = this.#database.prepare(sql)
    return {
      run: (...parameters) => {
        const { changes, lastInsertRowid } = this.#guarded(() => statement.run(...parameters))
        return { changes: Number(changes), lastId: Number(lastInsertRowid) }
      },
      all: (...parameters) => this.#guarded(() => rowsOf(statement, parameters)),
    }
  }

  /** All or nothing. */
  transaction(work: () => void): void {
    this.#guarded(() => this.#database.exec('BEGIN IMMEDIATE'))
    try {
      work()
      this.#guarded(() => this.#database.exec('COMMIT'))
    } catch (error) {
      // A full disk makes SQLite roll back by itself.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /**
   * Resolves when all that was written so far survives a power cut. The log is synced beside the loop, which goes on;
   * many callers share one sync. @throws OperatingError FILE
   */
  flush(): Promise<void> {
    if (this.#syncing === undefined) return this.#flushNow()
    const again = (): Promise<void> => {
      this.#next = undefined
      return this.#flushNow()
    }
    this.#next ??= this.#syncing.then(again, again)
    return this.#next
  }

  /** The same at once, while everything waits: for what people decide. @throws OperatingError FILE */
  flushSync(): void {
    if (this.path === MEMORY) return
    this.#guarded(() => {
      const file = openSync(this.#log, 'r')
      try {
        fdatasyncSync(file)
      } finally {
        closeSync(file)
      }
    })
  }

  /** Where SQLite writes first. Its own locks are on other files, so that opening and closing this one is harmless. */
  get #log(): string {
    return `${this.path}-wal`
  }

  async #flushNow(): Promise<void> {
    const syncing = this.path === MEMORY ? Promise.resolve() : this.#sync(this.#log)
    this.#syncing = syncing
    try {
      await syncing
    } catch (error) {
      throw troubleWith(this.path, error)
    } finally {
      this.#syncing = undefined
    }
  }

  /** Bytes that the file takes, without what deletes have freed in it. */
  get usedBytes(): number {
    const read = (pragma: string): number => {
      const row = this.#database.prepare(`PRAGMA ${pragma}`).get() as Row | undefined
      return Number(row?.[pragma] ?? 0)
    }
    return (read('page_count') - read('freelist_count')) * read('page_size')
  }

  /** Gives what deletes have freed back to the disk, a few pages at a time. */
  shrink(): void {
    this.#guarded(() => this.#database.exec('PRAGMA incremental_vacuum(256)'))
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }

  #guarded<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw troubleWith(this.path, error)
    }
  }
}

/** A database without a file, as SQLite calls it: no power cut leaves anything of it. */
const MEMORY = ':memory:'

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}

class Damage extends Error {}

/** SQLite's primary codes for a file that is no database or whose pages contradict each other. */
const CORRUPT = 11
const NOT_A_DATABASE = 26

function isDamage(error: unknown): boolean {
  if (error instanceof Damage) return true
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  return code === CORRUPT || code === NOT_A_DATABASE
}

function troubleWith(path: string, error: unknown): OperatingError {
  if (error instanceof OperatingError) return error
  return new OperatingError('FILE', `Cannot use the database ${path}: ${reasonOf(error)}`, { cause: error })
}

function moveAside(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    // The companions of a database come and go.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Of a file that we did not begin: it has another program's tables, or none. */
function refuseForeign(inner: DatabaseSync, onEmpty: (() => void) | undefined): void {
  if (versionOf(inner) !== 0) return
  const tables = inner.prepare('SELECT name FROM sqlite_master LIMIT 3').all() as readonly Row[]
  if (tables.length === 0) return onEmpty?.()
  const names = tables.map(({ name }) => String(name)).join(', ')
  throw new Damage(`it is a database of another program, with ${names} in it`)
}

function versionOf(inner: DatabaseSync): number {
  const row = inner.prepare('PRAGMA user_version').get() as Row | undefined
  return Number(row?.['user_version'] ?? 0)
}

/** Before anything is written. */
function refuseNewer(inner: DatabaseSync, path: string, migrations: readonly string[]): void {
  const version = versionOf(inner)
  if (version <= migrations.length) return
  throw new OperatingError(
    'FILE',
    `The database ${path} has version ${version}, this Tepui knows ${migrations.length}`,
    { hint: 'Start the newer Tepui that made it' },
  )
}

function migrate(inner: DatabaseSync, migrations: readonly string[]): void {
  const version = versionOf(inner)
  for (const [index, step] of migrations.entries()) {
    if (index < version) continue
    inner.exec(`BEGIN; ${step}; PRAGMA user_version = ${index + 1}; COMMIT`)
  }
  // Into the file and to the disk, so that no power cut leaves one without a schema.
  if (version < migrations.length) inner.exec('PRAGMA wal_checkpoint(TRUNCATE)')
}

function rowsOf(statement: StatementSync, parameters: readonly Cell[]): readonly Row[] {
  return statement.all(...parameters) as readonly Row[]
}
