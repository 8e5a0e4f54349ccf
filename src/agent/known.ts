// The containers that an earlier life of the agent had asked for and whose end it did not see, as they were asked for.
import type { ContainerSpec } from '../containerizer/containerizer.ts'
import { launchRequestOf } from './core/requests.ts'
import type { AgentState } from './core/state.ts'
import type { CoreSettings } from './core/turn.ts'
import { environmentOf } from './environment.ts'
import { sandboxDirectory } from './paths.ts'
import type { SandboxSettings } from './sandbox.ts'
import { specOf } from './supervisor.ts'

export function knownContainers(
  state: Readonly<AgentState>,
  settings: CoreSettings,
  sandboxes: SandboxSettings,
): readonly ContainerSpec[] {
  const { agentId, switchUser, workDir } = sandboxes
  return [...state.frameworks.values()].flatMap((framework) =>
    [...framework.executors.values()].flatMap((executor) => {
      if (executor.life.kind === 'terminated') return []
      const request = launchRequestOf(settings, framework, executor)
      const ids = { agentId, frameworkId: framework.id, executorId: executor.id }
      const directory = sandboxDirectory(workDir, ids, executor.containerId)
      const user = switchUser ? request.user : undefined
      return [specOf(request, { directory, user, environment: environmentOf(request, directory, sandboxes) })]
    }),
  )
}
