/** All tasks that the master knows, in one table of any length. */
import { useMemo } from 'preact/hooks'
import type { TaskRow } from '../../src/wire/page.ts'
import { agents, frameworks, tasks } from '../data/store.ts'
import { amount, cpuText, hasFailed, isLive, memory, stateWords } from '../data/words.ts'
import { waitingOf } from '../data/waiting.ts'
import { Choices } from '../parts/choices.tsx'
import { Filter, filtered } from '../parts/filter.tsx'
import { ChooseTask, KillMany } from '../parts/kill-many.tsx'
import { Age, AgentLink, FrameworkLink, State } from '../parts/pieces.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { useContainers, withUse } from '../parts/task-use.tsx'
import { link } from '../link.ts'
import { place, setQuery } from '../route.ts'

export const TASK_COLUMNS: readonly Column<TaskRow>[] = [
  { name: 'task', show: (task) => <TaskName task={task} />, order: ({ id }) => id, width: '24%', lead: true },
  {
    name: 'state',
    show: ({ agent, healthy, state }) =>
      isLive(state) && isAway(agent) ? (
        <span class="state bad" title={`${state} when its agent was heard last`}>
          ? agent away
        </span>
      ) : (
        <State state={state} healthy={healthy} />
      ),
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
    note: 'allocated',
    show: ({ cpus }) => amount(cpus),
    order: ({ cpus }) => cpus,
    figure: true,
    spare: 1,
    width: '5.5em',
  },
  {
    name: 'memory',
    note: 'allocated',
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
    width: '7em',
  },
  {
    name: 'runs',
    show: ({ image }) => <span class="quiet">{image ?? 'host process'}</span>,
    order: ({ image }) => image ?? '',
    spare: 2,
  },
]

/** What the newest status says: why it failed, or what it waits for. */
const WHY: Column<TaskRow> = {
  name: 'why',
  show: (task) => {
    const words = task.message ?? task.reason ?? ''
    return <span title={words}>{words}</span>
  },
  width: '42%',
  sentence: true,
}
/** Left out where it stands, so that there is room for why. */
const NOT_BESIDE_WHY = new Set(['cpus', 'memory', 'of that lent', 'runs', 'framework'])

const CHOOSE: Column<TaskRow> = { name: '', show: (task) => <ChooseTask task={task} />, width: '2.4em' }
const COLUMNS = [CHOOSE, ...TASK_COLUMNS]
const WITH_WHY = [...TASK_COLUMNS.filter(({ name }) => !NOT_BESIDE_WHY.has(name)), WHY]
/** What it runs makes room for what it uses. */
const BESIDE_USE = COLUMNS.filter(({ name }) => name !== 'runs')
/** Kinds of which one wants to know why. */
const ASK_WHY = new Set(['starting', 'failed', 'ended'])

const KINDS: readonly (readonly [name: string, is: (task: TaskRow) => boolean])[] = [
  ['live', ({ state }) => isLive(state)],
  ['starting', ({ state }) => isLive(state) && state !== 'TASK_RUNNING'],
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
  const asksWhy = ASK_WHY.has(chosen)
  const containers = useContainers(asksWhy ? [] : agentsOf(rows))
  const columns = useMemo(
    () => (asksWhy ? WITH_WHY : containers.length === 0 ? COLUMNS : withUse(BESIDE_USE, containers)),
    [asksWhy, containers],
  )
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
      <Waits />
      <Table
        label="tasks"
        rows={rows}
        columns={columns}
        keyOf={({ key }) => key}
        linkOf={(task) => link('tasks', task.framework, task.id)}
        empty={all.length === 0 ? 'No task has run yet: the view Run starts one.' : 'No task fits.'}
        classOf={({ agent, state }) => (isLive(state) && isAway(agent) ? 'away' : '')}
        sort="for"
      />
    </div>
  )
}

/** Of so many agents at most it is asked what each task uses. */
const MOST_ASKED = 8

/** The agents of tasks that are shown; none when they are too many to be asked every few seconds. */
function agentsOf(rows: readonly TaskRow[]): readonly string[] {
  const found = new Set<string>()
  for (const { agent, state } of rows) {
    if (state === 'TASK_RUNNING' && !isAway(agent)) found.add(agent)
    if (found.size > MOST_ASKED) return []
  }
  return [...found].toSorted()
}

const isAway = (agent: string): boolean => agents.get(agent)?.state === 'disconnected'
const MOST_WAITING = 3

/** What wants to run and has found no place is no task yet: it stands above them, with why. */
function Waits(): preact.JSX.Element | null {
  const waiting = waitingOf({ agents: agents.all, frameworks: frameworks.all, tasks: tasks.all })
  if (waiting.length === 0) return null
  return (
    <ul class="attention waits" aria-label="what waits for a place">
      {waiting.slice(0, MOST_WAITING).map(({ framework, name, since, why }) => (
        <li key={framework} class="warn">
          <b aria-hidden="true">◌</b>
          <a href={link('frameworks', framework)}>{name} waits for a place</a>
          <span>
            for <Age at={since} />: {why}
          </span>
        </li>
      ))}
      {waiting.length > MOST_WAITING && (
        <li>
          <b aria-hidden="true">◌</b>
          <a href="#/frameworks?q=waits">{waiting.length - MOST_WAITING} more wait</a>
        </li>
      )}
    </ul>
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
