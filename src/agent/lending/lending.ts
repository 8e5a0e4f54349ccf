/**
 * Lending on one agent: a slow loop asks the estimator what may be lent, a fast one protects the owners while borrowers
 * are alive. The kernel's settings hold without either; nothing is ever ended on an estimate alone.
 */
import { type Clock, every } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { Estimate, ResourceEstimator } from '../../estimator/estimator.ts'
import type { Pulse, QosController } from '../../qos/controller.ts'
import type { Figures, Mode } from '../../resources/decision.ts'
import type { Resources } from '../../resources/resources.ts'
import type { ResourceUsage } from '../../resources/usage.ts'
import type { LiveContainer } from '../core/live.ts'
import { Actions, type ActionsDeps, type TierCheck, type TierPort } from './actions.ts'
import { Estimates, SILENT_MS } from './estimates.ts'
import { declareGauges } from './gauges.ts'
import { Publisher } from './publisher.ts'
import type { Pulses } from './pulses.ts'
import type { Records } from './records.ts'
import { Saying, type Word } from './saying.ts'
import { Sight } from './sight.ts'
import type { LendSwitch } from './switch.ts'
import { TakeBacks } from './take-backs.ts'
import type { Turns } from './turns.ts'

/** The two plug-ins; either may be missing. They are put in place when lending is first wanted. */
export interface Plugins {
  readonly estimator: ResourceEstimator | undefined
  readonly controller: QosController | undefined
}

export interface LendingDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly sample: () => Promise<ResourceUsage>
  /** Who runs now, without counters. */
  readonly live: () => readonly LiveContainer[]
  readonly pulses: Pulses
  readonly tier: TierPort
  readonly turns: Turns
  readonly power: LendSwitch
  readonly records: Records
  /** Lendable in addition to what is lent already: the new total for the master. */
  readonly onTotal: (lent: Resources) => void
  readonly onEvict: ActionsDeps['onEvict']
  /** What is said of the estimate, for the pages of the master. */
  readonly onSaying: ConstructorParameters<typeof Saying>[0]
}

export interface LendingSettings {
  /** `--oversubscribed_resources_interval`, ms: a rise waits so long, a fall is told at once. */
  readonly reportMs: number
  /** `--qos_correction_interval_min`, ms. */
  readonly correctionMs: number
}

const SLOW_MS = 1000
const FAST_MS = 100
/** Others can write into the kernel's groups too. */
const CHECK_MS = 60_000
/** A loop that comes so much later than it should has missed samples (spec/lending.md 3.6). */
const LATE_MS = 500
/** Owners that use so much more than the last snapshot saw are worth an estimate out of turn (spec/lending.md 3.2). */
const STEP_CPUS = 0.3

/** Whether decisions are carried out in this mode. */
const acts = (mode: Mode): boolean => mode === 'lend' || mode === 'full'

export class Lending {
  readonly #deps: LendingDeps
  readonly sight = new Sight()
  readonly #publisher: Publisher
  readonly #takeBacks: TakeBacks
  readonly #saying: Saying
  readonly actions: Actions
  #plugins: Plugins = { estimator: undefined, controller: undefined }
  #tier: TierCheck
  #estimate: Estimate | undefined
  /** Handed to the controller with the next pulse. */
  #fresh: ResourceUsage | undefined
  #borrowers = false
  /** Containers have started since the pulses were told who there is. */
  #newcomers = false
  #ownersUse = 0
  #slowAt: number | undefined
  #fastAt: number | undefined
  readonly #estimates = new Estimates()
  /** Monotonic time of the pulse that the controller has not answered yet. */
  #deciding: number | undefined
  #sampling: Promise<void> | undefined

  constructor(deps: LendingDeps, settings: LendingSettings) {
    this.#deps = deps
    const { clock, log, metrics, onTotal, power, records, tier } = deps
    this.#tier = tier.check()
    this.#takeBacks = new TakeBacks(metrics)
    this.#saying = new Saying(deps.onSaying, (name) => metrics.value(name))
    this.#publisher = new Publisher({
      clock,
      reportMs: settings.reportMs,
      onTotal: (lent) => {
        log.info({ lent: lent.toText() }, 'what is lent changed')
        onTotal(lent)
      },
      onDecision: (decision, heldBack) => records.add(decision, heldBack),
    })
    this.actions = new Actions({
      clock,
      log,
      metrics,
      power,
      records,
      tier,
      takeBacks: this.#takeBacks,
      onEvict: deps.onEvict,
      onCondemned: (containerIds) => this.#condemn(containerIds),
      onUnlend: (forMs) => this.#unlend(forMs),
      onProbe: (afterMs) => void clock.after(afterMs, () => this.#probe()),
      correctionMs: settings.correctionMs,
    })
    metrics.declare('tepui/lend_blind_samples')
    declareGauges(metrics, this, power)
  }

  get lent(): Resources {
    return this.#publisher.lent
  }

  get wouldLend(): Resources {
    return this.#publisher.wouldLend
  }

  /** The newest of everything, for pages. */
  get usage(): ResourceUsage | undefined {
    return this.sight.usage
  }

  get estimate(): Estimate | undefined {
    return this.#estimate
  }

  get tier(): TierCheck {
    return this.#tier
  }

  get turns(): Turns {
    return this.#deps.turns
  }

  get plugins(): Plugins {
    return this.#plugins
  }

  /** Why nothing more is lent now; undefined when something may be. */
  get closed(): string | undefined {
    return this.#deps.power.closed(this.#deps.clock.now()) ?? this.#held()
  }

  isFrozen(containerId: string): boolean {
    return this.actions.isFrozen(containerId)
  }

  /** Other plug-ins from now on. */
  use(plugins: Plugins): void {
    this.#plugins = plugins
    this.#settleTier()
  }

  /** Reads back from the kernel which tier is in force. */
  checkTier(): TierCheck {
    const before = this.#tier.tier
    this.actions.mend()
    this.#tier = this.#deps.tier.check()
    if (this.#tier.tier !== before) {
      this.#deps.log.warn({ tier: this.#tier.tier, detail: this.#tier.detail }, 'another tier is in force')
      this.#settleTier()
    }
    return this.#tier
  }

  /** The switch was changed: what follows from it is done now and not with the next round. */
  switched(from: Mode): void {
    const { mode } = this.#deps.power
    // What was decided while only observing never came into force: neither may be taken for the other.
    if (acts(mode) !== acts(from)) {
      this.actions.release()
      this.#plugins.controller?.reset?.()
    }
    this.#publisher.hurry()
    this.#publishAgain()
  }

  /** A container has started: the fast loop must not wait for the next full snapshot to see it. */
  launched(revocable: boolean): void {
    this.#newcomers = true
    if (revocable) this.#borrowers = true
  }

  /** Samples and decides until the signal aborts; then borrowers go on at full speed. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    const onFailure = (error: unknown): void =>
      log.warn({ reason: reasonOf(error) }, 'a round of lending failed')
    try {
      await Promise.all([
        every(clock, { ms: SLOW_MS, name: 'lending', onFailure }, () => this.round(), signal),
        every(clock, { ms: FAST_MS, name: 'taking back', onFailure }, () => this.beat(), signal),
        every(clock, { ms: CHECK_MS, name: 'self-check', onFailure }, () => void this.checkTier(), signal),
      ])
    } finally {
      this.#deps.turns.end()
      this.actions.release()
    }
  }

  /**
   * One full snapshot, and what it leads to. Waits for the plug-ins, but not longer than until the next round: in Mesos
   * a plug-in may keep its answer until it has something to say.
   */
  async round(): Promise<void> {
    this.#watch(this.#slowAt, SLOW_MS)
    const late = Promise.withResolvers<void>()
    using _ = this.#deps.clock.after(SLOW_MS, () => late.resolve())
    try {
      await Promise.race([this.#look(), late.promise])
    } finally {
      this.#slowAt = this.#deps.clock.monotonic()
    }
  }

  /** One cheap snapshot while borrowers are alive or limited, and what it leads to. */
  async beat(): Promise<void> {
    if (!this.#borrowers && this.actions.quota === Number.POSITIVE_INFINITY) {
      this.#fastAt = undefined
      return
    }
    this.#watch(this.#fastAt, FAST_MS)
    if (this.#newcomers) this.#deps.pulses.meet(this.#deps.live())
    this.#newcomers = false
    this.actions.mend()
    const pulse = this.#deps.pulses.take(this.actions.frozen)
    this.sight.add(pulse)
    this.#seeTakeBacks(pulse)
    const decided = this.#decide(pulse)
    if (this.sight.lately(false) - this.#ownersUse > STEP_CPUS) void this.#look()
    // A controller that keeps its answer to itself must not keep its guard from being asked.
    const late = Promise.withResolvers<void>()
    using _ = this.#deps.clock.after(SILENT_MS, () => late.resolve())
    await Promise.race([decided, late.promise])
    this.#fastAt = this.#deps.clock.monotonic()
  }

  /** For the effects of decisions: what an owner, the borrowers and the machine do now. */
  figuresNow(owner: string): Figures {
    const figures = this.sight.figuresOf(owner)
    figures['frozen borrowers'] = this.actions.frozen.size
    figures['lent cpus'] = this.lent.scalar('cpus')
    return figures
  }

  /** At most one full snapshot is under way; who wants one meanwhile shares it. */
  #look(): Promise<void> {
    this.#sampling ??= this.#lookNow().finally(() => (this.#sampling = undefined))
    return this.#sampling
  }

  async #lookNow(): Promise<void> {
    const { clock, pulses, sample } = this.#deps
    const usage = await sample()
    this.sight.settle(usage)
    this.#fresh = usage
    this.#borrowers = usage.containers.some(({ revocable }) => revocable)
    const pulse = pulses.settle(usage, this.actions.frozen)
    this.actions.keepOnly(new Set(usage.containers.map(({ containerId }) => containerId)))
    this.sight.add(pulse)
    this.#ownersUse = this.sight.lately(false)
    this.#deps.turns.look({
      now: clock.monotonic(),
      acts: acts(this.#deps.power.mode),
      tier: this.#tier.tier,
      owners: usage.containers.some(({ revocable }) => !revocable),
      borrowersUse: this.sight.used(true),
    })
    const deciding = this.#fastAt === undefined ? this.#decide(pulse) : undefined
    this.#seeTakeBacks(pulse)
    const late = Promise.withResolvers<void>()
    // What an estimator keeps to itself must not keep the next snapshot from being taken.
    using _ = clock.after(SLOW_MS - 1, () => late.resolve())
    await Promise.race([Promise.all([deciding, this.#lend(usage)]), late.promise])
  }

  async #decide(pulse: Pulse): Promise<void> {
    const { controller } = this.#plugins
    const { mode } = this.#deps.power
    if (controller === undefined || mode === 'off') return
    // After so long its guard is asked again, and lets go of what a silent controller holds.
    if (this.#deciding !== undefined && pulse.monotonic - this.#deciding < SILENT_MS) return
    const asked = pulse.monotonic
    this.#deciding = asked
    const usage = this.#fresh
    this.#fresh = undefined
    try {
      const input = { pulse, allowed: mode, ...(usage !== undefined && { usage }) }
      this.actions.carryOut(await controller.decide(input))
    } finally {
      if (this.#deciding === asked) this.#deciding = undefined
    }
  }

  async #lend(usage: ResourceUsage): Promise<void> {
    const { estimator } = this.#plugins
    if (estimator === undefined || this.#deps.power.mode === 'off') {
      this.#estimate = undefined
      this.#publish(usage)
      return
    }
    const estimate = await this.#estimates.ask(estimator, usage)
    if (estimate !== undefined) this.#take(usage, estimate)
  }

  #take(usage: ResourceUsage, estimate: Estimate): void {
    const lendsCpus = estimate.kind === 'known' && estimate.additional.scalar('cpus') > 0
    this.#estimate =
      lendsCpus && this.#tier.tier === 'none'
        ? { kind: 'unknown', reason: `nothing holds borrowers below owners here: ${this.#tier.detail}` }
        : estimate
    this.#publish(usage)
  }

  #publish(usage: ResourceUsage): void {
    const { clock, power } = this.#deps
    const reason = power.closed(clock.now())
    this.#say(usage.monotonic, reason)
    const estimate = this.#estimate ?? { kind: 'unknown', reason: 'there is no estimate' }
    const closed = reason === undefined ? undefined : { reason, observing: power.mode === 'observe' }
    this.#publisher.report(usage, estimate, closed)
  }

  #say(now: number, closed: Word['closed']): void {
    this.#saying.hear({ now, mode: this.#deps.power.mode, estimate: this.#estimate, closed })
  }

  #condemn(containerIds: readonly string[]): void {
    this.#publisher.condemn(containerIds)
    this.#publishAgain()
  }

  /** What is wanted changed, the usage did not. */
  #publishAgain(): void {
    const { usage } = this.sight
    if (usage !== undefined) this.#publish(usage)
  }

  #unlend(forMs: number): void {
    this.#publisher.hold(forMs)
    this.#plugins.estimator?.takeBack?.(this.#deps.clock.monotonic())
    this.#publishAgain()
  }

  #held(): string | undefined {
    const rest = this.#publisher.heldUntil - this.#deps.clock.monotonic()
    return rest > 0
      ? `something was just taken back; lending goes on in ${Math.ceil(rest / 1000)} s at the earliest`
      : undefined
  }

  #probe(): void {
    this.beat().catch((error: unknown) => {
      this.#deps.log.warn({ reason: reasonOf(error) }, 'the end of a probe failed')
    })
  }

  /** The `usage` estimator keeps more free where only weights hold borrowers back. */
  #settleTier(): void {
    const { estimator } = this.#plugins
    if (estimator?.name !== 'usage') return
    estimator.configure?.({ tier: this.#tier.tier })
  }

  /** Notices that a loop came late, as after SIGSTOP or on a starved machine: what was missed is not known. */
  #watch(lastAt: number | undefined, ms: number): void {
    const now = this.#deps.clock.monotonic()
    if (lastAt !== undefined && now - lastAt > ms + LATE_MS) {
      this.#publisher.blind()
      this.#deps.metrics.count('tepui/lend_blind_samples')
      this.#deps.log.warn({ lateMs: Math.round(now - lastAt - ms) }, 'the agent came late to its samples')
    }
  }

  #seeTakeBacks(pulse: Pulse): void {
    this.#takeBacks.look({
      now: pulse.monotonic,
      borrowersUse: this.sight.lately(true),
      isAlive: (id) => this.sight.isAlive(id),
    })
  }
}
