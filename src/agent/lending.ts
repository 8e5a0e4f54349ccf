// The loops of lending: every second one snapshot goes to the estimator and the controller, and what follows to the core.
import { type Clock, every } from '../base/clock.ts'
import { reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Estimate, ResourceEstimator } from '../estimator/estimator.ts'
import type { Correction, QosController } from '../qos/controller.ts'
import { pulseOf } from '../qos/pulse.ts'
import { Resources } from '../resources/resources.ts'
import type { ResourceUsage } from '../resources/usage.ts'

export interface LendingDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly sample: () => Promise<ResourceUsage>
  /** Undefined: nothing is lent. */
  readonly estimator: ResourceEstimator | undefined
  /** Undefined: nothing is taken back but by the estimate. */
  readonly controller: QosController | undefined
  /** The new total of what is lent, marked revocable. */
  readonly onTotal: (lent: Resources) => void
  readonly onCorrection: (correction: Correction) => void
}

export interface LendingSettings {
  /** `--oversubscribed_resources_interval`, ms: a risen estimate is told at most so often; a fallen one at once. */
  readonly reportMs: number
  /** `--qos_correction_interval_min`, ms. */
  readonly correctionMs: number
}

/** The newest of everything, for views. */
export interface LendingView {
  readonly usage: ResourceUsage | undefined
  readonly estimate: Estimate | undefined
  /** What was last told to be lent: borrowed already and additional. */
  readonly lent: Resources
  readonly corrections: readonly { readonly at: number; readonly correction: Correction }[]
}

const SAMPLE_MS = 1000
/** An estimator that is silent for so long says that it cannot tell; until then its last word counts. */
const SILENT_MS = 3000
const MAX_REMEMBERED_CORRECTIONS = 200

export class Lending {
  readonly #deps: LendingDeps
  readonly #settings: LendingSettings
  readonly #corrections: { at: number; correction: Correction }[] = []
  #usage: ResourceUsage | undefined
  #estimate: Estimate | undefined
  #lent = Resources.empty
  #reportedAt = Number.NEGATIVE_INFINITY
  #correctedAt = Number.NEGATIVE_INFINITY
  /** Monotonic time of the question that the plug-in has not answered yet. */
  #estimating: number | undefined
  #correcting = false

  constructor(deps: LendingDeps, settings: LendingSettings) {
    this.#deps = deps
    this.#settings = settings
  }

  get view(): LendingView {
    return { usage: this.#usage, estimate: this.#estimate, lent: this.#lent, corrections: this.#corrections }
  }

  /** Samples and decides once a second until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    const onFailure = (error: unknown): void =>
      log.warn({ reason: reasonOf(error) }, 'a round of lending failed')
    return every(clock, { ms: SAMPLE_MS, name: 'lending', onFailure }, () => this.round(), signal)
  }

  /**
   * One snapshot, and what it leads to. Waits for the plug-ins, but not longer than until the next round: in Mesos a
   * plug-in may keep its answer until it has something to say.
   */
  async round(): Promise<void> {
    const usage = await this.#deps.sample()
    this.#usage = usage
    const late = Promise.withResolvers<void>()
    using _ = this.#deps.clock.after(SAMPLE_MS, () => late.resolve())
    const all = Promise.all([this.#correct(usage), this.#lend(usage)])
    await Promise.race([all, late.promise])
  }

  async #correct(usage: ResourceUsage): Promise<void> {
    const { controller, log } = this.#deps
    if (controller === undefined || this.#correcting) return
    if (usage.monotonic - this.#correctedAt < this.#settings.correctionMs) return
    this.#correctedAt = usage.monotonic
    this.#correcting = true
    try {
      const actions = await controller.decide({ pulse: pulseOf(usage), usage, allowed: 'full' })
      for (const action of actions) {
        if (action.kind !== 'evict') continue
        const correction: Correction = { ...action, kind: 'kill', cause: action.decision }
        this.#corrections.push({ at: usage.at, correction })
        if (this.#corrections.length > MAX_REMEMBERED_CORRECTIONS) this.#corrections.shift()
        this.#deps.onCorrection(correction)
      }
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'the controller failed')
    } finally {
      this.#correcting = false
    }
  }

  async #lend(usage: ResourceUsage): Promise<void> {
    const { estimator } = this.#deps
    if (estimator === undefined) return
    if (this.#estimating !== undefined) {
      const silentMs = usage.monotonic - this.#estimating
      if (silentMs < SILENT_MS) return
      this.#report(usage, {
        kind: 'unknown',
        reason: `Estimator '${estimator.name}' has not answered for ${silentMs / 1000} s`,
      })
      return
    }
    this.#estimating = usage.monotonic
    try {
      this.#report(usage, await estimator.estimate(usage))
    } catch (error) {
      this.#report(usage, { kind: 'unknown', reason: reasonOf(error) })
    } finally {
      this.#estimating = undefined
    }
  }

  #report(usage: ResourceUsage, estimate: Estimate): void {
    this.#estimate = estimate
    const lent = borrowedIn(usage).plus(estimate.kind === 'known' ? estimate.additional : Resources.empty)
    if (lent.equals(this.#lent)) return
    // Each report makes the master rescind offers: more may wait, less may not.
    const falls = !lent.contains(this.#lent)
    if (!falls && usage.monotonic - this.#reportedAt < this.#settings.reportMs) return
    this.#reportedAt = usage.monotonic
    this.#lent = lent
    this.#deps.log.info({ lent: lent.toText() }, 'what is lent changed')
    this.#deps.onTotal(lent)
  }
}

/** The revocable resources that borrowers hold now, without their roles. */
function borrowedIn(usage: ResourceUsage): Resources {
  return Resources.sum(
    usage.containers
      .filter(({ revocable }) => revocable)
      .map(({ allocated }) => allocated.revocable().unallocated()),
  )
}
