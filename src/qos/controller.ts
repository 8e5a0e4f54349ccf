// What a QoS controller is: it looks at the usage and says what must be given back to the owners, and why.
import type {
  Cause,
  EvictDecision,
  FreezeDecision,
  LendDecision,
  NotOursDecision,
  RelaxDecision,
  SqueezeDecision,
  ThawDecision,
} from '../resources/decision.ts'
import type { ResourceUsage } from '../resources/usage.ts'

/** One container in a pulse: what is fixed about it, and the few counters that a decision in 100 ms needs. */
export interface PulseContainer {
  readonly containerId: string
  readonly frameworkId: string
  readonly executorId: string
  /** The task, for messages to people. */
  readonly label: string
  readonly revocable: boolean
  /** Wall time of the start, ms. */
  readonly startedAt: number
  /** Cores that the owner reserved, or that the borrower was lent. */
  readonly reservedCpus: number
  /** Memory that it asked for, bytes; undefined: none was named. */
  readonly memoryRequestBytes: number | undefined
  /** Label `preemptible-cost`: a factor on the work that its loss counts. 1 when absent, 0: take it first. */
  readonly preemptibleCost?: number
  /** An owner that is defended however little it runs. */
  readonly latencySensitive?: boolean
  /** It shares a volume or IPC with an owner: frozen, it could hold a lock that the owner needs. */
  readonly boundToOwner?: boolean
  /** CPU time since its start, seconds. */
  readonly cpuSeconds: number
  /** PSI `some` of the cpu and time stopped by its own quota, seconds since its start. Undefined: not known here. */
  readonly cpuPressureSomeSeconds: number | undefined
  readonly cpuThrottledSeconds: number | undefined
  /** PSI `full` of memory, seconds; may be left out while memory is plentiful. */
  readonly memoryPressureFullSeconds?: number | undefined
  readonly memoryBytes: number
  /** What the kernel says; `false` for one that the controller had frozen means that the freeze did not last. */
  readonly frozen?: boolean
}

/** The cheap snapshot of every 100 ms, taken while borrowers are alive. */
export interface Pulse {
  /** Wall time and monotonic time, ms. */
  readonly at: number
  readonly monotonic: number
  readonly host: {
    readonly cpus: number
    /** CPU time not idle since boot, all cores, seconds. */
    readonly cpuBusySeconds: number
    readonly memoryTotalBytes: number
    readonly memoryAvailableBytes: number
  }
  readonly containers: readonly PulseContainer[]
}

/** How far a decision may go: `lend` never ends a borrower; `observe` decides as `full` and nothing of it is done. */
export type Allowed = 'observe' | 'lend' | 'full'

export interface QosInput {
  readonly pulse: Pulse
  /** With the first pulse of every second: the full snapshot. */
  readonly usage?: ResourceUsage
  readonly allowed: Allowed
}

/** Ends one borrower. Those of one round carry the very same decision object. */
export interface EvictAction {
  readonly kind: 'evict'
  readonly frameworkId: string
  readonly executorId: string
  /** Names the very container: a successor under the same executor id is never hit. */
  readonly containerId: string
  /** From SIGTERM to SIGKILL; 0: SIGKILL at once. A second evict of the same container shortens the first. */
  readonly graceMs: number
  /** One sentence with owner, signal and figures, for TASK_GONE's message. */
  readonly message: string
  readonly decision: EvictDecision
}

/** What to do now, in this order. Each carries its record; whoever carries it out stores that. */
export type Action =
  | {
      readonly kind: 'squeeze'
      /** All borrowers together get at most so many cores over each period. */
      readonly quotaCpus: number
      readonly periodMs: number
      readonly decision: SqueezeDecision
    }
  /** `Infinity` lifts the quota. */
  | { readonly kind: 'relax'; readonly quotaCpus: number; readonly decision: RelaxDecision }
  /** `probeMs`: ask again (a pulse and `decide`) after so long, the answer may be to thaw. */
  | {
      readonly kind: 'freeze'
      readonly containerIds: readonly string[]
      readonly probeMs?: number
      readonly decision: FreezeDecision
    }
  | { readonly kind: 'thaw'; readonly containerIds: readonly string[]; readonly decision: ThawDecision }
  | EvictAction
  /** Offer nothing more for so long; a later one extends it. */
  | { readonly kind: 'unlend'; readonly forMs: number; readonly decision: LendDecision }
  /** Only to be recorded: an owner suffers, and not from borrowers. */
  | { readonly kind: 'not-ours'; readonly decision: NotOursDecision }

/** A plug-in is an ES module whose default export is a `ControllerFactory`. */
export interface QosController {
  readonly name: string
  /** Called with every pulse, in order of time. Pure in its answers: the same pulses lead to the same actions. */
  decide(input: QosInput): readonly Action[] | Promise<readonly Action[]>
  /** Takes other options while running: all of them or none. @throws OperatingError USAGE */
  configure?(options: Readonly<Record<string, string>>): void
  /** Somebody else lifted the quota and thawed everyone (another mode, a pause): it forgets what it had in force. */
  reset?(): void
}

export interface Correction {
  readonly kind: 'kill'
  readonly frameworkId: string
  readonly executorId: string
  readonly containerId: string
  readonly cause: Cause
  readonly message: string
}

/** The form of Mesos' modules: looks once a second, knows one answer. Runs through `adapter.ts`. */
export interface Corrector {
  readonly name: string
  correct(usage: ResourceUsage): readonly Correction[] | Promise<readonly Correction[]>
}

/** Options are in the flag: `--qos_controller=pressure?squeeze=0.1`. @throws OperatingError USAGE on a wrong one */
export type ControllerFactory = (options: Readonly<Record<string, string>>) => QosController | Corrector
