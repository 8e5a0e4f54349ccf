// `tepui offers`: what is offered to whom now, and how earlier offers ended.
import { usageError } from '../../base/flags.ts'
import type { Column } from '../columns.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { findFramework } from '../find-framework.ts'
import { agentsNamed } from '../lend-api.ts'
import { type Found, type Listing, listOptions, showList } from '../listing.ts'
import { type ClusterState, type Json, type MasterApi, number, object, text } from '../master-api.ts'
import { isSet, textOf, wholeOf } from '../option-values.ts'
import { agentNames } from '../task-list.ts'
import { eventsPage, momentOf, MOST_EVENTS } from './events.ts'

interface Line {
  readonly offer: string
  readonly agent: string
  readonly agentId: string
  readonly framework: string
  readonly frameworkId: string
  readonly role: string
  readonly cpus: number
  readonly lentCpus: number
  readonly mem: number
}

interface PastLine extends Line {
  readonly event: number
  readonly at: number
  readonly outcome: string
  readonly tasks: number | undefined
  readonly refuseMs: number | undefined
}

const AMOUNTS: readonly Column<Line>[] = [
  { name: 'agent', kind: 'text', of: ({ agent }) => agent },
  { name: 'framework', kind: 'text', of: ({ framework }) => framework },
  { name: 'role', kind: 'text', of: ({ role }) => role },
  { name: 'cpus', kind: 'cpus', of: ({ cpus }) => cpus },
  { name: 'lent', kind: 'cpus', of: ({ lentCpus }) => lentCpus },
  { name: 'memory', kind: 'size', of: ({ mem }) => mem },
]
const IDS: readonly Column<Line>[] = [
  { name: 'framework_id', kind: 'text', of: ({ frameworkId }) => frameworkId, shown: 'wide' },
  { name: 'agent_id', kind: 'text', of: ({ agentId }) => agentId, shown: 'wide' },
]
const NOW: Listing<Line> = {
  columns: [...AMOUNTS, { name: 'offer', kind: 'text', of: ({ offer }) => offer, shown: 'wide' }, ...IDS],
  data: (line) => line,
  id: ({ offer }) => offer,
}
const PAST: Listing<PastLine> = {
  columns: [
    { name: 'ago', kind: 'age', of: ({ at }, now) => now - at },
    ...AMOUNTS,
    { name: 'outcome', kind: 'text', of: ({ outcome }) => outcome },
    { name: 'tasks', kind: 'number', of: ({ tasks }) => tasks },
    // For how long the framework does not want it again.
    { name: 'refused', kind: 'age', of: ({ refuseMs }) => refuseMs },
    { name: 'event', kind: 'number', of: ({ event }) => event, shown: 'wide' },
    { name: 'offer', kind: 'text', of: ({ offer }) => offer, shown: 'wide' },
    ...IDS,
  ],
  data: (line) => line,
  id: ({ offer }) => offer,
  key: ({ event }) => String(event),
}
const OUTCOMES = ['accepted', 'declined', 'rescinded', 'expired', 'withdrawn'] as const

export const offersCommand: Command = {
  name: 'offers',
  summary: 'List what is offered to whom now, or with --past how offers ended: accepted, declined, …',
  options: [
    { flags: '--past', help: 'How offers ended, the newest first' },
    { flags: '--agent <agent>', help: 'Only of this agent' },
    { flags: '--framework <framework>', help: 'Only to this framework' },
    { flags: '--outcome <outcomes>', help: `past: only ${OUTCOMES.join(', ')}`, choices: OUTCOMES },
    { flags: '--since <time>', help: 'past: from then on: 10m (ago), 03:10, or 2026-01-31T03:10:00Z' },
    { flags: '-n, --limit <n>', help: 'past: the newest so many (100; most 1000)' },
    ...listOptions(PAST.columns),
  ],
  run: offers,
}

async function offers(context: Context, _: readonly string[], options: OptionValues): Promise<number> {
  if (isSet(options, 'past')) {
    const query = pastQuery(options, context.clock.now())
    return showList(context, PAST, options, (api) => past(api, options, query))
  }
  for (const name of ['outcome', 'since', 'limit'])
    if (options[name] !== undefined)
      throw usageError(`Option '--${name}' is about offers that have ended`, 'Give --past as well')
  return showList(context, NOW, options, async (api) => outstanding(await api.state(), options))
}

interface Meant {
  readonly agentId: string | undefined
  readonly frameworkId: string | undefined
}

/** @throws OperatingError REFUSED, USAGE */
function meantBy(state: ClusterState, options: OptionValues): Meant {
  const [agent, framework] = [textOf(options, 'agent'), textOf(options, 'framework')]
  return {
    agentId: agent === undefined ? undefined : agentsNamed(state.agents, agent)[0]?.id,
    frameworkId: framework === undefined ? undefined : findFramework(state, framework).id,
  }
}

function outstanding(state: ClusterState, options: OptionValues): Found<Line> {
  const { agentId, frameworkId } = meantBy(state, options)
  const nameOf = agentNames(state)
  const rows = state.frameworks.flatMap(({ id, name, offers: made }) =>
    made
      .filter(() => frameworkId === undefined || id === frameworkId)
      .filter((offer) => agentId === undefined || offer.agentId === agentId)
      .map((offer) => ({
        offer: offer.id,
        agent: nameOf(offer.agentId),
        agentId: offer.agentId,
        framework: name,
        frameworkId: id,
        role: offer.role,
        cpus: number(offer.resources['cpus']) + number(offer.resources['cpus_revocable']),
        lentCpus: number(offer.resources['cpus_revocable']),
        mem: number(offer.resources['mem']) + number(offer.resources['mem_revocable']),
      })),
  )
  return { rows, none: 'Nothing is offered now; `tepui offers --past` tells how offers ended' }
}

/** @throws OperatingError USAGE */
function pastQuery(options: OptionValues, now: number): URLSearchParams {
  const outcomes = textOf(options, 'outcome')?.split(',') ?? OUTCOMES
  const unknown = outcomes.find((one) => !OUTCOMES.some((known) => known === one))
  if (unknown !== undefined)
    throw usageError(`Option '--outcome' has the value '${unknown}': expected some of ${OUTCOMES.join(', ')}`)
  const since = momentOf(options, 'since', now)
  return new URLSearchParams({
    kind: outcomes.map((one) => `offer-${one}`).join(','),
    limit: String(wholeOf(options, 'limit', 100, [1, MOST_EVENTS])),
    ...(since !== undefined && { since: String(since) }),
  })
}

async function past(api: MasterApi, options: OptionValues, asked: URLSearchParams): Promise<Found<PastLine>> {
  const query = new URLSearchParams(asked)
  if (textOf(options, 'agent') !== undefined || textOf(options, 'framework') !== undefined) {
    const { agentId, frameworkId } = meantBy(await api.state(), options)
    if (agentId !== undefined) query.set('agent', agentId)
    if (frameworkId !== undefined) query.set('framework', frameworkId)
  }
  const events = await eventsPage(api, query)
  return { rows: events.map(pastLine).toReversed(), none: 'No offer of this kind is remembered' }
}

function pastLine(event: Json): PastLine {
  const record = object(event['record'])
  const optional = (name: string): number | undefined =>
    typeof record[name] === 'number' ? record[name] : undefined
  return {
    event: number(event['event']),
    at: number(event['at']),
    offer: text(record['offer']),
    agent: text(event['agent']) || text(event['agent_id']),
    agentId: text(event['agent_id']),
    framework: text(event['framework']) || text(event['framework_id']),
    frameworkId: text(event['framework_id']),
    role: text(record['role']),
    cpus: number(record['cpus']),
    lentCpus: number(record['lent_cpus']),
    mem: number(record['mem']),
    outcome: text(event['kind']).replace(/^offer-/, ''),
    tasks: optional('tasks'),
    refuseMs: optional('refuse_ms'),
  }
}
