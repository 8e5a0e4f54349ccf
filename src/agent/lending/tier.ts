// The kernel's lent tier in terms of containers: their groups are looked up, what has none is left alone.
import type { Cgroups, PulseWish } from '../../containerizer/cgroups.ts'
import type { LentTier, TierClass } from '../../containerizer/lent-tier.ts'
import type { TierCheck, TierPort } from './actions.ts'
import type { Counters } from './pulses.ts'

export interface KernelTierDeps {
  readonly cgroups: Cgroups
  readonly tier: LentTier
  readonly groupOf: (containerId: string) => string | undefined
}

/** Of a quota that grows again, as long as no squeeze said another one (spec/lending.md 3.3). */
const PERIOD_MS = 10

/** As the estimator tells them apart: by how surely borrowers make way. */
const STRENGTH: Readonly<Record<TierClass, TierCheck['tier']>> = {
  idle: 'idle',
  weight: 'weight',
  shares: 'weight',
  none: 'none',
}

export class KernelTier implements TierPort {
  readonly #deps: KernelTierDeps
  #periodMs = PERIOD_MS

  constructor(deps: KernelTierDeps) {
    this.#deps = deps
  }

  check(): TierCheck {
    const found = this.#deps.tier.inForce()
    const missing = [
      ...(found.canSqueeze ? [] : ['no quota can be set']),
      ...(found.canFreeze ? [] : ['nothing can be frozen']),
    ]
    const detail = missing.length === 0 ? found.text : `${found.text}; ${missing.join(', ')}`
    return { tier: STRENGTH[found.class], detail }
  }

  mend(): readonly string[] {
    return this.#deps.tier.mend()
  }

  squeeze(quotaCpus: number, periodMs: number): void {
    this.#periodMs = periodMs
    this.#deps.tier.squeeze(quotaCpus, periodMs)
  }

  relax(quotaCpus: number): void {
    this.#deps.tier.relax(quotaCpus, this.#periodMs)
  }

  freeze(containerIds: readonly string[]): readonly string[] {
    const groups = this.#groups(containerIds)
    const refused = new Set(this.#deps.tier.freeze([...groups.values()]))
    return [...groups].flatMap(([id, group]) => (refused.has(group) ? [] : [id]))
  }

  thaw(containerIds: readonly string[]): void {
    this.#deps.tier.thaw([...this.#groups(containerIds).values()])
  }

  release(): number {
    return this.#deps.tier.thawAll().thawed.length
  }

  counters(containerId: string, wish: PulseWish): Counters | undefined {
    const group = this.#deps.groupOf(containerId)
    return group === undefined ? undefined : this.#deps.cgroups.pulse(group, wish)
  }

  #groups(containerIds: readonly string[]): ReadonlyMap<string, string> {
    const groups = new Map<string, string>()
    for (const id of containerIds) {
      const group = this.#deps.groupOf(id)
      if (group !== undefined) groups.set(id, group)
    }
    return groups
  }
}
