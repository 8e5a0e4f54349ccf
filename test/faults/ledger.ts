// The folder into which tasks write their starts and ends.
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type LedgerEntry, NOTHING_WRITTEN, parseLedger } from './history.ts'

/** Anybody may write there: tasks run as whom they like. */
const OPEN_TO_ALL = 0o777

export function makeLedger(folder: string): void {
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, OPEN_TO_ALL)
}

export function readLedger(folder: string): Map<string, LedgerEntry> {
  return new Map(readdirSync(folder).map((id) => [id, readEntry(folder, id)]))
}

export function readEntry(folder: string, id: string): LedgerEntry {
  const file = join(folder, id)
  return existsSync(file) ? parseLedger(readFileSync(file, 'utf8')) : NOTHING_WRITTEN
}
