/** All agents: what each has, what of it is promised, used, lent and free, and how its owners fare. */
import { useState } from 'preact/hooks'
import type { AgentRow, TaskRow, UsagePoint } from '../../src/wire/page.ts'
import { SplitBar } from '../charts/split-bar.tsx'
import { now } from '../clock.ts'
import { agentSplit, OLD_MS, usagePoint } from '../data/agent-usage.ts'
import { agents, lendEvents, tasks, usage } from '../data/store.ts'
import { amount, cpuText, isLive, isTakeBack, memory, percent, stateWords } from '../data/words.ts'
import { Choices } from '../parts/choices.tsx'
import { Filter, filtered } from '../parts/filter.tsx'
import { Age } from '../parts/pieces.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { link } from '../link.ts'

interface Row {
  readonly agent: AgentRow
  readonly point: UsagePoint | undefined
  readonly tasks: number
  readonly taken: number
}

const SHAPES = ['table', 'tasks on agents']
const HOUR_MS = 3_600_000
const used = ({ point }: Row, name: keyof UsagePoint): number => point?.[name] ?? 0

const COLUMNS: readonly Column<Row>[] = [
  {
    name: 'agent',
    show: ({ agent }) => (
      <a href={link('agents', agent.id)} title={agent.id}>
        {agent.state === 'connected' ? '' : '○ '}
        {agent.name}
      </a>
    ),
    order: ({ agent }) => agent.name,
    width: '12%',
    lead: true,
  },
  {
    name: 'cpus',
    show: ({ agent, point }) => <SplitBar whole={agentSplit(agent, point, 'cpus')} format={amount} />,
    width: '18%',
    lead: true,
  },
  {
    name: 'used / promised / total',
    show: (row) =>
      [
        row.point === undefined ? '?' : amount(row.point.cpusOwners),
        amount(row.agent.allocated.cpus),
        amount(row.agent.total.cpus),
      ].join(' / '),
    order: ({ agent }) => agent.allocated.cpus / Math.max(0.01, agent.total.cpus),
    figure: true,
    spare: 1,
    width: '12em',
  },
  {
    name: 'lent in use',
    show: ({ agent, point }) =>
      agent.mode === 'off' ? (
        <span class="quiet">off</span>
      ) : (
        <b class={agent.lentHeld.cpus > 0 ? 'lent-mark' : 'quiet'}>
          {point === undefined ? '?' : amount(point.cpusBorrowers)} of {amount(agent.lent.cpus)}
        </b>
      ),
    order: (row) => used(row, 'cpusBorrowers'),
    figure: true,
    width: '7.5em',
  },
  {
    name: 'memory',
    show: ({ agent, point }) => <SplitBar whole={agentSplit(agent, point, 'mem')} format={memory} />,
    spare: 1,
    width: '10%',
  },
  {
    name: 'owners wait',
    show: ({ point }) => (point === undefined || point.cpuPressure < 0 ? '–' : percent(point.cpuPressure)),
    order: (row) => used(row, 'cpuPressure'),
    figure: true,
    spare: 1,
    width: '7.5em',
  },
  {
    name: 'tasks',
    show: (row) => row.tasks,
    order: (row) => row.tasks,
    figure: true,
    spare: 1,
    width: '5em',
  },
  {
    name: 'taken back 1 h',
    show: ({ taken }) => taken,
    order: ({ taken }) => taken,
    figure: true,
    spare: 2,
    width: '7.5em',
  },
  {
    name: 'sample',
    show: ({ agent, point }) => <Sample agent={agent} point={point} />,
    spare: 1,
    figure: true,
    width: '7em',
  },
]

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
  const rows = filtered(rowsOf(), wordsOf)
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
          columns={COLUMNS}
          keyOf={({ agent }) => agent.id}
          linkOf={({ agent }) => link('agents', agent.id)}
          classOf={({ agent, point }) => (isOld(agent, point) ? 'away' : '')}
          empty="No agent fits."
          sort="agent"
        />
      )}
    </div>
  )
}

function wordsOf({ agent }: Row): string {
  const { attributes, hostname, id, mode, name, state } = agent
  return [name, hostname, id, mode, state, ...Object.values(attributes)].join(' ')
}

function isOld(agent: AgentRow, point: UsagePoint | undefined): boolean {
  return agent.state === 'disconnected' || (point !== undefined && now.value - point.at > OLD_MS)
}

function rowsOf(): readonly Row[] {
  const counts = new Map<string, number>()
  for (const { agent, state } of tasks.all) if (isLive(state)) counts.set(agent, (counts.get(agent) ?? 0) + 1)
  const taken = new Map<string, number>()
  const since = now.value - HOUR_MS
  for (const { agent, at, heldBack, kind } of lendEvents.value)
    if (at > since && isTakeBack(kind) && heldBack === undefined)
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
