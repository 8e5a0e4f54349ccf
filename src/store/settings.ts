// Settings that people change while a daemon runs, kept over its restarts: names with plain values.
import type { Database } from './database.ts'

export class Settings {
  readonly #database: Database
  readonly #read: ReturnType<Database['prepare']>
  readonly #write: ReturnType<Database['prepare']>
  readonly #remove: ReturnType<Database['prepare']>

  /** The table comes with `EVENT_LOG_MIGRATIONS`. */
  constructor(database: Database) {
    this.#database = database
    this.#read = database.prepare('SELECT value FROM settings WHERE name = ?')
    this.#write = database.prepare(
      'INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    )
    this.#remove = database.prepare('DELETE FROM settings WHERE name = ?')
  }

  /** What was set last; undefined when nothing was. The caller checks its shape: a file can hold anything. */
  get(name: string): unknown {
    const [row] = this.#read.all(name)
    return row === undefined ? undefined : JSON.parse(String(row['value']))
  }

  /** As `set`, and a power cut cannot take it back any more: for what people decide. @throws OperatingError FILE */
  decide(name: string, value: unknown): void {
    this.set(name, value)
    this.#database.flushSync()
  }

  /** Keeps a plain value; undefined forgets it. */
  set(name: string, value: unknown): void {
    if (value === undefined) this.#remove.run(name)
    else this.#write.run(name, JSON.stringify(value))
  }
}
