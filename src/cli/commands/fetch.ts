// `tepui fetch`: what agents fetch and fetched, what their caches hold, and emptying these.
import { counted } from '../../base/words.ts'
import { OperatingError } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import { humanBytes } from '../../base/units.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { agentsNamed, lendPath } from '../lend-api.ts'
import { type StateAgent, type Json, list, MasterApi, number, object, text } from '../master-api.ts'
import { isSet } from '../option-values.ts'
import { table } from '../screen.ts'
import { ageText } from '../words.ts'
import { isData, showData } from '../output.ts'

export const fetchCommand: Command = {
  name: 'fetch',
  arguments: ['<action>', '[agent]'],
  summary: 'fetch ls|purge [AGENT]: files that were fetched for tasks, and the caches of them',
  options: [{ flags: '--all', help: 'purge: on all agents' }],
  run: async (context, [action = '', agent], options) => {
    switch (action) {
      case 'ls':
        return ls(context, agent)
      case 'purge':
        return purge(context, agent, options)
      default:
        throw new OperatingError('USAGE', `'fetch ${action}' is unknown`, {
          hint: 'tepui fetch ls or tepui fetch purge',
        })
    }
  },
}

/** Asks agents one after the other; those that do not answer are told at the end. */
async function each(
  { clock, common, screen, signal }: Context,
  wanted: string | undefined,
  ask: (api: MasterApi, agent: StateAgent) => Promise<void>,
): Promise<number> {
  using api = new MasterApi(common.master, clock, signal)
  const { agents } = await api.state()
  let answered = 0
  let silent = 0
  for (const agent of agentsNamed(agents, wanted)) {
    try {
      await ask(api, agent)
      answered++
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== 'REFUSED') throw error
      screen.note(`tepui fetch: ${agent.name}: ${error.message}`)
      silent++
    }
  }
  if (answered + silent === 0) screen.note('there are no agents')
  if (silent === 0) return EXIT.done
  return answered > 0 ? EXIT.partly : EXIT.error
}

async function ls(context: Context, wanted: string | undefined): Promise<number> {
  const { clock, common, screen } = context
  const pages: Json[] = []
  const code = await each(context, wanted, async (api, agent) => {
    const page = await api.get(lendPath(agent, 'fetch'))
    pages.push({ agent: agent.name, ...page })
    if (isData(common)) return
    for (const line of fetchLines(agent.name, page, clock.now())) screen.print(line)
  })
  if (isData(common)) await showData(context, pages)
  return code
}

async function purge(context: Context, wanted: string | undefined, options: OptionValues): Promise<number> {
  const { common, screen } = context
  if (wanted === undefined && !isSet(options, 'all'))
    throw usageError('no agent was named', 'tepui fetch purge AGENT, or --all for all of them')
  const done: Json[] = []
  const code = await each(context, wanted, async (api, agent) => {
    const answer = await api.post(lendPath(agent, 'fetch/purge'), '', 'application/json')
    const page = object(JSON.parse(answer))
    done.push({ agent: agent.name, ...page })
    const kept = number(page['kept'])
    const removed = counted(number(page['removed']), 'file')
    const rest = kept > 0 ? `; ${kept} are in use and stay` : ''
    if (!isData(common))
      screen.print(`${agent.name}: removed ${removed}, ${humanBytes(number(page['bytes']))}${rest}`)
  })
  if (isData(common)) await showData(context, done)
  return code
}

const MOST_RECENT = 10

/** Pure, for its test. */
export function fetchLines(agent: string, page: Json, now: number): string[] {
  const cache = object(page['cache'])
  const entries = list(cache['entries']).map(object)
  const sizes = `${humanBytes(number(cache['used_bytes']))} of ${humanBytes(number(cache['total_bytes']))}`
  const lines = [
    page['cache'] === null
      ? `${agent}  no cache (--fetcher_cache_size=0B)`
      : `${agent}  ${counted(entries.length, 'file')} in the cache, ${sizes}, in ${text(cache['folder'])}`,
  ]
  const cached = entries.map((entry) => [
    `    ${text(entry['uri'])}`,
    text(entry['user']),
    humanBytes(number(entry['bytes'])),
    text(entry['state']),
    String(number(entry['in_use'])),
    ageText(number(entry['used_at']), now),
  ])
  if (cached.length > 0)
    lines.push(...table(['    CACHED', 'USER', 'SIZE', 'STATE', 'IN USE', 'USED'], cached))
  const underWay = list(page['under_way']).map((one) => fetchRow(object(one), 'now'))
  const recent = list(page['recent'])
    .slice(0, MOST_RECENT)
    .map((one) => fetchRow(object(one), ageText(number(object(one)['at']), now)))
  const rows = [...underWay, ...recent]
  if (rows.length > 0) lines.push(...table(['    FETCHED', 'AGE', 'SIZE', 'SECONDS', 'HOW'], rows))
  return lines
}

function fetchRow(one: Json, age: string): string[] {
  const failed = text(one['error'])
  const how = [text(one['status']), text(one['cache'])].filter((word) => word !== '').join(', ')
  return [
    `    ${text(one['uri'])}`,
    age,
    humanBytes(number(one['bytes'])),
    number(one['seconds']).toFixed(2),
    failed === '' ? how : `failed: ${failed}`,
  ]
}
