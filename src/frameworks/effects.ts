// How the built-in frameworks act: their steps are pure and return effects, this carries them out through the SDK.
import { unreachable } from '../base/errors.ts'
import { launch, Retry, type SchedulerClient } from '../sdk/sdk.ts'
import type { Offer } from '../wire/offers.ts'
import type { SchedulerEvent } from '../wire/scheduler.ts'
import type { TaskInfo, TaskStatus } from '../wire/tasks.ts'

export type Effect =
  | {
      readonly type: 'accept'
      readonly offer: Offer
      readonly tasks: readonly TaskInfo[]
      /** For how long what is left of the offer is not wanted; the master's 5 s when left out. */
      readonly refuseSeconds?: number
    }
  | { readonly type: 'decline'; readonly offers: readonly Offer[]; readonly refuseSeconds: number }
  | { readonly type: 'acknowledge'; readonly status: TaskStatus }
  | { readonly type: 'kill'; readonly taskId: string; readonly agentId: string }
  | { readonly type: 'reconcile'; readonly tasks: readonly { taskId: string; agentId: string }[] }
  | { readonly type: 'suppress' }
  | { readonly type: 'revive' }

/** What a framework hears: the master, and its user who has enough. */
export type FrameworkEvent =
  | { readonly type: 'scheduler'; readonly event: SchedulerEvent }
  /** No new tasks from now on; those that run are ended. */
  | { readonly type: 'stop' }

interface Placed {
  readonly taskId: string
  readonly agentId: string
}

/** Asks how these are, after a subscription; nothing when there are none. */
export function reconcileAll(placed: readonly Placed[]): readonly Effect[] {
  const tasks = placed.map(({ taskId, agentId }) => ({ taskId, agentId }))
  return tasks.length === 0 ? [] : [{ type: 'reconcile', tasks }]
}

/** Ends these, and wants no more offers. */
export function stopAll(placed: readonly Placed[]): readonly Effect[] {
  const kills = placed.map(({ taskId, agentId }): Effect => ({ type: 'kill', taskId, agentId }))
  return [...kills, { type: 'suppress' }]
}

/** The part of the SDK's client that is used here. */
export type Caller = Pick<
  SchedulerClient,
  'accept' | 'decline' | 'acknowledge' | 'kill' | 'reconcile' | 'suppress' | 'revive'
>

function carryOut(caller: Caller, effect: Effect): Promise<void> {
  switch (effect.type) {
    case 'accept':
      return effect.refuseSeconds === undefined
        ? caller.accept([effect.offer], [launch(effect.tasks)])
        : caller.accept([effect.offer], [launch(effect.tasks)], { refuse_seconds: effect.refuseSeconds })
    case 'decline':
      return caller.decline(effect.offers, { refuse_seconds: effect.refuseSeconds })
    case 'acknowledge':
      return caller.acknowledge(effect.status)
    case 'kill':
      return caller.kill(effect.taskId, { agentId: effect.agentId })
    case 'reconcile':
      return caller.reconcile(effect.tasks)
    case 'suppress':
      return caller.suppress()
    case 'revive':
      return caller.revive()
    default:
      return unreachable(effect, 'effect of a framework')
  }
}

/** Between a client and a step function: events in, effects out, in their order. */
export class Driver {
  readonly #caller: Caller
  readonly #pending = new Set<Promise<void>>()
  readonly #failed = Promise.withResolvers<never>()

  constructor(caller: Caller) {
    this.#caller = caller
    // Whoever waits for `run` gets it; nobody else need.
    this.#failed.promise.catch((error: unknown) => void error)
  }

  /** Starts what a step asked for. */
  act(effects: readonly Effect[]): void {
    for (const effect of effects) {
      const sent = carryOut(this.#caller, effect).catch((error: unknown) => {
        // What did not get through is said again after the next subscription: offers come again, so do updates, and
        // steps reconcile when they see SUBSCRIBED.
        if (!(error instanceof Retry)) this.#failed.reject(error)
      })
      this.#pending.add(sent)
      void sent.finally(() => this.#pending.delete(sent))
    }
  }

  /** Feeds events to `take` until they end. @throws what ended the subscription, or a refusal of a call */
  async run(
    events: AsyncIterable<SchedulerEvent>,
    take: (event: SchedulerEvent) => readonly Effect[],
  ): Promise<void> {
    const loop = async (): Promise<void> => {
      for await (const event of events) this.act(take(event))
    }
    await Promise.race([loop(), this.#failed.promise])
  }

  /** Resolves when all calls so far are answered. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }
}
