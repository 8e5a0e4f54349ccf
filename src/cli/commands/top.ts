// `tepui top`: per agent what is used, allocated but idle, lent and free; of tasks see top-tasks.ts.
import { isoTime } from '../../base/clock.ts'
import { usageError } from '../../base/flags.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { lendPageOf } from '../lend-api.ts'
import { listOptions } from '../listing.ts'
import { LiveScreen } from '../live.ts'
import {
  type StateAgent,
  type ClusterState,
  type Json,
  list,
  MasterApi,
  object,
  text,
} from '../master-api.ts'
import { table } from '../screen.ts'
import { barOf, type TopRow, topRow } from '../top-view.ts'
import { amountText, memoryText } from '../words.ts'
import { isData, showData } from '../output.ts'
import { topTasks, USE_LISTING } from './top-tasks.ts'

export const topCommand: Command = {
  name: 'top',
  arguments: ['[what]', '[tasks...]'],
  summary: 'Show what is used: per agent, or with `top tasks [TASK…]` and `top lent` per task',
  options: [
    { flags: '--once', help: 'Once, and end; else anew each second until q or Ctrl-C' },
    ...listOptions(USE_LISTING.columns),
  ],
  run: top,
}

async function top(context: Context, args: readonly string[], options: OptionValues): Promise<number> {
  const [what = 'agents', ...tasks] = args
  const isLive = options['once'] !== true && process.stdout.isTTY && !isData(context.common)
  switch (what) {
    case 'tasks':
    case 'lent':
      return topTasks(context, tasks, isLive ? { ...options, watch: true } : options, what === 'lent')
    case 'agents':
      if (tasks.length > 0) throw usageError(`'top agents' takes no '${tasks[0]}'`, 'tepui top tasks TASK…')
      for (const name of ['columns', 'sort', 'select', 'watch', 'quiet'])
        if (options[name] !== undefined)
          throw usageError(`Option '--${name}' is for lists of tasks`, 'tepui top tasks, or tepui top lent')
      return isLive ? watch(context) : once(context)
    default:
      throw usageError(`'top ${what}' is unknown`, 'tepui top agents, tasks or lent')
  }
}

/** Agents sample once a second. */
const EVERY_MS = 1000
/** Long enough for agents to have a new sample. */
const BETWEEN_MS = 1200

async function once(context: Context): Promise<number> {
  const { clock, common, screen, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  const before = await look(api)
  await clock.sleep(BETWEEN_MS, signal)
  const rows = rowsOf(before, await look(api))
  if (isData(common)) await showData(context, rows)
  else for (const line of topLines(rows)) screen.print(line)
  return EXIT.done
}

async function watch({ clock, common, signal }: Context): Promise<number> {
  using live = new LiveScreen({ input: process.stdin, output: process.stdout }, signal)
  using api = new MasterApi(common.master, clock, live.signal)
  try {
    for (let before = await look(api); ; ) {
      await clock.sleep(EVERY_MS, live.signal)
      const now = await look(api)
      live.draw([`tepui top  ${isoTime(clock.now())}  q to quit`, ...topLines(rowsOf(before, now))])
      before = now
    }
  } catch (error) {
    if (live.signal.aborted) return EXIT.done
    throw error
  }
}

interface Look {
  readonly state: ClusterState
  readonly own: readonly Json[]
  /** By the id of the agent; one that does not answer has an empty page. */
  readonly pages: ReadonlyMap<string, Json>
}

async function look(api: MasterApi): Promise<Look> {
  const state = await api.state()
  const page = async (agent: StateAgent): Promise<readonly [string, Json]> => [
    agent.id,
    (await lendPageOf(api, agent)) ?? {},
  ]
  const pages = new Map(await Promise.all(state.agents.map(page)))
  const own = list((await api.get('/api/x1/lend'))['agents']).map(object)
  return { state, own, pages }
}

function rowsOf(before: Look, { own, pages, state }: Look): TopRow[] {
  return state.agents.map((agent) => {
    const mine = own.find((one) => text(one['id']) === agent.id) ?? {}
    const tasks = state.frameworks.flatMap((one) => one.tasks).filter((task) => task.agentId === agent.id)
    const lentTasks = tasks.filter(({ lentCpus }) => lentCpus > 0).length
    const both = [before.pages.get(agent.id) ?? {}, pages.get(agent.id) ?? {}] as const
    return topRow(agent.name, mine, both, { tasks: tasks.length, lentTasks })
  })
}

const WIDTH = 100
/** The bar gives way to long names and large amounts, then the words between. */
const SHAPES = [
  { bar: 20, of: ' of ' },
  { bar: 16, of: ' of ' },
  { bar: 12, of: ' of ' },
  { bar: 8, of: ' of ' },
  { bar: 8, of: '/' },
  { bar: 4, of: '/' },
] as const

/** Within 100 columns as far as names allow. Pure, for its test. */
export function topLines(rows: readonly TopRow[]): string[] {
  if (rows.length === 0) return ['there are no agents']
  const tables = SHAPES.map((shape) => topTable(rows, shape))
  const fits = (lines: readonly string[]): boolean => lines.every((line) => Array.from(line).length <= WIDTH)
  const lines = tables.find(fits) ?? tables.at(-1) ?? []
  return [...lines, '█ used of what is allocated  ▒ allocated but idle  ▓ lent in use  ░ free']
}

function topTable(rows: readonly TopRow[], { bar, of }: (typeof SHAPES)[number]): string[] {
  const cells = rows.map((row) => [
    row.agent,
    barOf(row, bar),
    `${amountText(row.used)}${of}${amountText(row.allocated)}`,
    amountText(row.allocatedIdle),
    row.lending ? `${amountText(row.lentUsed)}${of}${amountText(row.lent)}` : row.mode || 'no answer',
    amountText(row.free),
    `${memoryText(row.memoryUsed)}${of}${memoryText(row.memoryAllocated)}`,
    row.pressure === undefined ? '-' : `${Math.round(row.pressure * 100)} %`,
    row.lentTasks === 0 ? `${row.tasks}` : `${row.tasks} (${row.lentTasks} lent)`,
    `${row.takenBack}`,
  ])
  const head = ['AGENT', 'CPU', 'USED', 'IDLE', 'LENT', 'FREE', 'MEMORY', 'PSI', 'TASKS', 'BACK']
  return table(head, cells)
}
