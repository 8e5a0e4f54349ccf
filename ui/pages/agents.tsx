/** All agents: what each has, what of it is allocated, used, lent and free, and how its owners fare. */
import { useState } from 'preact/hooks'
import type { AgentRow, TaskRow, UsagePoint } from '../../src/wire/page.ts'
import { Spark } from '../charts/spark.tsx'
import { SplitBar } from '../charts/split-bar.tsx'
import { now } from '../clock.ts'
import { agentSplit, OLD_MS, usagePoint } from '../data/agent-usage.ts'
import { agents, lendEvents, pressures, tasks, usage } from '../data/store.ts'
import { amount, cpuText, isLive, memory, percent, span, stateWords, threeMemories } from '../data/words.ts'
import { Choices } from '../parts/choices.tsx'
import { Filter, filtered } from '../parts/filter.tsx'
import { Age } from '../parts/pieces.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { USUAL_THRESHOLDS } from '../data/lend-page.ts'
import { takenBack, takenSince } from '../data/lending-now.ts'
import { NO_AGENTS } from '../data/attention.ts'
import { link } from '../link.ts'

interface Row {
  readonly agent: AgentRow
  readonly point: UsagePoint | undefined
  readonly tasks: number
  readonly taken: number
}

const TAKEN_BACK = 'taken back'
const SHAPES = ['table', 'tasks on agents']
const used = ({ point }: Row, name: keyof UsagePoint): number => point?.[name] ?? 0

const COLUMNS: readonly Column<Row>[] = [
  {
    name: 'agent',
    show: ({ agent }) => (
      <a href={link('agents', agent.id)} title={agent.id}>
        {agent.state === 'connected' ? '' : '○ '}
        {agent.name}
        {agent.deactivated === true && <small> {(agent.drain ?? 'deactivated').toLowerCase()}</small>}
      </a>
    ),
    order: ({ agent }) => agent.name,
    width: '13%',
    narrow: '6.5em',
  },
  {
    name: 'cpus',
    note: 'used / allocated / total',
    show: ({ agent, point }) => (
      <SplitBar
        whole={agentSplit(agent, point, 'cpus')}
        format={amount}
        figures={threeOf(point?.cpusOwners, agent.allocated.cpus, agent.total.cpus, amount)}
      />
    ),
    order: ({ agent }) => agent.allocated.cpus / Math.max(0.01, agent.total.cpus),
    width: '17%',
    lead: true,
  },
  {
    name: 'lent cpus',
    note: 'used / held / to lend',
    show: ({ agent, point }) => <Lent agent={agent} point={point} />,
    order: (row) => used(row, 'cpusBorrowers'),
    figure: true,
    width: '10em',
  },
  {
    name: 'memory',
    note: 'used / allocated / total',
    show: ({ agent, point }) => (
      <SplitBar
        whole={agentSplit(agent, point, 'mem')}
        format={memory}
        figures={threeMemories(point?.memOwners, agent.allocated.mem, agent.total.mem)}
      />
    ),
    order: (row) => used(row, 'memOwners'),
    spare: 1,
    width: '14%',
  },
  {
    name: 'owners wait',
    note: 'for a core, 2 min',
    show: ({ agent, point }) => <Pressure agent={agent} point={point} />,
    order: (row) => used(row, 'cpuPressure'),
    figure: true,
    spare: 1,
    width: '9.5em',
  },
  {
    name: 'tasks',
    show: (row) => row.tasks,
    order: (row) => row.tasks,
    figure: true,
    spare: 1,
    width: '4.5em',
  },
  {
    name: TAKEN_BACK,
    show: ({ taken }) => taken,
    order: ({ taken }) => taken,
    figure: true,
    spare: 2,
    width: '6.5em',
  },
  {
    name: 'sample',
    show: ({ agent, point }) => <Sample agent={agent} point={point} />,
    spare: 1,
    figure: true,
    width: '6em',
  },
]

const threeOf = (
  used: number | undefined,
  allocated: number,
  total: number,
  text: (value: number) => string,
): string => [used === undefined ? '?' : text(used), text(allocated), text(total)].join(' / ')

/** What borrowers use, hold and could hold; a sign when they are held back. */
function Lent({
  agent,
  point,
}: {
  readonly agent: AgentRow
  readonly point: UsagePoint | undefined
}): preact.JSX.Element {
  const { lent, lentHeld, mode } = agent
  if (mode === 'off' && lentHeld.cpus === 0) return <span class="quiet">off</span>
  const quota = point?.cpusQuota ?? -1
  return (
    <b class={lentHeld.cpus > 0 ? 'lent-mark' : 'quiet'}>
      {quota >= 0 && lentHeld.cpus > 0 && (
        <i class="squeeze" title={`squeezed: borrowers together get at most ${cpuText(quota)} now`}>
          ▼{' '}
        </i>
      )}
      {threeOf(point?.cpusBorrowers, lentHeld.cpus, lent.cpus, amount)}
    </b>
  )
}

function Pressure({
  agent,
  point,
}: {
  readonly agent: AgentRow
  readonly point: UsagePoint | undefined
}): preact.JSX.Element {
  if (point === undefined || point.cpuPressure < 0) return <span class="quiet">–</span>
  const now = percent(point.cpuPressure)
  const { squeeze } = USUAL_THRESHOLDS
  return (
    <>
      <Spark
        told={pressures.of(agent.id)}
        top={0.2}
        level={squeeze}
        label={`The owner that waits most waits ${now} of the time; the line across is at ${percent(squeeze)}`}
      />{' '}
      <span class="pressure">{now}</span>
    </>
  )
}

function Sample({
  agent,
  point,
}: {
  readonly agent: AgentRow
  readonly point: UsagePoint | undefined
}): preact.JSX.Element {
  if (agent.state === 'disconnected')
    return (
      <b class="state bad">
        away <Age at={agent.since} />
      </b>
    )
  return point === undefined ? <span class="quiet">none</span> : <Age at={point.at} />
}

export function Agents(): preact.JSX.Element {
  const [asBlocks, setAsBlocks] = useState(false)
  const { spanMs } = takenBack(lendEvents.value, now.value)
  const rows = filtered(rowsOf(spanMs), wordsOf)
  const columns = COLUMNS.map((column) =>
    column.name === TAKEN_BACK ? { ...column, note: `in ${span(spanMs)}` } : column,
  )
  return (
    <div class="whole">
      <div class="tools">
        <Filter hint="name, host, attribute, mode" />
        <Choices
          label="how agents are shown"
          names={SHAPES}
          chosen={SHAPES[asBlocks ? 1 : 0]}
          onChoose={(name) => setAsBlocks(name === SHAPES[1])}
        />
        <Legend />
      </div>
      {asBlocks ? (
        <Blocks rows={rows} />
      ) : (
        <Table
          label="agents"
          rows={rows}
          columns={columns}
          keyOf={({ agent }) => agent.id}
          linkOf={({ agent }) => link('agents', agent.id)}
          classOf={({ agent, point }) => (isOld(agent, point) ? 'away' : '')}
          empty={agents.all.length === 0 ? NO_AGENTS : 'No agent fits.'}
          sort="agent"
        />
      )}
    </div>
  )
}

function wordsOf({ agent }: Row): string {
  const { attributes, deactivated, drain, hostname, id, mode, name, state } = agent
  const use = deactivated === true ? (drain ?? 'deactivated') : ''
  return [name, hostname, id, mode, state, use, ...Object.values(attributes)].join(' ')
}

function isOld(agent: AgentRow, point: UsagePoint | undefined): boolean {
  return agent.state === 'disconnected' || (point !== undefined && now.value - point.at > OLD_MS)
}

function rowsOf(takenMs: number): readonly Row[] {
  const counts = new Map<string, number>()
  for (const { agent, state } of tasks.all) if (isLive(state)) counts.set(agent, (counts.get(agent) ?? 0) + 1)
  const taken = new Map<string, number>()
  for (const { agent } of takenSince(lendEvents.value, now.value - takenMs))
    taken.set(agent, (taken.get(agent) ?? 0) + 1)
  return agents.all.map((agent) => ({
    agent,
    point: usagePoint(usage.value[agent.id]),
    tasks: counts.get(agent.id) ?? 0,
    taken: taken.get(agent.id) ?? 0,
  }))
}

export function Legend(): preact.JSX.Element {
  return (
    <ul class="legend">
      <li>
        <i class="swatch used" /> used by owners
      </li>
      <li>
        <i class="swatch lent" /> lent, in use
      </li>
      <li>
        <i class="swatch idle" /> allocated, idle
      </li>
      <li>
        <i class="swatch free" /> free
      </li>
    </ul>
  )
}

const MOST_BLOCKS = 100

const blockText = ({ cpus, id, lentCpus, state }: TaskRow): string =>
  `${id}: ${cpuText(cpus)}${lentCpus > 0 ? ', lent' : ''}, ${stateWords(state).word}`

/** One bar per agent, a block per live task: as wide as what it was given of the agent's cpus. */
function Blocks({ rows }: { readonly rows: readonly Row[] }): preact.JSX.Element {
  const byAgent = new Map<string, TaskRow[]>()
  for (const task of tasks.all) {
    if (!isLive(task.state)) continue
    const list = byAgent.get(task.agent) ?? []
    list.push(task)
    byAgent.set(task.agent, list)
  }
  return (
    <div class="card blocks">
      {rows.slice(0, MOST_BLOCKS).map(({ agent }) => (
        <div key={agent.id} class="block-row">
          <a href={link('agents', agent.id)}>{agent.name}</a>
          <div class="block-bar">
            {(byAgent.get(agent.id) ?? [])
              .toSorted((a, b) => a.lentCpus - b.lentCpus || b.cpus - a.cpus)
              .map((task) => (
                <a
                  key={task.key}
                  class={task.lentCpus > 0 ? 'lent' : 'used'}
                  href={link('tasks', task.framework, task.id)}
                  style={{ width: `${(task.cpus / Math.max(0.01, agent.total.cpus)) * 100}%` }}
                  title={blockText(task)}
                >
                  {task.id}
                </a>
              ))}
          </div>
          <small>{cpuText(agent.total.cpus)}</small>
        </div>
      ))}
      {rows.length > MOST_BLOCKS && (
        <p class="empty">{rows.length - MOST_BLOCKS} more: filter to see them.</p>
      )}
    </div>
  )
}
