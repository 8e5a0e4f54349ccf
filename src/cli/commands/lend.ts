// `tepui lend status`: what every agent lends, with the sum that leads there.
import { OperatingError } from '../../base/errors.ts'
import { closest } from '../../base/words.ts'
import type { Command, Context } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { type LendRow, lendRow, sumLine } from '../lend-view.ts'
import { list, MasterApi, object, text } from '../master-api.ts'
import { table } from '../screen.ts'
import { ageText } from '../words.ts'

export const lendCommand: Command = {
  name: 'lend',
  arguments: ['<action>', '[agent]'],
  summary: 'lend status [AGENT]: what is lent, with the sum that leads there',
  run: async (context, [action = '', wanted]) => {
    if (action !== 'status') {
      throw new OperatingError('USAGE', `'lend ${action}' is unknown`, { hint: 'tepui lend status [AGENT]' })
    }
    const { clock, common, screen } = context
    const rows = await lendRows(context, wanted)
    if (common.output === 'json') {
      screen.print(JSON.stringify(rows))
      return EXIT.done
    }
    for (const row of rows) for (const line of lendLines(row, clock.now())) screen.print(line)
    return EXIT.done
  },
}

/** @throws OperatingError REFUSED when there is no such agent */
async function lendRows({ clock, common, signal }: Context, wanted: string | undefined): Promise<LendRow[]> {
  using api = new MasterApi(common.master, clock, signal)
  const { agents } = await api.state()
  const own = list((await api.get('/api/x1/lend'))['agents']).map(object)
  const named = agents.filter(
    ({ id, name }) => wanted === undefined || name === wanted || id.startsWith(wanted),
  )
  if (wanted !== undefined && named.length === 0) {
    const near = closest(
      wanted,
      agents.map(({ name }) => name),
    )
    const hint = near === undefined ? '`tepui agents` lists all' : `Did you mean ${near}?`
    throw new OperatingError('REFUSED', `There is no agent '${wanted}'`, { hint })
  }
  return await Promise.all(
    named.map(async (agent) => {
      const mine = own.find((one) => text(one['id']) === agent.id) ?? {}
      return lendRow(agent, mine, object(await api.fromAgent(agent, '/api/x1/lend')))
    }),
  )
}

/** Pure, for its test. */
export function lendLines(row: LendRow, now: number): string[] {
  const lines = [`${row.agent}  ${sumLine(row)}`]
  if (!row.lending) return lines
  const rows = row.terms.map(({ name, of, value, why }) => [`    ${name}`, value.toFixed(2), of, why])
  if (rows.length > 0) lines.push(...table(['    TERM', 'CPUS', 'OF', 'WHY'], rows))
  lines.push(
    `    estimator ${row.estimator}; controller ${row.controller}` +
      (row.controller === 'noop' ? ': nothing is ended' : ''),
  )
  const last = row.takenBack.at(-1)
  const when = last === undefined ? 'nothing yet' : `${ageText(last.at / 1000, now)} ago: ${last.message}`
  lines.push(`    taken back ${row.takenBack.length} times; ${when}`)
  return lines
}
