// What somebody should look at, worst first, each with where to look. Pure.
import type { AgentRow, FrameworkRow, LendEvent, TaskRow } from '../../src/wire/page.ts'
import { link } from '../link.ts'
import { isPaused } from './lending-now.ts'
import { waitingOf } from './waiting.ts'
import { hasFailed, inSentence, isTakeBack, span, stateWords } from './words.ts'

export interface Attention {
  readonly grade: 'bad' | 'warn'
  readonly text: string
  readonly why: string
  readonly href: string
}

const WAITS_LONG_MS = 60_000
/** Ends of the last quarter of an hour. */
const RECENT_MS = 900_000
/** So many on one agent. */
const STORM = 20
const MOST = 12

export const NO_AGENTS = 'No agent has registered yet: nothing can run before one does.'

export function attention(
  now: number,
  known: {
    readonly agents: readonly AgentRow[]
    readonly frameworks: readonly FrameworkRow[]
    readonly tasks: readonly TaskRow[]
    readonly events: readonly LendEvent[]
  },
): readonly Attention[] {
  return [
    ...ofAgents(now, known.agents),
    ...ofWaiting(now, known),
    ...ofTasks(now, known.tasks),
    ...ofLending(now, known),
  ]
    .toSorted((a, b) => Number(a.grade === 'warn') - Number(b.grade === 'warn'))
    .slice(0, MOST)
}

function ofAgents(now: number, agents: readonly AgentRow[]): readonly Attention[] {
  return agents.flatMap((agent): Attention[] => {
    const href = link('agents', agent.id)
    if (agent.state === 'disconnected')
      return [
        {
          grade: 'bad',
          text: `${inSentence(agent.name)} is away`,
          why: `for ${span(now - agent.since)}; what is shown of it is old, its tasks may still run`,
          href,
        },
      ]
    const found: Attention[] = []
    if (agent.deactivated === true)
      found.push({
        grade: 'warn',
        text: `${inSentence(agent.name)} is ${(agent.drain ?? 'deactivated').toLowerCase()}`,
        why: 'it gets no offers',
        href,
      })
    if (isPaused(agent))
      found.push({
        grade: 'warn',
        text: `${inSentence(agent.name)} lends nothing more`,
        why: agent.closed,
        href,
      })
    return found
  })
}

function ofWaiting(
  now: number,
  known: {
    readonly agents: readonly AgentRow[]
    readonly frameworks: readonly FrameworkRow[]
    readonly tasks: readonly TaskRow[]
  },
): readonly Attention[] {
  return waitingOf(known)
    .filter(({ since }) => now - since > WAITS_LONG_MS)
    .map(({ framework, name, since, why }) => ({
      grade: 'warn',
      text: `${name} waits for a place`,
      why: `for ${span(now - since)}: ${why}`,
      href: link('frameworks', framework),
    }))
}

function ofTasks(now: number, tasks: readonly TaskRow[]): readonly Attention[] {
  const failed = new Map<string, TaskRow[]>()
  const found: Attention[] = []
  for (const task of tasks) {
    const href = link('tasks', task.framework, task.id)
    const changed = task.changed ?? now
    const waits = task.state === 'TASK_STAGING' || task.state === 'TASK_STARTING'
    if (waits && now - changed > WAITS_LONG_MS)
      found.push({
        grade: 'warn',
        text: `${inSentence(task.name || task.id)} is ${stateWords(task.state).word}`,
        why: `for ${span(now - changed)}`,
        href,
      })
    if (task.state === 'TASK_RUNNING' && task.healthy === false)
      found.push({
        grade: 'bad',
        text: `${inSentence(task.name || task.id)} is unhealthy`,
        why: task.message ?? '',
        href,
      })
    if (!hasFailed(task.state) || now - changed > RECENT_MS) continue
    const alike = `${task.framework} ${task.name}`
    failed.set(alike, [...(failed.get(alike) ?? []), task])
  }
  for (const alike of failed.values()) {
    const last = alike.reduce((a, b) => ((a.changed ?? 0) >= (b.changed ?? 0) ? a : b))
    const times = alike.length === 1 ? '' : ` ${alike.length} times`
    found.push({
      grade: 'bad',
      text: `${inSentence(last.name || last.id)} ${stateWords(last.state).word}${times}`,
      why: last.message ?? last.reason ?? '',
      href: link('tasks', last.framework, last.id),
    })
  }
  return found
}

function ofLending(
  now: number,
  { agents, events }: { readonly agents: readonly AgentRow[]; readonly events: readonly LendEvent[] },
): readonly Attention[] {
  const counts = new Map<string, number>()
  for (const { agent, at, heldBack, kind } of events)
    if (isTakeBack(kind) && heldBack === undefined && now - at < RECENT_MS)
      counts.set(agent, (counts.get(agent) ?? 0) + 1)
  return agents.flatMap(({ id, name }): Attention[] => {
    const times = counts.get(id) ?? 0
    if (times < STORM) return []
    return [
      {
        grade: 'warn',
        text: `${inSentence(name)} took back ${times} times in 15 minutes`,
        why: 'more headroom lends less and takes back less often',
        href: link('agents', id),
      },
    ]
  })
}
