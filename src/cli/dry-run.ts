// `tepui run --dry-run`: the task that would be launched, and where there is room for it now.
import { matchOffer, nearer, shortfallText, type Shortfall } from '../frameworks/placement.ts'
import { taskFor, type TaskWish } from '../frameworks/task-wish.ts'
import type { Offer } from '../sdk/sdk.ts'
import type { Context } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { type StateAgent, list, MasterApi, number, object, text, type Json } from './master-api.ts'
import { isData, showData } from './output.ts'

/** Exit code 0 when it fits somewhere now, 2 when not. */
export async function dryRun(context: Context, wish: TaskWish): Promise<number> {
  const { clock, common, screen, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  const { agents } = await api.state()
  const lending = list((await api.get('/api/x1/lend'))['agents']).map(object)
  const fitting: string[] = []
  let nearest: { readonly agent: string; readonly missing: readonly Shortfall[] } | undefined
  let task: object | undefined
  for (const agent of agents.filter(({ active }) => active)) {
    const lend = lending.find((one) => text(one['id']) === agent.id) ?? {}
    const offer = offerOf(agent, lend)
    const match = matchOffer(offer, wish)
    if (match.fits) {
      fitting.push(agent.name)
      task ??= taskFor(wish, `${wish.name}.1`, offer, match)
    } else nearest = nearer(nearest, { agent: agent.name, missing: match.missing })
  }
  const code = fitting.length > 0 ? EXIT.done : EXIT.notPlaced
  if (isData(common)) {
    await showData(context, { fits: fitting, nearest: nearest ?? null, task: task ?? null })
    return code
  }
  if (task !== undefined) screen.print(JSON.stringify(task, undefined, 2))
  const why =
    nearest === undefined ? 'there is no agent' : `${nearest.agent}: ${shortfallText(nearest.missing)}`
  screen.note(
    fitting.length > 0 ? `fits now on ${fitting.join(', ')}` : `fits nowhere now; the nearest is ${why}`,
  )
  return code
}

/** What an agent would offer if everything that is not used were offered. */
function offerOf(agent: StateAgent, lend: Json): Offer {
  const free = (name: string): number => number(agent.resources[name]) - number(agent.used[name])
  const lent = number(object(lend['lent_total'])['cpus']) - number(object(lend['lent_used'])['cpus'])
  const [first, last] = /\[(\d+)-(\d+)/.exec(text(agent.resources['ports']))?.slice(1).map(Number) ?? []
  return {
    id: { value: 'dry-run' },
    framework_id: { value: 'dry-run' },
    agent_id: { value: agent.id },
    hostname: agent.hostname,
    attributes: Object.entries(agent.attributes).map(([name, value]) => ({
      name,
      type: 'TEXT',
      text: { value: String(value) },
    })),
    resources: [
      { name: 'cpus', type: 'SCALAR', scalar: { value: free('cpus') } },
      { name: 'mem', type: 'SCALAR', scalar: { value: free('mem') } },
      ...(lent > 0
        ? [{ name: 'cpus', type: 'SCALAR' as const, scalar: { value: lent }, revocable: {} }]
        : []),
      ...(first === undefined || last === undefined
        ? []
        : [{ name: 'ports', type: 'RANGES' as const, ranges: { range: [{ begin: first, end: last }] } }]),
    ],
  }
}
