/** What lending did, one line each: when, where, what, for whom, on which figures. */
import type { LendEvent } from '../../src/wire/page.ts'
import { deedWords } from '../data/words.ts'
import { link } from '../link.ts'
import { AgentLink, Time } from './pieces.tsx'
import { type Column, Table } from './table.tsx'

const COLUMNS: readonly Column<LendEvent>[] = [
  { name: 'time', show: ({ at }) => <Time at={at} />, order: ({ at }) => at, width: '5.8em' },
  {
    name: 'agent',
    show: ({ agent }) => <AgentLink id={agent} />,
    order: ({ agent }) => agent,
    width: '6.5em',
    spare: 1,
  },
  {
    name: 'what',
    show: ({ heldBack, kind }) => {
      const { sign, tone, word } = deedWords(kind)
      return (
        <span class={tone}>
          {sign} {word}
          {heldBack !== undefined && <small> (only written down)</small>}
        </span>
      )
    },
    order: ({ kind }) => kind,
    width: '7em',
    sentence: true,
  },
  { name: 'for', show: ({ owner }) => owner, order: ({ owner }) => owner, width: '10em', spare: 2 },
  {
    name: 'from',
    show: ({ tasks }) => <span title={tasks.join(', ')}>{namesOf(tasks)}</span>,
    order: ({ tasks }) => tasks[0] ?? '',
    width: '7em',
    sentence: true,
    spare: 1,
  },
  { name: 'why', show: ({ why }) => <span title={why}>{why}</span>, sentence: true },
]

/** Whom it was taken from. */
function namesOf([first, second, ...rest]: readonly string[]): string {
  if (first === undefined) return '–'
  if (second === undefined) return first
  return rest.length === 0 ? `${first}, ${second}` : `${first} and ${rest.length + 1} others`
}

export function EventList(props: {
  readonly events: readonly LendEvent[]
  readonly empty: string
  readonly most?: number
}): preact.JSX.Element {
  return (
    <Table
      label="what lending did"
      rows={props.events}
      columns={COLUMNS}
      keyOf={({ agent, event }) => `${agent} ${event}`}
      linkOf={({ agent, event }) => link('event', agent, String(event))}
      empty={props.empty}
      sort="-time"
      most={props.most ?? 320}
    />
  )
}
