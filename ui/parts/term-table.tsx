/** The terms of a sum of lending, each with its reason. */
import type { Term } from '../data/lend-page.ts'
import { amount } from '../data/words.ts'
import { type Column, Table } from './table.tsx'

type Row = Term & { readonly index: number }

const nameOf = ({ name, of }: Term): string => `${name}${of === undefined || of === '' ? '' : ` (${of})`}`

const COLUMNS: readonly Column<Row>[] = [
  { name: 'term', show: (term) => <span title={nameOf(term)}>{nameOf(term)}</span> },
  {
    name: 'amount',
    show: ({ unit, value }) => `${value > 0 ? '+' : ''}${amount(value)} ${unit}`,
    figure: true,
    width: '7em',
  },
  { name: 'because', show: ({ why }) => <span title={why}>{why}</span>, width: '42%' },
]

export function TermTable({ terms }: { readonly terms: readonly Term[] }): preact.JSX.Element {
  return (
    <Table
      label="terms of the sum"
      rows={terms.map((term, index) => ({ ...term, index }))}
      keyOf={({ index }) => String(index)}
      columns={COLUMNS}
      empty=""
      most={300}
    />
  )
}
