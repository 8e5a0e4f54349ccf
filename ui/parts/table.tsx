/** A table of any length: only rows that can be seen are in the page. Sorts by a click on a head, opens by a key. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { go } from '../route.ts'

export interface Column<T> {
  readonly name: string
  /** What its figures are, below its name. */
  readonly note?: string
  readonly show: (row: T) => ComponentChildren
  /** Numbers and texts are sorted by it; a column without it is not sorted by. */
  readonly order?: (row: T) => number | string
  /** Figures stand at the right. */
  readonly figure?: boolean
  /** Left out on narrow screens: 1 first. */
  readonly spare?: 1 | 2
  readonly width?: string
  /** Its width on narrow screens, where it is another. */
  readonly narrow?: string
  /** Wraps; the rows of the table are as high as two of its lines, five where there is little room. */
  readonly sentence?: boolean
  /** What a row is about: on narrow screens it gets all that the others leave. */
  readonly lead?: boolean
}

export interface TableProps<T> {
  readonly label: string
  readonly rows: readonly T[]
  readonly columns: readonly Column<T>[]
  readonly keyOf: (row: T) => string
  /** Where a click on a row leads. */
  readonly linkOf?: (row: T) => string
  readonly empty: string
  /** The column by which it is sorted at first, `-` before it for the other way round. */
  readonly sort?: string
  readonly classOf?: (row: T) => string
  /** Grows with its rows up to this height in px; else it fills what is left of the window. */
  readonly most?: number
}

/** Height of a row in px by its lines: all are equal, so that rows that cannot be seen need not be measured. */
const ROWS = [34, 34, 46, 62, 78, 90] as const
/** Columns that can be spared are left out below it, as style.css says. */
const NARROW = 740
const BEYOND = 8

interface View {
  readonly top: number
  readonly height: number
  readonly width: number
}

/** What of the table can be seen. */
function useView(holder: { readonly current: HTMLDivElement | null }): View {
  const [view, setView] = useState<View>({ top: 0, height: 900, width: 1000 })
  useLayoutEffect(() => {
    const place = holder.current
    if (place === null) return undefined
    const measure = (): void =>
      setView({ top: place.scrollTop, height: place.clientHeight, width: place.clientWidth })
    const watch = new ResizeObserver(measure)
    watch.observe(place)
    place.addEventListener('scroll', measure, { passive: true })
    measure()
    return () => {
      watch.disconnect()
      place.removeEventListener('scroll', measure)
    }
  }, [])
  return view
}

export function Table<T>(props: TableProps<T>): preact.JSX.Element {
  const { columns, keyOf, rows } = props
  const [sort, setSort] = useState(props.sort ?? '')
  const holder = useRef<HTMLDivElement>(null)
  const view = useView(holder)
  const sorted = useMemo(() => sortedBy(rows, columns, sort), [rows, columns, sort])
  const isNarrow = view.width < NARROW
  const wraps = columns.some(({ sentence, spare }) => sentence === true && !(isNarrow && spare !== undefined))
  const lines = wraps ? (isNarrow ? 5 : 2) : 1
  const height = ROWS[lines]
  const first = Math.max(0, Math.min(Math.floor(view.top / height) - BEYOND, sorted.length))
  const last = Math.min(sorted.length, Math.ceil((view.top + view.height) / height) + BEYOND)
  const turn = ({ name, order }: Column<T>): void => {
    if (order !== undefined) setSort(sort === name ? `-${name}` : name)
  }
  return (
    <div
      class={`table ${props.most === undefined ? 'fills' : ''}`}
      ref={holder}
      style={{
        '--row': `${height}px`,
        '--lines': lines,
        ...(props.most !== undefined && { maxHeight: `${props.most}px` }),
      }}
    >
      <table aria-label={props.label} aria-rowcount={sorted.length}>
        <colgroup>
          {columns.map(({ lead, name, narrow, spare, width }) => (
            <col
              key={name}
              class={`${spareClass(spare)} ${lead === true ? 'lead' : ''} ${narrow === undefined ? '' : 'narrow'}`}
              style={{ ...(width !== undefined && { width }), '--narrow': narrow ?? '' }}
            />
          ))}
        </colgroup>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.name} column={column} sort={sort} onTurn={() => turn(column)} />
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr class="space" style={{ height: `${first * height}px` }} />}
          {sorted.slice(first, last).map((row) => (
            <Row
              key={keyOf(row)}
              row={row}
              columns={columns}
              href={props.linkOf?.(row)}
              name={props.classOf?.(row) ?? ''}
            />
          ))}
          {last < sorted.length && (
            <tr class="space" style={{ height: `${(sorted.length - last) * height}px` }} />
          )}
        </tbody>
      </table>
      {rows.length === 0 && <p class="empty">{props.empty}</p>}
    </div>
  )
}

const spareClass = (spare: 1 | 2 | undefined): string => (spare === undefined ? '' : `spare${spare}`)

function Head<T>({
  column,
  onTurn,
  sort,
}: {
  readonly column: Column<T>
  readonly sort: string
  readonly onTurn: () => void
}): preact.JSX.Element {
  const { figure, name, note, order, spare } = column
  const way = sort === name ? 'ascending' : sort === `-${name}` ? 'descending' : undefined
  const sign = way === 'ascending' ? ' ↑' : way === 'descending' ? ' ↓' : ''
  return (
    <th
      scope="col"
      class={`${figure === true ? 'figure' : ''} ${spareClass(spare)}`}
      {...(way !== undefined && { 'aria-sort': way })}
    >
      {order === undefined ? (
        name
      ) : (
        <button type="button" onClick={onTurn}>
          {name}
          {sign}
        </button>
      )}
      {note !== undefined && <small>{note}</small>}
    </th>
  )
}

/** To the row below or above, when it is a row that has the focus. */
function step(event: KeyboardEvent): void {
  const row = event.currentTarget as HTMLElement
  if (event.target !== row) return
  const next = event.key === 'ArrowDown' ? row.nextElementSibling : row.previousElementSibling
  if (!(next instanceof HTMLElement) || next.tabIndex !== 0) return
  event.preventDefault()
  next.focus()
}

interface RowProps<T> {
  readonly row: T
  readonly columns: readonly Column<T>[]
  readonly href: string | undefined
  readonly name: string
}

function Row<T>({ columns, href, name, row }: RowProps<T>): preact.JSX.Element {
  const open = (event: Event): void => {
    // Links and buttons within the row keep their own meaning.
    if (href !== undefined && !(event.target as Element).closest('a, button, input, label')) go(href)
  }
  const press = (event: KeyboardEvent): void => {
    if (event.key === 'Enter') open(event)
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') step(event)
  }
  return (
    <tr
      class={`${name} ${href === undefined ? '' : 'opens'}`}
      onClick={open}
      {...(href !== undefined && {
        tabIndex: 0,
        onKeyDown: press,
      })}
    >
      {columns.map(({ figure, name: column, sentence, show, spare }) => (
        <td key={column} class={`${figure === true ? 'figure' : ''} ${spareClass(spare)}`}>
          {sentence === true ? <div class="sentence">{show(row)}</div> : show(row)}
        </td>
      ))}
    </tr>
  )
}

function sortedBy<T>(rows: readonly T[], columns: readonly Column<T>[], sort: string): readonly T[] {
  const isDown = sort.startsWith('-')
  const order = columns.find(({ name }) => name === (isDown ? sort.slice(1) : sort))?.order
  if (order === undefined) return rows
  const keyed = rows.map((row) => [order(row), row] as const)
  const way = isDown ? -1 : 1
  return keyed.sort(([a], [b]) => (a < b ? -way : a > b ? way : 0)).map(([, row]) => row)
}
