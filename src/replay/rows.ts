// Reads the lines of a recording: checks every cell, and puts the rows of one time together to a moment.
import { parseIsoTime } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import { closest } from '../base/words.ts'
import {
  BYTE_COLUMNS,
  MAX_OWNER_NAME,
  NEEDED_COLUMNS,
  RECORDING_COLUMNS,
  RECORDING_KINDS,
  type RecordingColumn,
  type RecordingKind,
} from '../resources/recording.ts'
import { badRecording, cellsOf, Lines } from './csv.ts'

/** What one owner, borrower or the machine did in the interval that ends with its moment. */
export interface Row {
  readonly name: string
  readonly kind: RecordingKind
  /** Cores; undefined: not readable. */
  readonly cpu: number | undefined
  readonly cpuPeak: number | undefined
  readonly memMb: number | undefined
  /** Cores. */
  readonly limit: number
  readonly memLimitMb: number | undefined
  /** Shares of the time. */
  readonly waiting: number | undefined
  readonly throttled: number | undefined
  readonly load5: number | undefined
  readonly load15: number | undefined
}

export interface Moment {
  /** ms, from wherever the recording counts. */
  readonly at: number
  /** Of its last row. */
  readonly line: number
  readonly rows: readonly Row[]
}

export const LIMITS = {
  rows: 50_000_000,
  /** At one time: an agent runs at most 2000 containers. */
  together: 2500,
  /** Ever: a task of ten seconds has one, too. */
  names: 200_000,
} as const

/** No machine has more cores, or more MB. */
const MOST_CORES = 100_000
const MOST_MB = 1e10
/** Seconds of the year 5138; more are milliseconds by mistake. */
const MOST_SECONDS = 1e11
const MB = 1024 * 1024
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i

interface Column {
  readonly index: number
  /** As it is called in the file. */
  readonly name: string
  readonly perMb: number
}

/** Takes in the bytes of one recording in pieces, gives back moments. One that failed cannot go on. */
export class RecordingReader {
  readonly #file: string
  readonly #lines: Lines
  #line = 0
  #columns: ReadonlyMap<RecordingColumn, Column> | undefined
  readonly #limits: Map<string, { readonly limit: number; readonly memLimitMb: number | undefined }>
  #at: number | undefined
  #rows: Row[] = []
  #names = new Set<string>()
  rows = 0

  /** `before`: the reader of the file before, when a recording is in several. */
  constructor(file: string, before?: RecordingReader) {
    this.#file = file
    this.#lines = new Lines(file)
    this.#limits = before === undefined ? new Map() : before.#limits
    this.#at = before === undefined ? undefined : before.#at
    this.rows = before?.rows ?? 0
  }

  /** @throws OperatingError USAGE naming line and column, LIMIT for too much of it */
  push(bytes: Uint8Array): Moment[] {
    return this.#take(this.#lines.push(bytes))
  }

  /** @throws OperatingError USAGE, LIMIT */
  end(): Moment[] {
    const moments = this.#take(this.#lines.end())
    if (this.#columns === undefined) throw badRecording(this.#file, 1, undefined, 'the file is empty')
    return [...moments, ...this.#close()]
  }

  #take(lines: readonly string[]): Moment[] {
    const moments: Moment[] = []
    for (const line of lines) {
      this.#line++
      if (line.trim() === '') continue
      const cells = cellsOf(line)
      if (cells === undefined) throw this.#bad(undefined, 'a quote is opened and not closed')
      if (this.#columns === undefined) this.#columns = this.#readHeader(cells)
      else moments.push(...this.#add(cells, this.#columns))
    }
    return moments
  }

  #readHeader(cells: readonly string[]): ReadonlyMap<RecordingColumn, Column> {
    const columns = new Map<RecordingColumn, Column>()
    for (const [index, cell] of cells.entries()) {
      const name = cell.toLowerCase()
      const inBytes = Object.hasOwn(BYTE_COLUMNS, name)
      const column = inBytes ? BYTE_COLUMNS[name as keyof typeof BYTE_COLUMNS] : name
      if (!Object.hasOwn(RECORDING_COLUMNS, column)) continue
      if (columns.has(column as RecordingColumn)) throw this.#bad(cell, 'it is there twice')
      columns.set(column as RecordingColumn, { index, name, perMb: inBytes ? MB : 1 })
    }
    const missing = NEEDED_COLUMNS.find((column) => !columns.has(column))
    if (missing === undefined) return columns
    const near = closest(missing, cells)
    const meant = near === undefined ? '' : `; '${near}' may be meant`
    throw this.#bad(missing, `there is no such column, only ${cells.join(', ').slice(0, 200)}${meant}`)
  }

  #add(cells: readonly string[], columns: ReadonlyMap<RecordingColumn, Column>): Moment[] {
    if (++this.rows > LIMITS.rows) throw tooMuch(this.#file, `more than ${LIMITS.rows} rows`)
    const most = Math.max(...[...columns.values()].map(({ index }) => index))
    if (cells.length <= most)
      throw this.#bad(undefined, `it has ${cells.length} cells, the header names ${most + 1}`)
    const cell = new Cells(cells, columns, (column, words) => this.#bad(column, words))
    const at = cell.time()
    const moments = this.#at !== undefined && at !== this.#at ? this.#close() : []
    if (this.#at !== undefined && at < this.#at)
      throw this.#bad('time', `it is ${(this.#at - at) / 1000} s before the row above: time only goes on`)
    this.#at = at
    this.#rows.push(this.#row(cell))
    if (this.#rows.length > LIMITS.together)
      throw tooMuch(this.#file, `more than ${LIMITS.together} rows of one time, at line ${this.#line}`)
    return moments
  }

  #row(cell: Cells): Row {
    const kind = cell.kind()
    const name = cell.name(kind)
    const key = `${kind} ${name}`
    if (this.#names.has(key)) throw this.#bad('owner', `'${name}' is there twice at the same time`)
    this.#names.add(key)
    const known = this.#limits.get(key)
    const limit = cell.amount('limit', MOST_CORES) ?? known?.limit
    if (limit === undefined)
      throw this.#bad('limit', `'${name}' has no limit yet: its first row must name it`)
    const memLimitMb = cell.megabytes('mem_limit') ?? known?.memLimitMb
    if (known?.limit !== limit || known.memLimitMb !== memLimitMb)
      this.#limits.set(key, { limit, memLimitMb })
    if (this.#limits.size > LIMITS.names) throw tooMuch(this.#file, `more than ${LIMITS.names} names`)
    return {
      name,
      kind,
      cpu: cell.amount('cpu', MOST_CORES),
      cpuPeak: cell.amount('cpu_peak', MOST_CORES),
      memMb: cell.megabytes('mem'),
      limit,
      memLimitMb,
      waiting: cell.amount('waiting', 1),
      throttled: cell.amount('throttled', 1),
      load5: cell.amount('load5', MOST_CORES),
      load15: cell.amount('load15', MOST_CORES),
    }
  }

  #close(): Moment[] {
    if (this.#rows.length === 0 || this.#at === undefined) return []
    const moment = { at: this.#at, line: this.#line, rows: this.#rows }
    this.#rows = []
    this.#names = new Set()
    return [moment]
  }

  #bad(column: string | undefined, words: string): OperatingError {
    return badRecording(this.#file, this.#line, column, words)
  }
}

function tooMuch(file: string, words: string): OperatingError {
  return new OperatingError('LIMIT', `${file} has ${words}`, {
    hint: 'Cut the recording into pieces, or record less often',
  })
}

/** The cells of one line by the names of their columns, each checked as it is read. */
class Cells {
  readonly #cells: readonly string[]
  readonly #columns: ReadonlyMap<RecordingColumn, Column>
  readonly #bad: (column: string, words: string) => OperatingError

  constructor(
    cells: readonly string[],
    columns: ReadonlyMap<RecordingColumn, Column>,
    bad: (column: string, words: string) => OperatingError,
  ) {
    this.#cells = cells
    this.#columns = columns
    this.#bad = bad
  }

  time(): number {
    const text = this.#text('time')
    const expected = 'expected seconds or ISO 8601, such as 1795305600 or 2026-11-22T00:00:00Z'
    const iso = parseIsoTime(text)
    if (iso !== undefined) return iso
    const seconds = DECIMAL.test(text) ? Number(text) : Number.NaN
    if (!Number.isFinite(seconds) || seconds < 0)
      throw this.#bad('time', `it is '${shown(text)}': ${expected}`)
    if (seconds > MOST_SECONDS)
      throw this.#bad('time', `it is ${text}: seconds are expected, not milliseconds`)
    return Math.round(seconds * 1000)
  }

  kind(): RecordingKind {
    const text = this.#text('kind').toLowerCase()
    if (text === '') return 'owner'
    const kind = RECORDING_KINDS.find((one) => one === text)
    if (kind === undefined)
      throw this.#bad('kind', `it is '${shown(text)}': expected one of ${RECORDING_KINDS.join(', ')}`)
    return kind
  }

  name(kind: RecordingKind): string {
    const text = this.#text('owner')
    if (kind === 'machine') return 'machine'
    if (text === '') throw this.#bad('owner', 'it is empty')
    if (text.length > MAX_OWNER_NAME)
      throw this.#bad('owner', `it has more than ${MAX_OWNER_NAME} characters`)
    return text
  }

  /** A number from 0 to `most`; undefined where the cell is empty or the column is not there. */
  amount(column: RecordingColumn, most: number): number | undefined {
    const text = this.#text(column)
    if (text === '') return undefined
    const { name } = this.#columns.get(column) ?? { name: column }
    const value = DECIMAL.test(text) ? Number(text) : Number.NaN
    if (Number.isNaN(value)) throw this.#bad(name, `'${shown(text)}' is not a number`)
    if (value < 0 || value > most) throw this.#bad(name, `it is ${text}: expected a number from 0 to ${most}`)
    return value
  }

  megabytes(column: 'mem' | 'mem_limit'): number | undefined {
    const perMb = this.#columns.get(column)?.perMb ?? 1
    const value = this.amount(column, MOST_MB * perMb)
    return value === undefined ? undefined : value / perMb
  }

  #text(column: RecordingColumn): string {
    const found = this.#columns.get(column)
    return found === undefined ? '' : (this.#cells[found.index] ?? '')
  }
}

const shown = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text)
