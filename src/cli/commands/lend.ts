// `tepui lend`: what every agent lends with the sum that leads there, its switch, what was decided, and what if.
import { counted } from '../../base/words.ts'
import { OperatingError } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { historyLines } from '../event-view.ts'
import { EXIT } from '../exit-codes.ts'
import { agentsNamed, eventsOf, lendPath } from '../lend-api.ts'
import { type LendRow, lendRow, sumLine } from '../lend-view.ts'
import { type Json, list, MasterApi, object, text } from '../master-api.ts'
import { choiceOf, isSet, listOf, pairsOf, textOf, timeOf } from '../option-values.ts'
import { table } from '../screen.ts'
import { ageText } from '../words.ts'
import { replayCommand } from './lend-replay.ts'
import { isData, showData } from '../output.ts'

const MODES = ['off', 'observe', 'lend', 'full'] as const

export const lendCommand: Command = {
  name: 'lend',
  arguments: ['<action>', '[agent]'],
  summary:
    'lend status|set|pause|resume|history [AGENT], replay RECORDING: what is lent and why, its switch, what if',
  options: [
    { flags: '--agent <agent>', help: 'The agent that is meant (as well as behind the action)' },
    { flags: '--all', help: 'set: on all agents' },
    { flags: '--mode <mode>', help: 'set: off, observe, lend (nobody is ended) or full' },
    {
      flags: '--windows <windows>',
      help: "set: when to lend, by cron: 'lend CRON;quiet CRON'; '' for always",
    },
    { flags: '--headroom <share>', help: 'set: share of the cores that stays free, such as 0.2 or 20%' },
    { flags: '--estimator-option <k=v>', help: 'set: an option of the estimator', many: true },
    { flags: '--controller-option <k=v>', help: 'set, replay: an option of the controller', many: true },
    { flags: '--since <time>', help: 'history: not older than so long, such as 10m (default 1h)' },
    {
      flags: '--kind <kinds>',
      help: 'history: lend, unlend, squeeze, relax, freeze, thaw, evict, not-ours, mode',
    },
    { flags: '--task <task>', help: 'history: what a task had to do with' },
    { flags: '--csv <file>', help: 'replay: the recording (as well as behind the action)' },
    {
      flags: '--rules <rules>',
      help: 'replay: all, or names and modules with a comma between (default all)',
    },
    { flags: '--estimator <name>', help: 'replay: the rule or module that --set is about (default usage)' },
    { flags: '--set <k=v>', help: 'replay: a setting of the estimator', many: true },
    { flags: '--controller <name>', help: 'replay: pressure (default), load, noop or a module' },
    { flags: '--cores <n>', help: 'replay: cores of the machine, where the recording does not tell' },
  ],
  run: async (context, [action = '', agent], options) => {
    const wanted = agent ?? textOf(options, 'agent')
    switch (action) {
      case 'status':
        return status(context, wanted)
      case 'set':
        return set(context, wanted, options)
      case 'pause':
      case 'resume':
        return change(context, wanted, { paused: action === 'pause' })
      case 'history':
        return history(context, wanted, options)
      case 'replay':
        return replayCommand(context, agent, options)
      default:
        throw new OperatingError('USAGE', `'lend ${action}' is unknown`, {
          hint: 'tepui lend status, set, pause, resume, history or replay',
        })
    }
  },
}

async function status(context: Context, wanted: string | undefined): Promise<number> {
  const { clock, common, screen } = context
  const { missing, rows, total } = await lendRows(context, wanted)
  if (common.output === 'json' || common.output === 'yaml') await showData(context, { agents: rows, total })
  else if (isData(common)) await showData(context, rows)
  else {
    for (const row of rows) for (const line of lendLines(row, clock.now())) screen.print(line)
    if (rows.length + missing.length === 0) screen.print('there are no agents')
    // A master of an earlier version has no such line.
    if (wanted === undefined && rows.length + missing.length > 1 && total !== '')
      screen.print(`all  ${total}`)
  }
  return tellMissing(context, missing, rows.length)
}

/** The exit code of a command that asked several agents. */
function tellMissing({ screen }: Context, missing: readonly string[], answered: number): number {
  for (const line of missing) screen.note(`tepui lend: ${line}`)
  if (missing.length === 0) return EXIT.done
  return answered > 0 ? EXIT.partly : EXIT.error
}

export interface LendRows {
  readonly rows: readonly LendRow[]
  /** A sentence for each agent that did not answer. */
  readonly missing: readonly string[]
  /** The whole cluster in a line. */
  readonly total: string
}

/** @throws OperatingError as the master's pages; agents that do not answer are in the result */
export async function lendRows(
  { clock, common, signal }: Context,
  wanted: string | undefined,
): Promise<LendRows> {
  using api = new MasterApi(common.master, clock, signal)
  const { agents } = await api.state()
  const page = await api.get('/api/x1/lend')
  const own = list(page['agents']).map(object)
  const rows: LendRow[] = []
  const missing: string[] = []
  for (const agent of agentsNamed(agents, wanted)) {
    const mine = own.find((one) => text(one['id']) === agent.id) ?? {}
    try {
      rows.push(lendRow(agent, mine, await api.get(`${lendPath(agent)}?check=true`)))
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== 'REFUSED') throw error
      missing.push(`${agent.name}: ${error.message}`)
    }
  }
  return { rows, missing, total: text(object(page['total'])['line']) }
}

async function set(context: Context, wanted: string | undefined, options: OptionValues): Promise<number> {
  if (wanted === undefined && !isSet(options, 'all'))
    throw usageError('no agent was named', 'tepui lend set AGENT …, or --all for all of them')
  const mode = choiceOf(options, 'mode', MODES)
  const windows = textOf(options, 'windows')
  const headroom = textOf(options, 'headroom')
  const estimator = {
    ...pairsOf('estimator-option', listOf(options, 'estimatorOption')),
    ...(headroom !== undefined && { headroom: shareText(headroom) }),
  }
  const controller = pairsOf('controller-option', listOf(options, 'controllerOption'))
  const body = {
    ...(mode !== undefined && { mode }),
    ...(windows !== undefined && { windows }),
    ...(Object.keys(estimator).length > 0 && { estimator_options: estimator }),
    ...(Object.keys(controller).length > 0 && { controller_options: controller }),
  }
  if (Object.keys(body).length === 0)
    throw usageError('nothing is to be set', 'Give --mode, --windows, --headroom or an option of a plug-in')
  return change(context, wanted, body)
}

/** Each agent takes all of the change or nothing; the first that refuses ends the command. */
async function change(context: Context, wanted: string | undefined, body: object): Promise<number> {
  const { clock, common, screen, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  const { agents } = await api.state()
  const changed: Json[] = []
  for (const agent of agentsNamed(agents, wanted)) {
    try {
      await api.post(lendPath(agent), JSON.stringify(body), 'application/json')
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== 'REFUSED') throw error
      throw new OperatingError('REFUSED', `${agent.name} was not changed: ${error.message}`)
    }
    const page = await api.get(lendPath(agent))
    const { mode, paused, why_not: why } = page
    changed.push({ agent: agent.name, mode, paused, ...(why !== undefined && { why }) })
    if (!isData(common)) screen.print(`${agent.name}: ${switchText(page)}`)
  }
  if (isData(common)) await showData(context, changed)
  return EXIT.done
}

/** How the switch stands now, and what that means where it is not plain. */
function switchText(page: Json): string {
  const mode = text(page['mode'])
  const parts = [`mode ${mode}`]
  if (mode === 'observe') parts.push('nothing is lent, what would be is recorded')
  if (mode === 'lend') parts.push('no borrower is ended')
  if (page['paused'] === true) parts.push('paused: nothing more is lent until `tepui lend resume`')
  const why = text(page['why_not'])
  if ((mode === 'lend' || mode === 'full') && page['paused'] !== true && why !== '') parts.push(why)
  return parts.join('; ')
}

async function history(context: Context, wanted: string | undefined, options: OptionValues): Promise<number> {
  const { clock, common, screen, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  const { agents } = await api.state()
  const agent = wanted === undefined ? undefined : agentsNamed(agents, wanted)[0]
  const kind = textOf(options, 'kind')
  const task = textOf(options, 'task')
  const { events, missing } = await eventsOf(api, agents, agent, 'lend/history', {
    since: String(Math.floor(clock.now() - (timeOf(options, 'since') ?? HOUR_MS))),
    limit: '1000',
    ...(kind !== undefined && { kind }),
    ...(task !== undefined && { task }),
  })
  if (isData(common)) await showData(context, events)
  else for (const line of historyLines(events, clock.now())) screen.print(line)
  return tellMissing(context, missing, agents.length - missing.length)
}

const HOUR_MS = 3_600_000

/** `20%` as `0.2`. @throws OperatingError USAGE */
function shareText(given: string): string {
  const [, figure = '', percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(given) ?? []
  const share = percent === '%' ? Number(figure) / 100 : Number(figure)
  if (figure === '' || share > 1)
    throw usageError(`Option '--headroom' has the value '${given}': expected a share such as 0.2 or 20%`)
  return String(share)
}

/** Pure, for its test. */
export function lendLines(row: LendRow, now: number): string[] {
  const lines = [`${row.agent}  ${sumLine(row)}`]
  if (row.why !== '' && row.mode !== 'off') lines.push(`    nothing more is lent: ${row.why}`)
  if (row.tier !== '') lines.push(`    ${row.tier}`)
  if (row.mode === 'off') return lines
  const rows = row.terms.map(({ name, of, value, why }) => [`    ${name}`, value.toFixed(2), of, why])
  if (rows.length > 0) lines.push(...table(['    TERM', 'CPUS', 'OF', 'WHY'], rows))
  lines.push(
    `    mode ${row.mode}; estimator ${row.estimator}; controller ${row.controller}` +
      (row.controller === 'noop' ? ': nothing is ended' : '') +
      (row.set === '' ? '' : `; set while it runs: ${row.set}`),
  )
  if (row.quota !== undefined) lines.push(`    borrowers are held to ${counted(row.quota, 'cpu')}`)
  if (row.frozen > 0)
    lines.push(`    ${row.frozen === 1 ? '1 borrower stands' : `${row.frozen} borrowers stand`} still`)
  const last = row.takenBack.at(-1)
  const when = last === undefined ? 'nothing yet' : `${ageText(last.at / 1000, now)} ago: ${last.message}`
  const times = row.takenBack.length === 1 ? 'once' : `${row.takenBack.length} times`
  lines.push(`    taken back ${times}; ${when}`)
  return lines
}
