// What every containerizer offers: start a task's or executor's container, watch it, end it, leave nothing behind.
import { OperatingError } from '../base/errors.ts'
import type { Resources } from '../resources/resources.ts'
import type { ContainerDetails, ContainerStatistics } from '../resources/usage.ts'
import type { CommandInfo } from '../wire/commands.ts'
import type { ContainerInfo } from '../wire/containers.ts'
import type { Keeping } from './keeping.ts'
import type { Session, SessionWish } from './session.ts'

/** Everything that is needed to start one container; the agent fills it, a containerizer only reads it. */
export interface ContainerSpec {
  /** A UUID; names derive from it. */
  readonly containerId: string
  /** The cluster's name for people; only at a launch, and only where it has one. */
  readonly cluster?: string
  readonly frameworkId: string
  readonly executorId: string
  /** Set for a command or Docker task that the agent supervises itself; unset for a custom executor. */
  readonly taskId: string | undefined
  /** Absolute path on the host; exists, owned by `user`, with the fetched URIs in it. */
  readonly sandbox: string
  /** The user to switch to; undefined keeps the agent's. */
  readonly user: string | undefined
  readonly command: CommandInfo
  readonly container: ContainerInfo | undefined
  /** Reserved for this container (executor and first task together). */
  readonly resources: Resources
  /** `TaskInfo.limits`: cores and megabytes, `Infinity` allowed. */
  readonly limits: { readonly cpus?: number; readonly mem?: number }
  /** MESOS_* and the command's own variables, already merged. Nothing else is inherited. */
  readonly environment: Readonly<Record<string, string>>
  /** Runs on lent resources: lowest kernel tier, first to go. */
  readonly revocable: boolean
}

/** How a container ended, with the true cause where the kernel's counters tell it. */
export type ContainerExit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: string; readonly detail: string | undefined }
  | {
      /** Killed by the kernel for memory. `level` says whose limit: its own, the tier's above, or the host's. */
      readonly kind: 'memory'
      readonly level: 'own' | 'parent' | 'host'
      readonly limitBytes: number | undefined
      readonly peakBytes: number | undefined
      /** One sentence with the figures. */
      readonly detail: string
    }
  /** Ended by the agent because its sandbox took more of the disk than was reserved for it. */
  | { readonly kind: 'disk'; readonly usedBytes: number; readonly limitBytes: number }
  | { readonly kind: 'lost'; readonly detail: string }

/** The end of a command that ran beside a container's first process. */
export interface Executed {
  /** 128 and the number of the signal that ended it. */
  readonly exitCode: number
  /** The last of what it printed, at most `OUTPUT_KEPT` bytes. */
  readonly output: string
}

/** Of what a command beside a container's first process prints. */
export const OUTPUT_KEPT = 4096

export interface Container {
  readonly id: string
  /** Of its first process, in the host's numbering. */
  readonly pid: number | undefined
  /** Addresses that its network gave it; empty when it shares the host's. */
  readonly addresses: readonly string[]
  /** The engine's raw inspect answer as JSON text; Mesos puts it into TASK_RUNNING's `data`. */
  readonly inspect: string | undefined
  /** Its group below the agent's tiers, for cheap counters and the freezer; undefined where it has none. */
  readonly group?: string | undefined
  /** Settles when the container ended; never rejects. */
  readonly exit: Promise<ContainerExit>
  /** SIGTERM now, SIGKILL to all of it after the grace; 0 kills at once. Called again, a shorter rest wins. */
  kill(graceMs: number): void
  /**
   * The whole new reservation, when tasks came to or left a custom executor. A containerizer without it keeps the first
   * one. Throws `OperatingError` when the kernel or the engine refuses.
   */
  update?(resources: Resources, limits: ContainerSpec['limits']): Promise<void>
  /**
   * Runs a command inside: the same limits, user, files and environment, to which the command adds its own. Throws
   * `OperatingError` when it cannot be run (ENGINE: for now); when the signal aborts, ends it and throws the reason.
   */
  execute?(command: CommandInfo, signal: AbortSignal): Promise<Executed>
  /**
   * As `execute`, with streams or a terminal that the caller holds. It ends with the container at the latest. Throws
   * `OperatingError` LAUNCH when it cannot be run, ENGINE when nobody can tell.
   */
  open?(wish: SessionWish): Promise<Session>
  /** Undefined once it ended or when this machine cannot tell. */
  statistics(): Promise<ContainerStatistics | undefined>
  /** More counters, for pages; undefined once it ended. One that has none tells none. */
  details?(): ContainerDetails | undefined
  /** After `exit`: removes its cgroups, mounts and engine container (or schedules that removal). Idempotent. */
  release(): Promise<void>
}

/**
 * The reason of a launch's signal when the agent leaves, not to wait for: what may have been started is left as it is,
 * and its next life finds it.
 */
export class Leaving extends OperatingError {
  constructor() {
    super('STOPPED', 'The agent leaves')
  }
}

export interface LaunchObserver {
  /** A sentence for the task's status message while it is being prepared, such as the progress of a pull. */
  progress(message: string): void
}

export interface Recovered {
  /**
   * The known containers by id. One that ended meanwhile is among them, and its `exit` settles at once with how that
   * was; one that never started is missing.
   */
  readonly containers: ReadonlyMap<string, Container>
  /** How many of this agent that nobody knows were ended and removed. */
  readonly removed: number
}

export interface Containerizer {
  /** Its name in `--containerizers`. */
  readonly name: string
  /** What it keeps besides what runs; one that keeps nothing has none. */
  readonly keeping?: Keeping
  supports(spec: ContainerSpec): boolean
  /**
   * Resolves when the first process runs, also when the signal aborted meanwhile: who asked ends it then. Throws
   * `OperatingError` (LAUNCH, IMAGE, ENGINE), with the engine's words, or the signal's reason.
   */
  launch(spec: ContainerSpec, observer: LaunchObserver, signal: AbortSignal): Promise<Container>
  /**
   * Called once, before any launch: finds again what an earlier life of this agent left behind. Of the containers of
   * this agent those that `known` names live on; the others are ended and removed, those that had ended before when
   * their time is over.
   *
   * @param rebootedAt wall time, ms, when the machine was started since: then nothing lives on, and only the end that a
   * known one had before that is its own. The others are missing, and none of them runs.
   */
  recover(known: readonly ContainerSpec[], rebootedAt?: number): Promise<Recovered>
  /** How many containers of this agent there are, whether they run or not. Throws `OperatingError` (ENGINE). */
  count?(): Promise<number>
  /** Releases connections and delayed removals (doing them now). */
  close(): Promise<void>
}
