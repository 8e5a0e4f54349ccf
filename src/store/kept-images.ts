// The images that an agent brought to its engine or used there, kept over restarts.
import type { Database, Statement } from './database.ts'

export interface ImageRow {
  readonly id: string
  readonly names: readonly string[]
  readonly pulled: boolean
  /** Wall time of the last use, ms. */
  readonly usedAt: number
  readonly bytes: number
}

export class KeptImages {
  readonly #put: Statement
  readonly #remove: Statement
  readonly #all: Statement

  /** The table comes with `COLLECTION_MIGRATIONS`. */
  constructor(database: Database) {
    this.#put = database.prepare(
      `INSERT INTO images (id, names, pulled, used, bytes) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET names = excluded.names, pulled = excluded.pulled, used = excluded.used,
         bytes = excluded.bytes`,
    )
    this.#remove = database.prepare('DELETE FROM images WHERE id = ?')
    this.#all = database.prepare('SELECT id, names, pulled, used, bytes FROM images ORDER BY id')
  }

  /** @throws OperatingError FILE, as all of these */
  put({ bytes, id, names, pulled, usedAt }: ImageRow): void {
    this.#put.run(id, JSON.stringify(names), Number(pulled), Math.round(usedAt), Math.round(bytes))
  }

  remove(id: string): void {
    this.#remove.run(id)
  }

  all(): readonly ImageRow[] {
    return this.#all.all().map((row) => ({
      id: String(row['id']),
      names: (JSON.parse(String(row['names'])) as unknown[]).map(String),
      pulled: Number(row['pulled']) === 1,
      usedAt: Number(row['used']),
      bytes: Number(row['bytes']),
    }))
  }
}
