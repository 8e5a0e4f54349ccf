// `tepui events`: what happened in the cluster, by time, agent, framework, task and kind; with --follow as it happens.
import { isoTime, parseIsoTime } from '../../base/clock.ts'
import { OperatingError } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import { agentsNamed } from '../lend-api.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { findFramework } from '../find-framework.ts'
import { allTasks, findTask } from '../find-task.ts'
import { type ClusterState, type Json, list, MasterApi, number, object, text } from '../master-api.ts'
import { isSet, parseTime, textOf, wholeOf } from '../option-values.ts'
import { isData, showData } from '../output.ts'
import { harmless, table } from '../screen.ts'
import { ageText } from '../words.ts'

export const eventsCommand: Command = {
  name: 'events',
  summary: 'Tell what happened: offers, launches, ends, take-backs, agents, frameworks, what operators did',
  options: [
    { flags: '--since <time>', help: 'From then on: 10m (ago), 03:10, or 2026-01-31T03:10:00Z' },
    { flags: '--until <time>', help: 'Before then, in the same forms' },
    { flags: '--agent <agent>', help: 'Only about this agent' },
    { flags: '--framework <framework>', help: 'Only about this framework' },
    { flags: '--task <task>', help: 'Only about this task' },
    {
      flags: '--type <kinds>',
      help: 'Only these kinds, with commas between, such as task-ended,task-taken-back',
    },
    { flags: '-n, --limit <n>', help: 'The newest so many (100; most 1000)' },
    { flags: '--all', help: 'All that is remembered, in place of the newest' },
    { flags: '-f, --follow', help: 'Go on with what happens, until Ctrl-C' },
  ],
  run: events,
}

export async function eventsPage(api: MasterApi, query: URLSearchParams): Promise<readonly Json[]> {
  return list((await api.get(`/api/x1/events?${query.toString()}`))['events']).map(object)
}

/** Back to the oldest, page by page; the oldest first. */
export async function allEvents(
  ask: (query: URLSearchParams) => Promise<readonly Json[]>,
  asked: URLSearchParams,
): Promise<readonly Json[]> {
  const query = new URLSearchParams(asked)
  query.set('limit', String(MOST_EVENTS))
  const pages: (readonly Json[])[] = []
  for (;;) {
    const page = await ask(query)
    const [oldest] = page
    if (oldest === undefined) return pages.toReversed().flat()
    pages.push(page)
    query.set('before', String(number(oldest['event'])))
  }
}

async function events(context: Context, _: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, screen, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  for (const name of ['follow', 'limit'])
    if (isSet(options, 'all') && options[name] !== undefined)
      throw usageError(`Options '--all' and '--${name}' exclude each other`)
  const query = await queryOf(api, options, clock.now())
  if (isSet(options, 'follow')) return await follow(context, api, query)
  const found = isSet(options, 'all')
    ? await allEvents((one) => eventsPage(api, one), query)
    : await eventsPage(api, query)
  if (isData(common)) await showData(context, found)
  else {
    if (found.length === 0) screen.note('nothing of this kind is remembered')
    for (const line of eventTable(found, clock.now(), common.output === 'wide')) screen.print(line)
  }
  return EXIT.done
}

async function queryOf(api: MasterApi, options: OptionValues, now: number): Promise<URLSearchParams> {
  const query = new URLSearchParams({ limit: String(wholeOf(options, 'limit', 100, [1, MOST_EVENTS])) })
  for (const name of ['since', 'until'] as const) {
    const at = momentOf(options, name, now)
    if (at !== undefined) query.set(name, String(at))
  }
  const [agent, framework, task] = ['agent', 'framework', 'task'].map((name) => textOf(options, name))
  const kinds = textOf(options, 'type')
  if (kinds !== undefined) query.set('kind', kinds)
  if (agent === undefined && framework === undefined && task === undefined) return query
  const state = await api.state()
  if (agent !== undefined)
    query.set(
      'agent',
      idOf(agent, () => agentsNamed(state.agents, agent)[0]?.id),
    )
  if (framework !== undefined)
    query.set(
      'framework',
      idOf(framework, () => findFramework(state, framework).id),
    )
  if (task !== undefined) query.set('task', taskId(state, task))
  return query
}

const taskId = (state: ClusterState, typed: string): string =>
  idOf(typed, () => findTask(allTasks(state), typed).task.id)

/** What the master has forgotten may still be in the log under its full id. */
function idOf(typed: string, find: () => string | undefined): string {
  try {
    return find() ?? typed
  } catch (error) {
    if (error instanceof OperatingError && error.code === 'REFUSED') return typed
    throw error
  }
}

/** What a master gives at a time. */
export const MOST_EVENTS = 1000

const CLOCK_TIME = /^(\d{1,2}):(\d\d)(?::(\d\d))?$/
const DAY_MS = 86_400_000

/** Wall time in ms. @throws OperatingError USAGE */
export function momentOf(options: OptionValues, name: string, now: number): number | undefined {
  const typed = textOf(options, name)
  if (typed === undefined) return undefined
  const at = moment(typed, now)
  if (at !== undefined) return at
  const expected = 'a time such as 10m (ago), 03:10 or 2026-01-31T03:10:00Z'
  throw usageError(`Option '--${name}' has the value '${typed}': expected ${expected}`)
}

/** Pure, for its test; a time of day is that of the last 24 hours, UTC as all times that are shown. */
export function moment(typed: string, now: number): number | undefined {
  const ago = parseTime(typed)
  if (ago !== undefined) return Math.max(0, Math.floor(now - ago))
  const [, hours, minutes, seconds = '0'] = CLOCK_TIME.exec(typed) ?? []
  if (hours === undefined) return parseIsoTime(typed)
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  const ofDay = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
  const today = now - (now % DAY_MS) + ofDay
  return today > now ? today - DAY_MS : today
}

async function follow(context: Context, api: MasterApi, query: URLSearchParams): Promise<number> {
  const { common, screen, signal } = context
  query.set('follow', 'true')
  try {
    for await (const event of api.stream(`/api/x1/events?${query.toString()}`)) {
      if (common.output === 'json') screen.print(JSON.stringify(event))
      else if (isData(common)) await showData(context, event)
      else screen.print(harmless(followLine(event)))
    }
  } catch (error) {
    if (!signal.aborted) throw error
    return EXIT.done
  }
  throw new OperatingError('UNREACHABLE', 'The master ended the stream of events')
}

function followLine(event: Json): string {
  const time = isoTime(number(event['at'])).slice(11, 19)
  return `${time}  ${text(event['kind']).padEnd(KIND_WIDTH)}  ${text(event['text'])}`
}

/** The longest kinds that are common. */
const KIND_WIDTH = 20

/** Pure, for its test. */
export function eventTable(found: readonly Json[], now: number, wide: boolean): string[] {
  const rows = found.map((event) => {
    const at = number(event['at'])
    const when = [`${ageText(at / 1000, now)} ago`]
    const about = [event['agent'] ?? event['agent_id'], event['framework'], event['task_id']].map(text)
    return [
      String(number(event['event'])),
      ...(wide ? [isoTime(at), ...about] : when),
      text(event['kind']),
      text(event['text']),
    ]
  })
  const head = wide
    ? ['EVENT', 'TIME', 'AGENT', 'FRAMEWORK', 'TASK', 'KIND', 'WHAT']
    : ['EVENT', 'WHEN', 'KIND', 'WHAT']
  return rows.length === 0 ? [] : table(head, rows)
}
