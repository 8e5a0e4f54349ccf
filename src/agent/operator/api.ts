/**
 * The v1 operator API of the agent, `POST /api/v1` (spec/mesos.md 4.3): which call is answered by what. Calls whose
 * body or answer is a stream of records (sessions and attaching to containers) come through `handle` too.
 */
import type { Metrics } from '../../base/metrics.ts'
import { commonHandlers, type CommonParts } from '../../http/operator/daemon-calls.ts'
import { answerCall, notYet, type CallHandler, type OperatorCalls } from '../../http/operator/dispatch.ts'
import type { HttpRequest } from '../../http/request.ts'
import type { Answer } from '../../http/response.ts'
import { AgentCall, type AgentCallType } from '../../wire/agent-call.ts'
import { AgentResponse } from '../../wire/agent-response.ts'
import { encodeMessage } from '../../wire/json.ts'

export interface OperatorApiDeps extends CommonParts {
  readonly counters: Metrics
}

/** Calls and refusals, of Tepui. */
const CALLS = 'slave/operator_calls'
const REFUSED = 'slave/operator_calls_refused'

/** The part of a call that Mesos insists on. */
const PAYLOADS = {
  GET_METRICS: 'get_metrics',
  SET_LOGGING_LEVEL: 'set_logging_level',
  LIST_FILES: 'list_files',
  READ_FILE: 'read_file',
  LAUNCH_NESTED_CONTAINER: 'launch_nested_container',
  WAIT_NESTED_CONTAINER: 'wait_nested_container',
  KILL_NESTED_CONTAINER: 'kill_nested_container',
  REMOVE_NESTED_CONTAINER: 'remove_nested_container',
  LAUNCH_NESTED_CONTAINER_SESSION: 'launch_nested_container_session',
  ATTACH_CONTAINER_INPUT: 'attach_container_input',
  ATTACH_CONTAINER_OUTPUT: 'attach_container_output',
  LAUNCH_CONTAINER: 'launch_container',
  WAIT_CONTAINER: 'wait_container',
  KILL_CONTAINER: 'kill_container',
  REMOVE_CONTAINER: 'remove_container',
  ADD_RESOURCE_PROVIDER_CONFIG: 'add_resource_provider_config',
  UPDATE_RESOURCE_PROVIDER_CONFIG: 'update_resource_provider_config',
  REMOVE_RESOURCE_PROVIDER_CONFIG: 'remove_resource_provider_config',
  MARK_RESOURCE_PROVIDER_GONE: 'mark_resource_provider_gone',
  PRUNE_IMAGES: 'prune_images',
} as const satisfies Partial<Record<AgentCallType, keyof AgentCall>>

export class OperatorApi {
  readonly #deps: OperatorApiDeps
  readonly #calls: OperatorCalls<AgentCallType, AgentCall>

  constructor(deps: OperatorApiDeps) {
    this.#deps = deps
    deps.counters.declare(CALLS, REFUSED)
    this.#calls = {
      message: AgentCall,
      label: 'agent::Call',
      payloads: PAYLOADS,
      handlers: handlersOf(deps),
    }
  }

  async handle(request: HttpRequest): Promise<Answer> {
    const { counters } = this.#deps
    counters.count(CALLS)
    const answer = await answerCall(request, this.#calls)
    if (answer.kind !== 'stream' && answer.status >= 400) counters.count(REFUSED)
    return answer
  }
}

type Handlers = OperatorCalls<AgentCallType, AgentCall>['handlers']

function handlersOf(deps: OperatorApiDeps): Handlers {
  return {
    ...commonHandlers<AgentCall>(deps, (response) => encodeMessage(AgentResponse, response)),
    ...later('this call', [
      'LIST_FILES',
      'READ_FILE',
      'GET_STATE',
      'GET_CONTAINERS',
      'GET_FRAMEWORKS',
      'GET_EXECUTORS',
      'GET_OPERATIONS',
      'GET_TASKS',
      'GET_AGENT',
      'GET_RESOURCE_PROVIDERS',
    ]),
    ...later('running commands in containers', [
      'LAUNCH_NESTED_CONTAINER_SESSION',
      'ATTACH_CONTAINER_INPUT',
      'ATTACH_CONTAINER_OUTPUT',
    ]),
    ...later('steering containers', [
      'LAUNCH_NESTED_CONTAINER',
      'WAIT_NESTED_CONTAINER',
      'KILL_NESTED_CONTAINER',
      'REMOVE_NESTED_CONTAINER',
      'LAUNCH_CONTAINER',
      'WAIT_CONTAINER',
      'KILL_CONTAINER',
      'REMOVE_CONTAINER',
    ]),
    ...later('resource providers', [
      'ADD_RESOURCE_PROVIDER_CONFIG',
      'UPDATE_RESOURCE_PROVIDER_CONFIG',
      'REMOVE_RESOURCE_PROVIDER_CONFIG',
      'MARK_RESOURCE_PROVIDER_GONE',
    ]),
    ...later('a store of images', ['PRUNE_IMAGES']),
  }
}

/** Calls of one subject that comes with later work. */
function later<const T extends AgentCallType>(
  subject: string,
  types: readonly T[],
): Readonly<Record<T, CallHandler<AgentCall>>> {
  const handler = notYet<AgentCall>(subject)
  return Object.fromEntries(types.map((type) => [type, handler])) as Record<T, CallHandler<AgentCall>>
}
