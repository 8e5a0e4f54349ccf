/**
 * `tepui config show [AGENT]`: every flag that is in force in the master or an agent that runs, and where it came from;
 * `tepui config get FLAG [AGENT]`: the value of one;
 * `tepui config parse master|agent -- FLAGS…`: the same of a command line that is not run.
 */
import { flagRows, type FlagRow, parseFlags, usageError } from '../../base/flags.ts'
import { closest } from '../../base/words.ts'
import type { Command, Context } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { agentsNamed, lendPath } from '../lend-api.ts'
import { type Json, list, MasterApi, object, text } from '../master-api.ts'
import { isData, showData } from '../output.ts'
import { table } from '../screen.ts'

export const configCommand: Command = {
  name: 'config',
  arguments: ['<action>', '[what]', '[more...]'],
  summary:
    'config show [AGENT], get FLAG [AGENT]: flags in force; parse master|agent -- FLAGS…: those of a command line',
  options: [
    { flags: '--origin', help: 'Also where each value came from' },
    { flags: '--set', help: 'Only flags that are not at their default' },
  ],
  run: async (context, [action = '', what, ...flags], options) => {
    if (action === 'get') return get(context, what, flags)
    const found = await rowsOf(context, action, what, flags)
    const rows = options['set'] === true ? found.filter(({ origin }) => origin !== 'default') : found
    if (isData(context.common)) await showData(context, rows)
    else for (const line of configLines(rows, options['origin'] === true)) context.screen.print(line)
    return EXIT.done
  },
}

function rowsOf(
  context: Context,
  action: string,
  what: string | undefined,
  flags: readonly string[],
): Promise<readonly FlagRow[]> {
  if (action === 'show') return running(context, what === 'master' ? undefined : what)
  if (action === 'parse') return parsed(context, what ?? '', flags)
  throw usageError(
    `'config ${action}' is unknown`,
    'tepui config show [AGENT], get FLAG [AGENT], or parse master|agent -- FLAGS…',
  )
}

/** Only the value, for scripts; nothing for a flag that has none. @throws OperatingError USAGE for what is no flag */
async function get(context: Context, typed: string | undefined, [agent]: readonly string[]): Promise<number> {
  if (typed === undefined) throw usageError('no flag was named', 'tepui config get FLAG [AGENT]')
  const name = typed.replace(/^--/, '').replaceAll('-', '_')
  const rows = await running(context, agent === 'master' ? undefined : agent)
  const found = rows.find((row) => row.name === name)
  if (found === undefined) {
    const near = closest(
      name,
      rows.map((row) => row.name),
    )
    throw usageError(
      `There is no flag '${typed}' of ${agent ?? 'the master'}`,
      near === undefined ? '`tepui config show` lists all' : `Did you mean ${near}?`,
    )
  }
  if (isData(context.common)) await showData(context, found)
  else if (found.value !== null) context.screen.print(found.value)
  return EXIT.done
}

async function running(
  { clock, common, signal }: Context,
  agent: string | undefined,
): Promise<readonly FlagRow[]> {
  using api = new MasterApi(common.master, clock, signal)
  if (agent === undefined) return rowsIn(await api.get('/api/x1/config'))
  const [found] = agentsNamed((await api.state()).agents, agent)
  return found === undefined ? [] : rowsIn(await api.get(lendPath(found, 'config')))
}

function rowsIn(page: Json): readonly FlagRow[] {
  return list(page['flags']).map((one) => {
    const { name, origin, value } = object(one)
    return { name: text(name), value: typeof value === 'string' ? value : null, origin: text(origin) }
  })
}

async function parsed(
  { environment }: Context,
  daemon: string,
  flags: readonly string[],
): Promise<readonly FlagRow[]> {
  switch (daemon) {
    case 'master': {
      const { MASTER_FLAGS, MASTER_FLAGS_NOT_YET } = await import('../../master/flags.ts')
      return flagRows(MASTER_FLAGS, parseFlags(MASTER_FLAGS, flags, environment, MASTER_FLAGS_NOT_YET))
    }
    case 'agent': {
      const { AGENT_FLAGS, AGENT_FLAGS_NOT_YET } = await import('../../agent/flags.ts')
      return flagRows(AGENT_FLAGS, parseFlags(AGENT_FLAGS, flags, environment, AGENT_FLAGS_NOT_YET))
    }
    default:
      throw usageError(`'${daemon}' is no daemon`, 'tepui config parse master|agent -- FLAGS…')
  }
}

/** Pure, for its test. */
export function configLines(rows: readonly FlagRow[], withOrigin: boolean): string[] {
  const cells = rows.map(({ name, origin, value }) => [
    `--${name}`,
    value ?? '-',
    ...(withOrigin ? [origin] : []),
  ])
  return rows.length === 0 ? [] : table(['FLAG', 'VALUE', ...(withOrigin ? ['ORIGIN'] : [])], cells)
}
