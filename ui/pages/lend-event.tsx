/** One deed of lending with all its figures: what was measured, the limit, the sum, who was chosen, what came of it. */
import { address, useFetched } from '../data/requests.ts'
import { amount, deedWords } from '../data/words.ts'
import { AgentLink, Answered, Card, Facts, Time } from '../parts/pieces.tsx'
import { Table } from '../parts/table.tsx'
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
  readonly terms: readonly {
    readonly name: string
    readonly value: number
    readonly unit: string
    readonly of?: string
    readonly why: string
  }[]
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
  const effects = [
    ...(decision.effect.after1s === undefined
      ? []
      : [['after 1 s', figures(decision.effect.after1s)] as const]),
    ...(decision.effect.after10s === undefined
      ? []
      : [['after 10 s', figures(decision.effect.after10s)] as const]),
  ]
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
        <Facts
          facts={[
            ['measured', `${decision.signal} ${amount(decision.value)} ${decision.unit}`],
            ['acts when', `${decision.comparison} ${amount(decision.threshold)} ${decision.unit}`],
            ['for', `${amount(decision.forMs / 1000)} s`],
            ['before', levelText(decision.before)],
            ['after', levelText(decision.after)],
            ...((decision.tasks ?? []).length > 0
              ? ([['borrowers', (decision.tasks ?? []).join(', ')]] as const)
              : []),
            ...(decision.workLostCpuSeconds === undefined
              ? []
              : ([['work lost', `${amount(decision.workLostCpuSeconds)} cpu seconds`]] as const)),
            ...effects,
          ]}
        />
      </section>
      {decision.terms.length > 0 && (
        <Card title="The sum">
          <Table
            label="terms"
            rows={decision.terms.map((term, index) => ({ ...term, index }))}
            keyOf={({ index }) => String(index)}
            columns={[
              {
                name: 'term',
                show: ({ name, of }) => `${name}${of === undefined || of === '' ? '' : ` (${of})`}`,
              },
              {
                name: 'amount',
                show: ({ unit, value }) => `${value > 0 ? '+' : ''}${amount(value)} ${unit}`,
                figure: true,
                width: '9em',
              },
              { name: 'because', show: ({ why }) => why, width: '50%' },
            ]}
            empty=""
            most={400}
          />
        </Card>
      )}
      {decision.candidates !== undefined && (
        <Card title="Who could have gone">
          <Table
            label="candidates"
            rows={decision.candidates}
            keyOf={({ id }) => id}
            columns={[
              {
                name: 'task',
                show: ({ id, task }) => ((decision.chosen ?? []).includes(id) ? <b>✕ {task}</b> : task),
              },
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
            ]}
            empty=""
            most={400}
          />
        </Card>
      )}
    </>
  )
}

const figures = (named: Readonly<Record<string, number>>): string =>
  Object.entries(named)
    .map(([name, value]) => `${name} ${amount(value)}`)
    .join(', ')
