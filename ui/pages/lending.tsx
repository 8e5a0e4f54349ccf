/** Lending on all agents: how much, why so much, what was taken back from whom and for whom, and the big switch. */
import { useState } from 'preact/hooks'
import type { AgentRow, LendEvent } from '../../src/wire/page.ts'
import { SplitBar } from '../charts/split-bar.tsx'
import { now } from '../clock.ts'
import { agentSplit, usagePoint } from '../data/agent-usage.ts'
import { agents, lendEvents, usage } from '../data/store.ts'
import { isPaused, takenBack } from '../data/lending-now.ts'
import { amount, counted, isTakeBack, span } from '../data/words.ts'
import { Choices } from '../parts/choices.tsx'
import { EventList } from '../parts/event-list.tsx'
import { changeLending } from '../parts/lend-switch.tsx'
import { AgentLink, Card, Figure, Trouble } from '../parts/pieces.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { link } from '../link.ts'
import { place, setQuery } from '../route.ts'
import { Legend } from './agents.tsx'

const KINDS: readonly (readonly [name: string, is: (event: LendEvent) => boolean])[] = [
  ['take-backs', ({ kind }) => isTakeBack(kind)],
  ['ended', ({ kind }) => kind === 'evict'],
  ['given back', ({ kind }) => kind === 'relax' || kind === 'thaw'],
  ['how much is lent', ({ kind }) => kind === 'lend' || kind === 'unlend'],
  ['switch', ({ kind }) => kind === 'mode'],
  ['all', () => true],
]

const COLUMNS: readonly Column<AgentRow>[] = [
  {
    name: 'agent',
    show: ({ id }) => <AgentLink id={id} />,
    order: ({ name }) => name,
    width: '7.5em',
    lead: true,
  },
  {
    name: 'mode',
    show: (agent) => <Mode agent={agent} />,
    order: ({ mode }) => mode,
    width: '5.5em',
  },
  {
    name: 'cpus',
    show: (agent) => (
      <SplitBar whole={agentSplit(agent, usagePoint(usage.value[agent.id]), 'cpus')} format={amount} />
    ),
    width: '14%',
    lead: true,
  },
  {
    name: 'held',
    show: ({ lentHeld }) => <b class={lentHeld.cpus > 0 ? 'lent-mark' : 'quiet'}>{amount(lentHeld.cpus)}</b>,
    order: ({ lentHeld }) => lentHeld.cpus,
    figure: true,
    width: '4em',
  },
  {
    name: 'to lend',
    note: 'in all',
    show: (agent) => amount(agent.lent.cpus),
    order: (agent) => agent.lent.cpus,
    figure: true,
    width: '4em',
  },
  {
    name: 'more',
    note: 'possible',
    show: ({ lendable }) => (lendable === undefined ? '?' : amount(lendable)),
    order: ({ lendable }) => lendable ?? -1,
    figure: true,
    spare: 1,
    width: '4em',
  },
  {
    name: 'why so much',
    show: (agent) => <span title={whyText(agent)}>{whyText(agent)}</span>,
    spare: 1,
    sentence: true,
  },
]

export function Lending(): preact.JSX.Element {
  const all = agents.all
  const held = all.reduce((sum, { lentHeld }) => sum + lentHeld.cpus, 0)
  const lent = all.reduce((sum, agent) => sum + agent.lent.cpus, 0)
  const more = all.reduce((sum, { lendable }) => sum + (lendable ?? 0), 0)
  const unknown = all.filter(({ lendable, mode }) => lendable === undefined && mode !== 'off').length
  const used = all.reduce((sum, { id }) => sum + (usagePoint(usage.value[id])?.cpusBorrowers ?? 0), 0)
  const taken = takenBack(lendEvents.value, now.value)
  return (
    <>
      <div class="numbers">
        <Figure
          name="cpus held by borrowers"
          value={amount(held)}
          more={`${amount(used)} in use`}
          href="#/tasks?show=lent"
          tone="lent"
        />
        <Figure
          name="cpus to lend, in all"
          value={amount(lent)}
          more={
            held > lent + 0.005
              ? `borrowers hold ${amount(held - lent)} more than that`
              : 'held by borrowers, offered, or waiting for a taker'
          }
          href="#/lending"
        />
        <Figure
          name="could be lent in addition"
          value={amount(more)}
          more={unknown === 0 ? 'by the estimates' : `not known of ${counted(unknown, 'agent')}`}
          href="#/lending"
        />
        <Figure
          name={`taken back, ${span(taken.spanMs)}`}
          value={taken.times}
          more={taken.ended === 0 ? 'no borrower was ended' : `${taken.ended} ended a borrower`}
          href="#/lending?what=take-backs"
        />
      </div>
      <Card title="Agents" side={<Switches agents={all} />}>
        <Legend />
        <Table
          label="lending by agent"
          rows={all}
          keyOf={({ id }) => id}
          linkOf={({ id }) => link('agents', id)}
          sort="agent"
          most={460}
          empty="There are no agents."
          classOf={({ state }) => (state === 'connected' ? '' : 'away')}
          columns={COLUMNS}
        />
      </Card>
      <Ledger />
    </>
  )
}

function Mode({ agent }: { readonly agent: AgentRow }): preact.JSX.Element {
  const paused = isPaused(agent)
  return (
    <span class={agent.mode === 'off' || paused ? 'quiet' : ''}>
      {paused ? '‖ paused' : agent.mode === '' ? 'not told' : agent.mode}
    </span>
  )
}

function whyText({ closed, mode, sum, unknown }: AgentRow): string {
  if (mode === 'off') return 'lending is off'
  const parts = [
    unknown === '' ? sum : `not known: ${unknown}`,
    ...(closed === '' ? [] : [`nothing more: ${closed}`]),
  ]
  return parts.filter((part) => part !== '').join('; ')
}

/** Pauses or resumes all agents; each that refuses is named. */
function Switches({ agents: all }: { readonly agents: readonly AgentRow[] }): preact.JSX.Element {
  const [troubles, setTroubles] = useState<readonly string[]>([])
  const [busy, setBusy] = useState(false)
  const here = all.filter(({ state }) => state === 'connected')
  const setPaused = async (paused: boolean): Promise<void> => {
    setBusy(true)
    const answers = await Promise.all(
      here.map(async ({ id, name }) => {
        const trouble = await changeLending(id, { paused })
        return trouble === undefined ? [] : [`${name}: ${trouble}`]
      }),
    )
    setTroubles(answers.flat())
    setBusy(false)
  }
  return (
    <>
      <div class="buttons">
        <button type="button" disabled={busy || here.length === 0} onClick={() => void setPaused(true)}>
          ‖ pause lending everywhere
        </button>
        <button type="button" disabled={busy || here.length === 0} onClick={() => void setPaused(false)}>
          ▶ resume everywhere
        </button>
      </div>
      {troubles.map((words) => (
        <Trouble key={words} words={words} />
      ))}
    </>
  )
}

function Ledger(): preact.JSX.Element {
  const chosen = place.value.query.get('what') ?? 'take-backs'
  const is = KINDS.find(([name]) => name === chosen)?.[1] ?? (() => true)
  return (
    <Card
      title="What lending did"
      side={
        <Choices
          label="which deeds"
          names={KINDS.map(([name]) => name)}
          counts={KINDS.map(([, belongs]) => lendEvents.value.filter(belongs).length)}
          chosen={chosen}
          onChoose={(name) => setQuery('what', name)}
        />
      }
    >
      <EventList
        events={lendEvents.value.filter(is)}
        empty="Nothing of this kind that is remembered: the newest 500 deeds are."
        most={420}
      />
    </Card>
  )
}
