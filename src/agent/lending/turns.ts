// When the turns of borrowers are kept short: while some compute, owners are there, and the idle class holds them back.
import type { TierCheck } from './actions.ts'

/** Ends turns early while started (containerizer/turn-timers.ts). */
export interface TurnTimersPort {
  readonly isRunning: boolean
  start(): Promise<void>
  stop(): void
}

export interface TurnsNow {
  /** Monotonic ms. */
  readonly now: number
  /** Whether the mode lets anything be done to borrowers. */
  readonly acts: boolean
  readonly tier: TierCheck['tier']
  readonly owners: boolean
  /** Cores that all borrowers use. */
  readonly borrowersUse: number
}

/** Borrowers that use less than this hardly have turns. */
const USE_CPUS = 0.02
/** The timers go on for so long after borrowers have computed last. */
const REST_MS = 10_000
/** Before timers that ended by themselves are tried again. */
const RETRY_MS = 60_000

export class Turns {
  readonly #timers: TurnTimersPort | undefined
  #busyAt = Number.NEGATIVE_INFINITY
  #startedAt = Number.NEGATIVE_INFINITY

  constructor(timers: TurnTimersPort | undefined) {
    this.#timers = timers
  }

  get areShort(): boolean {
    return this.#timers?.isRunning === true
  }

  /** With each look of a second, and when a container starts. */
  look({ acts, borrowersUse, now, owners, tier }: TurnsNow): void {
    const timers = this.#timers
    if (timers === undefined) return
    if (borrowersUse >= USE_CPUS) this.#busyAt = now
    // Weights give borrowers no turn that a wake-up would end.
    const isWanted = acts && tier === 'idle' && owners && now - this.#busyAt < REST_MS
    if (!isWanted) return this.end()
    if (timers.isRunning || now - this.#startedAt < RETRY_MS) return
    this.#startedAt = now
    void timers.start()
  }

  end(): void {
    this.#startedAt = Number.NEGATIVE_INFINITY
    this.#timers?.stop()
  }
}
