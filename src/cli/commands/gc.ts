// `tepui gc`: what agents keep of ended containers, what of it goes next, when and why; collects what is due.
import { OperatingError } from '../../base/errors.ts'
import { formatDuration, humanBytes, humanDuration } from '../../base/units.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { agentsNamed, lendPath } from '../lend-api.ts'
import { type AgentRow, type Json, list, MasterApi, number, object, text } from '../master-api.ts'
import { isSet, parseTime, textOf } from '../option-values.ts'
import { table } from '../screen.ts'
import { ageText } from '../words.ts'

export const gcCommand: Command = {
  name: 'gc',
  summary:
    'Collect what is due of the sandboxes of ended containers; with --dry-run say what goes, when and why',
  options: [
    { flags: '--dry-run', help: 'Say what is kept and what goes next; remove nothing' },
    { flags: '--agent <agent>', help: 'Only this agent' },
    { flags: '--older <age>', help: 'Collect everything that ended so long ago, such as 1h' },
  ],
  run: gc,
}

const LOOK_MS = 300
/** Rows per agent on a screen; all are in --output=json. */
const MOST_ROWS = 40
const WHY: Readonly<Record<string, string>> = { age: 'gc_delay', space: 'disk is full', asked: '--older' }

async function gc(context: Context, _: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, screen, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  const older = textOf(options, 'older')
  const olderMs = older === undefined ? undefined : parseTime(older)
  if (older !== undefined && olderMs === undefined)
    throw new OperatingError('USAGE', `Option '--older': expected an age such as 1h, but got '${older}'`)
  const { agents } = await api.state()
  const isDry = isSet(options, 'dryRun')
  for (const agent of agentsNamed(agents, textOf(options, 'agent'))) {
    if (!isDry) await start(api, agent, olderMs)
    const page = isDry ? await api.get(lendPath(agent, 'gc')) : await ended(context, api, agent)
    if (common.output === 'json')
      screen.print(JSON.stringify({ agent: agent.name, agent_id: agent.id, ...page }))
    else
      for (const line of isDry ? dryLines(agent, page, clock.now()) : doneLines(agent, page))
        screen.print(line)
  }
  return EXIT.done
}

async function start(api: MasterApi, agent: AgentRow, olderMs: number | undefined): Promise<void> {
  const wish = olderMs === undefined ? {} : { older_than: formatDuration(olderMs) }
  await api.post(lendPath(agent, 'gc'), JSON.stringify(wish), 'application/json')
}

/** The page once the agent has nothing more to remove. */
async function ended({ clock, screen, signal }: Context, api: MasterApi, agent: AgentRow): Promise<Json> {
  for (let told = ''; ; ) {
    const page = await api.get(lendPath(agent, 'gc'))
    if (page['collecting'] !== true) return page
    const current = object(page['current'])
    const line = `${agent.name}: ${text(current['path'])}`
    if (line !== told && text(current['path']) !== '') screen.note(`removing ${line}`)
    told = line
    await clock.sleep(LOOK_MS, signal)
  }
}

function dryLines(agent: AgentRow, page: Json, now: number): readonly string[] {
  const rows = list(page['scheduled']).map(object)
  const disk = object(page['disk'])
  const rules = object(page['rules'])
  const total = number(page['scheduled_total'])
  const part = `${(number(disk['usage']) * 100).toFixed(0)} % of ${humanBytes(number(disk['total_bytes']))} used`
  const age = humanDuration(number(rules['max_allowed_age_secs']) * 1000)
  const lines = [
    `${agent.name}: ${part}, so what ended longer ago than ${age} goes now` +
      `; ${total} kept with ${humanBytes(number(page['scheduled_bytes']))}`,
  ]
  if (rows.length === 0) return lines
  const cells = rows
    .slice(0, MOST_ROWS)
    .map((row) => [
      text(list(row['task_ids'])[0]) || text(row['executor_id']) || text(row['path']),
      text(row['ending']),
      ageText(number(row['ended']), now),
      sizeText(row['bytes']),
      row['due_now'] === true ? 'now' : `in ${humanDuration(Math.max(0, number(row['due']) * 1000 - now))}`,
      WHY[text(row['why'])] ?? text(row['why']),
      text(row['container_id']),
    ])
  lines.push(...table(['TASK', 'ENDED AS', 'AGO', 'SIZE', 'GOES', 'WHY', 'CONTAINER'], cells))
  if (total > cells.length) lines.push(`and ${total - cells.length} more (-o json shows up to 1000)`)
  return lines
}

function doneLines(agent: AgentRow, page: Json): readonly string[] {
  const last = object(page['last'])
  const removed = list(last['removed']).map(object)
  const failed = list(last['failed']).map(object)
  const isNew = number(last['ended']) > 0
  const bytes = removed.reduce((sum, row) => sum + number(row['bytes']), 0)
  const kept = `${number(page['scheduled_total'])} kept`
  if (!isNew) return [`${agent.name}: nothing was due; ${kept}`]
  return [
    `${agent.name}: the last collection removed ${removed.length} sandboxes with ${humanBytes(bytes)}; ${kept}`,
    ...removed
      .slice(-MOST_ROWS)
      .map((row) => `  ${text(row['path'])}  ${sizeText(row['bytes'])}  ${WHY[text(row['why'])] ?? ''}`),
    ...failed.map((row) => `  not removed: ${list(row['failures']).map(text).join('; ')}`),
  ]
}

const sizeText = (bytes: unknown): string => (typeof bytes === 'number' ? humanBytes(bytes) : '-')
