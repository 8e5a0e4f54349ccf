/**
 * LAUNCH_NESTED_CONTAINER and REMOVE_NESTED_CONTAINER, and LAUNCH_CONTAINER and REMOVE_CONTAINER with a parent
 * (spec/mesos.md 4.3): commands in the containers of executors and tasks that nobody holds, with their output on disk.
 */
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { CallHandler } from '../../http/operator/dispatch.ts'
import { empty, text, type Answer } from '../../http/response.ts'
import type { AgentCall } from '../../wire/agent-call.ts'
import type { CommandInfo } from '../../wire/commands.ts'
import type { ContainerInfo } from '../../wire/containers.ts'
import type { ContainerID } from '../../wire/ids.ts'
import type { OutputFile } from '../sessions/running.ts'
import { RunningSession } from '../sessions/running.ts'
import { pathOf, type Sessions } from '../sessions/sessions.ts'
import { containerProblem, idProblem, terminalOf } from './sessions.ts'

export interface NestedDeps {
  readonly sessions: Sessions
  /** Opens what such a container writes to. @throws OperatingError FILE; undefined when the outer one is unknown */
  readonly openOutput: (id: ContainerID) => OutputFile | undefined
  readonly removeOutput: (id: ContainerID) => void
}

type NestedType =
  | 'LAUNCH_NESTED_CONTAINER'
  | 'REMOVE_NESTED_CONTAINER'
  | 'LAUNCH_CONTAINER'
  | 'REMOVE_CONTAINER'

interface Asked {
  readonly container_id: ContainerID
  readonly command?: CommandInfo
  readonly container?: ContainerInfo
}

export function nestedHandlers(deps: NestedDeps): Readonly<Record<NestedType, CallHandler<AgentCall>>> {
  return {
    LAUNCH_NESTED_CONTAINER: ({ launch_nested_container: asked }) => launch(deps, asked),
    LAUNCH_CONTAINER: ({ launch_container: asked }) => {
      const isLimited = (asked?.resources ?? []).length > 0 || Object.keys(asked?.limits ?? {}).length > 0
      if (isLimited)
        return text(400, 'A container in a container has the resources of that one, none of its own')
      return launch(deps, asked)
    },
    REMOVE_NESTED_CONTAINER: ({ remove_nested_container: asked }) => remove(deps, asked?.container_id),
    REMOVE_CONTAINER: ({ remove_container: asked }) => remove(deps, asked?.container_id),
  }
}

async function launch({ openOutput, sessions }: NestedDeps, asked: Asked | undefined): Promise<Answer> {
  if (asked === undefined) return text(400, 'Nothing is asked for')
  const { command, container, container_id: id } = asked
  const problem = idProblem(id) ?? containerProblem(container)
  if (problem !== undefined) return text(400, problem)
  if (command?.value === undefined || command.value === '')
    return text(400, "Expecting 'command.value' to be present")
  // As in Mesos, who asks again because an answer was lost is not told of a failure.
  if (sessions.get(id) !== undefined) return empty(202)
  const opened = await sessions.open(id, { command, terminal: terminalOf(container) })
  if (!(opened instanceof RunningSession)) return text(opened.status, opened.sentence)
  try {
    const file = openOutput(id)
    if (file !== undefined) opened.keep(file)
    if (container?.tty_info === undefined) opened.session.endInput()
    return empty(200)
  } catch (error) {
    await opened.end()
    if (!(error instanceof OperatingError)) throw error
    return text(500, reasonOf(error))
  }
}

function remove({ removeOutput, sessions }: NestedDeps, id: ContainerID | undefined): Answer {
  const problem = id === undefined ? 'Nothing is named' : idProblem(id)
  if (id === undefined || problem !== undefined) return text(400, problem ?? '')
  if (sessions.get(id) !== undefined) return text(500, `Container '${pathOf(id)}' runs: end it first`)
  try {
    removeOutput(id)
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    return text(500, reasonOf(error))
  }
  sessions.forget(id)
  return empty(200)
}
