// The output of containers in containers, by their ids: below the sandbox of the outer one, as long as that is there.
import { reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { ContainerID } from '../../wire/ids.ts'
import { type AgentState, executorOf } from '../core/state.ts'
import { sandboxDirectory } from '../paths.ts'
import { openOutputFolder, removeOutputFolder } from './output-folder.ts'
import type { OutputFile } from './running.ts'
import { pathOf } from './sessions.ts'

export interface NestedOutputs {
  /** Undefined when the outer container is not known. @throws OperatingError FILE */
  readonly open: (id: ContainerID) => OutputFile | undefined
  /** @throws OperatingError FILE */
  readonly remove: (id: ContainerID) => void
}

export function nestedOutputs(
  sizes: { readonly max_log_size: number; readonly log_head_size: number },
  workDir: string,
  state: Readonly<AgentState>,
  log: Logger,
): NestedOutputs {
  const sandboxOf = (id: ContainerID): string | undefined => {
    const containerId = id.parent?.value ?? ''
    const owner = state.containers.get(containerId)
    if (owner === undefined || executorOf(state, containerId) === undefined) return undefined
    return sandboxDirectory(workDir, { agentId: state.agentId ?? '', ...owner }, containerId)
  }
  const { log_head_size: headBytes, max_log_size: maxBytes } = sizes
  return {
    open(id) {
      const sandbox = sandboxOf(id)
      if (sandbox === undefined) return undefined
      const onTrouble = (error: unknown): void =>
        log.warn({ container: pathOf(id), reason: reasonOf(error) }, 'The output of a container is not kept')
      return openOutputFolder(sandbox, id.value, { maxBytes, headBytes }, onTrouble)
    },
    remove(id) {
      const sandbox = sandboxOf(id)
      if (sandbox !== undefined) removeOutputFolder(sandbox, id.value)
    },
  }
}
