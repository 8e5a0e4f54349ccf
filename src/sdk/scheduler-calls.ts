// The calls of a framework to the master as methods; what carries them is in scheduler-client.ts.
import { OperatingError } from '../base/errors.ts'
import type { FrameworkInfo } from '../wire/frameworks.ts'
import type { Filters, Offer, OfferOperation, Request } from '../wire/offers.ts'
import type { SchedulerCall } from '../wire/scheduler.ts'
import type { TaskStatus } from '../wire/tasks.ts'

/** A call without the id of the framework, which is filled in. */
export type FrameworkCall = Omit<SchedulerCall, 'framework_id'>

/** All methods resolve when the master has taken the call (202), and throw `Retry` or `Refused` when it has not. */
export abstract class SchedulerCalls {
  /** Sends any call; the methods below are shorter forms. Calls arrive in the order in which they are made. */
  abstract call(call: FrameworkCall): Promise<void>

  /** Uses offers, which must be of one agent: `accept([offer], [launch([task])])`. Without operations it declines. */
  accept(offers: readonly Offer[], operations: readonly OfferOperation[], filters?: Filters): Promise<void> {
    return this.call({
      type: 'ACCEPT',
      accept: { offer_ids: ids(offers), operations: [...operations], ...(filters && { filters }) },
    })
  }

  /** Gives offers back; their resources are not offered again for `filters.refuse_seconds` (default 5). */
  decline(offers: readonly Offer[], filters?: Filters): Promise<void> {
    return this.call({ type: 'DECLINE', decline: { offer_ids: ids(offers), ...(filters && { filters }) } })
  }

  /** Asks for offers again, in these roles or in all: ends suppression and filters. */
  revive(roles: readonly string[] = []): Promise<void> {
    return this.call({ type: 'REVIVE', revive: { roles: [...roles] } })
  }

  /** Wants no offers, in these roles or in all, until `revive`. */
  suppress(roles: readonly string[] = []): Promise<void> {
    return this.call({ type: 'SUPPRESS', suppress: { roles: [...roles] } })
  }

  /** Ends a task; `graceMs` overrides the grace period of its kill policy. */
  kill(
    taskId: string,
    options: { readonly agentId?: string; readonly graceMs?: number } = {},
  ): Promise<void> {
    const { agentId, graceMs } = options
    return this.call({
      type: 'KILL',
      kill: {
        task_id: { value: taskId },
        ...(agentId !== undefined && { agent_id: { value: agentId } }),
        ...(graceMs !== undefined && {
          kill_policy: { grace_period: { nanoseconds: Math.round(graceMs * 1e6) } },
        }),
      },
    })
  }

  /**
   * Says that a status was dealt with; one without a uuid needs no acknowledgement and is passed over. With a master of
   * Tepui it resolves when the call is on its way; an acknowledgement that is lost is asked for by the update again.
   */
  async acknowledge(status: TaskStatus): Promise<void> {
    if (status.uuid === undefined) return
    if (status.agent_id === undefined)
      throw new OperatingError('PROTOCOL', `The status of task '${status.task_id.value}' names no agent`)
    const { task_id, agent_id, uuid } = status
    await this.call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } })
  }

  /** Asks for the newest states of tasks; of all that the master knows when the list is empty. */
  reconcile(tasks: readonly { readonly taskId: string; readonly agentId?: string }[] = []): Promise<void> {
    const list = tasks.map(({ taskId, agentId }) => ({
      task_id: { value: taskId },
      ...(agentId !== undefined && { agent_id: { value: agentId } }),
    }))
    return this.call({ type: 'RECONCILE', reconcile: { tasks: list } })
  }

  /** Sends bytes to an executor; they may be lost. Text goes as UTF-8. */
  message(agentId: string, executorId: string, data: string | Uint8Array): Promise<void> {
    return this.call({
      type: 'MESSAGE',
      message: {
        agent_id: { value: agentId },
        executor_id: { value: executorId },
        data: Buffer.from(data).toString('base64'),
      },
    })
  }

  /** Ends an executor and its tasks. */
  shutdown(executorId: string, agentId: string): Promise<void> {
    return this.call({
      type: 'SHUTDOWN',
      shutdown: { executor_id: { value: executorId }, agent_id: { value: agentId } },
    })
  }

  /** Tells the allocator what would be welcome; it need not listen. */
  request(requests: readonly Request[]): Promise<void> {
    return this.call({ type: 'REQUEST', request: { requests: [...requests] } })
  }

  /** Changes what the framework says about itself; `suppressedRoles` replace those of before. */
  updateFramework(framework: FrameworkInfo, suppressedRoles: readonly string[] = []): Promise<void> {
    return this.call({
      type: 'UPDATE_FRAMEWORK',
      update_framework: { framework_info: framework, suppressed_roles: [...suppressedRoles] },
    })
  }

  /** Removes the framework with all its tasks and executors. */
  teardown(): Promise<void> {
    return this.call({ type: 'TEARDOWN' })
  }
}

const ids = (offers: readonly Offer[]): Offer['id'][] => offers.map((offer) => offer.id)
