// The v1 executor API: who may call, in the order and words of Mesos (spec/mesos.md 3.1); the rest is the core's.
import type { Metrics } from '../base/metrics.ts'
import type { Random } from '../base/random.ts'
import { passGate } from '../http/gate.ts'
import { countRefusal } from '../http/refused.ts'
import type { HttpRequest } from '../http/request.ts'
import { accepted, type Answer, stream, text } from '../http/response.ts'
import { ExecutorCall, type ExecutorCallUpdate } from '../wire/executor.ts'
import type { CheckStatusInfo } from '../wire/health.ts'
import { uuidError } from '../wire/identifiers.ts'
import { customExecutor } from './core/executor-calls.ts'
import type { AgentState } from './core/state.ts'
import type { Shell } from './shell.ts'

export interface ExecutorApiDeps {
  readonly state: Readonly<AgentState>
  readonly shell: Shell
  readonly random: Random
  readonly metrics: Metrics
}

const INVALID = 'slave/invalid_executor_calls'

export class ExecutorApi {
  readonly #deps: ExecutorApiDeps

  constructor(deps: ExecutorApiDeps) {
    this.#deps = deps
    deps.metrics.declare(INVALID)
  }

  /** A stream for SUBSCRIBE, 202 for the others, 4xx with a sentence for what is wrong. */
  async handle(request: HttpRequest): Promise<Answer> {
    return countRefusal(await this.#answer(request), this.#deps.metrics, INVALID)
  }

  async #answer(request: HttpRequest): Promise<Answer> {
    const passed = await passGate(request, {
      message: ExecutorCall,
      label: 'executor::Call',
      validate: problemWithExecutorCall,
      answered: ({ type }) => type === 'SUBSCRIBE',
    })
    if (!passed.ok) return passed.answer
    const { call } = passed
    // Answered before anybody is looked up: its ids may be dummies.
    if (call.type === 'HEARTBEAT') return accepted()
    const { state, shell, random } = this.#deps
    if (!state.frameworks.has(call.framework_id.value)) return text(400, 'Framework cannot be found')
    const at = customExecutor(state, call.framework_id.value, call.executor_id.value)
    if (at === undefined) return text(400, 'Executor cannot be found')
    if (call.type === 'SUBSCRIBE') {
      const connection = random.uuid()
      return stream({
        contentType: 'application/json',
        open: (sink) =>
          shell.openExecutor(connection, sink, { type: 'executor-subscribe', connection, call }),
      })
    }
    if (['registering', 'awaited'].includes(at.executor.life.kind))
      return text(403, 'Executor is not subscribed')
    if (call.type === 'UNKNOWN' || call.type === undefined) return text(501, "Received 'UNKNOWN' call")
    shell.dispatch({ type: 'executor-call', call })
    return accepted()
  }
}

/** @returns what is wrong, in Mesos' words; undefined when nothing is */
export function problemWithExecutorCall(call: ExecutorCall): string | undefined {
  switch (call.type) {
    case 'SUBSCRIBE':
      return call.subscribe === undefined ? "Expecting 'subscribe' to be present" : undefined
    case 'UPDATE':
      return call.update === undefined
        ? "Expecting 'update' to be present"
        : problemWithUpdate(call, call.update)
    case 'MESSAGE':
      return call.message === undefined ? "Expecting 'message' to be present" : undefined
    case 'HEARTBEAT':
    case 'UNKNOWN':
      return undefined
    case undefined:
      return "Expecting 'type' to be present"
  }
}

function problemWithUpdate(call: ExecutorCall, { status }: ExecutorCallUpdate): string | undefined {
  if (status.uuid === undefined) return "Expecting 'uuid' to be present"
  const problem = uuidError(status.uuid)
  if (problem !== undefined) return `Not a valid UUID: ${problem}`
  if (status.executor_id !== undefined && status.executor_id.value !== call.executor_id.value) {
    return (
      'ExecutorID in Call: ' +
      call.executor_id.value +
      ' does not match ExecutorID in TaskStatus: ' +
      status.executor_id.value
    )
  }
  if (status.source !== 'SOURCE_EXECUTOR') {
    const source = status.source ?? 'unset'
    return `Received Call from executor ${call.executor_id.value} with source ${source}, expecting SOURCE_EXECUTOR`
  }
  if (status.state === 'TASK_STAGING')
    return 'Received TASK_STAGING from executor, which only the master may set'
  return problemWithCheck(status.check_status)
}

/** The result of a check has its type and the part that the type names (spec/mesos.md 3.1). */
function problemWithCheck(check: CheckStatusInfo | undefined): string | undefined {
  if (check === undefined) return undefined
  const part = { COMMAND: 'command', HTTP: 'http', TCP: 'tcp' } as const
  const { type } = check
  if (type === undefined || type === 'UNKNOWN') return "CheckStatusInfo must specify 'type'"
  if (check[part[type]] !== undefined) return undefined
  return `Expecting '${part[type]}' to be set for ${type} check's status`
}
