// Sums over the cluster that pages and metrics share: what is used and offered, by agent, framework and role.
import { Resources } from '../resources/resources.ts'
import type { TaskState } from '../wire/tasks.ts'
import type { Agent, Cluster, Executor, Framework, Task } from './core/cluster.ts'
import { isTerminal } from '../wire/terminal-states.ts'

/** Sums by the id of an agent or framework; empty for those that hold nothing. */
export class Sums {
  readonly #parts = new Map<string, Resources[]>()
  readonly #sums = new Map<string, Resources>()

  add(id: string, resources: Resources): void {
    if (resources.isEmpty) return
    const parts = this.#parts.get(id)
    if (parts === undefined) this.#parts.set(id, [resources])
    else parts.push(resources)
  }

  of(id: string): Resources {
    const known = this.#sums.get(id)
    if (known !== undefined) return known
    const [part, ...more] = this.#parts.get(id) ?? [Resources.empty]
    const sum = part === undefined || more.length > 0 ? Resources.sum(this.#parts.get(id) ?? []) : part
    this.#sums.set(id, sum)
    return sum
  }

  ids(): Iterable<string> {
    return this.#parts.keys()
  }
}

/** Made at one moment, true of that moment. */
export interface Tally {
  /** By agent id and by framework id: tasks that still run, and executors. */
  readonly used: Sums
  readonly offered: Sums
  /** By role. */
  readonly usedByRole: Sums
  readonly offeredByRole: Sums
  /** By framework id. */
  readonly executors: ReadonlyMap<string, readonly Executor[]>
}

/** What a framework holds on an agent by tasks that still run and by executors. */
export interface Holding {
  readonly frameworkId: string
  readonly used: Resources
  readonly byRole: ReadonlyMap<string, Resources>
  /** Those who hold it, in their order: while they are the same, so is the sum. */
  readonly holders: readonly (Task | Executor)[]
}

/** All that is held on an agent. */
export interface Holdings {
  readonly byFramework: ReadonlyMap<string, Holding>
  /** The same object while nothing of it changes. */
  readonly used: Resources
}

const holdings = new WeakMap<Agent, Holdings>()

/** Adding up is what takes the time, and little changes between two looks at a large cluster. */
export function holdingsOn(agent: Agent): Holdings {
  const known = holdings.get(agent)
  const found = new Map<string, Holding>()
  let isSame = known !== undefined
  for (const frameworkId of frameworksOn(agent)) {
    const before = known?.byFramework.get(frameworkId)
    const own = before !== undefined && stillHold(agent, before) ? before : holdingOf(agent, frameworkId)
    isSame &&= own === before
    found.set(frameworkId, own)
  }
  if (known !== undefined && isSame && found.size === known.byFramework.size) return known
  const used = Resources.sum(Array.from(found.values(), (one) => one.used))
  const made = { byFramework: found, used }
  holdings.set(agent, made)
  return made
}

function* holdersOn(agent: Agent, frameworkId: string): Generator<Task | Executor> {
  for (const task of agent.tasks.get(frameworkId)?.values() ?? []) if (!isTerminal(task.state)) yield task
  yield* agent.executors.get(frameworkId)?.values() ?? []
}

/** Whether those who held it are those who do, one by one: nothing is made for it. */
function stillHold(agent: Agent, { frameworkId, holders }: Holding): boolean {
  let at = 0
  for (const task of agent.tasks.get(frameworkId)?.values() ?? [])
    if (!isTerminal(task.state) && task !== holders[at++]) return false
  for (const executor of agent.executors.get(frameworkId)?.values() ?? [])
    if (executor !== holders[at++]) return false
  return at === holders.length
}

function holdingOf(agent: Agent, frameworkId: string): Holding {
  const holders = [...holdersOn(agent, frameworkId)]
  const used = Resources.sum(holders.map(({ resources }) => resources))
  return { frameworkId, used, byRole: used.byAllocation(), holders }
}

export function tallyOf(cluster: Cluster): Tally {
  const executors = new Map<string, Executor[]>()
  const tally: Tally = {
    used: new Sums(),
    offered: new Sums(),
    usedByRole: new Sums(),
    offeredByRole: new Sums(),
    executors,
  }
  for (const agent of cluster.agents.values()) {
    const held = holdingsOn(agent)
    tally.used.add(agent.id, held.used)
    for (const { frameworkId, used, byRole } of held.byFramework.values()) {
      tally.used.add(frameworkId, used)
      for (const [role, part] of byRole) tally.usedByRole.add(role, part)
    }
    for (const [frameworkId, here] of agent.executors) {
      executors.set(frameworkId, [...(executors.get(frameworkId) ?? []), ...here.values()])
    }
  }
  for (const offer of cluster.offers.values()) {
    tally.offered.add(offer.agentId, offer.resources)
    tally.offered.add(offer.frameworkId, offer.resources)
    tally.offeredByRole.add(offer.role, offer.resources)
  }
  return tally
}

/** The part of one agent. */
export function tallyOfAgent(cluster: Cluster, agent: Agent): Pick<Tally, 'used' | 'offered'> {
  const tally = { used: new Sums(), offered: new Sums() }
  tally.used.add(agent.id, holdingsOn(agent).used)
  for (const id of agent.offers) {
    const offer = cluster.offers.get(id)
    if (offer !== undefined) tally.offered.add(agent.id, offer.resources)
  }
  return tally
}

/** Frameworks that have a task or an executor on the agent. */
export function frameworksOn(agent: Agent): ReadonlySet<string> {
  return new Set([...agent.tasks.keys(), ...agent.executors.keys()])
}

/** All that is known of a framework's tasks: running, unreachable, ended. */
export function* allTasksOf(framework: Framework): Generator<Task> {
  yield* framework.tasks.values()
  yield* framework.unreachableTasks.values()
  yield* framework.completedTasks
}

export function* allFrameworks(cluster: Cluster): Generator<Framework> {
  yield* cluster.frameworks.values()
  yield* cluster.completedFrameworks.values()
}

/** The states that `/state-summary` counts, in its order (spec/recorded/endpoints.json). */
const COUNTED = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
  'TASK_FINISHED',
  'TASK_KILLED',
  'TASK_FAILED',
  'TASK_LOST',
  'TASK_ERROR',
  'TASK_UNREACHABLE',
] as const satisfies readonly TaskState[]

/** How many tasks are in which state, and who belongs to whom, by the id of an agent or framework. */
export class TaskCounts {
  readonly #counts = new Map<string, Map<TaskState, number>>()
  readonly #partners = new Map<string, Set<string>>()

  constructor(cluster: Cluster) {
    for (const framework of allFrameworks(cluster)) {
      for (const task of allTasksOf(framework)) {
        this.#count(framework.id, task.agentId, task.state)
        this.#count(task.agentId, framework.id, task.state)
      }
    }
  }

  /** `{ TASK_STAGING: 0, … }`. */
  of(id: string): Readonly<Record<string, number>> {
    const counts = this.#counts.get(id)
    return Object.fromEntries(COUNTED.map((state) => [state, counts?.get(state) ?? 0]))
  }

  /** For a framework the agents that its tasks are or were on; for an agent the frameworks. */
  partners(id: string): readonly string[] {
    return [...(this.#partners.get(id) ?? [])].toSorted()
  }

  #count(id: string, partner: string, state: TaskState): void {
    const counts = this.#counts.get(id) ?? new Map<TaskState, number>()
    counts.set(state, (counts.get(state) ?? 0) + 1)
    this.#counts.set(id, counts)
    const partners = this.#partners.get(id) ?? new Set()
    this.#partners.set(id, partners.add(partner))
  }
}
