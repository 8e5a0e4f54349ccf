// `tepui frameworks`: who runs tasks here, and how much they hold.
import { humanDuration } from '../../base/units.ts'
import type { Column } from '../columns.ts'
import type { Command } from '../command.ts'
import { listOptions, type Listing, showList } from '../listing.ts'
import { number, type StateFramework } from '../master-api.ts'
import { isSet } from '../option-values.ts'
import { pairsText } from '../words.ts'

interface Line extends StateFramework {
  readonly standing: string
}

const COLUMNS: readonly Column<Line>[] = [
  { name: 'name', kind: 'text', of: ({ name }) => name },
  { name: 'state', kind: 'text', of: ({ standing }) => standing },
  { name: 'roles', kind: 'text', of: ({ roles }) => roles.join(',') },
  { name: 'user', kind: 'text', of: ({ user }) => user },
  { name: 'tasks', kind: 'number', of: ({ tasks }) => tasks.length },
  { name: 'cpus', kind: 'cpus', of: ({ used }) => number(used['cpus']) },
  { name: 'lent', kind: 'cpus', of: ({ used }) => number(used['cpus_revocable']) },
  { name: 'memory', kind: 'size', of: ({ used }) => number(used['mem']) },
  { name: 'since', kind: 'age', of: ({ registered }, now) => now - registered * 1000, shown: 'wide' },
  {
    name: 'failover',
    kind: 'age',
    of: ({ failoverTimeout }) => failoverTimeout * 1000,
    cell: ({ failoverTimeout }) => humanDuration(failoverTimeout * 1000),
    shown: 'wide',
  },
  { name: 'labels', kind: 'text', of: ({ labels }) => pairsText(labels), shown: 'wide' },
  { name: 'id', kind: 'text', of: ({ id }) => id, shown: 'wide' },
]

const LISTING: Listing<Line> = { columns: COLUMNS, data: (line) => line, id: ({ id }) => id }

export const frameworksCommand: Command = {
  name: 'frameworks',
  summary: 'List the frameworks and what they hold',
  options: [{ flags: '-a, --all', help: 'Also those that are gone' }, ...listOptions(COLUMNS)],
  run: (context, _, options) =>
    showList(context, LISTING, options, async (api) => {
      const { completedFrameworks, frameworks } = await api.state()
      const gone = isSet(options, 'all') ? completedFrameworks : []
      const rows = [
        ...frameworks.map((one) => ({ ...one, standing: one.connected ? 'connected' : 'disconnected' })),
        ...gone.map((one) => ({ ...one, standing: 'gone' })),
      ]
      return { rows, none: 'No framework is registered' }
    }),
}
