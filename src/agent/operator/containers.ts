/**
 * KILL_CONTAINER and WAIT_CONTAINER of the agent's operator API, under their old names too, for the containers of
 * executors and tasks (spec/mesos.md 4.3). Containers beside or within them are not made here.
 */
import type { CallHandler } from '../../http/operator/dispatch.ts'
import { empty, jsonText, text, type Answer } from '../../http/response.ts'
import type { AgentCall } from '../../wire/agent-call.ts'
import { AgentResponse, type AgentResponseWaitContainer } from '../../wire/agent-response.ts'
import type { ContainerID } from '../../wire/ids.ts'
import { encodeMessage } from '../../wire/json.ts'
import { type AgentState, type Executor, type Task, executorOf } from '../core/state.ts'
import type { HttpRequest } from '../../http/request.ts'

export interface ContainerDeps {
  readonly state: Readonly<AgentState>
  /** Ends all processes of a container at once. */
  readonly kill: (containerId: string) => void
  /** Calls back once when a container has ended; disposing it forgets the callback. */
  readonly onEnd: (containerId: string, then: () => void) => Disposable
}

type ContainerType = 'KILL_CONTAINER' | 'KILL_NESTED_CONTAINER' | 'WAIT_CONTAINER' | 'WAIT_NESTED_CONTAINER'

const SIGKILL = 9

export function containerHandlers(
  deps: ContainerDeps,
): Readonly<Record<ContainerType, CallHandler<AgentCall>>> {
  return {
    KILL_CONTAINER: ({ kill_container: asked }) => kill(deps, asked?.container_id, asked?.signal),
    KILL_NESTED_CONTAINER: ({ kill_nested_container: asked }) =>
      kill(deps, asked?.container_id, asked?.signal),
    WAIT_CONTAINER: ({ wait_container: asked }, request) =>
      wait(deps, 'WAIT_CONTAINER', asked?.container_id, request),
    WAIT_NESTED_CONTAINER: ({ wait_nested_container: asked }, request) =>
      wait(deps, 'WAIT_NESTED_CONTAINER', asked?.container_id, request),
  }
}

const unknown = (id: ContainerID | undefined): Answer =>
  text(404, `Container '${pathOf(id)}' cannot be found`)

/** As Mesos writes ids that have parents. */
function pathOf(id: ContainerID | undefined): string {
  if (id === undefined) return ''
  return id.parent === undefined ? id.value : `${pathOf(id.parent)}.${id.value}`
}

function kill(deps: ContainerDeps, id: ContainerID | undefined, signal = SIGKILL): Answer {
  const executor = id?.parent === undefined ? executorOf(deps.state, id?.value ?? '') : undefined
  if (executor === undefined) return unknown(id)
  if (signal !== SIGKILL)
    return text(501, `Only signal ${SIGKILL} can be sent to a container so far, but received ${signal}`)
  deps.kill(executor.containerId)
  return empty(200)
}

async function wait(
  deps: ContainerDeps,
  type: 'WAIT_CONTAINER' | 'WAIT_NESTED_CONTAINER',
  id: ContainerID | undefined,
  { signal }: HttpRequest,
): Promise<Answer> {
  const containerId = id?.value ?? ''
  const running = executorOf(deps.state, containerId)
  if (id?.parent !== undefined) return unknown(id)
  if (running !== undefined) {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _ = deps.onEnd(containerId, resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
    if (signal.aborted) return text(503, 'The agent is ending')
  }
  const ended = running ?? completed(deps.state, containerId)
  if (ended === undefined) return unknown(id)
  const said = endOf(ended)
  const response =
    type === 'WAIT_CONTAINER' ? { type, wait_container: said } : { type, wait_nested_container: said }
  return jsonText(encodeMessage(AgentResponse, response))
}

function completed(state: Readonly<AgentState>, containerId: string): Executor | undefined {
  const frameworks = [...state.frameworks.values(), ...state.completedFrameworks]
  return frameworks
    .flatMap(({ executors, completedExecutors }) => [...executors.values(), ...completedExecutors])
    .find((executor) => executor.containerId === containerId)
}

/** What is known of the end, from the last status of the task that was alone in it. */
function endOf(executor: Executor): AgentResponseWaitContainer {
  const tasks: Task[] = [...executor.tasks.values(), ...executor.completedTasks]
  const status = executor.kind === 'supervised' ? tasks.at(-1)?.statuses.at(-1) : undefined
  if (status === undefined) return {}
  return {
    state: status.state,
    ...(status.reason !== undefined && { reason: status.reason }),
    ...(status.limitation !== undefined && { limitation: status.limitation }),
    ...(status.message !== undefined && { message: status.message }),
  }
}
