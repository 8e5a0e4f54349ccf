/**
 * The v1 operator API of the agent, `POST /api/v1` (spec/mesos.md 4.3): which call is answered by what. Calls whose
 * body or answer is a stream of records (sessions and attaching to containers) come through `handle` too.
 */
import type { Metrics } from '../../base/metrics.ts'
import { pageBytes } from '../../http/pages/page-text.ts'
import type { Page } from '../../http/pages/resources.ts'
import { commonHandlers, type CommonParts } from '../../http/operator/daemon-calls.ts'
import { answerCall, notYet, type CallHandler, type OperatorCalls } from '../../http/operator/dispatch.ts'
import { hasRecords } from '../../http/records.ts'
import { countRefusal } from '../../http/refused.ts'
import type { HttpRequest } from '../../http/request.ts'
import { empty, jsonPieces, jsonText, type Answer } from '../../http/response.ts'
import { AgentCall, type AgentCallType } from '../../wire/agent-call.ts'
import { AgentResponse } from '../../wire/agent-response.ts'
import type { AgentInfo } from '../../wire/agents.ts'
import { encodeMessage } from '../../wire/json.ts'
import type { Files } from '../files.ts'
import { attachInput } from '../sessions/input.ts'
import type { ContainerSight } from '../view-statistics.ts'
import { containerHandlers, type ContainerDeps } from './containers.ts'
import { fileHandlers } from './files.ts'
import { nestedHandlers, type NestedDeps } from './nested.ts'
import { sessionHandlers, STREAMED } from './sessions.ts'
import { agentPart, containersPart, executorsPart, frameworksPart, tasksPart } from './state.ts'

export interface OperatorApiDeps extends CommonParts, ContainerDeps, NestedDeps {
  readonly counters: Metrics
  readonly info: AgentInfo
  readonly files: Files
  /** What the running containers use, new enough for a page. */
  readonly containers: () => Promise<readonly ContainerSight[]>
  /** Removes the images that no container has, but none of these. Never rejects. */
  readonly prune: (excluded: readonly string[]) => Promise<void>
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
      streamed: STREAMED,
      handlers: handlersOf(deps),
    }
  }

  async handle(request: HttpRequest): Promise<Answer> {
    const { counters, sessions } = this.#deps
    counters.count(CALLS)
    const answer = hasRecords(request)
      ? await attachInput(sessions, request)
      : await answerCall(request, this.#calls)
    return countRefusal(answer, counters, REFUSED)
  }
}

const tell = (response: AgentResponse): Answer => jsonText(encodeMessage(AgentResponse, response))

type StateType = 'GET_STATE' | 'GET_CONTAINERS' | 'GET_FRAMEWORKS' | 'GET_EXECUTORS' | 'GET_TASKS'

function stateHandlers({
  state,
  containers,
}: OperatorApiDeps): Readonly<Record<StateType, CallHandler<AgentCall>>> {
  const page = (type: StateType, make: () => Page | Promise<Page>): CallHandler<AgentCall> => {
    return async () => jsonPieces(await pageBytes({ type, [type.toLowerCase()]: await make() }))
  }
  return {
    GET_STATE: page('GET_STATE', () => ({
      get_tasks: tasksPart(state),
      get_executors: executorsPart(state),
      get_frameworks: frameworksPart(state),
    })),
    GET_CONTAINERS: page('GET_CONTAINERS', async () => containersPart(state, await containers())),
    GET_FRAMEWORKS: page('GET_FRAMEWORKS', () => frameworksPart(state)),
    GET_EXECUTORS: page('GET_EXECUTORS', () => executorsPart(state)),
    GET_TASKS: page('GET_TASKS', () => tasksPart(state)),
  }
}

/** The calls that come with later work, by what they are about. */
const LATER = {
  'resource providers': [
    'ADD_RESOURCE_PROVIDER_CONFIG',
    'UPDATE_RESOURCE_PROVIDER_CONFIG',
    'REMOVE_RESOURCE_PROVIDER_CONFIG',
    'MARK_RESOURCE_PROVIDER_GONE',
  ],
} as const satisfies Readonly<Record<string, readonly AgentCallType[]>>

type LaterType = (typeof LATER)[keyof typeof LATER][number]

type Handlers = OperatorCalls<AgentCallType, AgentCall>['handlers']

function handlersOf(deps: OperatorApiDeps): Handlers {
  return {
    ...commonHandlers<AgentCall>(deps, (response) => encodeMessage(AgentResponse, response)),
    ...fileHandlers(deps.files),
    ...stateHandlers(deps),
    ...containerHandlers(deps),
    ...sessionHandlers(deps.sessions),
    ...nestedHandlers(deps),
    PRUNE_IMAGES: async ({ prune_images: asked }) => {
      await deps.prune((asked?.excluded_images ?? []).flatMap(({ docker }) => docker?.name ?? []))
      return empty(200)
    },
    GET_AGENT: () => tell({ type: 'GET_AGENT', get_agent: agentPart(deps.state, deps.info) }),
    // There are none yet.
    GET_OPERATIONS: () => tell({ type: 'GET_OPERATIONS', get_operations: {} }),
    GET_RESOURCE_PROVIDERS: () => tell({ type: 'GET_RESOURCE_PROVIDERS', get_resource_providers: {} }),
    ...notYet<AgentCall, LaterType>(LATER),
  }
}
