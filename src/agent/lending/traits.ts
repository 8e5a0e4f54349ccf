// What people say about a task beside its resources, as far as taking back looks at it: labels and shared folders.
import type { PulseContainer } from '../../qos/controller.ts'
import type { Volume } from '../../wire/volumes.ts'
import { type AgentState, type Executor, executorOf } from '../core/state.ts'

export type Traits = Pick<PulseContainer, 'preemptibleCost' | 'latencySensitive' | 'boundToOwner'>

/** A factor on the work that the loss of a borrower counts; 0: take it first. */
const COST = 'preemptible-cost'
/** `true`: this owner is defended however little it runs. */
const LATENCY = 'latency-critical'

/** The traits of every container that has some, by its id. */
export function traitsOf(
  state: Readonly<AgentState>,
  containerIds: readonly string[],
): ReadonlyMap<string, Traits> {
  const executors = containerIds.flatMap((id) => executorOf(state, id) ?? [])
  const shared = new Set(executors.filter(({ revocable }) => !revocable).flatMap(foldersOf))
  const traits = new Map<string, Traits>()
  for (const executor of executors) {
    const cost = Number(labelOf(executor, COST) ?? Number.NaN)
    const own: Traits = {
      ...(cost >= 0 && Number.isFinite(cost) && { preemptibleCost: cost }),
      ...(labelOf(executor, LATENCY) === 'true' && { latencySensitive: true }),
      ...(executor.revocable && foldersOf(executor).some((one) => shared.has(one)) && { boundToOwner: true }),
    }
    if (Object.keys(own).length > 0) traits.set(executor.containerId, own)
  }
  return traits
}

function labelOf(executor: Executor, key: string): string | undefined {
  const tasks = [...executor.tasks.values()].map(({ info }) => info.labels)
  for (const labels of [...tasks, executor.info.labels]) {
    const found = labels?.labels?.find((label) => label.key === key)
    if (found !== undefined) return found.value
  }
  return undefined
}

/** Folders of the host that are seen inside, literally: two names for one folder are not found. */
function foldersOf(executor: Executor): readonly string[] {
  const tasks = [...executor.tasks.values()].map(({ info }) => info.container)
  const volumes: readonly Volume[] = [...tasks, executor.info.container].flatMap((one) => one?.volumes ?? [])
  return volumes.flatMap(({ host_path: path }) => (path?.startsWith('/') === true ? [path] : []))
}
