// Cuts the bytes of a recording into lines and the lines into cells, a piece at a time and never more than a line held.
import { OperatingError } from '../base/errors.ts'

/** A longer line is no row of a recording (a name has at most 256 characters). Characters. */
export const MAX_LINE = 4096

/** Whatever is wrong inside a recording: which file, line and column, and what was expected. */
export function badRecording(
  file: string,
  line: number,
  column: string | undefined,
  words: string,
): OperatingError {
  const where = column === undefined ? `line ${line}` : `line ${line}, column '${column}'`
  return new OperatingError('USAGE', `${file}, ${where}: ${words}`, {
    hint: 'docs/reference/recordings.md describes the form: time, owner, cpu, mem, limit',
  })
}

/** Lines of bytes that come in pieces of any size. UTF-8, with or without a byte order mark; ends LF or CRLF. */
export class Lines {
  readonly #file: string
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  #rest = ''
  /** Number of the last line that was handed out, from 1. */
  #number = 0

  constructor(file: string) {
    this.#file = file
  }

  /** The lines that end in this piece. @throws OperatingError USAGE for what is no text, or too long */
  push(bytes: Uint8Array): readonly string[] {
    const lines = (this.#rest + this.#decode(bytes)).split('\n')
    this.#rest = lines.pop() ?? ''
    const whole = lines.map((line) => this.#next(line))
    if (this.#rest.length > MAX_LINE) this.#next(this.#rest)
    return whole
  }

  /** What stands behind the last line end. @throws OperatingError USAGE */
  end(): readonly string[] {
    const last = this.#rest + this.#decode(undefined)
    this.#rest = ''
    return last === '' ? [] : [this.#next(last)]
  }

  #next(line: string): string {
    this.#number++
    if (line.length > MAX_LINE)
      throw badRecording(
        this.#file,
        this.#number,
        undefined,
        `it has more than ${MAX_LINE} characters: no recording`,
      )
    return line.endsWith('\r') ? line.slice(0, -1) : line
  }

  #decode(bytes: Uint8Array | undefined): string {
    try {
      return bytes === undefined ? this.#decoder.decode() : this.#decoder.decode(bytes, { stream: true })
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw badRecording(
        this.#file,
        this.#number + 1,
        undefined,
        'there or soon after is something that is no text',
      )
    }
  }
}

/** The cells of one line, white space around them taken off; undefined when a quote does not end. */
export function cellsOf(line: string): readonly string[] | undefined {
  if (!line.includes('"')) return line.split(',').map((cell) => cell.trim())
  const cells: string[] = []
  let at = 0
  for (;;) {
    while (line[at] === ' ' || line[at] === '\t') at++
    if (line[at] !== '"') {
      const end = line.indexOf(',', at)
      cells.push((end < 0 ? line.slice(at) : line.slice(at, end)).trim())
      if (end < 0) return cells
      at = end + 1
      continue
    }
    const quoted = /"((?:[^"]|"")*)"[ \t]*(,|$)/y
    quoted.lastIndex = at
    const found = quoted.exec(line)
    if (found === null) return undefined
    cells.push((found[1] ?? '').replaceAll('""', '"'))
    at = quoted.lastIndex
    if (found[2] === '') return cells
  }
}
