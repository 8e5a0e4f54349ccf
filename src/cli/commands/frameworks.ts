// `tepui frameworks`: who runs tasks here, and how much they hold.
import { humanDuration } from '../../base/units.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { type Json, MasterApi, number } from '../master-api.ts'
import { table } from '../screen.ts'
import { ageText, amountText, memoryText } from '../words.ts'
import { isData, showData } from '../output.ts'

export const frameworksCommand: Command = {
  name: 'frameworks',
  summary: 'List the frameworks and what they hold',
  options: [{ flags: '-a, --all', help: 'Also those that are gone' }],
  run: async (context, _, options) => {
    const { clock, common, screen, signal } = context
    using api = new MasterApi(common.master, clock, signal)
    const state = await api.state()
    const gone = options['all'] === true ? state.completedFrameworks : []
    const all = [
      ...state.frameworks.map((one) => ({ ...one, standing: one.connected ? 'connected' : 'disconnected' })),
      ...gone.map((one) => ({ ...one, standing: 'gone' })),
    ]
    if (isData(common)) {
      await showData(context, all)
      return EXIT.done
    }
    if (all.length === 0) screen.note('No framework is registered')
    const wide = common.output === 'wide'
    const rows = all.map((one) => [
      one.name,
      one.standing,
      one.roles.join(','),
      one.user,
      String(one.tasks.length),
      amountText(number(one.used['cpus'])),
      amountText(number(one.used['cpus_revocable'])),
      memoryText(number(one.used['mem'])),
      ...(wide
        ? [
            ageText(one.registered, clock.now()),
            humanDuration(one.failoverTimeout * 1000),
            labelsText(one.labels),
          ]
        : []),
      one.id,
    ])
    const more = wide ? ['SINCE', 'FAILOVER', 'LABELS'] : []
    const head = ['NAME', 'STATE', 'ROLES', 'USER', 'TASKS', 'CPUS', 'LENT', 'MEMORY', ...more, 'ID']
    for (const line of table(head, rows)) screen.print(line)
    return EXIT.done
  },
}

const labelsText = (labels: Json): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(' ')
