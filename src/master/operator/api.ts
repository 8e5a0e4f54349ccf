/** The v1 operator API of the master, `POST /api/v1` (spec/mesos.md 4.1): which call is answered by what. */
import type { Metrics } from '../../base/metrics.ts'
import type { Page } from '../../http/pages/resources.ts'
import type { SharedPages } from '../../http/pages/shared-pages.ts'
import { commonHandlers, type CommonParts } from '../../http/operator/daemon-calls.ts'
import { answerCall, type CallHandler, type OperatorCalls } from '../../http/operator/dispatch.ts'
import { countRefusal } from '../../http/refused.ts'
import type { HttpRequest } from '../../http/request.ts'
import { jsonPieces, jsonText, text, type Answer } from '../../http/response.ts'
import { encodeMessage } from '../../wire/json.ts'
import { MasterCall, type MasterCallType } from '../../wire/master-call.ts'
import { MasterResponse, type MasterResponseGetMaster } from '../../wire/master-response.ts'
import type { AgentsApi } from '../api-agents.ts'
import type { Cluster } from '../core/cluster.ts'
import type { History } from '../history/history.ts'
import type { Shell } from '../shell.ts'
import type { MasterFacts } from '../views.ts'
import { laterHandlers } from './later.ts'
import { roleMessages } from './messages.ts'
import type { StateAnswers } from './state.ts'
import { problemWithDrain, steerHandlers } from './steer.ts'
import type { Subscribers } from './subscribers.ts'

export interface OperatorApiDeps extends CommonParts {
  readonly counters: Metrics
  readonly cluster: Cluster
  readonly shell: Shell
  readonly history: History
  readonly facts: MasterFacts
  readonly state: StateAnswers
  readonly subscribers: Subscribers
  readonly pages: SharedPages
  readonly agents: AgentsApi
}

/** Calls and refusals, of Tepui. */
const CALLS = 'master/operator_calls'
const REFUSED = 'master/operator_calls_refused'

/** The part of a call that Mesos insists on. */
const PAYLOADS = {
  GET_METRICS: 'get_metrics',
  SET_LOGGING_LEVEL: 'set_logging_level',
  LIST_FILES: 'list_files',
  READ_FILE: 'read_file',
  UPDATE_WEIGHTS: 'update_weights',
  RESERVE_RESOURCES: 'reserve_resources',
  UNRESERVE_RESOURCES: 'unreserve_resources',
  CREATE_VOLUMES: 'create_volumes',
  DESTROY_VOLUMES: 'destroy_volumes',
  GROW_VOLUME: 'grow_volume',
  SHRINK_VOLUME: 'shrink_volume',
  UPDATE_MAINTENANCE_SCHEDULE: 'update_maintenance_schedule',
  START_MAINTENANCE: 'start_maintenance',
  STOP_MAINTENANCE: 'stop_maintenance',
  DRAIN_AGENT: 'drain_agent',
  DEACTIVATE_AGENT: 'deactivate_agent',
  REACTIVATE_AGENT: 'reactivate_agent',
  UPDATE_QUOTA: 'update_quota',
  SET_QUOTA: 'set_quota',
  REMOVE_QUOTA: 'remove_quota',
  TEARDOWN: 'teardown',
  MARK_AGENT_GONE: 'mark_agent_gone',
} as const satisfies Partial<Record<MasterCallType, keyof MasterCall>>

export class OperatorApi {
  readonly #deps: OperatorApiDeps
  readonly #calls: OperatorCalls<MasterCallType, MasterCall>

  constructor(deps: OperatorApiDeps) {
    this.#deps = deps
    deps.counters.declare(CALLS, REFUSED)
    this.#calls = {
      message: MasterCall,
      label: 'master::Call',
      payloads: PAYLOADS,
      validate: problemWithDrain,
      handlers: handlersOf(deps),
    }
  }

  async handle(request: HttpRequest): Promise<Answer> {
    const { counters } = this.#deps
    counters.count(CALLS)
    return countRefusal(await answerCall(request, this.#calls), counters, REFUSED)
  }
}

const tell = (response: MasterResponse): Answer => jsonText(encodeMessage(MasterResponse, response))

/** The answers that grow with the cluster. */
function stateHandlers({
  state,
  pages,
}: OperatorApiDeps): Readonly<Record<StateType, CallHandler<MasterCall>>> {
  const page = (type: StateType, make: () => Page): CallHandler<MasterCall> => {
    return async () => jsonPieces(await pages.bytes(type, () => ({ type, [type.toLowerCase()]: make() })))
  }
  return {
    GET_STATE: page('GET_STATE', () => state.state()),
    GET_AGENTS: page('GET_AGENTS', () => state.agents()),
    GET_FRAMEWORKS: page('GET_FRAMEWORKS', () => state.frameworks()),
    GET_EXECUTORS: page('GET_EXECUTORS', () => state.executors()),
    GET_TASKS: page('GET_TASKS', () => state.tasks()),
  }
}

type StateType = 'GET_STATE' | 'GET_AGENTS' | 'GET_FRAMEWORKS' | 'GET_EXECUTORS' | 'GET_TASKS'

function masterMessage({ info, startedAt, electedAt }: MasterFacts): MasterResponseGetMaster {
  return { master_info: info, start_time: startedAt / 1000, elected_time: electedAt / 1000 }
}

/** The master has no files of its own; those of an agent are named by a path that has its id. */
async function files(
  { agents }: OperatorApiDeps,
  path: string,
  call: MasterCall,
  request: HttpRequest,
): Promise<Answer> {
  const body = Buffer.from(encodeMessage(MasterCall, call))
  return (await agents.operatorCall(path, body, request)) ?? text(404, '')
}

type Handlers = OperatorCalls<MasterCallType, MasterCall>['handlers']

function handlersOf(deps: OperatorApiDeps): Handlers {
  return {
    ...commonHandlers<MasterCall>(deps, (response) => encodeMessage(MasterResponse, response)),
    ...stateHandlers(deps),
    ...steerHandlers(deps),
    SUBSCRIBE: () => deps.subscribers.subscribe(),
    GET_ROLES: () => tell({ type: 'GET_ROLES', get_roles: { roles: roleMessages(deps.cluster) } }),
    GET_MASTER: () => tell({ type: 'GET_MASTER', get_master: masterMessage(deps.facts) }),
    // Launching is the only operation so far, and it is none that is told here.
    GET_OPERATIONS: () => tell({ type: 'GET_OPERATIONS', get_operations: {} }),
    LIST_FILES: (call, request) => files(deps, call.list_files?.path ?? '', call, request),
    READ_FILE: (call, request) => files(deps, call.read_file?.path ?? '', call, request),
    ...laterHandlers(),
  }
}
