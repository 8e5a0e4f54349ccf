// What goes into the agent's core and what comes out: `step(event) → effects`, no await, no clock, no I/O inside.
import type { ContainerExit, ContainerSpec } from '../../containerizer/containerizer.ts'
import type { Correction } from '../../qos/controller.ts'
import type { Resources } from '../../resources/resources.ts'
import type { CommandInfo } from '../../wire/commands.ts'
import type { ExecutorCall, ExecutorEvent } from '../../wire/executor.ts'
import type { CheckStatusInfo } from '../../wire/health.ts'
import type { LinkCall, LinkCallLending, LinkEvent } from '../../wire/link.ts'
import type { Watch } from './checks.ts'

/** A container as the core wants it; the shell makes the sandbox, fetches, and adds `sandbox` and `environment`. */
export interface LaunchRequest extends Omit<ContainerSpec, 'sandbox' | 'environment' | 'user'> {
  /** Before `--no-switch_user` is applied. */
  readonly user: string | undefined
  readonly uris: NonNullable<CommandInfo['uris']>
  readonly checkpoint: boolean
  readonly role: string
  /** For the executor's environment: MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD, ms. */
  readonly shutdownGraceMs: number
}

/** Mesos knows one correction, the end at once; ours may leave the borrower some time after SIGTERM, ms. */
export type GracefulCorrection = Correction & { readonly graceMs?: number }

export type AgentTimer =
  | { readonly kind: 'registration-timeout'; readonly containerId: string }
  | { readonly kind: 'reregistration-timeout'; readonly containerId: string }
  | { readonly kind: 'shutdown-grace'; readonly containerId: string }
  | {
      readonly kind: 'update-retry'
      readonly frameworkId: string
      readonly taskId: string
      /** Number of the sending that it watches; a timer of an older one is ignored. */
      readonly sending: number
    }
  | { readonly kind: 'max-completion'; readonly containerId: string }
  /** The agent ends and waits for the last acknowledgements. */
  | { readonly kind: 'farewell' }

/** `now` is wall time in ms. */
export type AgentEvent =
  | { readonly type: 'link'; readonly now: number; readonly event: LinkEvent }
  /** The link to the master is gone: updates wait. */
  | { readonly type: 'link-lost'; readonly now: number }
  /** The shell is about to open the link; answered with the effect `subscribe`, which says what to open it with. */
  | { readonly type: 'link-open'; readonly now: number }
  /** A custom executor subscribed or called (passed the gate of spec/mesos.md 3.1). */
  | {
      readonly type: 'executor-subscribe'
      readonly now: number
      readonly connection: string
      readonly call: ExecutorCall
    }
  | { readonly type: 'executor-call'; readonly now: number; readonly call: ExecutorCall }
  | { readonly type: 'executor-disconnected'; readonly now: number; readonly connection: string }
  /** Progress while fetching or pulling: becomes a TASK_STARTING message (never sent twice with the same text). */
  | {
      readonly type: 'progress'
      readonly now: number
      readonly containerId: string
      readonly message: string
    }
  | {
      readonly type: 'started'
      readonly now: number
      readonly containerId: string
      readonly pid: number | undefined
      readonly addresses: readonly string[]
      readonly inspect: string | undefined
    }
  /** Could not be fetched or started: `message` is the whole story for the status. */
  | {
      readonly type: 'launch-failed'
      readonly now: number
      readonly containerId: string
      readonly message: string
    }
  | {
      readonly type: 'exited'
      readonly now: number
      readonly containerId: string
      readonly exit: ContainerExit
    }
  /** A health check was judged: `message` says what is wrong, and `ends` that it was so too often in a row. */
  | {
      readonly type: 'health'
      readonly now: number
      readonly containerId: string
      readonly healthy: boolean
      readonly message: string | undefined
      /** In a row, this one among them. */
      readonly failures: number
      readonly ends: boolean
    }
  /** A check found something else than the time before; `message` says why it could find nothing. */
  | {
      readonly type: 'check'
      readonly now: number
      readonly containerId: string
      readonly status: CheckStatusInfo
      readonly message: string | undefined
    }
  | { readonly type: 'correction'; readonly now: number; readonly correction: GracefulCorrection }
  /** The estimator's new total of what is lent (allocated revocable plus additional), marked revocable. */
  | { readonly type: 'oversubscribed'; readonly now: number; readonly resources: Resources }
  /** What the estimator says, for the pages of the master. */
  | { readonly type: 'lending'; readonly now: number; readonly lending: LinkCallLending }
  /** What the agent says of itself is not what it was registered with. */
  | { readonly type: 'info-changed'; readonly now: number }
  | { readonly type: 'timer'; readonly now: number; readonly timer: AgentTimer }
  /** The first event of a life that was not the first: which containers of the earlier one were found again. */
  | {
      readonly type: 'recover'
      readonly now: number
      readonly found: ReadonlySet<string>
      /** The machine was started anew meanwhile: nothing can still run. */
      readonly rebooted: boolean
      /** `--recover=cleanup`: everything is ended, and then the agent. */
      readonly cleanup: boolean
    }
  /** The agent is asked to end: what runs for frameworks without `checkpoint` is shut down, then `done` comes. */
  | { readonly type: 'leave'; readonly now: number; readonly message: string }
  /** The agent is asked to end: everything it runs is shut down, then `done` comes. */
  | { readonly type: 'shutdown'; readonly now: number; readonly message: string }

export type AgentEffect =
  /** The answer to `link-open`: the SUBSCRIBE call that opens the link. */
  | { readonly type: 'subscribe'; readonly call: LinkCall }
  /** The master holds us for gone or refused us: close the link and open it again after the usual backoff. */
  | { readonly type: 'reconnect'; readonly reason: string }
  /** The master is not the one that knows us (another agent id): the process must end with this sentence. */
  | { readonly type: 'fatal'; readonly message: string }
  /** Only while the link is up; the shell drops it otherwise (the core sends again after registration). */
  | { readonly type: 'to-master'; readonly call: LinkCall }
  | { readonly type: 'to-executor'; readonly connection: string; readonly event: ExecutorEvent }
  | { readonly type: 'close-executor'; readonly connection: string }
  | { readonly type: 'launch'; readonly request: LaunchRequest }
  /** Ends a container that is being prepared or runs; the shell answers with `exited` or `launch-failed`. */
  | { readonly type: 'kill'; readonly containerId: string; readonly graceMs: number }
  /** The checks of a task begin; the shell answers with `health` and `check` for as long as it is watched. */
  | { readonly type: 'watch'; readonly watch: Watch }
  /** They end, also one that is under way. */
  | { readonly type: 'unwatch'; readonly containerId: string }
  /** A custom executor's container has other tasks in it now: the new reservation and limits of all of it. */
  | {
      readonly type: 'resize'
      readonly containerId: string
      readonly resources: Resources
      readonly limits: ContainerSpec['limits']
    }
  | { readonly type: 'timer'; readonly afterMs: number; readonly timer: AgentTimer }
  | { readonly type: 'count'; readonly metric: string; readonly by: number }
  | {
      readonly type: 'log'
      readonly level: 'debug' | 'info' | 'warn'
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  /**
   * Nothing that has to end runs any more, and all updates that can be told are told: the process may end. `forget`
   * says that its next life is another agent.
   */
  | { readonly type: 'done'; readonly forget: boolean }
