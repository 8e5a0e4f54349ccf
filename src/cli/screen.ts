// Where a command prints: data on standard output, progress and hints on standard error.

/** Colours that say the same as the words beside them; none is needed to understand a line. */
export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'grey'

const CODES: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, blue: 34, grey: 90 }

export interface Screen {
  /** A line of data. */
  print(line: string): void
  /** Bytes of data as they are, such as the output of a task. */
  write(bytes: Uint8Array): void
  /** Progress or a hint. */
  note(line: string): void
  /** Bytes for standard error, such as that of a task. */
  writeError(bytes: Uint8Array): void
  paint(this: void, colour: Colour, text: string): string
}

interface Sink {
  write(text: string | Uint8Array): unknown
}

export function screenOn(out: Sink, err: Sink, coloured: boolean): Screen {
  return {
    print: (line) => void out.write(`${line}\n`),
    write: (bytes) => void out.write(bytes),
    note: (line) => void err.write(`${line}\n`),
    writeError: (bytes) => void err.write(bytes),
    paint: (colour, text) => (coloured ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text),
  }
}

/** Colours are for people: on a terminal, unless NO_COLOR or --no-color says no. */
export function wantsColour(
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
  option: boolean,
): boolean {
  return isTerminal && option && (environment['NO_COLOR'] ?? '') === ''
}

/**
 * A table as lines: columns as wide as their longest cell, nothing cut off, numbers (all cells of the column but the
 * head) to the right.
 */
export function table(head: readonly string[], told: readonly (readonly string[])[]): string[] {
  const rows = told.map((row) => row.map(harmless))
  const columns = head.map((_, index) => [head[index] ?? '', ...rows.map((row) => row[index] ?? '')])
  const widths = columns.map((cells) => cells.reduce((most, cell) => Math.max(most, visibleLength(cell)), 0))
  const numeric = columns.map((cells) => {
    const [, ...values] = cells
    return values.length > 0 && values.every((cell) => NUMBER.test(cell))
  })
  return [head, ...rows].map((row) =>
    row
      .map((cell, index) => {
        const pad = ' '.repeat((widths[index] ?? 0) - visibleLength(cell))
        return numeric[index] === true ? pad + cell : cell + pad
      })
      .join('  ')
      .trimEnd(),
  )
}

// Colour codes take no room on the screen.
const CODE = new RegExp(`${String.fromCodePoint(27)}\\[\\d+m`, 'g')

const PLAIN = /^[ -~]*$/
const CONTROL = new RegExp(`${CODE.source}|\\p{Cc}`, 'gu')

/** A line as it may be shown: what names a task or framework could steer the terminal. Our own colours stay. */
export function harmless(line: string): string {
  if (PLAIN.test(line)) return line
  const written = (control: string): string => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`
  return line.replaceAll(CONTROL, (found) => (found.length > 1 ? found : written(found)))
}

const NUMBER = /^-?[\d.]+( %)?$|^-$/

function visibleLength(text: string): number {
  if (PLAIN.test(text)) return text.length
  return Array.from(text.replaceAll(CODE, '')).length
}
