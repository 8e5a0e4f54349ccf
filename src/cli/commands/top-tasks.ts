// `tepui top tasks`, `top lent`: what each task uses of what it reserved, and how long it waited, as agents measured.
import { type Column } from '../columns.ts'
import type { Context, OptionValues } from '../command.ts'
import { allTasks, type FoundTask, taskKey } from '../find-task.ts'
import { lendPageOf } from '../lend-api.ts'
import { type Found, type Listing, showList } from '../listing.ts'
import { tasksMatching } from '../matching-tasks.ts'
import { type Json, list, type MasterApi, number, object } from '../master-api.ts'
import { agentNames } from '../task-list.ts'
import { amountText, memoryText } from '../words.ts'

export interface UseLine {
  readonly task: string
  readonly name: string
  readonly framework: string
  readonly frameworkId: string
  readonly agent: string
  readonly cpus: number
  readonly lent: boolean
  /** Standing still, because its owner needs the cores. */
  readonly frozen: boolean
  /** Cores of the last second; undefined before there are two samples of it. */
  readonly used: number | undefined
  /** Share of the last second in which it wanted a core and had none. */
  readonly waits: number | undefined
  /** Share of its periods, since its start, in which its own limit held it back. */
  readonly throttled: number | undefined
  /** MB; without what the kernel can drop at once. */
  readonly memory: number | undefined
  readonly mem: number
  readonly processes: number | undefined
  /** MB; that of its sandbox. */
  readonly disk: number | undefined
}

const of = (part: number | undefined, whole: number, write: (value: number) => string): string =>
  `${part === undefined ? '-' : write(part)} of ${write(whole)}`

const COLUMNS: readonly Column<UseLine>[] = [
  { name: 'task', kind: 'text', of: ({ task }) => task },
  { name: 'agent', kind: 'text', of: ({ agent }) => agent },
  {
    name: 'used',
    kind: 'cpus',
    of: ({ used }) => used,
    cell: ({ cpus, used }) => of(used, cpus, amountText),
  },
  {
    name: 'lent',
    kind: 'text',
    of: ({ frozen, lent }) => (frozen ? 'frozen' : lent ? 'lent' : ''),
  },
  { name: 'waits', kind: 'share', of: ({ waits }) => waits },
  { name: 'throttled', kind: 'share', of: ({ throttled }) => throttled },
  {
    name: 'memory',
    kind: 'size',
    of: ({ memory }) => memory,
    cell: ({ mem, memory }) => of(memory, mem, memoryText),
  },
  { name: 'pids', kind: 'number', of: ({ processes }) => processes },
  { name: 'disk', kind: 'size', of: ({ disk }) => disk },
  { name: 'name', kind: 'text', of: ({ name }) => name, shown: 'wide' },
  { name: 'framework', kind: 'text', of: ({ framework }) => framework, shown: 'wide' },
  { name: 'cpus', kind: 'cpus', of: ({ cpus }) => cpus, shown: 'named' },
  { name: 'idle', kind: 'cpus', of: ({ cpus, used = 0 }) => Math.max(0, cpus - used), shown: 'named' },
  { name: 'reserved', kind: 'size', of: ({ mem }) => mem, shown: 'named' },
]

export const USE_LISTING: Listing<UseLine> = {
  columns: COLUMNS,
  data: (line) => line,
  id: ({ task }) => task,
  key: ({ frameworkId, task }) => taskKey({ frameworkId, id: task }),
}

/** The busiest first, unless somebody says otherwise. */
export function topTasks(
  context: Context,
  typed: readonly string[],
  options: OptionValues,
  lentOnly: boolean,
): Promise<number> {
  const asked = { ...options, sort: options['sort'] ?? '-used,task' }
  return showList(context, USE_LISTING, asked, (api) => look(context, api, typed, lentOnly))
}

async function look(
  { screen }: Context,
  api: MasterApi,
  typed: readonly string[],
  lentOnly: boolean,
): Promise<Found<UseLine>> {
  const state = await api.state()
  const live = allTasks(state).filter(({ isLive }) => isLive)
  const meant = typed.length === 0 ? live : tasksMatching(live, typed)
  const tasks = meant.filter(({ task }) => !lentOnly || task.lentCpus > 0)
  const ids = new Set(tasks.map(({ task }) => task.agentId))
  const pages = new Map(
    await Promise.all(
      state.agents
        .filter(({ id }) => ids.has(id))
        .map(async (agent) => [agent.id, await lendPageOf(api, agent)] as const),
    ),
  )
  const nameOf = agentNames(state)
  const silent = [...pages].filter(([, page]) => page === undefined).map(([id]) => nameOf(id))
  for (const agent of silent) screen.note(`${agent} does not answer: its tasks are without figures`)
  const rows = tasks.map((found) => useLine(found, nameOf(found.task.agentId), pages.get(found.task.agentId)))
  return { rows, none: lentOnly ? 'No task is on lent CPUs' : 'No task runs' }
}

const MB = 1024 ** 2

/** Pure, for its test. */
export function useLine({ framework, task }: FoundTask, agent: string, page: Json | undefined): UseLine {
  const container = list(page?.['containers'])
    .map(object)
    .find((one) => one['framework_id'] === task.frameworkId && list(one['tasks']).includes(task.id))
  const statistics = object(container?.['statistics'])
  const figure = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
  const periods = number(statistics['cpuPeriods'])
  const memory = figure(statistics['memoryBytes'])
  const disk = figure(container?.['disk_used_bytes'])
  return {
    task: task.id,
    name: task.name,
    framework: framework.name,
    frameworkId: framework.id,
    agent,
    cpus: task.cpus,
    lent: task.lentCpus > 0,
    frozen: container?.['frozen'] === true,
    used: figure(container?.['cpus']),
    waits: figure(container?.['waits']),
    throttled: periods > 0 ? number(statistics['cpuThrottledPeriods']) / periods : undefined,
    memory: memory === undefined ? undefined : (memory - number(statistics['memoryInactiveFileBytes'])) / MB,
    mem: task.mem,
    processes: figure(statistics['processes']),
    disk: disk === undefined ? undefined : disk / MB,
  }
}
