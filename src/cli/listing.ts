/**
 * Lists in all their forms: the columns, the order and the choice of rows that were asked for, once or for as long as
 * somebody looks. What a command adds is where its rows come from and what their columns are.
 */
import { isoTime } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'
import { humanDuration } from '../base/units.ts'
import { closest } from '../base/words.ts'
import { cellOf, type Column, columnsNamed, headOf, inOrder, parserOf } from './columns.ts'
import type { Context, Option, OptionValues } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { LiveScreen } from './live.ts'
import { MasterApi } from './master-api.ts'
import { isSet, textOf } from './option-values.ts'
import { isData, type Output, showData } from './output.ts'
import { table } from './screen.ts'
import { type Field, parseSelection, type Selection } from './select.ts'

export function listOptions(columns: readonly { readonly name: string }[]): readonly Option[] {
  const choices = columns.map(({ name }) => name)
  return [
    { flags: '--columns <names>', help: `These columns in this order, of ${choices.join(', ')}`, choices },
    {
      flags: '--sort <columns>',
      help: 'By these columns; a minus before one for the largest first',
      choices,
    },
    { flags: '-l, --select <expression>', help: "Only what fits, such as 'cpus>=2 && name=~^web'" },
    { flags: '-w, --watch', help: 'Go on looking, until q or Ctrl-C' },
    { flags: '-q, --quiet', help: 'Only what names each, one a line' },
  ]
}

export interface Listing<Row> {
  readonly columns: readonly Column<Row>[]
  /** All of a row, for programs. */
  readonly data: (row: Row) => object
  /** What names it, for `-q`. */
  readonly id: (row: Row) => string
  /** What tells it from all others, where its id does not. */
  readonly key?: (row: Row) => string
  /** What else rows can be selected by, such as the attributes of agents. */
  readonly more?: (row: Row) => Readonly<Record<string, unknown>>
}

/** What a look brought. */
export interface Found<Row> {
  readonly rows: readonly Row[]
  /** Said on standard error when there is nothing to show. */
  readonly none: string
}

/** What was shown before is wanted once more when it has ended meanwhile: that is news. */
export type Look<Row> = (api: MasterApi, shown: ReadonlySet<string>) => Promise<Found<Row>>

const NOTHING: ReadonlySet<string> = new Set()

interface Asked<Row> {
  readonly listing: Listing<Row>
  readonly columns: readonly Column<Row>[]
  readonly isNamed: boolean
  readonly order: Parameters<typeof inOrder<Row>>[1]
  readonly selection: Selection | undefined
  readonly quiet: boolean
}

const EVERY_MS = 2000
/** Looking at a large cluster takes its master's time: at most a tenth of it is asked for. */
const SHARE_OF_LOOKS = 0.1

/**
 * @param look asks the master; called again and again with `--watch`, with the keys of what was shown before
 * @throws OperatingError USAGE before anybody is asked, and what `look` throws
 */
export async function showList<Row>(
  context: Context,
  listing: Listing<Row>,
  options: OptionValues,
  look: Look<Row>,
): Promise<number> {
  const asked = askedFor(listing, options, context.common.output === 'wide')
  if (isSet(options, 'watch')) return watch(context, asked, look)
  const { clock, common, screen, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  const found = await look(api, NOTHING)
  const now = clock.now()
  const rows = chosen(found.rows, asked, now)
  if (asked.quiet) for (const row of rows) screen.print(listing.id(row))
  else if (isData(common)) await showData(context, dataOf(rows, asked, common.output, now))
  else for (const line of linesOf(rows, asked, now)) screen.print(line)
  if (rows.length === 0 && !isData(common)) screen.note(emptyText(found, options))
  return EXIT.done
}

function askedFor<Row>(listing: Listing<Row>, options: OptionValues, wide: boolean): Asked<Row> {
  const { columns } = listing
  const named = textOf(options, 'columns')
  const sort = textOf(options, 'sort')
  const select = textOf(options, 'select')
  const selection = select === undefined ? undefined : parseSelection(select)
  if (selection !== undefined && listing.more === undefined) columnsNamed(columns, 'select', selection.names)
  return {
    listing,
    columns:
      named === undefined
        ? columns.filter(({ shown }) => shown === undefined || shown === (wide ? 'wide' : 'narrow'))
        : columnsNamed(columns, 'columns', named.split(',')),
    isNamed: named !== undefined,
    order: (sort?.split(',') ?? []).map((typed) => {
      const name = typed.trim().replace(/^[-+]/, '')
      const [column] = columnsNamed(columns, 'sort', [name])
      if (column === undefined) throw usageError(`Option '--sort' names '${name}', which is no column here`)
      return { column, descending: typed.trim().startsWith('-') }
    }),
    selection,
    quiet: isSet(options, 'quiet'),
  }
}

function chosen<Row>(
  rows: readonly Row[],
  { listing, order, selection }: Asked<Row>,
  now: number,
): readonly Row[] {
  return inOrder(selection === undefined ? rows : fitting(rows, listing, selection, now), order, now)
}

function fitting<Row>(
  rows: readonly Row[],
  listing: Listing<Row>,
  selection: Selection,
  now: number,
): readonly Row[] {
  expectKnown(rows, listing, selection)
  return rows.filter((row) => selection.fits((name) => fieldOf(listing, row, name, now)))
}

/** Those that an expression means, for commands that are no lists. @throws OperatingError USAGE; REFUSED for none */
export function rowsMeant<Row>(
  listing: Listing<Row>,
  rows: readonly Row[],
  expression: string,
  now: number,
): readonly Row[] {
  const meant = fitting(rows, listing, parseSelection(expression), now)
  if (meant.length > 0 || rows.length === 0) return meant
  throw new OperatingError('REFUSED', `None of ${rows.length} fits '${expression}'`)
}

function fieldOf<Row>({ columns, more }: Listing<Row>, row: Row, name: string, now: number): Field {
  const column = columns.find((one) => one.name === name)
  if (column === undefined) return { value: valueOf(more?.(row)[name]) }
  const parse = parserOf(column.kind)
  return { value: column.of(row, now), ...(parse !== undefined && { parse }) }
}

function valueOf(value: unknown): string | number | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value)
}

/** A name that nothing has is a slip, and would choose nothing without a word. @throws OperatingError USAGE */
function expectKnown<Row>(rows: readonly Row[], { columns, more }: Listing<Row>, { names }: Selection): void {
  if (rows.length === 0) return
  const known = new Set([
    ...columns.map(({ name }) => name),
    ...rows.flatMap((row) => Object.keys(more?.(row) ?? {})),
  ])
  for (const name of names) {
    if (known.has(name)) continue
    const near = closest(name, known)
    throw usageError(
      `Option '--select' names '${name}', which nothing here has`,
      near === undefined ? `There is ${[...known].join(', ')}` : `Did you mean ${near}?`,
    )
  }
}

/** For programs: whole rows, or the columns that were named; names in any case. */
function dataOf<Row>(
  rows: readonly Row[],
  { columns, isNamed, listing }: Asked<Row>,
  output: Output,
  now: number,
): readonly unknown[] {
  if (output === 'name') return rows.map((row) => listing.id(row))
  if (!isNamed) return rows.map((row) => listing.data(row))
  return rows.map((row) =>
    Object.fromEntries(columns.map((column) => [column.name, column.of(row, now) ?? null])),
  )
}

function linesOf<Row>(rows: readonly Row[], { columns }: Asked<Row>, now: number): readonly string[] {
  if (rows.length === 0) return []
  return table(
    columns.map(headOf),
    rows.map((row) => columns.map((column) => cellOf(column, row, now))),
  )
}

function emptyText<Row>({ none, rows }: Found<Row>, options: OptionValues): string {
  return rows.length === 0 ? none : `none of ${rows.length} fits ${textOf(options, 'select') ?? ''}`.trimEnd()
}

async function watch<Row>(context: Context, asked: Asked<Row>, look: Look<Row>): Promise<number> {
  const isLive = process.stdout.isTTY && !isData(context.common) && !asked.quiet
  if (!isLive) return watchInto(context, asked, look)
  const { clock, common, signal } = context
  using live = new LiveScreen({ input: process.stdin, output: process.stdout }, signal)
  using api = new MasterApi(common.master, clock, live.signal)
  let lines: readonly string[] = []
  let heard = clock.now()
  try {
    for (;;) {
      const began = clock.monotonic()
      const trouble = await soft(async () => {
        const found = await look(api, NOTHING)
        heard = clock.now()
        const shown = linesOf(chosen(found.rows, asked, heard), asked, heard)
        lines = shown.length === 0 ? [found.none] : shown
      })
      const age = humanDuration(clock.now() - heard)
      const state = trouble === undefined ? 'q to quit' : `${trouble.message}; as it was ${age} ago`
      live.draw([`${isoTime(clock.now())}  ${state}`, ...lines])
      await clock.sleep(pauseAfter(clock.monotonic() - began), live.signal)
    }
  } catch (error) {
    if (live.signal.aborted) return EXIT.done
    throw error
  }
}

/** A master that is away for a moment ends no watching. */
async function soft(work: () => Promise<void>): Promise<OperatingError | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (error instanceof OperatingError && error.code === 'UNREACHABLE') return error
    throw error
  }
}

const pauseAfter = (tookMs: number): number => Math.max(EVERY_MS, tookMs / SHARE_OF_LOOKS)

/** Into a pipe or file: each row as it is at first, and again whenever something in it is different. */
async function watchInto<Row>(context: Context, asked: Asked<Row>, look: Look<Row>): Promise<number> {
  const { clock, common, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  let told: ReadonlyMap<string, string> | undefined
  try {
    for (;;) {
      const began = clock.monotonic()
      const { rows } = await look(api, new Set(told?.keys()))
      told = await tellNews(context, asked, rows, told)
      await clock.sleep(pauseAfter(clock.monotonic() - began), signal)
    }
  } catch (error) {
    if (signal.aborted) return EXIT.done
    throw error
  }
}

/** @returns what has been told of each row by now */
async function tellNews<Row>(
  context: Context,
  asked: Asked<Row>,
  found: readonly Row[],
  told: ReadonlyMap<string, string> | undefined,
): Promise<ReadonlyMap<string, string>> {
  const { clock, common, screen } = context
  const { listing, quiet } = asked
  const now = clock.now()
  const rows = chosen(found, asked, now)
  const seen = new Map(rows.map((row) => [keyOf(listing, row), traceOf(row, asked, common.output, now)]))
  const isNews = (row: Row): boolean => {
    const key = keyOf(listing, row)
    return told?.get(key) !== seen.get(key)
  }
  const news = rows.filter(isNews)
  if (quiet) for (const row of news) screen.print(listing.id(row))
  else if (isData(common))
    for (const one of dataOf(news, asked, common.output, now)) await showData(context, one)
  else {
    // As wide as all of them need, so that later lines stand below earlier ones as far as possible.
    const [head = '', ...lines] = linesOf(rows, asked, now)
    if (news.length > 0 && told === undefined) screen.print(head)
    for (const [index, row] of rows.entries()) if (isNews(row)) screen.print(lines[index] ?? '')
  }
  return seen
}

const keyOf = <Row>({ id, key }: Listing<Row>, row: Row): string => key?.(row) ?? id(row)

/** All that makes news of a row when it is different; what grows by itself is none. */
function traceOf<Row>(
  row: Row,
  { columns, listing, quiet }: Asked<Row>,
  output: Output,
  now: number,
): string {
  if (quiet || output === 'name') return ''
  if (isData({ output })) return JSON.stringify(listing.data(row))
  return JSON.stringify(columns.map((one) => (one.kind === 'age' ? '' : cellOf(one, row, now))))
}
