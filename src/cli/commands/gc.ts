// `tepui gc`: what agents keep of ended work and for later work, what of it goes when and why; collects what is due.
import { OperatingError } from '../../base/errors.ts'
import { formatDuration } from '../../base/units.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { dryLines, doneLines } from '../gc-view.ts'
import { agentsNamed, lendPath } from '../lend-api.ts'
import { type StateAgent, type Json, MasterApi, object, text } from '../master-api.ts'
import { isSet, parseTime, textOf } from '../option-values.ts'
import { isData, showData } from '../output.ts'

export const gcCommand: Command = {
  name: 'gc',
  summary:
    'Collect what is due of what ended work left; with --dry-run say what is kept, and when and why it goes',
  options: [
    { flags: '--dry-run', help: 'Say what is kept and what goes next; remove nothing' },
    { flags: '--agent <agent>', help: 'Only this agent' },
    { flags: '--older <age>', help: 'Collect all that ended, or was not used, for so long, such as 1h' },
  ],
  run: gc,
}

const LOOK_MS = 300

async function gc(context: Context, _: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, screen, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  const older = textOf(options, 'older')
  const olderMs = older === undefined ? undefined : parseTime(older)
  if (older !== undefined && olderMs === undefined)
    throw new OperatingError('USAGE', `Option '--older': expected an age such as 1h, but got '${older}'`)
  const { agents } = await api.state()
  const isDry = isSet(options, 'dryRun')
  const pages: Json[] = []
  for (const agent of agentsNamed(agents, textOf(options, 'agent'))) {
    const before = isDry ? {} : await start(api, agent, olderMs)
    const page = isDry ? await api.get(lendPath(agent, 'gc')) : await ended(context, api, agent)
    if (isData(common)) pages.push({ agent: agent.name, agent_id: agent.id, ...page })
    else
      for (const line of isDry
        ? dryLines(agent.name, page, clock.now())
        : doneLines(agent.name, before, page))
        screen.print(line)
  }
  if (isData(common)) await showData(context, pages)
  return EXIT.done
}

async function start(api: MasterApi, agent: StateAgent, olderMs: number | undefined): Promise<Json> {
  const wish = olderMs === undefined ? {} : { older_than: formatDuration(olderMs) }
  return object(JSON.parse(await api.post(lendPath(agent, 'gc'), JSON.stringify(wish), 'application/json')))
}

/** The page once the agent has nothing more to remove. */
async function ended({ clock, screen, signal }: Context, api: MasterApi, agent: StateAgent): Promise<Json> {
  for (let told = ''; ; ) {
    const page = await api.get(lendPath(agent, 'gc'))
    if (page['collecting'] !== true) return page
    const current = object(page['current'])
    const line = `${agent.name}: ${text(current['path'])}`
    if (line !== told && text(current['path']) !== '') screen.note(`removing ${line}`)
    told = line
    await clock.sleep(LOOK_MS, signal)
  }
}
