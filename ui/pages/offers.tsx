/** The offers that wait for an answer: what is offered of which agent, to whom, for how long already. */
import type { OfferRow } from '../../src/wire/page.ts'
import { agents, frameworks, offers } from '../data/store.ts'
import { amount, counted, memory } from '../data/words.ts'
import { Filter, filtered } from '../parts/filter.tsx'
import { Age, AgentLink, Answered, FrameworkLink, Time } from '../parts/pieces.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { type ClusterEvent, useEvents } from './events.tsx'

const COLUMNS: readonly Column<OfferRow>[] = [
  {
    name: 'agent',
    show: ({ agent }) => <AgentLink id={agent} />,
    order: ({ agent }) => agents.get(agent)?.name ?? '',
  },
  {
    name: 'to',
    show: ({ framework }) => <FrameworkLink id={framework} />,
    order: ({ framework }) => frameworks.get(framework)?.name ?? '',
  },
  { name: 'role', show: ({ role }) => role, order: ({ role }) => role, width: '7em', spare: 1 },
  {
    name: 'cpus',
    show: ({ amounts }) => amount(amounts.cpus),
    order: ({ amounts }) => amounts.cpus,
    figure: true,
    width: '6em',
  },
  {
    name: 'lent cpus',
    show: ({ lent }) => <b class={lent.cpus > 0 ? 'lent-mark' : 'quiet'}>{amount(lent.cpus)}</b>,
    order: ({ lent }) => lent.cpus,
    figure: true,
    spare: 1,
    width: '7em',
  },
  {
    name: 'memory',
    show: ({ amounts }) => memory(amounts.mem),
    order: ({ amounts }) => amounts.mem,
    figure: true,
    spare: 1,
    width: '8em',
  },
  {
    name: 'disk',
    show: ({ amounts }) => memory(amounts.disk),
    order: ({ amounts }) => amounts.disk,
    figure: true,
    width: '8em',
    spare: 2,
  },
  {
    name: 'held for',
    show: ({ since }) => <Age at={since} />,
    order: ({ since }) => -since,
    figure: true,
    width: '8em',
  },
]

const figureOf = (value: unknown): string => (typeof value === 'number' ? amount(value) : '')

const ANSWERED: readonly Column<ClusterEvent>[] = [
  { name: 'time', show: ({ at }) => <Time at={at} />, order: ({ event }) => event, width: '8.5em' },
  { name: 'how', show: ({ kind }) => kind.replace('offer-', ''), order: ({ kind }) => kind, width: '7em' },
  { name: 'cpus', show: ({ record }) => figureOf(record?.['cpus']), figure: true, spare: 1, width: '5em' },
  {
    name: 'lent',
    show: ({ record }) => figureOf(record?.['lent_cpus']),
    figure: true,
    width: '5em',
    spare: 1,
  },
  { name: 'what', show: ({ text }) => <span title={text}>{text}</span>, sentence: true },
]

export function Offers(): preact.JSX.Element {
  const rows = filtered(
    offers.all,
    ({ agent, framework, role }) =>
      `${agents.get(agent)?.name ?? ''} ${frameworks.get(framework)?.name ?? ''} ${role}`,
  )
  const answered = useEvents()
  return (
    <div class="whole">
      <div class="tools">
        <Filter hint="agent, framework, role" />
        <small>waiting for an answer: {counted(offers.all.length, 'offer')}</small>
      </div>
      <Table
        label="offers"
        rows={rows}
        columns={COLUMNS}
        keyOf={({ id }) => id}
        empty="No offer waits for an answer: frameworks decline what they do not need, and are asked again later."
        sort="held for"
      />
      <h2>What became of offers</h2>
      <Answered fetched={answered} what="what became of offers">
        {(events) => (
          <Table
            label="answered offers"
            rows={filtered(
              events.filter(({ kind }) => kind.startsWith('offer-')),
              ({ agent, framework, kind, text }) => `${agent} ${framework} ${kind} ${text}`,
            )}
            columns={ANSWERED}
            keyOf={({ event }) => String(event)}
            empty="No offer was answered in what is remembered."
            sort="-time"
          />
        )}
      </Answered>
    </div>
  )
}
