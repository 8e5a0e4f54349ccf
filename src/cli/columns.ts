// The columns of a list: what each shows, what it is sorted and selected by. Pure.
import { humanDuration } from '../base/units.ts'
import { usageError } from '../base/flags.ts'
import { closest } from '../base/words.ts'
import { parseMegabytes, parseTime } from './option-values.ts'
import type { Value } from './select.ts'
import { amountText, memoryText } from './words.ts'

/** `cpus` are cores, `size` megabytes, `age` ms; all three are written for people in tables, and plain in data. */
export type Kind = 'text' | 'number' | 'cpus' | 'size' | 'age' | 'share'

export interface Column<Row> {
  /** As it is typed; in capitals it is the head. */
  readonly name: string
  readonly kind: Kind
  readonly of: (row: Row, now: number) => Value
  /** Where the value alone does not say it: `0.5 of 4`. */
  readonly cell?: (row: Row) => string
  /** Only without or with `-o wide`, or only when it is asked for by its name. */
  readonly shown?: 'narrow' | 'wide' | 'named'
}

const PARSERS: Readonly<Partial<Record<Kind, (typed: string) => number | undefined>>> = {
  size: parseMegabytes,
  age: parseTime,
  share: (typed) => (/^\d+(\.\d+)?%$/.test(typed) ? Number(typed.slice(0, -1)) / 100 : undefined),
}

export const parserOf = (kind: Kind): ((typed: string) => number | undefined) | undefined => PARSERS[kind]

export function cellOf<Row>({ cell, kind, of }: Column<Row>, row: Row, now: number): string {
  if (cell !== undefined) return cell(row)
  const value = of(row, now)
  if (value === undefined || value === '') return kind === 'text' ? '' : '-'
  if (typeof value === 'string') return value
  switch (kind) {
    case 'cpus':
      return amountText(value)
    case 'size':
      return memoryText(value)
    case 'age':
      return humanDuration(Math.max(0, value))
    case 'share':
      return `${Math.round(value * 100)} %`
    case 'text':
    case 'number':
      return String(value)
  }
}

export const headOf = ({ name }: { readonly name: string }): string => name.replaceAll('_', ' ').toUpperCase()

/** The columns with these names, in their order. @throws OperatingError USAGE */
export function columnsNamed<Row>(
  columns: readonly Column<Row>[],
  option: string,
  names: readonly string[],
): readonly Column<Row>[] {
  return names.map((typed) => {
    const found = columns.find(({ name }) => name === typed.trim().toLowerCase())
    if (found !== undefined) return found
    const known = columns.map(({ name }) => name)
    const near = closest(typed, known)
    throw usageError(
      `Option '--${option}' names '${typed}', which is no column here`,
      near === undefined ? `There is ${known.join(', ')}` : `Did you mean ${near}?`,
    )
  })
}

/** In the order that `-cpus,name` means: what is not known comes last in either direction. */
export function inOrder<Row>(
  rows: readonly Row[],
  by: readonly { readonly column: Column<Row>; readonly descending: boolean }[],
  now: number,
): readonly Row[] {
  if (by.length === 0) return rows
  return rows.toSorted((a, b) => {
    for (const { column, descending } of by) {
      const order = compare(column.of(a, now), column.of(b, now), descending)
      if (order !== 0) return order
    }
    return 0
  })
}

const WORDS = new Intl.Collator('en', { numeric: true })

function compare(a: Value, b: Value, descending: boolean): number {
  const isEmpty = (value: Value): boolean => value === undefined || value === ''
  if (isEmpty(a) || isEmpty(b)) return Number(isEmpty(a)) - Number(isEmpty(b))
  const order = typeof a === 'number' && typeof b === 'number' ? a - b : WORDS.compare(String(a), String(b))
  return descending ? -order : order
}
