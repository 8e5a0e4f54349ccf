// Carries out what the controller decides: slows, stops and ends borrowers, records each step, knows what is in force.
import type { Clock } from '../../base/clock.ts'
import { reasonOf, unreachable } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { Action, EvictAction } from '../../qos/controller.ts'
import { EVICT_REASONS } from '../../resources/lend-counters.ts'
import type { Records } from './records.ts'
import type { LendSwitch } from './switch.ts'
import type { TakeBacks } from './take-backs.ts'

/** Which of the kernel's classes holds borrowers below owners, read back from the kernel. */
export interface TierCheck {
  readonly tier: 'idle' | 'weight' | 'none'
  /** One sentence for people, with what was read. */
  readonly detail: string
}

/** The lent tier of the kernel, as lending drives it. Everything is synchronous and costs microseconds. */
export interface TierPort {
  check(): TierCheck
  /** Puts right what others took from it; returns the groups that had lost something. */
  mend(): readonly string[]
  /** @throws OperatingError ISOLATION when the kernel refuses, as all below */
  squeeze(quotaCpus: number, periodMs: number): void
  /** `Infinity` lifts the quota. */
  relax(quotaCpus: number): void
  /** Returns those of the containers that are frozen now. */
  freeze(containerIds: readonly string[]): readonly string[]
  thaw(containerIds: readonly string[]): void
  /** Everything of the tier goes on at full speed; returns how many were frozen. */
  release(): number
}

export interface ActionsDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly tier: TierPort
  readonly power: LendSwitch
  readonly records: Records
  readonly takeBacks: TakeBacks
  /** Ends a borrower through the core. */
  readonly onEvict: (action: EvictAction) => void
  /** Told before any of them is ended. */
  readonly onCondemned: (containerIds: readonly string[]) => void
  /** Nothing more is lent for so long. */
  readonly onUnlend: (forMs: number) => void
  /** A pulse is wanted after so long, for the end of a probe. */
  readonly onProbe: (afterMs: number) => void
  /** `--qos_correction_interval_min`, ms. */
  readonly correctionMs: number
}

const COUNTERS = ['squeezes', 'freezes', 'thaws', 'relaxes', 'not_ours', 'unlends', 'refused'] as const

export class Actions {
  readonly #deps: ActionsDeps
  readonly #frozen = new Map<string, number>()
  readonly #thawedAt = new Map<string, number>()
  readonly #ending = new Set<string>()
  #quota = Number.POSITIVE_INFINITY
  #mendTrouble: string | undefined
  #evictedAt = Number.NEGATIVE_INFINITY

  constructor(deps: ActionsDeps) {
    this.#deps = deps
    deps.metrics.declare(
      ...COUNTERS.map((name) => `tepui/lend_${name}`),
      'tepui/lend_evictions',
      'tepui/lend_tier_mended',
      ...EVICT_REASONS.map((reason) => `tepui/lend_evictions/${reason}`),
    )
    deps.metrics.gauge('tepui/lend_frozen', () => this.#frozen.size)
  }

  /** Cores that all borrowers together may use; `Infinity` while nothing limits them. */
  get quota(): number {
    return this.#quota
  }

  /** Frozen containers with the wall time of their freeze, ms. */
  get frozen(): ReadonlyMap<string, number> {
    return this.#frozen
  }

  /** A borrower that does not run because we stopped it. */
  isFrozen(containerId: string): boolean {
    return this.#frozen.has(containerId)
  }

  /** Monotonic time until which it was frozen: now while it is, −∞ when it never was. Its health is judged by it. */
  lastFrozen(containerId: string): number {
    return this.#frozen.has(containerId)
      ? this.#deps.clock.monotonic()
      : (this.#thawedAt.get(containerId) ?? Number.NEGATIVE_INFINITY)
  }

  /** Carries out one round, in its order. What the kernel refuses is told and recorded as not done. */
  carryOut(actions: readonly Action[]): void {
    const { clock, log, metrics, power, records } = this.#deps
    const evictsHeld = this.#evictsHeld()
    const recorded = new Set<object>()
    if (evictsHeld === undefined && power.heldBack('evict') === undefined) {
      const condemned = actions.flatMap((one) => (one.kind === 'evict' ? [one.containerId] : []))
      if (condemned.length > 0) this.#deps.onCondemned(condemned)
    }
    for (const action of actions) {
      let heldBack = power.heldBack(action.kind) ?? (action.kind === 'evict' ? evictsHeld : undefined)
      if (heldBack === undefined) {
        try {
          this.#perform(action)
        } catch (error) {
          heldBack = `the kernel refused: ${reasonOf(error)}`
          metrics.count('tepui/lend_refused')
          log.warn({ action: action.kind, reason: reasonOf(error) }, 'lending could not act')
        }
      }
      if (action.kind === 'evict' && heldBack === undefined) this.#evictedAt = clock.monotonic()
      // The evictions of one round share one record.
      if (recorded.has(action.decision)) continue
      recorded.add(action.decision)
      records.add(action.decision, heldBack)
    }
  }

  /** Its container is about to be ended by somebody: it must be able to hear that. */
  letGo(containerId: string): void {
    this.#ending.add(containerId)
    if (this.#frozen.has(containerId)) this.#thaw([containerId])
  }

  /** Forgets containers that are gone. */
  keepOnly(alive: ReadonlySet<string>): void {
    for (const id of this.#frozen.keys()) if (!alive.has(id)) this.#frozen.delete(id)
    for (const id of this.#thawedAt.keys()) if (!alive.has(id)) this.#thawedAt.delete(id)
    for (const id of this.#ending) if (!alive.has(id)) this.#ending.delete(id)
  }

  /** Others write into the kernel's files too: what holds borrowers back is put right before anybody looks at them. */
  mend(): void {
    const { log, metrics, tier } = this.#deps
    try {
      const groups = tier.mend()
      this.#mendTrouble = undefined
      if (groups.length === 0) return
      metrics.count('tepui/lend_tier_mended', groups.length)
      log.warn({ groups }, 'somebody, systemd perhaps, took settings from the lent tier; it has them again')
    } catch (error) {
      const reason = reasonOf(error)
      // Ten times a second the same is no news.
      if (reason !== this.#mendTrouble) log.warn({ reason }, 'the lent tier could not be put right')
      this.#mendTrouble = reason
    }
  }

  /** Lets all borrowers run at full speed, as at the start, the end, and when the mode says so. */
  release(): void {
    const { log, tier } = this.#deps
    try {
      const thawed = tier.release()
      if (thawed > 0) log.info({ thawed }, 'frozen borrowers go on')
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'the lent tier could not be released')
    }
    this.#forget(this.#frozen.keys())
    this.#quota = Number.POSITIVE_INFINITY
  }

  #evictsHeld(): string | undefined {
    const { clock, correctionMs } = this.#deps
    return clock.monotonic() - this.#evictedAt < correctionMs
      ? 'the last round was less than --qos_correction_interval_min ago'
      : undefined
  }

  #perform(action: Action): void {
    const { clock, metrics, onEvict, onProbe, onUnlend, takeBacks, tier } = this.#deps
    const since = clock.monotonic()
    switch (action.kind) {
      case 'squeeze':
        tier.squeeze(action.quotaCpus, action.periodMs)
        this.#quota = action.quotaCpus
        metrics.count('tepui/lend_squeezes')
        return takeBacks.begin(since, { kind: 'squeeze', cpus: action.quotaCpus })
      case 'relax':
        tier.relax(action.quotaCpus)
        this.#quota = action.quotaCpus
        return metrics.count('tepui/lend_relaxes')
      case 'freeze':
        this.#freeze(action.containerIds)
        if (action.probeMs === undefined) takeBacks.done(clock.monotonic() - since)
        else onProbe(action.probeMs)
        return metrics.count('tepui/lend_freezes')
      case 'thaw':
        this.#thaw(action.containerIds)
        return metrics.count('tepui/lend_thaws')
      case 'evict':
        // A frozen process of a v1 freezer does not even die (spec/lending.md 3.3).
        this.letGo(action.containerId)
        metrics.count('tepui/lend_evictions')
        metrics.count(`tepui/lend_evictions/${evictReason(action)}`)
        takeBacks.begin(since, { kind: 'evict', containerId: action.containerId })
        return onEvict(action)
      case 'unlend':
        metrics.count('tepui/lend_unlends')
        return onUnlend(action.forMs)
      case 'not-ours':
        return metrics.count('tepui/lend_not_ours')
      default:
        return unreachable(action, 'action of a controller')
    }
  }

  #freeze(containerIds: readonly string[]): void {
    const wanted = containerIds.filter((id) => !this.#ending.has(id))
    const now = this.#deps.clock.now()
    for (const id of this.#deps.tier.freeze(wanted)) this.#frozen.set(id, now)
  }

  #thaw(containerIds: readonly string[]): void {
    this.#deps.tier.thaw(containerIds)
    this.#forget(containerIds)
  }

  #forget(thawed: Iterable<string>): void {
    const now = this.#deps.clock.monotonic()
    for (const id of thawed) if (this.#frozen.delete(id)) this.#thawedAt.set(id, now)
  }
}

function evictReason({ decision }: EvictAction): (typeof EVICT_REASONS)[number] {
  const { signal, unit } = decision
  if (/starved/i.test(signal)) return 'starved'
  if (/load/i.test(signal)) return 'load'
  if (/memory/i.test(signal) || unit === 'bytes' || unit === 'MB') return 'memory'
  return /cpu|wait|pressure|frozen|core/i.test(signal) ? 'cpu' : 'other'
}
