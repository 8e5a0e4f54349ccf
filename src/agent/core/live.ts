// The containers that run now, as the reading of usage needs them.
import type { ContainerUsage } from '../../resources/usage.ts'
import { allocatedTo, type AgentState } from './state.ts'

export type LiveContainer = Omit<ContainerUsage, 'statistics'>

/** Started and not ended, in the order of their executors' launch within a framework. */
export function liveContainers(state: Readonly<AgentState>): LiveContainer[] {
  const executors = [...state.frameworks.values()].flatMap((framework) => [...framework.executors.values()])
  return executors.flatMap((executor) => {
    if (executor.process === undefined || executor.life.kind === 'terminated') return []
    const running = [...executor.tasks.values()].filter(({ life }) => life.kind === 'launched')
    return [
      {
        containerId: executor.containerId,
        frameworkId: executor.frameworkId,
        executorId: executor.id,
        taskIds: running.map(({ info }) => info.task_id.value),
        revocable: executor.revocable,
        startedAt: executor.process.startedAt,
        allocated: allocatedTo(executor),
      },
    ]
  })
}
