/** One task: where it stands, why it ended, what it uses of its limits, its output, its files, how to make it. */
import { Fragment } from 'preact'
import { useState } from 'preact/hooks'
import { CONTAINER_COLUMNS, type TaskRow, type UsagePage } from '../../src/wire/page.ts'
import { LineChart } from '../charts/line-chart.tsx'
import { lineOf, withGaps } from '../charts/stack.ts'
import { now } from '../clock.ts'
import type { Container, LendPage } from '../data/lend-page.ts'
import { address, postJson, useFetched } from '../data/requests.ts'
import { agents, lendEvents, tasks } from '../data/store.ts'
import {
  causeOf,
  commandLine,
  failuresOf,
  phasesOf,
  type Status,
  type TaskDetails,
} from '../data/task-details.ts'
import {
  amount,
  bytes,
  cpuText,
  inSentence,
  isLive,
  memory,
  percent,
  span,
  stateWords,
} from '../data/words.ts'
import { CauseCard } from '../parts/cause-card.tsx'
import { Logs } from '../parts/logs.tsx'
import {
  Age,
  AgentLink,
  Answered,
  Card,
  Copyable,
  FrameworkLink,
  State,
  Tabs,
  Time,
  Trouble,
} from '../parts/pieces.tsx'
import { Sandbox } from '../parts/sandbox.tsx'
import { EventList } from '../parts/event-list.tsx'
import { link } from '../link.ts'
import { place, setQuery } from '../route.ts'

const TABS = ['logs', 'sandbox', 'history', 'spec'] as const

export function TaskView(): preact.JSX.Element {
  const [, framework = '', id = ''] = place.value.path
  const row = tasks.get(`${framework}/${id}`)
  // Asked anew whenever the stream says that it changed.
  const details = useFetched<TaskDetails>(
    address('api/x1/task', { framework, task: id, changed: row?.changed ?? 0 }),
  )
  const known = row ?? details.value?.row
  if (known === undefined)
    return (
      <Card>
        {details.error === undefined ? (
          <p class="empty">Asking for the task …</p>
        ) : (
          <Trouble words={details.error} />
        )}
        <a href="#/tasks">All tasks</a>
      </Card>
    )
  const statuses = details.value?.statuses ?? []
  const cause = causeOf(known, statuses)
  return (
    <>
      <Title task={known} />
      {statuses.length > 0 && <Phases statuses={statuses} />}
      {cause !== undefined && <CauseCard cause={cause} task={known} />}
      <Attempts task={known} />
      {isLive(known.state) && <Use task={known} containerId={details.value?.container} />}
      <Details task={known} details={details} />
    </>
  )
}

function Title({ task }: { readonly task: TaskRow }): preact.JSX.Element {
  const [trouble, setTrouble] = useState<string | undefined>(undefined)
  const kill = (): void => {
    if (!confirm(`End the task ${task.id}?`)) return
    postJson(address('api/x1/kill'), { framework_id: task.framework, task_id: task.id }).then(
      () => setTrouble(undefined),
      (error: unknown) => setTrouble(error instanceof Error ? error.message : String(error)),
    )
  }
  return (
    <>
      <div class="title">
        <h1>{task.id}</h1>
        <State state={task.state} healthy={task.healthy} />
        <span class="quiet">
          for <Age at={task.changed} /> on <AgentLink id={task.agent} />, of{' '}
          <FrameworkLink id={task.framework} />
          {task.name !== task.id && (
            <>
              , named <bdi>{task.name}</bdi>
            </>
          )}
        </span>
        <div class="buttons">
          {isLive(task.state) && (
            <button type="button" class="grave" onClick={kill}>
              End it
            </button>
          )}
        </div>
      </div>
      {trouble !== undefined && <Trouble words={trouble} />}
      <Standing task={task} />
    </>
  )
}

/** What keeps it from running as its state says: its agent is away, or it has not come so far yet. */
function Standing({ task }: { readonly task: TaskRow }): preact.JSX.Element | null {
  const agent = agents.get(task.agent)
  if (!isLive(task.state)) return null
  if (agent?.state === 'disconnected')
    return (
      <Trouble
        words={
          `Its agent ${inSentence(agent.name)} is away for ${span(now.value - agent.since)}: ` +
          'it may still run there; what is shown is from before.'
        }
      />
    )
  if (task.state === 'TASK_RUNNING' || task.message === undefined) return null
  return <p class="formula">{task.message}</p>
}

function Phases({ statuses }: { readonly statuses: readonly Status[] }): preact.JSX.Element {
  return (
    <Card>
      <ol class="phases">
        {phasesOf(statuses, now.value).map(({ begin, isLast, ms, state }) => {
          const { sign, tone, word } = stateWords(state)
          const isOver = isLast && !isLive(state)
          return (
            <li
              key={`${state} ${begin}`}
              class={tone}
              style={{ flexGrow: Math.max(1, Math.log10(ms + 10) * 2) }}
            >
              <b>
                {sign} {word}
              </b>
              {isOver ? <Time at={begin} /> : span(ms)}
            </li>
          )
        })}
      </ol>
    </Card>
  )
}

/** Others of the same name and framework: what failed first is not hidden by what failed last. */
function Attempts({ task }: { readonly task: TaskRow }): preact.JSX.Element | null {
  const alike = tasks.all.filter(
    ({ framework, key, name }) =>
      framework === task.framework && name === task.name && name !== '' && key !== task.key,
  )
  if (alike.length === 0) return null
  const sorted = alike.toSorted((a, b) => (b.changed ?? 0) - (a.changed ?? 0))
  const failures = failuresOf([task, ...alike])
  return (
    <p class="quiet">
      {failures !== undefined && (
        <>
          {failures.count} of this name failed: first <FailedTask task={failures.first} />,{' '}
          {failures.isSame ? (
            <>
              and the last, <FailedTask task={failures.last} />, ended with the same words.{' '}
            </>
          ) : (
            <>
              last <FailedTask task={failures.last} /> with other words: {failures.first.message ?? 'none'} –{' '}
              {failures.last.message ?? 'none'}.{' '}
            </>
          )}
        </>
      )}
      {alike.length} more of this name:{' '}
      {sorted.slice(0, 8).map((other) => (
        <Fragment key={other.key}>
          <a href={link('tasks', other.framework, other.id)} class="attempt">
            {stateWords(other.state).sign}&nbsp;{other.id}
          </a>{' '}
        </Fragment>
      ))}
    </p>
  )
}

function FailedTask({ task }: { readonly task: TaskRow }): preact.JSX.Element {
  return (
    <>
      <a href={link('tasks', task.framework, task.id)}>{task.id}</a> <Age at={task.changed} /> ago
    </>
  )
}

const MINUTES = 15
const EVERY_MS = 5000

function Use({
  containerId,
  task,
}: {
  readonly containerId: string | undefined
  readonly task: TaskRow
}): preact.JSX.Element {
  const own = `api/x1/agents/${encodeURIComponent(task.agent)}`
  const lend = useFetched<LendPage>(address(`${own}/lend`), 2000)
  const container = lend.value?.containers?.find(
    (one) =>
      one.container_id === containerId ||
      (one.framework_id === task.framework && one.tasks.includes(task.id)),
  )
  const id = container?.container_id ?? containerId
  const history = useFetched<UsagePage>(
    id === undefined ? undefined : address(`${own}/usage`, { container: id }),
    EVERY_MS,
  )
  return (
    <Card title="What it uses">
      {container?.frozen === true && (
        <p class="trouble">
          <b aria-hidden="true">◆</b> It stands still: an owner needs the cpus that it borrowed. It goes on
          when they are idle again.
        </p>
      )}
      <p class="formula">{useText(task, container)}</p>
      <Answered fetched={history} what="what it used">
        {({ now: at, points }) => (
          <Charts points={points} end={at / 1000} task={task} container={container} />
        )}
      </Answered>
    </Card>
  )
}

/** Guaranteed, allowed and used in words: nobody shall wonder whether cpus are shares or a limit. */
function useText(task: TaskRow, container: Container | undefined): string {
  const guaranteed = task.cpus - task.lentCpus
  const limit = container?.statistics?.['memoryLimitBytes']
  const parts = [
    task.lentCpus > 0
      ? `runs on ${cpuText(task.lentCpus, 'lent')}, which may be taken back at any time`
      : `guaranteed ${cpuText(guaranteed)}`,
    ...(container?.cpus === undefined ? [] : [`uses ${amount(container.cpus)} now`]),
    `memory limit ${limit === undefined ? memory(task.mem) : memory(limit / 1024 ** 2)}`,
    ...diskTexts(container),
  ]
  return parts.join('; ')
}

function diskTexts(container: Container | undefined): readonly string[] {
  const used = container?.disk_used_bytes
  const reserved = container?.allocated['disk'] ?? 0
  if (used === undefined) return []
  return [`its sandbox takes ${bytes(used)}${reserved > 0 ? ` of ${memory(reserved)} reserved` : ''}`]
}

function Charts(props: {
  readonly points: readonly (readonly number[])[]
  readonly end: number
  readonly task: TaskRow
  readonly container: Container | undefined
}): preact.JSX.Element {
  const { container, end, points, task } = props
  const shown = withGaps(points, 20_000)
  const times = shown.map(([at = 0]) => at / 1000)
  const first = times[0] ?? end
  const range = [Math.min(end - 60, Math.max(first, end - MINUTES * 60)), end] as const
  const line = (name: string): (number | null)[] => lineOf(shown, CONTAINER_COLUMNS, name)
  const limitMb = (container?.statistics?.['memoryLimitBytes'] ?? task.mem * 1024 ** 2) / 1024 ** 2
  return (
    <div class="pair">
      <LineChart
        title="CPUs"
        times={times}
        range={range}
        height={150}
        format={amount}
        levels={[
          {
            value: task.cpus,
            label: task.lentCpus > 0 ? `lent ${amount(task.cpus)}` : `guaranteed ${amount(task.cpus)}`,
            colour: '--limit',
          },
        ]}
        lines={[{ label: 'used', colour: '--used', values: line('cpus') }]}
      />
      <LineChart
        title="Memory"
        binary
        times={times}
        range={range}
        height={150}
        format={memory}
        levels={[{ value: limitMb, label: `limit ${memory(limitMb)}`, colour: '--limit' }]}
        lines={[
          { label: 'used, without cache that can go', colour: '--used', values: line('mem') },
          { label: 'its own (anonymous)', colour: '--freed', dash: [5, 4], values: line('memAnon') },
          { label: 'file cache', colour: '--system-ink', dash: [2, 3], values: line('memCache') },
        ]}
      />
      <LineChart
        title="Held back (share of the time)"
        times={times}
        range={range}
        format={percent}
        top={0.2}
        lines={[
          { label: 'throttled by its quota', colour: '--evict', values: line('throttled') },
          { label: 'waits for a core', colour: '--accent', dash: [5, 4], values: line('waits') },
        ]}
      />
    </div>
  )
}

function Details({
  details,
  task,
}: {
  readonly task: TaskRow
  readonly details: ReturnType<typeof useFetched<TaskDetails>>
}): preact.JSX.Element {
  const asked = place.value.query.get('tab') ?? 'logs'
  const tab = TABS.find((name) => name === asked) ?? 'logs'
  return (
    <Card
      side={<Tabs names={TABS} chosen={tab} onChoose={(name) => setQuery('tab', name)} />}
      title="Look inside"
    >
      {tab === 'logs' && <Logs task={task} />}
      {tab === 'sandbox' && <Sandbox task={task} />}
      {tab === 'history' && (
        <Answered fetched={details} what="its history">
          {({ statuses }) => <History statuses={statuses} task={task} />}
        </Answered>
      )}
      {tab === 'spec' && (
        <Answered fetched={details} what="its description">
          {(value) => (
            <>
              <h3>The command that runs the like of it</h3>
              <Copyable text={commandLine(value)} />
              <h3 class="after">As its framework described it</h3>
              <Copyable text={JSON.stringify(value.info, null, 2)} />
            </>
          )}
        </Answered>
      )}
    </Card>
  )
}

function History({
  statuses,
  task,
}: {
  readonly statuses: readonly Status[]
  readonly task: TaskRow
}): preact.JSX.Element {
  const about = lendEvents.value.filter(
    ({ owner, tasks: named }) => owner === task.id || named.includes(task.id),
  )
  return (
    <>
      <ul class="history">
        {statuses.map((status, index) => (
          <li key={index}>
            <Time at={(status.timestamp ?? 0) * 1000} />{' '}
            <State state={status.state} healthy={status.healthy} />
            <span>
              {status.message}
              {status.reason !== undefined && <code> {status.reason}</code>}
            </span>
          </li>
        ))}
      </ul>
      <h3 class="after">What lending did about it</h3>
      <EventList events={about} empty="Nothing that is remembered here." />
    </>
  )
}
