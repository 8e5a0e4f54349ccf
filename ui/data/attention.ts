// What somebody should look at, worst first, each with where to look. Pure.
import type { AgentRow, FrameworkRow, LendEvent, TaskRow } from '../../src/wire/page.ts'
import { link } from '../link.ts'
import { fitsOf } from './fits.ts'
import { counted, cpuText, hasFailed, isTakeBack, memory, span, stateWords } from './words.ts'

export interface Attention {
  readonly grade: 'bad' | 'warn'
  readonly text: string
  readonly why: string
  readonly href: string
}

const WAITS_LONG_MS = 60_000
/** Ends of the last quarter of an hour. */
const RECENT_MS = 900_000
const STORM = 20
const MOST = 12

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
    ...ofWaiting(now, known.frameworks, known.agents),
    ...ofTasks(now, known.tasks),
    ...ofLending(now, known.events),
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
          text: `${agent.name} is away`,
          why: `for ${span(now - agent.since)}; what is shown of it is old`,
          href,
        },
      ]
    const found: Attention[] = []
    if (agent.deactivated === true)
      found.push({
        grade: 'warn',
        text: `${agent.name} is ${(agent.drain ?? 'deactivated').toLowerCase()}`,
        why: 'it gets no offers',
        href,
      })
    const isPaused = agent.closed.includes('paused')
    if (isPaused)
      found.push({ grade: 'warn', text: `${agent.name} lends nothing more`, why: agent.closed, href })
    return found
  })
}

/** Frameworks that say what they want and have found no place for it. */
function ofWaiting(
  now: number,
  frameworks: readonly FrameworkRow[],
  agents: readonly AgentRow[],
): readonly Attention[] {
  return frameworks.flatMap(({ id, registered, state, waits }): Attention[] => {
    const isLong = now - registered > WAITS_LONG_MS
    if (waits === undefined || state !== 'connected' || !isLong) return []
    const fitting = fitsOf(agents, waits).filter(({ misses }) => misses.length === 0).length
    const wants = `${cpuText(waits.cpus, waits.lent ? 'lent' : '')}, ${memory(waits.mem)}`
    const where = `fits on ${fitting} of ${counted(agents.length, 'agent')}`
    return [
      {
        grade: 'warn',
        text: `${waits.name} waits for a place`,
        why: `for ${span(now - registered)}: it wants ${wants}, which ${where} now`,
        href: link('frameworks', id),
      },
    ]
  })
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
        text: `${task.name || task.id} is ${stateWords(task.state).word}`,
        why: `for ${span(now - changed)}`,
        href,
      })
    if (task.state === 'TASK_RUNNING' && task.healthy === false)
      found.push({
        grade: 'bad',
        text: `${task.name || task.id} is unhealthy`,
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
      text: `${last.name || last.id} ${stateWords(last.state).word}${times}`,
      why: last.message ?? last.reason ?? '',
      href: link('tasks', last.framework, last.id),
    })
  }
  return found
}

function ofLending(now: number, events: readonly LendEvent[]): readonly Attention[] {
  const recent = events.filter(
    ({ at, heldBack, kind }) => isTakeBack(kind) && heldBack === undefined && now - at < RECENT_MS,
  )
  if (recent.length < STORM) return []
  return [
    {
      grade: 'warn',
      text: `${recent.length} take-backs in 15 minutes`,
      why: 'more headroom lends less and takes back less often',
      href: link('lending'),
    },
  ]
}
