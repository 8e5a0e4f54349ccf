/**
 * KILL_CONTAINER and WAIT_CONTAINER of the agent's operator API, under their old names too, for the containers of
 * executors and tasks, and for what runs in them (spec/mesos.md 4.3).
 */
import { constants } from 'node:os'
import type { CallHandler } from '../../http/operator/dispatch.ts'
import { empty, jsonText, text, type Answer } from '../../http/response.ts'
import type { AgentCall } from '../../wire/agent-call.ts'
import { AgentResponse, type AgentResponseWaitContainer } from '../../wire/agent-response.ts'
import type { ContainerID } from '../../wire/ids.ts'
import { encodeMessage } from '../../wire/json.ts'
import { type AgentState, type Executor, type Task, executorOf } from '../core/state.ts'
import type { HttpRequest } from '../../http/request.ts'
import { pathOf, type Sessions } from '../sessions/sessions.ts'

export interface ContainerDeps {
  readonly state: Readonly<AgentState>
  /** Ends all processes of a container at once. */
  readonly kill: (containerId: string) => void
  /** Calls back once when a container has ended; disposing it forgets the callback. */
  readonly onEnd: (containerId: string, then: () => void) => Disposable
  readonly sessions: Sessions
}

type ContainerType = 'KILL_CONTAINER' | 'KILL_NESTED_CONTAINER' | 'WAIT_CONTAINER' | 'WAIT_NESTED_CONTAINER'

type WaitType = 'WAIT_CONTAINER' | 'WAIT_NESTED_CONTAINER'

const SIGKILL = constants.signals.SIGKILL
const SIGNALS: ReadonlySet<number> = new Set(Object.values(constants.signals))

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

async function kill(deps: ContainerDeps, id: ContainerID | undefined, signal = SIGKILL): Promise<Answer> {
  if (id?.parent !== undefined) return killWithin(deps.sessions, id, signal)
  const executor = executorOf(deps.state, id?.value ?? '')
  if (executor === undefined) return unknown(id)
  if (signal !== SIGKILL)
    return text(501, `Only signal ${SIGKILL} can be sent to a container so far, but received ${signal}`)
  deps.kill(executor.containerId)
  return empty(200)
}

async function killWithin(sessions: Sessions, id: ContainerID, signal: number): Promise<Answer> {
  const found = sessions.get(id)
  // One that has ended meanwhile needs no signal.
  if (found === undefined) return sessions.status(id) === undefined ? unknown(id) : empty(200)
  if (!SIGNALS.has(signal)) return text(400, `There is no signal ${signal}`)
  await (signal === SIGKILL ? found.end() : found.session.signal(signal))
  return empty(200)
}

async function wait(
  deps: ContainerDeps,
  type: WaitType,
  id: ContainerID | undefined,
  { signal }: HttpRequest,
): Promise<Answer> {
  if (id?.parent !== undefined) return waitWithin(deps.sessions, type, id, signal)
  const containerId = id?.value ?? ''
  const running = executorOf(deps.state, containerId)
  if (running !== undefined) {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _ = deps.onEnd(containerId, resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
    if (signal.aborted) return text(503, 'The agent is ending')
  }
  const ended = running ?? completed(deps.state, containerId)
  if (ended === undefined) return unknown(id)
  return tellEnd(type, endOf(ended))
}

async function waitWithin(
  sessions: Sessions,
  type: WaitType,
  id: ContainerID,
  signal: AbortSignal,
): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const give = (): void => resolve(undefined)
  signal.addEventListener('abort', give, { once: true })
  const status = await Promise.race([sessions.get(id)?.ended ?? sessions.status(id), promise])
  signal.removeEventListener('abort', give)
  if (signal.aborted) return text(503, 'The agent is ending')
  return status === undefined ? unknown(id) : tellEnd(type, { exit_status: status })
}

function tellEnd(type: WaitType, said: AgentResponseWaitContainer): Answer {
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
