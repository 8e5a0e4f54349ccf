/** The cluster at a glance: four numbers, who uses what over time with the take-backs, and what needs attention. */
import { useState } from 'preact/hooks'
import { type AgentRow, CLUSTER_COLUMNS, type UsagePage } from '../../src/wire/page.ts'
import { Lane } from '../charts/lane.tsx'
import { clusterWhole, lineOf, rangeOf } from '../charts/stack.ts'
import { StackChart } from '../charts/stack-chart.tsx'
import { now } from '../clock.ts'
import { attention } from '../data/attention.ts'
import { agents, clusterPoints, frameworks, lendEvents, tasks } from '../data/store.ts'
import { amount, isLive, isTakeBack, memory } from '../data/words.ts'
import { address, useFetched } from '../data/requests.ts'
import { SpanChoices, type Spans } from '../parts/choices.tsx'
import { Card, Figure } from '../parts/pieces.tsx'

const CPUS = clusterWhole('cpus')
const MEM = clusterWhole('mem')
const HOUR_MS = 3_600_000
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
      <Use />
      <Attentions />
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
        lines={(shown) => [
          {
            label: 'promised to owners',
            colour: '--limit',
            values: lineOf(shown, CLUSTER_COLUMNS, 'cpusAllocated'),
            stepped: true,
          },
        ]}
      />
      <Lane label="take-backs" events={lendEvents.value} range={range} />
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

function Numbers(): preact.JSX.Element {
  const all = agents.all
  const up = all.filter(({ state }) => state === 'connected')
  const live = tasks.all.filter(({ state }) => isLive(state))
  const running = live.filter(({ state }) => state === 'TASK_RUNNING').length
  const held = all.reduce((sum, { lentHeld }) => sum + lentHeld.cpus, 0)
  const lent = all.reduce((sum, agent) => sum + agent.lent.cpus, 0)
  const since = now.value - HOUR_MS
  const taken = lendEvents.value.filter(
    ({ at, heldBack, kind }) => isTakeBack(kind) && heldBack === undefined && at > since,
  )
  const ended = taken.filter(({ kind }) => kind === 'evict').length
  return (
    <div class="numbers">
      <Figure
        name="agents"
        value={up.length}
        more={up.length === all.length ? 'all connected' : `${all.length - up.length} away`}
        href="#/agents"
        tone={up.length === all.length ? '' : 'bad'}
      />
      <Figure name="tasks" value={live.length} more={`${running} running`} href="#/tasks" />
      <Figure
        name="cpus lent now"
        value={amount(held)}
        more={`of ${amount(lent)} lendable; ${lendingWords(all)}`}
        href="#/lending"
        tone="lent"
      />
      <Figure
        name="taken back, 1 h"
        value={taken.length}
        more={ended === 0 ? 'no borrower was ended' : `${ended} ended a borrower`}
        href="#/lending"
      />
    </div>
  )
}

/** On how many agents lending is on, paused, only observed or off. */
function lendingWords(all: readonly AgentRow[]): string {
  const isPaused = ({ closed }: AgentRow): boolean => closed.includes('paused')
  const on = all.filter(
    (agent) => (agent.mode === 'lend' || agent.mode === 'full') && !isPaused(agent),
  ).length
  const paused = all.filter(isPaused).length
  const observed = all.filter((agent) => agent.mode === 'observe' && !isPaused(agent)).length
  const off = all.length - on - paused - observed
  const parts = [
    [on, 'on'],
    [paused, 'paused'],
    [observed, 'only observed'],
    [off, 'off'],
  ] as const
  const told = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`)
  return told.length === 0 ? 'no agents' : `lending by agent: ${told.join(', ')}`
}

function Attentions(): preact.JSX.Element {
  const found = attention(now.value, {
    agents: agents.all,
    frameworks: frameworks.all,
    tasks: tasks.all,
    events: lendEvents.value,
  })
  return (
    <Card title="Needs attention">
      {found.length === 0 ? (
        <p class="empty">
          Nothing: all agents are here, nothing waits long, nothing failed in the last 15 minutes.
        </p>
      ) : (
        <ul class="attention">
          {found.map(({ grade, href, text, why }) => (
            <li key={`${href} ${text}`} class={grade}>
              <b aria-label={grade === 'bad' ? 'trouble' : 'warning'}>{grade === 'bad' ? '✕' : '!'}</b>
              <a href={href}>{text}</a>
              <span>{why}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}
