// ACCEPT and DECLINE: offers are consumed, operations run in order, what is left goes back (spec/mesos.md 2.5).
import { assert } from '../../base/errors.ts'
import { Resources } from '../../resources/resources.ts'
import type { OfferOperation } from '../../wire/offers.ts'
import type { SchedulerCallAccept, SchedulerCallDecline } from '../../wire/scheduler.ts'
import type { TaskInfo, TaskState, TaskStatusReason } from '../../wire/tasks.ts'
import type { Agent, Cluster, Framework, OutstandingOffer } from './cluster.ts'
import { happened } from './occurrences.ts'
import { endOffer, takeOffer } from './offers.ts'
import { type ValidTask, validateTask } from './task-validation.ts'
import { addExecutor, addTask, forgetId, newTask, tellNeverLaunched } from './tasks.ts'
import { type Turn, count, drop, log, sendToAgent, sendToFramework } from './turn.ts'

const DEFAULT_REFUSE_SECONDS = 5
const LONGEST_REFUSE_SECONDS = 365 * 24 * 3600

/** Everything that operations of one ACCEPT share. */
interface Acceptance {
  readonly framework: Framework
  readonly agent: Agent
  readonly role: string
  /** Shrinks with everything that is launched. */
  remaining: Resources
}

export function accept(turn: Turn, framework: Framework, call: SchedulerCallAccept): void {
  const operations = call.operations ?? []
  if (operations.some((operation) => operation.type === 'LAUNCH')) count(turn, 'master/messages_launch_tasks')
  const ids = (call.offer_ids ?? []).map((id) => id.value)
  const offers = validateOffers(turn.cluster, framework, ids)
  if (typeof offers === 'string') return refuseAll(turn, framework, ids, operations, offers)
  const [first] = offers
  const agent = turn.cluster.agents.get(first.agentId)
  assert(agent?.state.kind === 'connected', `offer ${first.id} outlived the connection of its agent`)
  const tasks = operations.reduce((sum, operation) => sum + tasksOf(operation).length, 0)
  for (const offer of offers) {
    takeOffer(turn, offer)
    happened(turn, { kind: 'offer-ended', offer, how: 'accepted', tasks })
  }
  const acceptance: Acceptance = {
    framework,
    agent,
    role: first.role,
    remaining: Resources.sum(offers.map((offer) => offer.resources)),
  }
  const offered = acceptance.remaining
  for (const operation of operations) operate(turn, acceptance, operation)
  if (acceptance.remaining.isEmpty) return
  // What is left counts as declined, with the filter of the call.
  const refuseMs = refusalMs(turn, framework, call.filters?.refuse_seconds)
  turn.cluster.allocator.recover(framework.id, agent.id, acceptance.remaining, { refuseMs }, turn.now)
  // Only after a launch: whoever refuses everything for no time at all would be asked again without end.
  if (acceptance.remaining !== offered) turn.effects.push({ type: 'allocate-soon', agentId: agent.id })
}

/** Unknown offers are passed over: they may have been rescinded on the way (spec/mesos.md 2.2). */
export function decline(turn: Turn, framework: Framework, call: SchedulerCallDecline): void {
  count(turn, 'master/messages_decline_offers')
  const refuseMs = refusalMs(turn, framework, call.filters?.refuse_seconds)
  for (const offer of ownOffers(turn.cluster, framework, call.offer_ids?.map((id) => id.value) ?? [])) {
    endOffer(turn, offer, { rescind: false, refuseMs })
  }
}

/** Milliseconds for the allocator's filter; what cannot be meant counts as the default, with a warning. */
function refusalMs(turn: Turn, framework: Framework, seconds = DEFAULT_REFUSE_SECONDS): number {
  if (seconds >= 0) return Math.min(seconds, LONGEST_REFUSE_SECONDS) * 1000
  log(turn, 'warn', `refuse_seconds is ${seconds}, expected 0 or more: ${DEFAULT_REFUSE_SECONDS} is used`, {
    framework: framework.id,
  })
  return DEFAULT_REFUSE_SECONDS * 1000
}

function ownOffers(cluster: Cluster, framework: Framework, ids: readonly string[]): OutstandingOffer[] {
  const offers = [...new Set(ids)].flatMap((id) => cluster.offers.get(id) ?? [])
  return offers.filter((offer) => offer.frameworkId === framework.id)
}

type Offers = readonly [OutstandingOffer, ...OutstandingOffer[]]

function validateOffers(cluster: Cluster, framework: Framework, ids: readonly string[]): Offers | string {
  const offers: OutstandingOffer[] = []
  for (const [index, id] of ids.entries()) {
    if (ids.indexOf(id) !== index) return `Duplicate offer ${id} in offer list`
    const offer = cluster.offers.get(id)
    if (offer === undefined) return `Offer ${id} is no longer valid`
    if (offer.frameworkId !== framework.id) {
      return `Offer ${id} has invalid framework ${offer.frameworkId} while framework ${framework.id} is expected`
    }
    const [first = offer] = offers
    if (offer.role !== first.role) {
      return (
        'Aggregated offers must be allocated to the same role. ' +
        `Offer ${id} uses role ${offer.role} but another is using role ${first.role}`
      )
    }
    if (offer.agentId !== first.agentId) {
      return (
        'Aggregated offers must belong to one single agent. ' +
        `Offer ${id} uses agent ${offer.agentId} and agent ${first.agentId}`
      )
    }
    offers.push(offer)
  }
  const [first, ...others] = offers
  return first === undefined ? 'No offers specified' : [first, ...others]
}

/** Offers that are not valid together are all discarded, without a filter (spec/mesos.md 2.5 step 2). */
function refuseAll(
  turn: Turn,
  framework: Framework,
  ids: readonly string[],
  operations: readonly OfferOperation[],
  why: string,
): void {
  for (const offer of ownOffers(turn.cluster, framework, ids)) endOffer(turn, offer, { rescind: false })
  for (const operation of operations) {
    const message = `Task launched with invalid offers: ${why}`
    for (const task of tasksOf(operation)) {
      refuseTask(turn, framework, task, 'TASK_DROPPED', 'REASON_INVALID_OFFERS', message)
    }
    if (!launches(operation))
      refuseOperation(turn, framework, operation, `Operation with invalid offers: ${why}`)
  }
}

function launches(operation: OfferOperation): boolean {
  return operation.type === 'LAUNCH' || operation.type === 'LAUNCH_GROUP'
}

function tasksOf(operation: OfferOperation): readonly TaskInfo[] {
  if (operation.type === 'LAUNCH') return operation.launch?.task_infos ?? []
  if (operation.type === 'LAUNCH_GROUP') return operation.launch_group?.task_group.tasks ?? []
  return []
}

function operate(turn: Turn, acceptance: Acceptance, operation: OfferOperation): void {
  const { framework, agent } = acceptance
  if (operation.type === 'LAUNCH_GROUP') {
    const message = 'LAUNCH_GROUP is not supported by this master yet: launch tasks with LAUNCH'
    for (const task of tasksOf(operation)) {
      refuseTask(turn, framework, task, 'TASK_ERROR', 'REASON_TASK_GROUP_INVALID', message)
    }
    return
  }
  if (operation.type !== 'LAUNCH') {
    const name = operation.type ?? 'UNKNOWN'
    return refuseOperation(
      turn,
      framework,
      operation,
      `${name} is not supported by this master yet`,
      agent.id,
    )
  }
  const problem =
    operation.id === undefined ? undefined : "The 'id' field must not be set in an operation of type LAUNCH"
  for (const task of tasksOf(operation)) {
    const valid = problem ?? validateTask(task, { ...acceptance, available: acceptance.remaining })
    if (typeof valid === 'string') {
      refuseTask(turn, framework, task, 'TASK_ERROR', 'REASON_TASK_INVALID', valid)
    } else {
      launch(turn, acceptance, valid)
    }
  }
}

function launch(turn: Turn, acceptance: Acceptance, task: ValidTask): void {
  const { framework, agent } = acceptance
  const { info, resources, newExecutor } = task
  if (task.warning !== undefined) log(turn, 'warn', task.warning, { framework: framework.id })
  acceptance.remaining = acceptance.remaining.minus(resources)
  if (newExecutor !== undefined) {
    acceptance.remaining = acceptance.remaining.minus(newExecutor.resources)
    addExecutor(agent, newExecutor)
  }
  // The id of a task that was lost here may be used anew, and this one counts.
  forgetId(agent.disowned, framework.id, info.task_id.value)
  const added = newTask(info, framework, agent.id, resources)
  addTask(framework, agent, added)
  happened(turn, { kind: 'task-added', task: added, brought: false })
  sendToAgent(turn, agent, {
    type: 'RUN_TASK',
    run_task: {
      framework_info: framework.info,
      task: info,
      ...(info.executor === undefined ? {} : { executor_info: info.executor }),
      launch_executor: info.executor === undefined || newExecutor !== undefined,
    },
  })
}

function refuseTask(
  turn: Turn,
  framework: Framework,
  task: TaskInfo,
  state: TaskState,
  reason: TaskStatusReason,
  message: string,
): void {
  const { task_id: id, agent_id: agentId, executor } = task
  tellNeverLaunched(turn, framework, {
    taskId: id.value,
    state,
    message,
    reason,
    agentId: agentId.value,
    executorId: executor?.executor_id.value,
  })
}

/** Only an operation with an id has somebody who hears of its end. */
function refuseOperation(
  turn: Turn,
  framework: Framework,
  operation: OfferOperation,
  message: string,
  agentId?: string,
): void {
  const { id, type = 'UNKNOWN' } = operation
  count(turn, 'master/operations/error')
  if (type !== 'UNKNOWN') count(turn, `master/operations/${type.toLowerCase()}/error`)
  if (id === undefined) return drop(turn, type, message, { framework: framework.id })
  sendToFramework(turn, framework, {
    type: 'UPDATE_OPERATION_STATUS',
    update_operation_status: {
      status: {
        operation_id: id,
        state: 'OPERATION_ERROR',
        message,
        ...(agentId === undefined ? {} : { agent_id: { value: agentId } }),
      },
    },
  })
}
