// `tepui agents`: which agents there are and what they have.
import type { Column } from '../columns.ts'
import type { Command } from '../command.ts'
import { listOptions, type Listing, showList } from '../listing.ts'
import { type Json, number, type StateAgent, text } from '../master-api.ts'
import { amountText, memoryText } from '../words.ts'

/** What machines differ in, of the attributes that agents give themselves. */
const MACHINE = ['os', 'kernel', 'docker', 'cgroups']

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
  { name: 'machine', kind: 'text', of: ({ attributes }) => attributesText(attributes, MACHINE) },
  {
    name: 'attributes',
    kind: 'text',
    of: ({ attributes }) => attributesText(attributes, Object.keys(attributes)),
    shown: 'wide',
  },
  { name: 'ports', kind: 'text', of: ({ resources }) => text(resources['ports']), shown: 'wide' },
  { name: 'id', kind: 'text', of: ({ id }) => id, shown: 'wide' },
  { name: 'hostname', kind: 'text', of: ({ hostname }) => hostname, shown: 'named' },
  { name: 'cpus_free', kind: 'cpus', of: (agent) => free(agent, 'cpus'), shown: 'named' },
  { name: 'memory_free', kind: 'size', of: (agent) => free(agent, 'mem'), shown: 'named' },
  { name: 'disk_free', kind: 'size', of: (agent) => free(agent, 'disk'), shown: 'named' },
]

function attributesText(attributes: Json, names: readonly string[]): string {
  return names
    .filter((name) => attributes[name] !== undefined)
    .map((name) => `${name}=${String(attributes[name])}`)
    .join(' ')
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
