/** The cluster at a glance: four numbers, who uses what over time with the take-backs, and what needs attention. */
import { useState } from 'preact/hooks'
import { CLUSTER_COLUMNS, type UsagePage } from '../../src/wire/page.ts'
import { Lane } from '../charts/lane.tsx'
import type { Line } from '../charts/plot.tsx'
import { clusterWhole, lineOf, rangeOf } from '../charts/stack.ts'
import { StackChart } from '../charts/stack-chart.tsx'
import { now } from '../clock.ts'
import { attention, NO_AGENTS } from '../data/attention.ts'
import { agents, clusterPoints, frameworks, lendEvents, master, tasks, usage } from '../data/store.ts'
import { lendingOf, takenBack } from '../data/lending-now.ts'
import { waitingOf } from '../data/waiting.ts'
import { amount, counted, deedWords, inSentence, isLive, memory, span } from '../data/words.ts'
import { address, useFetched } from '../data/requests.ts'
import { SpanChoices, type Spans } from '../parts/choices.tsx'
import { Card, Copyable, Figure } from '../parts/pieces.tsx'

const CPUS = clusterWhole('cpus')
const MEM = clusterWhole('mem')
const DAY_MIN = 1440
const SPANS: Spans = [
  ['2 min', 2],
  ['5 min', 5],
  ['15 min', 15],
  ['24 h', DAY_MIN],
]
/** The day has a point each five minutes. */
const DAY_GAP_MS = 900_000
const DAY_AGAIN_MS = 60_000

export function Overview(): preact.JSX.Element {
  return (
    <>
      <Numbers />
      <Attentions />
      <Use />
    </>
  )
}

/** The newest quarter of an hour comes by the stream; the day is asked for while it is shown. */
function usePoints(isDay: boolean): readonly (readonly number[])[] {
  const day = useFetched<UsagePage>(isDay ? address('api/x1/usage') : undefined, DAY_AGAIN_MS)
  const live = clusterPoints.value
  if (!isDay) return live
  const points = day.value?.points ?? []
  const last = points.at(-1)?.[0] ?? 0
  return [...points, ...live.slice(-1).filter(([at = 0]) => at > last)]
}

function Use(): preact.JSX.Element {
  const [minutes, setMinutes] = useState<number>(15)
  const [fixed, setFixed] = useState<readonly [number, number] | undefined>(undefined)
  const isDay = minutes === DAY_MIN
  const points = usePoints(isDay)
  const end = (points.at(-1)?.[0] ?? now.value) / 1000
  const range = fixed ?? rangeOf(points, end, minutes * 60)
  const beside = isDay ? 600 : 15
  const seen = points.filter(([at = 0]) => at / 1000 >= range[0] - beside && at / 1000 <= range[1] + beside)
  const onRange = (from: number, to: number): void => setFixed([from, to])
  const gap = isDay ? { gapMs: DAY_GAP_MS } : {}
  const silent = isDay ? 0 : silentOf(points)
  return (
    <Card
      title="Who uses the cluster"
      side={
        <SpanChoices
          spans={SPANS}
          minutes={fixed === undefined ? minutes : undefined}
          onChoose={(chosen) => {
            setFixed(undefined)
            setMinutes(chosen)
          }}
        />
      }
    >
      <StackChart
        title="CPUs"
        points={seen}
        whole={CPUS}
        format={amount}
        range={range}
        onRange={onRange}
        {...gap}
        lines={cpuLines}
      />
      <Lane label="take-backs" events={lendEvents.value} range={range} />
      {silent > 0 && (
        <p class="quiet">
          {counted(silent, 'agent')} {silent === 1 ? 'tells' : 'tell'} no usage: all that is allocated there
          counts as idle here.
        </p>
      )}
      <StackChart
        title="Memory"
        binary
        points={seen}
        whole={MEM}
        format={memory}
        range={range}
        onRange={onRange}
        {...gap}
        height={160}
      />
    </Card>
  )
}

function cpuLines(shown: readonly (readonly number[])[]): readonly Line[] {
  const line = (label: string, name: string, look: Pick<Line, 'colour' | 'dash'>): Line => ({
    label,
    values: lineOf(shown, CLUSTER_COLUMNS, name),
    stepped: true,
    ...look,
  })
  return [
    line('allocated to owners', 'cpusAllocated', { colour: '--limit' }),
    line('to lend', 'cpusLent', { colour: '--lent-ink', dash: [5, 4] }),
  ]
}

/** Connected agents whose usage is not in the newest point. */
function silentOf(points: readonly (readonly number[])[]): number {
  const up = agents.all.filter(({ state }) => state === 'connected').length
  const telling = points.at(-1)?.[CLUSTER_COLUMNS.indexOf('agents')]
  return telling === undefined ? 0 : Math.max(0, up - telling)
}

function Numbers(): preact.JSX.Element {
  const all = agents.all
  const up = all.filter(({ state }) => state === 'connected')
  const live = tasks.all.filter(({ state }) => isLive(state))
  const running = live.filter(({ state }) => state === 'TASK_RUNNING').length
  const waiting = waitingOf({ agents: all, frameworks: frameworks.all, tasks: tasks.all }).length
  const { held, inUse, modes, squeezed, toLend } = lendingOf(all, usage.value)
  const taken = takenBack(lendEvents.value, now.value)
  const waits = waiting === 0 ? '' : `, ${waiting} more ${waiting === 1 ? 'waits' : 'wait'} for a place`
  return (
    <div class="numbers">
      <Figure
        name="agents"
        value={up.length}
        more={
          all.length === 0
            ? 'none has registered'
            : up.length === all.length
              ? 'all connected'
              : `${all.length - up.length} away`
        }
        href="#/agents"
        tone={up.length === all.length && all.length > 0 ? '' : 'bad'}
      />
      <Figure name="tasks" value={live.length} more={`${running} running${waits}`} href="#/tasks" />
      <Figure
        name="cpus lent now"
        value={amount(held)}
        more={`${amount(inUse)} of them in use; ${amount(toLend)} to lend in all; ${modes}`}
        href="#/lending"
        tone="lent"
      />
      <Figure
        name={`taken back, ${span(taken.spanMs)}`}
        value={taken.times}
        more={lastWords(taken, squeezed)}
        href="#/lending"
      />
    </div>
  )
}

/** What is held back now, what was taken back last, and how many were ended. */
function lastWords({ ended, last }: ReturnType<typeof takenBack>, squeezed: number): string {
  const parts = [ended === 0 ? 'no borrower was ended' : `${ended} ended a borrower`]
  if (last !== undefined) {
    const ago = span(Math.max(0, now.value - last.at))
    parts.unshift(`last ${ago} ago: ${deedWords(last.kind).word} for ${inSentence(last.owner)}`)
  }
  if (squeezed > 0) parts.unshift(`borrowers held back now on ${counted(squeezed, 'agent')}`)
  return parts.join('; ')
}

/** So many are shown above the charts until somebody asks for all. */
const SHOWN_FIRST = 4

function Attentions(): preact.JSX.Element {
  const [isOpen, setOpen] = useState(false)
  if (agents.all.length === 0) return <NoAgents />
  const found = attention(now.value, {
    agents: agents.all,
    frameworks: frameworks.all,
    tasks: tasks.all,
    events: lendEvents.value,
  })
  const shown = isOpen ? found : found.slice(0, SHOWN_FIRST)
  return (
    <Card title="Needs attention">
      {found.length === 0 ? (
        <p class="nothing">
          Nothing: all agents are here, nothing waits long, nothing failed in the last 15 minutes.
        </p>
      ) : (
        <ul class="attention">
          {shown.map(({ grade, href, text, why }) => (
            <li key={`${href} ${text}`} class={grade}>
              <b aria-label={grade === 'bad' ? 'trouble' : 'warning'}>{grade === 'bad' ? '✕' : '!'}</b>
              <a href={href}>{text}</a>
              <span>{why}</span>
            </li>
          ))}
        </ul>
      )}
      {found.length > SHOWN_FIRST && (
        <button type="button" class="plain" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'fewer' : `${found.length - SHOWN_FIRST} more`}
        </button>
      )}
    </Card>
  )
}

function NoAgents(): preact.JSX.Element {
  return (
    <Card title="Needs attention">
      <p>{NO_AGENTS} On the machine that shall run tasks:</p>
      <Copyable text={`tepui agent --master=${master.value?.address ?? ''}`} />
    </Card>
  )
}
