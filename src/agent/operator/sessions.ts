/**
 * LAUNCH_NESTED_CONTAINER_SESSION, ATTACH_CONTAINER_OUTPUT and the gate of ATTACH_CONTAINER_INPUT (spec/mesos.md 4.3):
 * commands in the containers of executors and tasks, with their input and output.
 */
import type { CallHandler } from '../../http/operator/dispatch.ts'
import { asksForRecords } from '../../http/gate.ts'
import type { HttpRequest } from '../../http/request.ts'
import { stream, text, type Answer } from '../../http/response.ts'
import { RECORDS_TYPE } from '../../http/upload.ts'
import type { WindowSize } from '../../containerizer/session.ts'
import type { AgentCall, AgentCallLaunchNestedContainerSession } from '../../wire/agent-call.ts'
import type { ContainerInfo } from '../../wire/containers.ts'
import type { ContainerID } from '../../wire/ids.ts'
import { RunningSession } from '../sessions/running.ts'
import { pathOf, type Sessions } from '../sessions/sessions.ts'

type SessionType = 'LAUNCH_NESTED_CONTAINER_SESSION' | 'ATTACH_CONTAINER_OUTPUT' | 'ATTACH_CONTAINER_INPUT'

export const STREAMED = new Set(['LAUNCH_NESTED_CONTAINER_SESSION', 'ATTACH_CONTAINER_OUTPUT'] as const)

const MOST_ID = 242
const MOST_CELLS = 10_000
const COMMON_SIZE: WindowSize = { rows: 24, columns: 80 }

export function sessionHandlers(sessions: Sessions): Readonly<Record<SessionType, CallHandler<AgentCall>>> {
  return {
    LAUNCH_NESTED_CONTAINER_SESSION: ({ launch_nested_container_session: asked }, request) =>
      asked === undefined ? text(400, 'Nothing is asked for') : launch(sessions, asked, request),
    ATTACH_CONTAINER_OUTPUT: ({ attach_container_output: asked }, request) =>
      attach(sessions, asked?.container_id, request),
    ATTACH_CONTAINER_INPUT: () =>
      text(415, `Expecting 'Content-Type' of ${RECORDS_TYPE} for ATTACH_CONTAINER_INPUT`),
  }
}

async function launch(
  sessions: Sessions,
  { command, container, container_id: id }: AgentCallLaunchNestedContainerSession,
  request: HttpRequest,
): Promise<Answer> {
  const problem = idProblem(id) ?? containerProblem(container)
  if (problem !== undefined) return text(400, problem)
  if (command?.value === undefined || command.value === '')
    return text(400, "Expecting 'launch_nested_container_session.command.value' to be present")
  const opened = await sessions.open(id, { command, terminal: terminalOf(container) })
  if (!(opened instanceof RunningSession)) return text(opened.status, opened.sentence)
  const end = (): void => void opened.end()
  // Whoever opened it holds it: it ends with that connection.
  request.signal.addEventListener('abort', end, { once: true })
  if (request.signal.aborted) end()
  return outputOf(opened, request)
}

function attach(sessions: Sessions, id: ContainerID | undefined, request: HttpRequest): Answer {
  const found = sessions.get(id)
  if (found !== undefined) return outputOf(found, request)
  return text(404, `Container '${pathOf(id)}' cannot be found among those that can be attached to`)
}

function outputOf(running: RunningSession, request: HttpRequest): Answer {
  const asked = asksForRecords(request)
  return stream({
    contentType: asked ? RECORDS_TYPE : 'application/json',
    ...(asked && { headers: { 'Message-Content-Type': 'application/json' } }),
    open: (reader) => running.attach(reader),
  })
}

/** What is wrong with the id of a container in a container. */
export function idProblem(id: ContainerID): string | undefined {
  if (id.parent === undefined) return "Expecting 'container_id.parent' to be present"
  if (id.value === '') return "'container_id.value' must not be empty"
  if (!/^[A-Za-z0-9_.-]+$/.test(id.value))
    return `'${id.value}' has characters that the id of a container must not have`
  return pathOf(id).length > MOST_ID ? `The id of a container has more than ${MOST_ID} characters` : undefined
}

/** Nothing that is asked for is silently left out. */
export function containerProblem(container: ContainerInfo | undefined): string | undefined {
  if (container === undefined) return undefined
  const { type, tty_info: terminal, ...rest } = container
  const [other] = Object.entries(rest).find(([, value]) => !Array.isArray(value) || value.length > 0) ?? []
  if (other !== undefined)
    return `A command in a container has all of that container's, so no '${other}' of its own`
  if (type !== 'MESOS') return "Expecting 'container.type' to be MESOS"
  const size = terminal?.window_size
  const isLarge = size !== undefined && (size.rows > MOST_CELLS || size.columns > MOST_CELLS)
  return isLarge ? 'A terminal is too large' : undefined
}

export function terminalOf(container: ContainerInfo | undefined): WindowSize | undefined {
  return container?.tty_info === undefined ? undefined : (container.tty_info.window_size ?? COMMON_SIZE)
}
