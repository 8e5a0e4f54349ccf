/** Why a framework has no task: for each agent what is free, what is missing, what became of the last offer. */
import type { FrameworkRow } from '../../src/wire/page.ts'
import { address, useFetched } from '../data/requests.ts'
import { amount, cpuText, memory, span } from '../data/words.ts'
import { now } from '../clock.ts'
import { AgentLink, Answered, Card } from './pieces.tsx'
import { type Column, Table } from './table.tsx'

const EVERY_MS = 3000

interface Place {
  readonly agent: string
  readonly agent_id: string
  readonly fits: boolean
  readonly free: { readonly cpus: number; readonly lent_cpus: number; readonly mem: number }
  readonly short_by: Readonly<Record<string, number>>
  readonly last_offer: { readonly madeAt: number; readonly how: string } | null
  readonly reason: string
  readonly distance: number
}

interface WhyPage {
  readonly sentence: string
  readonly rows?: readonly Place[]
}

const shortText = (short: Place['short_by']): string =>
  Object.entries(short)
    .map(([name, by]) => (name === 'mem' ? memory(by) : cpuText(by, name === 'lent cpus' ? 'lent' : '')))
    .join(', ')

const COLUMNS: readonly Column<Place>[] = [
  {
    name: 'agent',
    show: (row) => <AgentLink id={row.agent_id} />,
    order: ({ agent }) => agent,
    width: '10em',
  },
  {
    name: 'fits',
    show: ({ fits }) => (fits ? <b class="state good">✓ yes</b> : <b class="state bad">✕ no</b>),
    order: ({ distance }) => distance,
    width: '5em',
  },
  {
    name: 'short by',
    show: (row) => shortText(row.short_by) || '–',
    order: ({ distance }) => distance,
    figure: true,
    width: '10em',
  },
  {
    name: 'free cpus',
    show: ({ free }) => amount(free.cpus),
    order: ({ free }) => free.cpus,
    figure: true,
    width: '6em',
    spare: 1,
  },
  {
    name: 'lent',
    show: ({ free }) => amount(free.lent_cpus),
    order: ({ free }) => free.lent_cpus,
    figure: true,
    width: '5em',
    spare: 2,
  },
  {
    name: 'free memory',
    show: ({ free }) => memory(free.mem),
    order: ({ free }) => free.mem,
    figure: true,
    width: '8em',
    spare: 1,
  },
  {
    name: 'last offer',
    show: ({ last_offer: last }) =>
      last === null ? 'none' : `${last.how} ${span(Math.max(0, now.value - last.madeAt))} ago`,
    width: '10em',
    spare: 2,
  },
  { name: 'why', show: ({ reason }) => <span title={reason}>{reason}</span>, sentence: true },
]

export function WhyWaits({ framework }: { readonly framework: FrameworkRow }): preact.JSX.Element {
  const why = useFetched<WhyPage>(address('api/x1/why', { framework: framework.id }), EVERY_MS)
  return (
    <Card title="Why nothing of it runs">
      <Answered fetched={why} what="why it waits">
        {({ rows = [], sentence }) => (
          <>
            <p class="formula">{sentence}</p>
            <Table
              label="where it would fit"
              rows={rows}
              columns={COLUMNS}
              keyOf={(row) => row.agent_id}
              linkOf={(row) => `#/agents/${encodeURIComponent(row.agent_id)}`}
              empty="There are no agents."
              most={380}
            />
          </>
        )}
      </Answered>
    </Card>
  )
}
