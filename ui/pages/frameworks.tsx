/** The frameworks, with those that have ended; and one of them with its tasks. */
import { useState } from 'preact/hooks'
import type { FrameworkRow } from '../../src/wire/page.ts'
import { now } from '../clock.ts'
import { address, ask } from '../data/requests.ts'
import { frameworks, tasks } from '../data/store.ts'
import { amount, counted, cpuText, isLive, memory, span } from '../data/words.ts'
import { Filter, filtered } from '../parts/filter.tsx'
import { Age, Card, Facts, Trouble } from '../parts/pieces.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { WhyWaits } from '../parts/why-waits.tsx'
import { link } from '../link.ts'
import { place } from '../route.ts'
import { TASK_COLUMNS } from './tasks.tsx'

const SIGNS: Readonly<Record<FrameworkRow['state'], string>> = {
  connected: '● connected',
  disconnected: '◌ away',
  recovered: '◌ not back yet',
  completed: '✓ ended',
}

interface Row {
  readonly framework: FrameworkRow
  readonly live: number
  readonly ended: number
}

const COLUMNS: readonly Column<Row>[] = [
  {
    name: 'framework',
    show: ({ framework }) => <a href={link('frameworks', framework.id)}>{framework.name || framework.id}</a>,
    order: ({ framework }) => framework.name,
    width: '24%',
    lead: true,
  },
  {
    name: 'state',
    show: ({ framework }) => <Standing framework={framework} />,
    order: ({ framework }) => framework.state,
    width: '12em',
  },
  { name: 'roles', show: ({ framework }) => framework.roles.join(', '), spare: 2 },
  { name: 'tasks', show: ({ live }) => live, order: ({ live }) => live, figure: true, width: '5em' },
  {
    name: 'ended',
    show: ({ ended }) => ended,
    order: ({ ended }) => ended,
    figure: true,
    spare: 1,
    width: '5em',
  },
  {
    name: 'cpus allocated',
    show: ({ framework }) => amount(framework.allocated.cpus),
    order: ({ framework }) => framework.allocated.cpus,
    figure: true,
    spare: 1,
    width: '8em',
  },
  {
    name: 'lent to it',
    show: ({ framework }) => (
      <b class={framework.lentHeld.cpus > 0 ? 'lent-mark' : 'quiet'}>{amount(framework.lentHeld.cpus)}</b>
    ),
    order: ({ framework }) => framework.lentHeld.cpus,
    figure: true,
    spare: 1,
    width: '7em',
  },
  {
    name: 'memory',
    note: 'allocated',
    show: ({ framework }) => memory(framework.allocated.mem),
    order: ({ framework }) => framework.allocated.mem,
    figure: true,
    spare: 1,
    width: '7em',
  },
  {
    name: 'offered cpus',
    show: ({ framework }) => amount(framework.offered.cpus),
    order: ({ framework }) => framework.offered.cpus,
    figure: true,
    spare: 2,
    width: '8em',
  },
]

function Standing({ framework }: { readonly framework: FrameworkRow }): preact.JSX.Element {
  const { failoverTimeout, since, state } = framework
  const left =
    state === 'disconnected' && since !== undefined ? since + failoverTimeout - now.value : undefined
  const isWaiting = state === 'connected' && framework.waits !== undefined
  const words = isWaiting
    ? '◌ waits for a place'
    : left === undefined
      ? SIGNS[state]
      : `${SIGNS[state]}, tasks end in ${span(Math.max(0, left))}`
  const tone =
    state === 'connected' && !isWaiting ? 'state good' : state === 'completed' ? 'quiet' : 'state busy'
  return (
    <span class={tone} title={words}>
      {words}
    </span>
  )
}

const wordsOf = ({ framework }: Row): string => {
  const { id, name, roles, state, user, waits } = framework
  const waiting = waits === undefined ? '' : 'waits'
  return [name, id, ...roles, user, SIGNS[state], waiting].join(' ')
}

export function Frameworks(): preact.JSX.Element {
  const counts = new Map<string, { live: number; ended: number }>()
  for (const { framework, state } of tasks.all) {
    const count = counts.get(framework) ?? { live: 0, ended: 0 }
    if (isLive(state)) count.live++
    else count.ended++
    counts.set(framework, count)
  }
  const rows = frameworks.all.map(
    (framework): Row => ({ framework, ...(counts.get(framework.id) ?? { live: 0, ended: 0 }) }),
  )
  return (
    <div class="whole">
      <div class="tools">
        <Filter hint="name, role, user, state" />
      </div>
      <Table
        label="frameworks"
        rows={filtered(rows, wordsOf)}
        columns={COLUMNS}
        keyOf={({ framework }) => framework.id}
        linkOf={({ framework }) => link('frameworks', framework.id)}
        empty={frameworks.all.length === 0 ? 'No framework has registered yet.' : 'No framework fits.'}
        sort="state"
        classOf={({ framework }) => (framework.state === 'completed' ? 'ended' : '')}
      />
    </div>
  )
}

export function FrameworkView(): preact.JSX.Element {
  const id = place.value.path[1] ?? ''
  const framework = frameworks.get(id)
  if (framework === undefined)
    return (
      <Card>
        <p>There is no framework with the id {id}, or not any more.</p>
        <a href="#/frameworks">All frameworks</a>
      </Card>
    )
  const own = tasks.all.filter((task) => task.framework === id)
  const columns = TASK_COLUMNS.filter(({ name }) => name !== 'framework')
  return (
    <>
      <div class="title">
        <h1>{framework.name || framework.id}</h1>
        <Standing framework={framework} />
        <div class="buttons">
          {framework.state !== 'completed' && (
            <Teardown framework={framework} live={own.filter(({ state }) => isLive(state)).length} />
          )}
        </div>
      </div>
      <Card>
        <Facts
          facts={[
            ['id', <code>{framework.id}</code>],
            ['user', framework.user],
            ['roles', framework.roles.join(', ')],
            [
              'registered',
              <>
                <Age at={framework.registered} /> ago
              </>,
            ],
            ['allocated', `${cpuText(framework.allocated.cpus)}, ${memory(framework.allocated.mem)}`],
            ['lent to it', cpuText(framework.lentHeld.cpus)],
            ['offered now', `${cpuText(framework.offered.cpus)}, ${memory(framework.offered.mem)}`],
            ['tasks outlive it for', span(framework.failoverTimeout)],
            ['survives a restart of the agent', framework.checkpoint ? 'yes' : 'no'],
            ['principal', framework.principal ?? '–'],
            ['capabilities', framework.capabilities.join(', ').toLowerCase()],
          ]}
        />
      </Card>
      {framework.waits !== undefined && <WhyWaits framework={framework} />}
      <Card title={`Tasks (${own.length})`}>
        <Table
          label="tasks of this framework"
          rows={own}
          columns={columns}
          keyOf={({ key }) => key}
          linkOf={(task) => link('tasks', task.framework, task.id)}
          empty="It has no tasks."
          sort="for"
          most={560}
        />
      </Card>
    </>
  )
}

function Teardown({
  framework,
  live,
}: {
  readonly framework: FrameworkRow
  readonly live: number
}): preact.JSX.Element {
  const [trouble, setTrouble] = useState<string | undefined>(undefined)
  const tearDown = (): void => {
    if (!confirm(`Remove ${framework.name} and end its ${counted(live, 'live task')}?`)) return
    const body = new URLSearchParams({ frameworkId: framework.id })
    ask(address('teardown'), { method: 'POST', body }).then(
      () => setTrouble(undefined),
      (error: unknown) => setTrouble(error instanceof Error ? error.message : String(error)),
    )
  }
  return (
    <>
      <button type="button" class="grave" onClick={tearDown}>
        Tear it down
      </button>
      {trouble !== undefined && <Trouble words={trouble} />}
    </>
  )
}
