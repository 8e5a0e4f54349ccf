// The form of a recording of usage: a CSV file that the agent writes, `lend replay` reads, and anybody can make.
// docs/reference/recordings.md describes it to people.

/** Every column by its name, with what it holds; the order is that of our own recordings. */
export const RECORDING_COLUMNS = {
  time: 'seconds (of 1970 or any other start, decimals allowed) or ISO 8601; the end of the interval',
  kind: 'owner, borrower or machine; owner when left out',
  owner: 'the name of the owner',
  cpu: 'cores used on average since the row before; empty: it could not be read',
  cpu_peak: 'cores used in the highest second of the interval',
  mem: 'memory in use, MB of 1024² bytes',
  limit: 'cores that the owner reserved; of the machine: its cores; empty: as before',
  mem_limit: 'memory that the owner reserved, MB; of the machine: its memory',
  waiting: 'share of the time in which some thread waited for a core (PSI some), 0 to 1',
  throttled: 'share of the time stopped by its own quota, 0 to 1',
  load5: 'load average of 5 minutes, of the machine',
  load15: 'load average of 15 minutes, of the machine',
} as const

export type RecordingColumn = keyof typeof RECORDING_COLUMNS

/** What no recording can be without. */
export const NEEDED_COLUMNS: readonly RecordingColumn[] = ['time', 'owner', 'cpu', 'mem', 'limit']

/** `mem` in other clothes: whole bytes instead of MB. */
export const BYTE_COLUMNS = { mem_bytes: 'mem', mem_limit_bytes: 'mem_limit' } as const

export type RecordingKind = 'owner' | 'borrower' | 'machine'
export const RECORDING_KINDS: readonly RecordingKind[] = ['owner', 'borrower', 'machine']

/** A longer name is cut off by nobody: it is refused. */
export const MAX_OWNER_NAME = 256

/** The first line of our own recordings, without its line end. */
export const RECORDING_HEADER = Object.keys(RECORDING_COLUMNS).join(',')

/** One line of our own recordings, without its line end. What is undefined stays empty. */
export function recordingLine(cells: Readonly<Partial<Record<RecordingColumn, string | number>>>): string {
  return (Object.keys(RECORDING_COLUMNS) as RecordingColumn[])
    .map((column) => cellOf(cells[column]))
    .join(',')
}

function cellOf(value: string | number | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'number') return Number.isFinite(value) ? String(Math.round(value * 1000) / 1000) : ''
  // A line is a row: a name with a line end in it would make two.
  const text = value.replaceAll(/[\r\n]+/g, ' ').slice(0, MAX_OWNER_NAME)
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
