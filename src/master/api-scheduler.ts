/** The v1 scheduler API: `POST /api/v1/scheduler`, its gate in the exact order of spec/mesos.md 2.1, its streams. */
import { assert } from '../base/errors.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Random } from '../base/random.ts'
import { passGate, type Gate } from '../http/gate.ts'
import { hasRecords, takeCalls } from '../http/records.ts'
import { countRefusal } from '../http/refused.ts'
import type { HttpRequest } from '../http/request.ts'
import { accepted, empty, stream, text, type Answer } from '../http/response.ts'
import { RECORDS_PREFERENCE } from '../http/upload.ts'
import { SchedulerCall } from '../wire/scheduler.ts'
import { problemWithCall } from './core/call-validation.ts'
import type { Cluster, Framework } from './core/cluster.ts'
import type { Shell } from './shell.ts'

export interface SchedulerApiDeps {
  readonly cluster: Cluster
  readonly shell: Shell
  readonly random: Random
  readonly metrics: Metrics
}

const STREAM_ID = 'Mesos-Stream-Id'
/** Answers with 4xx, for people who look for a client that talks nonsense; of Tepui. */
const REFUSED = 'master/scheduler_calls_refused'
const CALLS = 'master/scheduler_calls'

export class SchedulerApi {
  readonly #deps: SchedulerApiDeps
  readonly #gate: Gate<SchedulerCall>

  constructor(deps: SchedulerApiDeps) {
    this.#deps = deps
    deps.metrics.declare(REFUSED, CALLS)
    this.#gate = {
      message: SchedulerCall,
      label: 'scheduler::Call',
      validate: (call) => problemWithCall(call, undefined),
      answered: ({ type }) => type === 'SUBSCRIBE' || type === 'RECONCILE_OPERATIONS',
      onInvalid: (call) => this.#countInvalid(call),
    }
  }

  /** Answers one call. The steps are those of the table in spec/mesos.md 2.1; 0, 1 and 12 come with authentication. */
  async handle(request: HttpRequest): Promise<Answer> {
    const answer = hasRecords(request) ? await this.#takeAll(request) : await this.#answer(request)
    return countRefusal(answer, this.#deps.metrics, REFUSED)
  }

  /**
   * Ours beside Mesos' one call a request: the records of one endless request, for frameworks that acknowledge much.
   * Only acknowledgements, because nobody has to hear what became of one: an update without one comes again.
   */
  #takeAll(request: HttpRequest): Promise<Answer> {
    const streamId = request.header(STREAM_ID)
    const onRecord = (): void => this.#deps.metrics.count(CALLS)
    return takeCalls(request, this.#gate, onRecord, (call) => {
      if (call.type !== 'ACKNOWLEDGE')
        return text(400, `Expecting only ACKNOWLEDGE calls as records, but received ${call.type}`)
      const framework = this.#frameworkOf(call, streamId)
      return 'kind' in framework ? framework : this.#call(framework, call)
    })
  }

  async #answer(request: HttpRequest): Promise<Answer> {
    this.#deps.metrics.count(CALLS)
    // Steps 2 and 3 (who leads, has the registry been read) come with several masters and a durable registry.
    const passed = await passGate(request, this.#gate)
    if (!passed.ok) return passed.answer
    const { call } = passed
    const streamId = request.header(STREAM_ID)
    if (call.type === 'SUBSCRIBE') {
      return this.#subscribe(call, streamId, request.header('prefer') === RECORDS_PREFERENCE)
    }
    const framework = this.#frameworkOf(call, streamId)
    return 'kind' in framework ? framework : this.#call(framework, call)
  }

  #subscribe(call: SchedulerCall, streamId: string | undefined, preferred: boolean): Answer {
    if (streamId !== undefined)
      return text(400, `Subscribe calls should not include the '${STREAM_ID}' header`)
    const { random, shell } = this.#deps
    const connection = random.uuid()
    return stream({
      contentType: 'application/json',
      // Only who asks is told, so that all others get the very headers of Mesos.
      headers: { [STREAM_ID]: connection, ...(preferred && { 'Preference-Applied': RECORDS_PREFERENCE }) },
      open: (sink) => shell.openScheduler(connection, sink, call, undefined),
    })
  }

  /** Steps 11 to 16: who calls, and is this its current stream? */
  #frameworkOf(call: SchedulerCall, streamId: string | undefined): Framework | Answer {
    const id = call.framework_id?.value ?? ''
    const framework = this.#deps.cluster.frameworks.get(id)
    if (framework === undefined) return text(400, 'Framework cannot be found')
    if (framework.state.kind !== 'connected') return text(403, 'Framework is not subscribed')
    if (streamId === undefined)
      return text(400, `All non-subscribe calls should include the '${STREAM_ID}' header`)
    if (streamId === framework.state.connection) return framework
    const theirs = `The stream ID '${streamId}' included in this request`
    const ours = `the stream ID currently associated with framework ID ${id}`
    return text(400, `${theirs} didn't match ${ours}`)
  }

  #call(framework: Framework, call: SchedulerCall): Answer {
    if (call.type === 'UNKNOWN') return text(501, 'Calls of the type UNKNOWN are not implemented')
    const answer = this.#deps.shell.dispatch({ type: 'framework-call', frameworkId: framework.id, call })
    if (call.type !== 'UPDATE_FRAMEWORK') return accepted()
    assert(answer !== undefined, 'the core answers UPDATE_FRAMEWORK')
    return answer.status === 200 ? empty(200) : text(answer.status, answer.message)
  }

  #countInvalid(call: SchedulerCall): void {
    const { metrics } = this.#deps
    // Only these have a metric of their own in Mesos (spec/mesos.md 17.1).
    if (call.type === 'ACKNOWLEDGE') metrics.count('master/invalid_status_update_acknowledgements')
    if (call.type === 'MESSAGE') metrics.count('master/invalid_framework_to_executor_messages')
    if (call.type === 'ACKNOWLEDGE_OPERATION_STATUS')
      metrics.count('master/invalid_operation_status_update_acknowledgements')
  }
}
