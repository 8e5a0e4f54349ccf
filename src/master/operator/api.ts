/** The v1 operator API of the master, `POST /api/v1` (spec/mesos.md 4.1): which call is answered by what. */
import type { Metrics } from '../../base/metrics.ts'
import { commonHandlers, type CommonParts } from '../../http/operator/daemon-calls.ts'
import { answerCall, notYet, type CallHandler, type OperatorCalls } from '../../http/operator/dispatch.ts'
import type { HttpRequest } from '../../http/request.ts'
import type { Answer } from '../../http/response.ts'
import { encodeMessage } from '../../wire/json.ts'
import { MasterCall, type MasterCallType } from '../../wire/master-call.ts'
import { MasterResponse } from '../../wire/master-response.ts'

export interface OperatorApiDeps extends CommonParts {
  readonly counters: Metrics
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

type Handlers = OperatorCalls<MasterCallType, MasterCall>['handlers']

function handlersOf(deps: OperatorApiDeps): Handlers {
  return {
    ...commonHandlers<MasterCall>(deps, (response) => encodeMessage(MasterResponse, response)),
    ...later('this call', [
      'LIST_FILES',
      'READ_FILE',
      'GET_STATE',
      'GET_AGENTS',
      'GET_FRAMEWORKS',
      'GET_EXECUTORS',
      'GET_OPERATIONS',
      'GET_TASKS',
      'GET_ROLES',
      'GET_MASTER',
      'SUBSCRIBE',
      'DRAIN_AGENT',
      'DEACTIVATE_AGENT',
      'REACTIVATE_AGENT',
      'TEARDOWN',
      'MARK_AGENT_GONE',
    ]),
    ...later('changing weights', ['GET_WEIGHTS', 'UPDATE_WEIGHTS']),
    ...later('reserving resources', ['RESERVE_RESOURCES', 'UNRESERVE_RESOURCES']),
    ...later('persistent volumes', ['CREATE_VOLUMES', 'DESTROY_VOLUMES', 'GROW_VOLUME', 'SHRINK_VOLUME']),
    ...later('maintenance', [
      'GET_MAINTENANCE_STATUS',
      'GET_MAINTENANCE_SCHEDULE',
      'UPDATE_MAINTENANCE_SCHEDULE',
      'START_MAINTENANCE',
      'STOP_MAINTENANCE',
    ]),
    ...later('quota', ['GET_QUOTA', 'UPDATE_QUOTA', 'SET_QUOTA', 'REMOVE_QUOTA']),
  }
}

/** Calls of one subject that comes with later work. */
function later<const T extends MasterCallType>(
  subject: string,
  types: readonly T[],
): Readonly<Record<T, CallHandler<MasterCall>>> {
  const handler = notYet<MasterCall>(subject)
  return Object.fromEntries(types.map((type) => [type, handler])) as Record<T, CallHandler<MasterCall>>
}
