/** What happened in the cluster, from the log that the master keeps: by kind, agent, task and words; as file. */
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { now } from '../clock.ts'
import { address, type Fetched, useFetched } from '../data/requests.ts'
import { heardAt } from '../data/store.ts'
import { inSentence } from '../data/words.ts'
import { Choices } from '../parts/choices.tsx'
import { Filter, filtered } from '../parts/filter.tsx'
import { Answered, FrameworkLink, Time } from '../parts/pieces.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { link } from '../link.ts'
import { place, setQuery } from '../route.ts'

export interface ClusterEvent {
  readonly event: number
  readonly at: number
  readonly kind: string
  readonly agent_id?: string
  readonly agent?: string
  readonly framework_id?: string
  readonly framework?: string
  readonly task_id?: string
  readonly text: string
  readonly record?: Readonly<Record<string, unknown>>
}

interface EventsPage {
  readonly events: readonly ClusterEvent[]
}

const LIMIT = 1000
const EVERY_MS = 3000
const KINDS: readonly (readonly [name: string, begins: string])[] = [
  ['all', ''],
  ['tasks', 'task-'],
  ['offers', 'offer-'],
  ['agents', 'agent-'],
  ['frameworks', 'framework-'],
  ['lending', 'len'],
]

/** Its sentence has names in it, which may have characters that turn it. */
const readable = (event: ClusterEvent): ClusterEvent => ({ ...event, text: inSentence(event.text) })

/** Remembered between looks, so that the page asks only for what is new. */
const known = signal<readonly ClusterEvent[]>([])

export function useEvents(): Fetched<readonly ClusterEvent[]> {
  const newest = known.peek().at(-1)?.event
  const asked = useFetched<EventsPage>(
    address('api/x1/events', newest === undefined ? { limit: LIMIT } : { limit: LIMIT, after: newest }),
    EVERY_MS,
  )
  const { value } = asked
  useEffect(() => {
    if (value === undefined) return
    const last = known.peek().at(-1)?.event ?? 0
    const fresh = value.events.filter(({ event }) => event > last)
    if (fresh.length > 0) known.value = [...known.peek(), ...fresh.map(readable)].slice(-LIMIT)
  }, [value])
  return { ...asked, value: value === undefined && known.value.length === 0 ? undefined : known.value }
}

const COLUMNS: readonly Column<ClusterEvent>[] = [
  { name: 'time', show: ({ at }) => <Time at={at} />, order: ({ event }) => event, width: '7em' },
  {
    name: 'kind',
    show: ({ kind }) => kind.replaceAll('-', ' '),
    order: ({ kind }) => kind,
    width: '11em',
    spare: 1,
  },
  { name: 'what', show: ({ text }) => <span title={text}>{text}</span>, sentence: true },
  {
    name: 'agent',
    show: ({ agent, agent_id }) =>
      agent_id === undefined ? '' : <a href={link('agents', agent_id)}>{agent ?? agent_id}</a>,
    order: ({ agent }) => agent ?? '',
    width: '9em',
    spare: 1,
  },
  {
    name: 'framework',
    show: ({ framework_id }) => (framework_id === undefined ? '' : <FrameworkLink id={framework_id} />),
    order: ({ framework }) => framework ?? '',
    width: '11em',
    spare: 2,
  },
]

/** The events up to a time of this browser's clock, such as `2026-11-23T03:12`; nothing without one. */
function useEarlier(until: string): Fetched<readonly ClusterEvent[]> {
  const at = new Date(until).getTime()
  const asked = useFetched<EventsPage>(
    Number.isNaN(at) ? undefined : address('api/x1/events', { limit: LIMIT, until: at }),
  )
  return { ...asked, value: asked.value?.events.map(readable) }
}

/** What happened at a time of one's own: the thousand events before it. */
function Until(): preact.JSX.Element {
  const until = place.value.query.get('until') ?? ''
  return (
    <label class="until">
      up to{' '}
      <input
        type="datetime-local"
        step="1"
        value={until}
        onChange={(event) => setQuery('until', event.currentTarget.value)}
      />
    </label>
  )
}

/** By then the browser has taken the file. */
const SAVED_MS = 60_000

/** What is shown as a file, one event a line, as `tepui events -o jsonl` writes it. */
function save(events: readonly ClusterEvent[]): void {
  const text = events.map((event) => `${JSON.stringify(event)}\n`).join('')
  const file = document.createElement('a')
  file.href = URL.createObjectURL(new Blob([text], { type: 'application/jsonl' }))
  file.download = `tepui-events-${new Date(now.peek()).toISOString()}.jsonl`
  file.click()
  setTimeout(() => URL.revokeObjectURL(file.href), SAVED_MS)
}

export function Events(): preact.JSX.Element {
  const until = place.value.query.get('until') ?? ''
  const newest = useEvents()
  const earlier = useEarlier(until)
  const fetched = until === '' ? newest : earlier
  const chosen = place.value.query.get('kind') ?? 'all'
  const begins = KINDS.find(([name]) => name === chosen)?.[1] ?? ''
  const shown = filtered(
    (fetched.value ?? []).filter(({ kind }) => kind.startsWith(begins)),
    wordsOf,
  )
  return (
    <div class="whole">
      <div class="tools">
        <Filter hint="words, task, agent, framework" />
        <Choices
          label="which events"
          names={KINDS.map(([name]) => name)}
          chosen={chosen}
          onChoose={(name) => setQuery('kind', name)}
        />
        <Until />
        <button type="button" disabled={shown.length === 0} onClick={() => save(shown)}>
          save these {shown.length} as JSONL
        </button>
      </div>
      <Answered
        fetched={heardAt.value === 0 ? { ...fetched, value: undefined } : fetched}
        what="what happened"
      >
        {() => (
          <Table
            label="events"
            rows={shown}
            columns={COLUMNS}
            keyOf={({ event }) => String(event)}
            empty="Nothing of this kind is remembered."
            sort="-time"
            {...linkProps}
          />
        )}
      </Answered>
    </div>
  )
}

const linkProps = {
  linkOf: ({ agent_id, framework_id, task_id }: ClusterEvent): string => {
    if (task_id !== undefined && framework_id !== undefined) return link('tasks', framework_id, task_id)
    if (framework_id !== undefined) return link('frameworks', framework_id)
    return agent_id === undefined ? '#/events' : link('agents', agent_id)
  },
}

const wordsOf = ({ agent, framework, kind, task_id, text }: ClusterEvent): string =>
  [kind, text, agent, framework, task_id].join(' ')
