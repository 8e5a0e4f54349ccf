/**
 * What a power cut leaves of a database in use: its files as they are, the log cut where it was last brought to the
 * disk. True while SQLite has not begun its log anew (every 1,000 pages).
 */
import { copyFileSync, mkdirSync, statSync, truncateSync } from 'node:fs'
import { dirname } from 'node:path'

/** Copies the database file `from` to `to` with only so many bytes of its log. */
export function copyCut(from: string, to: string, logBytes: number): void {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
  copyFileSync(`${from}-wal`, `${to}-wal`)
  truncateSync(`${to}-wal`, logBytes)
}

/** Stands in for a disk: remembers how much of the log it has, and takes it when the test lets it. */
export class SlowDisk {
  /** Bytes of the log that a power cut would leave. */
  safeBytes = 0
  /** Syncs that were asked for. */
  asked = 0
  readonly #waiting: (() => void)[] = []
  #open = true

  readonly sync = async (path: string): Promise<void> => {
    this.asked += 1
    const { size } = statSync(path)
    if (!this.#open) await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    this.safeBytes = size
  }

  /** Syncs wait from now on. */
  stall(): void {
    this.#open = false
  }

  /** Those that wait end, and others end at once again. */
  go(): void {
    this.#open = true
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
