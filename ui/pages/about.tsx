/** This master and this page: versions, flags, what both cost, and where programs ask for the same. */
import { useState } from 'preact/hooks'
import { address, useFetched } from '../data/requests.ts'
import { agents, frameworks, heardAt, master, tasks } from '../data/store.ts'
import { amount, counted } from '../data/words.ts'
import { Age, Answered, Card, Facts } from '../parts/pieces.tsx'
import { type Column, Table } from '../parts/table.tsx'

const PAGES: readonly (readonly [path: string, what: string])[] = [
  ['state', 'all that the master knows, as Mesos has it'],
  ['metrics/snapshot', 'its metrics'],
  ['api/x1/lend', 'what is lent'],
  ['flags', 'its flags'],
  ['version', 'its version'],
  ['roles', 'roles'],
]

export function About(): preact.JSX.Element {
  const facts = master.value
  return (
    <>
      <Card title="This master">
        <Facts
          facts={[
            ['address', facts?.address ?? ''],
            ['cluster', facts?.cluster || '–'],
            ['version', facts?.version ?? ''],
            ['runs for', <Age at={facts?.startedAt} />],
            ['id', <code>{facts?.id}</code>],
            [
              'knows',
              [
                counted(agents.all.length, 'agent'),
                counted(frameworks.all.length, 'framework'),
                counted(tasks.all.length, 'task'),
              ].join(', '),
            ],
          ]}
        />
      </Card>
      <Cost />
      <Flags />
      <Card title="The same for programs">
        <ul>
          {PAGES.map(([path, what]) => (
            <li key={path}>
              <a href={address(path)}>/{path}</a> <span class="quiet">{what}</span>
            </li>
          ))}
        </ul>
      </Card>
    </>
  )
}

/** What the stream cost this browser since the page was opened. */
function Cost(): preact.JSX.Element {
  const metrics = useFetched<Readonly<Record<string, number>>>(address('metrics/snapshot'), 5000)
  return (
    <Card title="What it costs">
      <Answered fetched={metrics} what="the metrics">
        {(all) => {
          const shown = Object.entries(all).filter(([name]) =>
            /^(http\/|tepui\/page|master\/uptime|allocator\/mesos\/allocation_run|system\/)/.test(name),
          )
          return <Facts facts={shown.map(([name, value]) => [name, amount(value)] as const)} />
        }}
      </Answered>
      <p class="quiet after">
        The master was heard {heardAt.value === 0 ? 'never' : 'a moment ago'}; it tells what changes once a
        second, to all open pages the same.
      </p>
    </Card>
  )
}

interface ConfigPage {
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

function Flags(): preact.JSX.Element {
  const [words, setWords] = useState('')
  const flags = useFetched<ConfigPage>(address('api/x1/config'))
  return (
    <Card
      title="Flags of the master"
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
