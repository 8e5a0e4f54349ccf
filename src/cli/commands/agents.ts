// `tepui agents`: which agents there are and what they have.
import type { Column } from '../columns.ts'
import type { Command } from '../command.ts'
import { listOptions, type Listing, showList } from '../listing.ts'
import { type Json, number, type StateAgent, text } from '../master-api.ts'
import { amountText, memoryText, pairsText } from '../words.ts'

type Amount = 'cpus' | 'mem' | 'disk'
const free = ({ resources, used }: StateAgent, name: Amount): number =>
  Math.max(0, number(resources[name]) - number(used[name]))
const part = (name: Amount, write: (value: number) => string): ((agent: StateAgent) => string) => {
  return ({ resources, used }) => `${write(number(used[name]))} of ${write(number(resources[name]))}`
}

const COLUMNS: readonly Column<StateAgent>[] = [
  { name: 'agent', kind: 'text', of: ({ name }) => name },
  { name: 'address', kind: 'text', of: ({ ip, port }) => `${ip}:${port}` },
  { name: 'state', kind: 'text', of: ({ standing }) => standing },
  { name: 'cpus', kind: 'cpus', of: ({ used }) => number(used['cpus']), cell: part('cpus', amountText) },
  { name: 'lent', kind: 'cpus', of: ({ used }) => number(used['cpus_revocable']) },
  { name: 'memory', kind: 'size', of: ({ used }) => number(used['mem']), cell: part('mem', memoryText) },
  {
    name: 'disk',
    kind: 'size',
    of: ({ used }) => number(used['disk']),
    cell: part('disk', memoryText),
    shown: 'wide',
  },
  { name: 'machine', kind: 'text', of: ({ attributes }) => machineText(attributes), shown: 'narrow' },
  { name: 'attributes', kind: 'text', of: ({ attributes }) => pairsText(attributes), shown: 'wide' },
  { name: 'ports', kind: 'text', of: ({ resources }) => text(resources['ports']), shown: 'wide' },
  { name: 'id', kind: 'text', of: ({ id }) => id, shown: 'wide' },
  { name: 'hostname', kind: 'text', of: ({ hostname }) => hostname, shown: 'named' },
  { name: 'cpus_free', kind: 'cpus', of: (agent) => free(agent, 'cpus'), shown: 'named' },
  { name: 'memory_free', kind: 'size', of: (agent) => free(agent, 'mem'), shown: 'named' },
  { name: 'disk_free', kind: 'size', of: (agent) => free(agent, 'disk'), shown: 'named' },
]

/** `Debian 12, docker 20.10.24` of what agents say of themselves; all of it is wide. */
function machineText({ docker, os }: Json): string {
  const system = text(os).replace('GNU/Linux_', '').replaceAll('_', ' ')
  const [version = ''] = text(docker).split('_')
  return [system, version === '' ? '' : `docker ${version}`].filter((part) => part !== '').join(', ')
}

/** For `each --select`, too. */
export const AGENT_LISTING: Listing<StateAgent> = {
  columns: COLUMNS,
  data: (agent) => agent,
  id: ({ id }) => id,
  more: ({ attributes }) => attributes,
}

export const agentsCommand: Command = {
  name: 'agents',
  summary: 'List the agents and what they have',
  options: listOptions(COLUMNS),
  run: (context, _, options) =>
    showList(context, AGENT_LISTING, options, async (api) => ({
      rows: (await api.state()).agents,
      none: 'No agent is registered. Start one: tepui agent --master=HOST:PORT --work_dir=DIR',
    })),
}
