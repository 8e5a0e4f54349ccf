// The list of tasks: its columns, and which tasks the options of `tepui ps` mean. Pure.
import type { OperatingError } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'
import { closest } from '../base/words.ts'
import { isTerminal } from '../wire/terminal-states.ts'
import type { Column } from './columns.ts'
import { findFramework } from './find-framework.ts'
import { allTasks, type FoundTask, taskKey } from './find-task.ts'
import { agentsNamed } from './lend-api.ts'
import type { Found, Listing } from './listing.ts'
import type { ClusterState } from './master-api.ts'
import { stateWord } from './words.ts'

export interface TaskLine extends FoundTask {
  /** What people call its agent. */
  readonly agent: string
}

const COLUMNS: readonly Column<TaskLine>[] = [
  { name: 'task', kind: 'text', of: ({ task }) => task.id },
  { name: 'name', kind: 'text', of: ({ task }) => task.name },
  { name: 'state', kind: 'text', of: ({ task }) => stateWord(task.state) },
  { name: 'agent', kind: 'text', of: ({ agent }) => agent },
  { name: 'cpus', kind: 'cpus', of: ({ task }) => task.cpus },
  {
    name: 'lent',
    kind: 'cpus',
    of: ({ task }) => task.lentCpus,
    cell: ({ task }) => (task.lentCpus > 0 ? 'lent' : ''),
  },
  { name: 'memory', kind: 'size', of: ({ task }) => task.mem },
  { name: 'since', kind: 'age', of: ({ task }, now) => ageOf(task.changed, now) },
  { name: 'framework', kind: 'text', of: ({ framework }) => framework.name },
  { name: 'role', kind: 'text', of: ({ task }) => task.role, shown: 'wide' },
  { name: 'image', kind: 'text', of: ({ task }) => task.image, shown: 'wide' },
  { name: 'container', kind: 'text', of: ({ task }) => task.containerId, shown: 'wide' },
  { name: 'framework_id', kind: 'text', of: ({ framework }) => framework.id, shown: 'wide' },
  { name: 'agent_id', kind: 'text', of: ({ task }) => task.agentId, shown: 'named' },
  { name: 'executor', kind: 'text', of: ({ task }) => task.executorId, shown: 'named' },
  { name: 'user', kind: 'text', of: ({ framework }) => framework.user, shown: 'named' },
  { name: 'age', kind: 'age', of: ({ task }, now) => ageOf(task.since, now), shown: 'named' },
]

const ageOf = (seconds: number | undefined, now: number): number | undefined =>
  seconds === undefined ? undefined : Math.max(0, now - seconds * 1000)

export const TASK_LISTING: Listing<TaskLine> = {
  columns: COLUMNS,
  data: ({ agent, framework, isLive, task }) => ({ ...task, framework: framework.name, agent, live: isLive }),
  id: ({ task }) => task.id,
  key: ({ task }) => taskKey(task),
}

export interface Wanted {
  readonly all: boolean
  readonly lent: boolean
  readonly agent: string | undefined
  readonly framework: string | undefined
  /** As words: `running`, `failed`. */
  readonly states: readonly string[]
}

/**
 * @param shown keys of those that were shown before: of these also the end
 * @throws OperatingError REFUSED or USAGE for an agent or framework that is not there
 */
export function tasksWanted(
  state: ClusterState,
  wanted: Wanted,
  shown: ReadonlySet<string> = new Set(),
): Found<TaskLine> {
  const { agent, framework, lent, states } = wanted
  const agents = agent === undefined ? undefined : agentsNamed(state.agents, agent).map(({ id }) => id)
  const owner = framework === undefined ? undefined : findFramework(state, framework).id
  const isEnded = states.some((one) => ENDED.has(one))
  const nameOf = agentNames(state)
  const listed = allTasks(state).filter(
    (one) => one.isLive || wanted.all || isEnded || shown.has(taskKey(one.task)),
  )
  const rows = listed
    .filter(({ task }) => agents?.includes(task.agentId) !== false)
    .filter((one) => owner === undefined || one.framework.id === owner)
    .filter(({ task }) => !lent || task.lentCpus > 0)
    .filter(({ task }) => states.length === 0 || states.includes(stateWord(task.state)))
    .map((one) => ({ ...one, agent: nameOf(one.task.agentId) }))
  const none =
    listed.length === 0
      ? 'No task runs. Start one: tepui run -- echo hello'
      : `none of ${listed.length} tasks fits; \`tepui ps${wanted.all ? '' : ' -a'}\` lists all`
  return { rows, none }
}

/** What people call the agent with an id. */
export function agentNames(state: ClusterState): (id: string) => string {
  const names = new Map(state.agents.map(({ id, name }) => [id, name]))
  return (id) => names.get(id) ?? `${id} (gone)`
}

/** Those of the v1 API that masters list. */
export const STATE_WORDS: readonly string[] = [
  'staging',
  'starting',
  'running',
  'killing',
  'unreachable',
  'finished',
  'failed',
  'killed',
  'error',
  'lost',
  'dropped',
  'gone',
  'gone by operator',
]
const ENDED = new Set(
  STATE_WORDS.filter((word) => isTerminal(`TASK_${word.replaceAll(' ', '_').toUpperCase()}`)),
)

/** `failed`, `TASK_FAILED`, several with commas between. @throws OperatingError USAGE */
export function statesOf(typed: string | undefined): readonly string[] {
  return (typed?.split(',') ?? []).map((one) => {
    const word = stateWord(one.trim().toUpperCase()).replaceAll('-', ' ')
    const found = STATE_WORDS.find((known) => known === word)
    if (found === undefined) throw unknownState(one)
    return found
  })
}

function unknownState(typed: string): OperatingError {
  const near = closest(typed.toLowerCase(), STATE_WORDS)
  return usageError(
    `Option '--state' has the value '${typed}', which is no state of a task`,
    near === undefined ? `There is ${STATE_WORDS.join(', ')}` : `Did you mean ${near}?`,
  )
}
