// `tepui roles`: in whose name resources are held, with what weight, and by how many frameworks.
import type { Column } from '../columns.ts'
import type { Command } from '../command.ts'
import { type Listing, listOptions, showList } from '../listing.ts'
import { type Json, list, number, object, text } from '../master-api.ts'

const amount = (role: Json, of: string, name: string): number => number(object(role[of])[name])

const COLUMNS: readonly Column<Json>[] = [
  { name: 'role', kind: 'text', of: (role) => text(role['name']) },
  { name: 'weight', kind: 'number', of: (role) => number(role['weight']) },
  { name: 'frameworks', kind: 'number', of: (role) => list(role['frameworks']).length },
  { name: 'cpus', kind: 'cpus', of: (role) => amount(role, 'allocated', 'cpus') },
  { name: 'memory', kind: 'size', of: (role) => amount(role, 'allocated', 'mem') },
  { name: 'offered_cpus', kind: 'cpus', of: (role) => amount(role, 'offered', 'cpus') },
  { name: 'offered_memory', kind: 'size', of: (role) => amount(role, 'offered', 'mem') },
  { name: 'reserved_cpus', kind: 'cpus', of: (role) => amount(role, 'reserved', 'cpus'), shown: 'wide' },
  { name: 'reserved_memory', kind: 'size', of: (role) => amount(role, 'reserved', 'mem'), shown: 'wide' },
]

const LISTING: Listing<Json> = { columns: COLUMNS, data: (role) => role, id: (role) => text(role['name']) }

export const rolesCommand: Command = {
  name: 'roles',
  summary: 'List the roles in whose name frameworks hold resources, and how much',
  options: listOptions(COLUMNS),
  run: (context, _, options) =>
    showList(context, LISTING, options, async (api) => ({
      rows: list((await api.get('/roles'))['roles']).map(object),
      none: 'No framework has a role now',
    })),
}
