// Who waits for a place, since when, and what keeps it from running. Pure.
import type { AgentRow, FrameworkRow, TaskRow } from '../../src/wire/page.ts'
import { type Fit, fitsOf } from './fits.ts'
import { counted, cpuText, inSentence, memory } from './words.ts'

export interface Waiting {
  readonly framework: string
  /** Of the task that is to run. */
  readonly name: string
  readonly since: number
  /** What it wants and where that would fit; of one that fits nowhere what the nearest agent lacks. */
  readonly why: string
}

/** Frameworks that say what they want and have no task: those that wait longest first. */
export function waitingOf(known: {
  readonly agents: readonly AgentRow[]
  readonly frameworks: readonly FrameworkRow[]
  readonly tasks: readonly TaskRow[]
}): readonly Waiting[] {
  const waiting = known.frameworks.filter(({ state, waits }) => waits !== undefined && state === 'connected')
  if (waiting.length === 0) return []
  // One that had a task before waits since that ended.
  const ended = new Map<string, number>()
  for (const { changed = 0, framework } of known.tasks)
    if (changed > (ended.get(framework) ?? 0)) ended.set(framework, changed)
  return waiting
    .flatMap(({ id, registered, waits }): Waiting[] => {
      if (waits === undefined) return []
      const since = Math.max(registered, ended.get(id) ?? 0)
      return [{ framework: id, name: inSentence(waits.name), since, why: whyOf(known.agents, waits) }]
    })
    .toSorted((a, b) => a.since - b.since)
}

function whyOf(agents: readonly AgentRow[], wants: NonNullable<FrameworkRow['waits']>): string {
  const words = `it wants ${cpuText(wants.cpus, wants.lent ? 'lent' : '')} and ${memory(wants.mem)}`
  const fits = fitsOf(agents, wants)
  if (fits.length === 0) return `${words}, and there are no agents`
  const fitting = fits.filter(({ misses }) => misses.length === 0).length
  const where = `${words}, which fits on ${fitting} of ${counted(agents.length, 'agent')} now`
  if (fitting > 0) return where
  // One that is in use, and of those that lack as much the one with most to give.
  const grade = ({ agent, misses }: Fit): number =>
    misses.length + (agent.state === 'connected' && agent.deactivated !== true ? 0 : 10)
  const free = ({ agent }: Fit): number =>
    wants.lent ? agent.lent.cpus - agent.lentHeld.cpus : agent.total.cpus - agent.allocated.cpus
  const [nearest] = fits.toSorted((a, b) => grade(a) - grade(b) || free(b) - free(a))
  return nearest === undefined
    ? where
    : `${where}; nearest is ${inSentence(nearest.agent.name)}: ${nearest.misses.join(', ')}`
}
