/** All tasks that the master knows, in one table of any length. */
import type { TaskRow } from '../../src/wire/page.ts'
import { agents, frameworks, tasks } from '../data/store.ts'
import { amount, cpuText, hasFailed, isLive, memory, stateWords } from '../data/words.ts'
import { Choices } from '../parts/choices.tsx'
import { Filter, filtered } from '../parts/filter.tsx'
import { ChooseTask, KillMany } from '../parts/kill-many.tsx'
import { Age, AgentLink, FrameworkLink, State } from '../parts/pieces.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { link } from '../link.ts'
import { place, setQuery } from '../route.ts'

export const TASK_COLUMNS: readonly Column<TaskRow>[] = [
  { name: 'task', show: (task) => <TaskName task={task} />, order: ({ id }) => id, width: '24%', lead: true },
  {
    name: 'state',
    show: ({ healthy, state }) => <State state={state} healthy={healthy} />,
    order: ({ state }) => state,
    width: '8.5em',
  },
  {
    name: 'for',
    show: ({ changed }) => <Age at={changed} />,
    order: ({ changed }) => -(changed ?? 0),
    figure: true,
    width: '5.5em',
  },
  {
    name: 'framework',
    show: ({ framework }) => <FrameworkLink id={framework} />,
    order: ({ framework }) => frameworks.get(framework)?.name ?? '',
    spare: 1,
  },
  {
    name: 'agent',
    show: ({ agent }) => <AgentLink id={agent} />,
    order: ({ agent }) => agents.get(agent)?.name ?? '',
    spare: 1,
  },
  {
    name: 'cpus',
    show: ({ cpus }) => amount(cpus),
    order: ({ cpus }) => cpus,
    figure: true,
    spare: 1,
    width: '5em',
  },
  {
    name: 'memory',
    show: ({ mem }) => memory(mem),
    order: ({ mem }) => mem,
    figure: true,
    spare: 1,
    width: '6.5em',
  },
  {
    name: 'of that lent',
    show: ({ lentCpus }) => (lentCpus > 0 ? <b class="lent-mark">{cpuText(lentCpus)}</b> : ''),
    order: ({ lentCpus }) => lentCpus,
    figure: true,
    spare: 2,
    width: '8em',
  },
  {
    name: 'runs',
    show: ({ image }) => <span class="quiet">{image ?? 'host process'}</span>,
    order: ({ image }) => image ?? '',
    spare: 2,
  },
]

const CHOOSE: Column<TaskRow> = { name: '', show: (task) => <ChooseTask task={task} />, width: '2.4em' }
const COLUMNS = [CHOOSE, ...TASK_COLUMNS]

const KINDS: readonly (readonly [name: string, is: (task: TaskRow) => boolean])[] = [
  ['live', ({ state }) => isLive(state)],
  ['lent', ({ lentCpus, state }) => lentCpus > 0 && isLive(state)],
  ['failed', ({ state }) => hasFailed(state)],
  ['ended', ({ state }) => !isLive(state)],
  ['all', () => true],
]

export function Tasks(): preact.JSX.Element {
  const chosen = place.value.query.get('show') ?? 'live'
  const is = KINDS.find(([name]) => name === chosen)?.[1] ?? (() => true)
  const all = tasks.all
  const rows = filtered(all.filter(is), wordsOf)
  return (
    <div class="whole">
      <div class="tools">
        <Filter hint="name, state, framework, agent, image" />
        <Choices
          label="which tasks"
          names={KINDS.map(([name]) => name)}
          counts={KINDS.map(([, belongs]) => all.filter(belongs).length)}
          chosen={chosen}
          onChoose={(name) => setQuery('show', name)}
        />
        <KillMany shown={rows} />
      </div>
      <Table
        label="tasks"
        rows={rows}
        columns={COLUMNS}
        keyOf={({ key }) => key}
        linkOf={(task) => link('tasks', task.framework, task.id)}
        empty="No task fits."
        sort="for"
      />
    </div>
  )
}

export function TaskName({ task }: { readonly task: TaskRow }): preact.JSX.Element {
  return (
    <a href={link('tasks', task.framework, task.id)} title={task.id}>
      {task.id}
      {task.name !== '' && task.name !== task.id && <span class="quiet"> {task.name}</span>}
    </a>
  )
}

function wordsOf(task: TaskRow): string {
  const framework = frameworks.get(task.framework)?.name ?? ''
  const agent = agents.get(task.agent)?.name ?? ''
  const lent = task.lentCpus > 0 ? 'lent' : ''
  const { id, image = '', name, role, state } = task
  return [id, name, stateWords(state).word, framework, agent, image, role, lent].join(' ')
}
