/** The flags of a daemon, each with its value and where that came from. */
import { useState } from 'preact/hooks'
import type { Fetched } from '../data/requests.ts'
import { Answered, Card } from './pieces.tsx'
import { type Column, Table } from './table.tsx'

export interface ConfigPage {
  readonly flags: readonly {
    readonly name: string
    /** Null: none is given, and there is no default. */
    readonly value: string | null
    /** `command line`, a variable of the environment, or `default`. */
    readonly origin: string
  }[]
}

const FLAG_COLUMNS: readonly Column<ConfigPage['flags'][number]>[] = [
  { name: 'flag', show: ({ name }) => <code>--{name}</code>, order: ({ name }) => name, width: '42%' },
  {
    name: 'value',
    show: ({ value }) =>
      value === null ? <span class="quiet">none</span> : <span title={value}>{value}</span>,
    order: ({ value }) => value ?? '',
    sentence: true,
  },
  {
    name: 'from',
    show: ({ origin }) => <span class={origin === 'default' ? 'quiet' : ''}>{origin}</span>,
    order: ({ origin }) => origin,
    width: '9em',
  },
]

export function Flags({
  flags,
  title,
}: {
  readonly title: string
  readonly flags: Fetched<ConfigPage>
}): preact.JSX.Element {
  const [words, setWords] = useState('')
  return (
    <Card
      title={title}
      side={
        <label class="filter">
          <span aria-hidden="true">/</span>
          <input
            id="filter"
            type="search"
            aria-label="flags with"
            placeholder="name, value or origin"
            value={words}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </label>
      }
    >
      <Answered fetched={flags} what="the flags">
        {(page) => (
          <Table
            label="flags"
            rows={page.flags.filter(({ name, origin, value }) =>
              `${name} ${value ?? ''} ${origin}`.toLowerCase().includes(words.toLowerCase()),
            )}
            keyOf={({ name }) => name}
            columns={FLAG_COLUMNS}
            empty="No flag fits."
            sort="from"
            most={420}
          />
        )}
      </Answered>
    </Card>
  )
}
