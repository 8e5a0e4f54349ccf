/** One deed of lending with all its figures: what was measured, the limit, the sum, who was chosen, what came of it. */
import type { Term } from '../data/lend-page.ts'
import { address, useFetched } from '../data/requests.ts'
import { amount, deedWords } from '../data/words.ts'
import { AgentLink, Answered, Card, Facts, Time } from '../parts/pieces.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { TermTable } from '../parts/term-table.tsx'
import { place } from '../route.ts'

interface Level {
  readonly value: number | 'max'
  readonly unit: string
}

interface Candidate {
  readonly id: string
  readonly task: string
  readonly frees: number
  readonly progress: number
  readonly cost: number
}

interface Decision {
  readonly kind: string
  readonly owner: string
  readonly signal: string
  readonly value: number
  readonly threshold: number
  readonly comparison: string
  readonly unit: string
  readonly forMs: number
  readonly terms: readonly Term[]
  readonly before: Level
  readonly after: Level
  readonly why: string
  readonly heldBack?: string
  readonly tasks?: readonly string[]
  readonly candidates?: readonly Candidate[]
  readonly chosen?: readonly string[]
  readonly workLostCpuSeconds?: number
  readonly effect: {
    readonly after1s?: Readonly<Record<string, number>>
    readonly after10s?: Readonly<Record<string, number>>
  }
}

interface WhyPage {
  readonly events: readonly { readonly event: number; readonly at: number; readonly record: Decision }[]
}

const levelText = ({ unit, value }: Level): string =>
  value === 'max' ? 'no limit' : `${amount(value)} ${unit}`

export function LendEventView(): preact.JSX.Element {
  const [, agent = '', event = ''] = place.value.path
  const page = useFetched<WhyPage>(address(`api/x1/agents/${encodeURIComponent(agent)}/why`, { event }))
  return (
    <Answered fetched={page} what={`event ${event}`}>
      {({ events: [found] }) =>
        found === undefined ? (
          <Card>There is no event {event} on this agent any more.</Card>
        ) : (
          <Deed agent={agent} at={found.at} decision={found.record} number={found.event} />
        )
      }
    </Answered>
  )
}

function Deed(props: {
  readonly agent: string
  readonly at: number
  readonly decision: Decision
  readonly number: number
}): preact.JSX.Element {
  const { agent, at, decision, number } = props
  const { sign, word } = deedWords(decision.kind)
  return (
    <>
      <div class="title">
        <h1>
          {sign} {word} for {decision.owner}
        </h1>
        <span class="quiet">
          <Time at={at} /> on <AgentLink id={agent} />, event {number}
        </span>
      </div>
      <section class={`card cause ${decision.kind === 'evict' ? 'bad' : 'lent'}`}>
        <p class="say">{decision.why}</p>
        {decision.heldBack !== undefined && (
          <p class="trouble">This was only written down: {decision.heldBack}.</p>
        )}
        <Facts facts={factsOf(decision)} />
      </section>
      {decision.terms.length > 0 && (
        <Card title="The sum">
          <TermTable terms={decision.terms} />
        </Card>
      )}
      {decision.candidates !== undefined && (
        <Card title="Who could have gone">
          <Table
            label="candidates"
            rows={decision.candidates}
            keyOf={({ id }) => id}
            columns={candidateColumns(decision.chosen ?? [])}
            empty=""
            most={400}
          />
        </Card>
      )}
    </>
  )
}

function candidateColumns(chosen: readonly string[]): readonly Column<Candidate>[] {
  return [
    { name: 'task', show: ({ id, task }) => (chosen.includes(id) ? <b>✕ {task}</b> : task) },
    {
      name: 'would free',
      show: ({ frees }) => amount(frees),
      figure: true,
      order: ({ frees }) => frees,
      width: '9em',
    },
    {
      name: 'work lost, cpu s',
      show: ({ progress }) => amount(progress),
      figure: true,
      order: ({ progress }) => progress,
      width: '10em',
    },
    {
      name: 'counts',
      show: ({ cost }) => amount(cost),
      figure: true,
      order: ({ cost }) => cost,
      width: '7em',
    },
  ]
}

function factsOf(decision: Decision): readonly (readonly [string, string])[] {
  const {
    after,
    before,
    comparison,
    effect,
    forMs,
    signal,
    tasks = [],
    threshold,
    unit,
    value,
    workLostCpuSeconds,
  } = decision
  return [
    ['measured', `${signal} ${amount(value)} ${unit}`],
    ['acts when', `${comparison} ${amount(threshold)} ${unit}`],
    ['for', `${amount(forMs / 1000)} s`],
    ['before', levelText(before)],
    ['after', levelText(after)],
    ...(tasks.length > 0 ? ([['borrowers', tasks.join(', ')]] as const) : []),
    ...(workLostCpuSeconds === undefined
      ? []
      : ([['work lost', `${amount(workLostCpuSeconds)} cpu seconds`]] as const)),
    ...(effect.after1s === undefined ? [] : ([['after 1 s', figures(effect.after1s)]] as const)),
    ...(effect.after10s === undefined ? [] : ([['after 10 s', figures(effect.after10s)]] as const)),
  ]
}

const figures = (named: Readonly<Record<string, number>>): string =>
  Object.entries(named)
    .map(([name, value]) => `${name} ${amount(value)}`)
    .join(', ')
