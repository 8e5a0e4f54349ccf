/** One agent: who uses it over time, how its owners fare, what lending does and why, its tasks and its disk. */
import { useEffect, useMemo, useState } from 'preact/hooks'
import { type AgentRow, type TaskRow, USAGE_COLUMNS, type UsagePage } from '../../src/wire/page.ts'
import { Lane } from '../charts/lane.tsx'
import type { Level, Line } from '../charts/plot.tsx'
import { LineChart } from '../charts/line-chart.tsx'
import { agentWhole, lineOf, rangeOf, thinned, withGaps } from '../charts/stack.ts'
import { StackChart } from '../charts/stack-chart.tsx'
import { now } from '../clock.ts'
import {
  type Container,
  type GcPage,
  type LendPage,
  plugInName,
  type Threshold,
  thresholdOf,
} from '../data/lend-page.ts'
import { ownCost } from '../data/cost.ts'
import { address, type Fetched, useFetched } from '../data/requests.ts'
import { shellLine } from '../data/shell-words.ts'
import { agents, lendEvents, tasks, usage } from '../data/store.ts'
import { amount, bytes, isLive, memory, percent, shortId, span } from '../data/words.ts'
import { SpanChoices, type Spans } from '../parts/choices.tsx'
import { type ConfigPage, Flags } from '../parts/flags.tsx'
import { Formula, LendSwitch } from '../parts/lend-switch.tsx'
import { Drain } from '../parts/drain.tsx'
import { Age, Answered, Card, Copyable, Facts, Time, Trouble } from '../parts/pieces.tsx'
import { Table } from '../parts/table.tsx'
import { withUse } from '../parts/task-use.tsx'
import { link } from '../link.ts'
import { place } from '../route.ts'
import { TASK_COLUMNS } from './tasks.tsx'

const CPUS = agentWhole('cpus')
const MEM = agentWhole('mem')
const LEND_MS = 2000
const GC_MS = 15_000
const SPANS: Spans = [
  ['2 min', 2],
  ['15 min', 15],
  ['24 h', 1440],
]

export function AgentView(): preact.JSX.Element {
  const id = place.value.path[1] ?? ''
  const agent = agents.get(id)
  if (agent === undefined)
    return (
      <Card>
        <p>There is no agent with the id {id}: it has left, or has come back with another one.</p>
        <a href="#/agents">All agents</a>
      </Card>
    )
  return <Known agent={agent} />
}

function Known({ agent }: { readonly agent: AgentRow }): preact.JSX.Element {
  const own = `api/x1/agents/${encodeURIComponent(agent.id)}`
  const lend = useFetched<LendPage>(address(`${own}/lend`), LEND_MS)
  const config = useFetched<ConfigPage>(address(`${own}/config`))
  const isAway = agent.state === 'disconnected'
  return (
    <>
      <div class="title">
        <h1>{agent.name}</h1>
        <span class="quiet">
          {agent.hostname}, {agent.ip}:{agent.port}, {isAway ? 'away for ' : 'connected for '}
          <Age at={agent.since} />
        </span>
        {agent.deactivated === true && (
          <b class="state busy">{(agent.drain ?? 'deactivated').toLowerCase()}</b>
        )}
      </div>
      <Drain agent={agent} live={liveOn(agent).length} />
      {isAway && (
        <Trouble
          words={
            `This agent is away: nothing was heard of it for ${span(now.value - agent.since)}. ` +
            'Its tasks may still run; what is shown is from before.'
          }
        />
      )}
      <Use agent={agent} own={own} lend={lend} />
      <div class="pair">
        <Card title="Lending" side={<LendSwitch agent={agent} page={lend.value} onChanged={lend.reload} />}>
          <Answered fetched={lend} what="what it lends">
            {(page) => (
              <>
                <Formula page={page} agent={agent} />
                {plugInName(page.estimator) === 'usage' && <WhatIf config={config.value} />}
              </>
            )}
          </Answered>
        </Card>
        <Machine agent={agent} own={own} />
      </div>
      <Tasks agent={agent} containers={lend.value?.containers ?? []} />
      <Disk own={own} />
      <Flags title="Flags of this agent" flags={config} />
    </>
  )
}

/** Other settings over what it recorded: replayed beside it, since that takes a while and a core. */
function WhatIf({ config }: { readonly config: ConfigPage | undefined }): preact.JSX.Element | null {
  const folder = config?.flags.find(({ name }) => name === 'work_dir')?.value ?? ''
  if (folder === '') return null
  return (
    <>
      <h3 class="after">What other settings would have lent, on its machine</h3>
      <Copyable text={shellLine(['tepui', 'lend', 'replay', `${folder}/usage`, '--set', 'headroom=0.05'])} />
    </>
  )
}

/** What the agent remembers, and behind it what the stream says each second. */
function useHistory(agent: AgentRow, own: string, isDay: boolean): readonly (readonly number[])[] {
  const { value: page } = useFetched<UsagePage>(
    address(`${own}/usage`, { step: isDay ? 10 : 1 }),
    isDay ? 30_000 : 0,
  )
  const [live, setLive] = useState<readonly (readonly number[])[]>([])
  const newest = usage.value[agent.id]
  useEffect(() => {
    if (newest === undefined) return
    setLive((old) => ((old.at(-1)?.[0] ?? 0) < (newest[0] ?? 0) ? [...old, newest].slice(-900) : old))
  }, [newest])
  const remembered = page?.points ?? []
  const last = remembered.at(-1)?.[0] ?? 0
  return isDay ? remembered : [...remembered, ...live.filter(([at = 0]) => at > last)]
}

function Use({
  agent,
  lend,
  own,
}: {
  readonly agent: AgentRow
  readonly own: string
  readonly lend: Fetched<LendPage>
}): preact.JSX.Element {
  const [minutes, setMinutes] = useState(15)
  const isDay = minutes > 15
  const points = useHistory(agent, own, isDay)
  const end = (points.at(-1)?.[0] ?? now.value) / 1000
  const range = rangeOf(points, end, minutes * 60)
  const seen = points.filter(([at = 0]) => at / 1000 >= range[0] - 15)
  const shown = withGaps(thinned(seen, 700), isDay ? 60_000 : 45_000)
  const events = lendEvents.value.filter((event) => event.agent === agent.id)
  // One point is what it told last, which is no history yet.
  if (points.length < 2 && agent.state === 'disconnected')
    return (
      <Card title="Who uses this agent">
        <p class="empty">
          The agent itself remembers what was used, and it does not answer. Of its {amount(agent.total.cpus)}{' '}
          cpus {amount(agent.allocated.cpus)} are allocated to tasks.
        </p>
      </Card>
    )
  return (
    <Card
      title="Who uses this agent"
      side={<SpanChoices spans={SPANS} minutes={minutes} onChoose={setMinutes} />}
    >
      <StackChart
        title="CPUs"
        points={seen}
        whole={CPUS}
        format={amount}
        range={range}
        height={220}
        lines={cpuLines}
      />
      <Lane label="take-backs" events={events} range={range} />
      <Pressure shown={shown} range={range} page={lend.value} />
      <StackChart
        title="Memory"
        binary
        points={seen}
        whole={MEM}
        format={memory}
        range={range}
        height={140}
      />
    </Card>
  )
}

/** How long owners wait for a core and for memory, and from where on lending acts. */
function Pressure(props: {
  readonly shown: readonly (readonly number[])[]
  readonly range: readonly [number, number]
  readonly page: LendPage | undefined
}): preact.JSX.Element {
  const { page, range, shown } = props
  const times = shown.map(([at = 0]) => at / 1000)
  const line = (label: string, name: string): Line => ({
    label,
    colour: '--accent',
    values: lineOf(shown, USAGE_COLUMNS, name),
  })
  return (
    <>
      <LineChart
        title="Owners wait for a core (share of the time)"
        times={times}
        range={range}
        format={percent}
        top={0.2}
        levels={[
          ...level(page, 'squeeze', 'squeezes borrowers above', '--squeeze'),
          ...level(page, 'freeze', 'freezes them above', '--freeze'),
        ]}
        lines={[line('the owner that waits most', 'cpuPressure')]}
      />
      <LineChart
        title="Owners stand still for memory (share of the time)"
        times={times}
        range={range}
        format={percent}
        top={0.2}
        height={80}
        levels={level(page, 'memory_full', 'acts when memory is short, above', '--evict')}
        lines={[line('the owner that stands most', 'memStall')]}
      />
    </>
  )
}

function cpuLines(drawn: readonly (readonly number[])[]): readonly Line[] {
  const line = (label: string, name: string, look: Pick<Line, 'colour' | 'dash' | 'stepped'>): Line => ({
    label,
    values: lineOf(drawn, USAGE_COLUMNS, name),
    ...look,
  })
  return [
    line('allocated to owners', 'cpusAllocated', { colour: '--limit', stepped: true }),
    line('to lend', 'cpusLent', { colour: '--lent-ink', dash: [5, 4], stepped: true }),
    line('whole machine busy', 'cpusMachine', { colour: '--system-ink', dash: [2, 3] }),
  ]
}

/** The line from where on lending acts, where it is known. */
function level(
  page: LendPage | undefined,
  option: Threshold,
  words: string,
  colour: string,
): readonly Level[] {
  const value = thresholdOf(page, option)
  return value === undefined ? [] : [{ value, label: `${words} ${percent(value)}`, colour }]
}

interface SelfPage {
  readonly uptime_secs: number
  readonly cpus_system_time_secs: number
  readonly cpus_user_time_secs: number
  readonly mem_rss_bytes: number
}

function Machine({ agent, own }: { readonly agent: AgentRow; readonly own: string }): preact.JSX.Element {
  const { value: self } = useFetched<SelfPage>(address(`${own}/self`), GC_MS)
  const { allocated, offered, total } = agent
  const three = (name: 'cpus' | 'mem' | 'disk', text: (value: number) => string): string =>
    `${text(allocated[name])} allocated, ${text(offered[name])} offered, of ${text(total[name])}`
  return (
    <Card title="Resources and attributes">
      <Facts
        facts={[
          ['cpus', three('cpus', amount)],
          ['memory', three('mem', memory)],
          ['disk', three('disk', memory)],
          ...(total.gpus > 0 ? ([['gpus', `${allocated.gpus} allocated, of ${total.gpus}`]] as const) : []),
          ...Object.entries(agent.attributes).map(([name, value]) => [name, value] as const),
          ['version', agent.version],
          ...(self === undefined
            ? []
            : ([
                [
                  'the agent itself',
                  ownCost(
                    self.mem_rss_bytes,
                    self.cpus_system_time_secs + self.cpus_user_time_secs,
                    self.uptime_secs,
                  ),
                ],
              ] as const)),
          ['id', <code>{shortId(agent.id)}</code>],
        ]}
      />
    </Card>
  )
}

const COLUMNS = TASK_COLUMNS.filter(({ name }) => name !== 'agent')

const liveOn = ({ id }: AgentRow): readonly TaskRow[] =>
  tasks.all.filter(({ agent, state }) => agent === id && isLive(state))

function Tasks({
  agent,
  containers,
}: {
  readonly agent: AgentRow
  readonly containers: readonly Container[]
}): preact.JSX.Element {
  const here = liveOn(agent)
  const columns = useMemo(() => withUse(COLUMNS, containers), [containers])
  return (
    <Card title={`Tasks (${here.length})`}>
      <Table
        label="tasks of this agent"
        rows={here}
        columns={columns}
        keyOf={({ key }) => key}
        linkOf={(task) => link('tasks', task.framework, task.id)}
        classOf={() => (agent.state === 'connected' ? '' : 'away')}
        empty="No task runs here."
        sort="-cpus"
        most={380}
      />
    </Card>
  )
}

function Disk({ own }: { readonly own: string }): preact.JSX.Element {
  const gc = useFetched<GcPage>(address(`${own}/gc`), GC_MS)
  return (
    <Card title="Disk and what is collected next">
      <Answered fetched={gc} what="its disk">
        {(page) => (
          <>
            <p>
              {percent(page.disk.usage)} of {bytes(page.disk.total_bytes)} used, so sandboxes of what ended
              longer ago than {span(page.rules.max_allowed_age_secs * 1000)} go now; {page.scheduled_total}{' '}
              kept with {bytes(page.scheduled_bytes)}.
            </p>
            <Table
              label="sandboxes"
              rows={page.scheduled.slice(0, 200)}
              keyOf={({ path }) => path}
              columns={[
                {
                  name: 'sandbox of',
                  lead: true,
                  show: (row) => (
                    <span title={row.path}>{row.task_ids?.[0] ?? row.executor_id ?? row.path}</span>
                  ),
                },
                { name: 'how it ended', show: ({ ending }) => ending ?? '', width: '9em', spare: 1 },
                {
                  name: 'ended',
                  show: ({ ended }) => <Time at={ended * 1000} />,
                  figure: true,
                  spare: 1,
                  width: '9em',
                },
                {
                  name: 'size',
                  show: (row) => (row.bytes === undefined ? '–' : bytes(row.bytes)),
                  figure: true,
                  width: '7em',
                },
                {
                  name: 'goes',
                  show: (row) => (row.due_now === true ? 'now' : `in ${span(row.due * 1000 - now.value)}`),
                  figure: true,
                  width: '8em',
                },
              ]}
              empty="Nothing is kept of what ended."
              most={260}
            />
          </>
        )}
      </Answered>
    </Card>
  )
}
