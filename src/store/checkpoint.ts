/**
 * An agent's checkpoint: one row per thing that must outlive the agent, changed in whole transactions. What cannot be
 * read is said with its path, never put aside: somebody's tasks are in it.
 */
import { chmodSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { OperatingError } from '../base/errors.ts'
import { Database, type OpenOptions, type Statement } from './database.ts'

export interface CheckpointRow {
  /** What kind of thing it is. */
  readonly kind: string
  /** Unique within the kind. */
  readonly key: string
  /** Undefined takes the row out. */
  readonly value: string | undefined
}

const MIGRATIONS = ['CREATE TABLE things (kind TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, key))']

export class Checkpoint implements Disposable {
  readonly #database: Database
  readonly #put: Statement
  readonly #remove: Statement
  /** What is in the file, so that nothing is taken out that is not there. */
  readonly #keys = new Set<string>()
  /** What the disk did not take; it is tried again with the next change. */
  readonly #owed = new Map<string, CheckpointRow>()
  /** Counts writes; `#synced` is the last that a power cut cannot take any more. */
  #written = 0
  #synced = 0

  private constructor(database: Database) {
    this.#database = database
    this.#put = database.prepare(
      `INSERT INTO things (kind, key, value) VALUES (?, ?, ?)
       ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value`,
    )
    this.#remove = database.prepare('DELETE FROM things WHERE kind = ? AND key = ?')
  }

  /**
   * Opens or makes the file, readable by its owner only: tasks carry secrets in their environment. A damaged file is
   * put aside if the caller wants to be told, else refused.
   * @throws OperatingError FILE when it is damaged, comes from a newer version, or cannot be written
   */
  static open(path: string, options: Omit<OpenOptions, 'migrations'> = {}): Checkpoint {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    } catch (error) {
      throw new OperatingError('FILE', `Cannot make the folder ${dirname(path)}`, { cause: error })
    }
    const database = Database.open(path, { migrations: MIGRATIONS, ...options })
    chmodSync(path, 0o600)
    return new Checkpoint(database)
  }

  get path(): string {
    return this.#database.path
  }

  /** Everything, in the order of keys within their kinds. @throws OperatingError FILE */
  read(): readonly (CheckpointRow & { readonly value: string })[] {
    const rows = this.#database.prepare('SELECT kind, key, value FROM things ORDER BY kind, key').all()
    return rows.map((row) => {
      const [kind, key, value] = [String(row['kind']), String(row['key']), String(row['value'])]
      this.#keys.add(nameOf(kind, key))
      return { kind, key, value }
    })
  }

  /**
   * All of the changes or none. What could not be written is kept and written with the next change.
   * @throws OperatingError FILE
   */
  write(rows: readonly CheckpointRow[]): void {
    const due = rows.filter((row) => row.value !== undefined || this.#mayBeThere(nameOf(row.kind, row.key)))
    if (this.#owed.size > 0) {
      for (const row of due) this.#owed.set(nameOf(row.kind, row.key), row)
      this.#apply([...this.#owed.values()])
      this.#owed.clear()
      return
    }
    if (due.length === 0) return
    try {
      this.#apply(due)
    } catch (error) {
      for (const row of due) this.#owed.set(nameOf(row.kind, row.key), row)
      throw error
    }
  }

  /** Whether a power cut could take something that was written. */
  get unsynced(): boolean {
    return this.#synced < this.#written
  }

  /** Resolves when all that was written so far survives a power cut. @throws OperatingError FILE */
  async flush(): Promise<void> {
    const upTo = this.#written
    if (this.#synced >= upTo) return
    await this.#database.flush()
    this.#synced = Math.max(this.#synced, upTo)
  }

  /** Changes that the disk has not taken yet. */
  get owed(): number {
    return this.#owed.size
  }

  /** Forgets everything. @throws OperatingError FILE */
  clear(): void {
    this.#database.prepare('DELETE FROM things').run()
    this.#keys.clear()
    this.#owed.clear()
  }

  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]()
  }

  #apply(rows: readonly CheckpointRow[]): void {
    const [first] = rows
    // A single statement is a transaction by itself.
    if (rows.length === 1 && first !== undefined) this.#one(first)
    else
      this.#database.transaction(() => {
        for (const row of rows) this.#one(row)
      })
    this.#written += 1
    for (const { kind, key, value } of rows) {
      if (value === undefined) this.#keys.delete(nameOf(kind, key))
      else this.#keys.add(nameOf(kind, key))
    }
  }

  #mayBeThere(name: string): boolean {
    return this.#keys.has(name) || this.#owed.has(name)
  }

  #one({ kind, key, value }: CheckpointRow): void {
    if (value === undefined) this.#remove.run(kind, key)
    else this.#put.run(kind, key, value)
  }
}

const nameOf = (kind: string, key: string): string => `${kind}\n${key}`
