// `tepui top`: per agent what is used, allocated but idle, lent and free.
import type { Command, Context } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { type Json, list, MasterApi, object, text } from '../master-api.ts'
import { table } from '../screen.ts'
import { barOf, type TopRow, topRow } from '../top-view.ts'
import { amountText, memoryText } from '../words.ts'

export const topCommand: Command = {
  name: 'top',
  summary: 'Show per agent what is used, allocated but idle, lent in use, and free',
  options: [{ flags: '--once', help: 'Once, and end; else again and again until Ctrl-C' }],
  run: async (context, _, options) => {
    const { common, screen, signal } = context
    const isOnce = options['once'] === true || !process.stdout.isTTY
    for (;;) {
      const rows = await measure(context)
      if (common.output === 'json') screen.print(JSON.stringify(rows))
      else {
        if (!isOnce) screen.print('\u001b[2J\u001b[H')
        for (const line of topLines(rows)) screen.print(line)
      }
      if (isOnce || signal.aborted) return EXIT.done
    }
  },
}

/** Long enough for agents, which sample once a second, to have a new sample. */
const BETWEEN_MS = 1200

async function measure({ clock, common, signal }: Context): Promise<TopRow[]> {
  using api = new MasterApi(common.master, clock, signal)
  const { agents, frameworks } = await api.state()
  const pages = (): Promise<Json[]> =>
    Promise.all(agents.map(async (agent) => object(await api.fromAgent(agent, '/api/x1/lend'))))
  const before = await pages()
  await clock.sleep(BETWEEN_MS, signal)
  const after = await pages()
  const own = list((await api.get('/api/x1/lend'))['agents']).map(object)
  return agents.map((agent, index) => {
    const mine = own.find((one) => text(one['id']) === agent.id) ?? {}
    const tasks = frameworks.flatMap((one) => one.tasks).filter((task) => task.agentId === agent.id)
    const lentTasks = tasks.filter(({ lentCpus }) => lentCpus > 0).length
    return topRow(agent.name, mine, [before[index] ?? {}, after[index] ?? {}], {
      tasks: tasks.length,
      lentTasks,
    })
  })
}

/** Pure, for its test. */
export function topLines(rows: readonly TopRow[]): string[] {
  const cells = rows.map((row) => [
    row.agent,
    barOf(row),
    `${amountText(row.used)} of ${amountText(row.allocated)}`,
    amountText(row.allocatedIdle),
    row.lending ? `${amountText(row.lentUsed)} of ${amountText(row.lent)}` : 'off',
    amountText(row.free),
    `${memoryText(row.memoryUsed)} of ${memoryText(row.memoryAllocated)}`,
    row.pressure === undefined ? '-' : `${Math.round(row.pressure * 100)} %`,
    `${row.tasks}`,
    `${row.lentTasks}`,
    `${row.takenBack}`,
  ])
  const head = [
    'AGENT',
    'CPU',
    'USED',
    'IDLE',
    'LENT IN USE',
    'FREE',
    'MEMORY',
    'PSI',
    'TASKS',
    'LENT',
    'TAKEN BACK',
  ]
  return [...table(head, cells), '█ used of what is allocated  ▒ allocated but idle  ▓ lent in use  ░ free']
}
