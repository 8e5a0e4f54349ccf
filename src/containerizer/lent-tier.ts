// Carries out on the kernel what was decided about borrowers: their quota, who stands still; reads back what is so.
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Cgroups, GroupRank, GroupSettings } from './cgroups.ts'
import { cutQuotasBelow, giveQuotasBack } from './own-quota.ts'

/** What holds borrowers back, as the kernel says it; `none`: nothing does, and no cpu may be lent. */
export type TierClass = 'idle' | 'weight' | 'shares' | 'none'

export interface TierInForce {
  /** Of the weakest group where there are several. */
  readonly class: TierClass
  /** One sentence for the self-check. */
  readonly text: string
  /** Cores that all borrowers get together, `Infinity` without a quota; undefined where no quota can be set. */
  readonly quotaCpus: number | undefined
  readonly periodMs: number | undefined
  /** Paths of the groups that stand still now. */
  readonly frozen: readonly string[]
  /** 1 is the least; undefined where no scheduler of disks honours weights. */
  readonly ioWeight: number | undefined
  readonly canSqueeze: boolean
  readonly canFreeze: boolean
}

export interface LentTierCounts {
  squeezes: number
  relaxes: number
  freezes: number
  thaws: number
  /** Groups that others had taken settings from. */
  mended: number
  /** Orders that the kernel refused. */
  failures: number
}

/** Period of a quota that is lifted: the kernel's own default. */
const DEFAULT_PERIOD_MS = 100

/**
 * The lent tier of one agent. Every call is synchronous and costs microseconds; it throws `OperatingError` (ISOLATION)
 * and counts when the kernel refuses. Groups are named by paths, as `Cgroups` takes them.
 */
export class LentTier {
  readonly counts: LentTierCounts = { squeezes: 0, relaxes: 0, freezes: 0, thaws: 0, mended: 0, failures: 0 }
  readonly #cgroups: Cgroups
  /** What was ordered last, while it is a quota. */
  #ordered: { readonly quotaCpus: number; readonly periodMs: number } | undefined
  /** What the kernel then said for each group: it rounds, and has a least. */
  readonly #inKernel = new Map<string, number | undefined>()

  constructor(cgroups: Cgroups) {
    this.#cgroups = cgroups
  }

  /** Lets all borrowers together use at most so many cores, counted over each period. */
  squeeze(quotaCpus: number, periodMs: number): void {
    this.#limit(quotaCpus, periodMs)
    this.counts.squeezes++
  }

  /** A wider quota, or with `Infinity` none at all. */
  relax(quotaCpus: number, periodMs: number): void {
    if (Number.isFinite(quotaCpus)) this.#limit(quotaCpus, periodMs)
    else this.#lift()
    this.counts.relaxes++
  }

  /**
   * Puts right what others took from the tier, and returns the groups that had lost something. systemd does it: at each
   * `systemctl daemon-reload`, which any installation of a package brings, slices get back what its own book says of
   * them. A few short reads where nothing is amiss.
   */
  mend(): readonly string[] {
    if (this.#cgroups.layout === 'none') return []
    return this.#act(() => {
      const raised = this.#cgroups.parents('lent').filter((path) => this.#isRaised(path))
      for (const path of raised) this.#cgroups.lower(path)
      const lowered = raised.filter((path) => !this.#isRaised(path))
      const mended = [...new Set([...lowered, ...this.#squeezeAgain()])]
      this.counts.mended += mended.length
      return mended
    })
  }

  /** Stops the named containers; returns those that cannot be stopped, because they are gone or no freezer is there. */
  freeze(paths: readonly string[]): readonly string[] {
    const refused = this.#each(paths, (path) => this.#cgroups.freeze(path))
    this.counts.freezes += paths.length - refused.length
    return refused
  }

  /** Lets them run again; returns those that are gone. Needed before a kill: a frozen v1 process does not die. */
  thaw(paths: readonly string[]): readonly string[] {
    const refused = this.#each(paths, (path) => this.#cgroups.thaw(path))
    this.counts.thaws += paths.length - refused.length
    return refused
  }

  /**
   * At the agent's start: an agent that died in the middle of a squeeze left borrowers squeezed or frozen. Returns
   * what it found, for the log.
   */
  thawAll(): { readonly thawed: readonly string[]; readonly liftedCpus: number | undefined } {
    const found = this.inForce()
    this.thaw(found.frozen)
    const squeezed = found.quotaCpus !== undefined && Number.isFinite(found.quotaCpus)
    if (squeezed) this.relax(Number.POSITIVE_INFINITY, DEFAULT_PERIOD_MS)
    return { thawed: found.frozen, liftedCpus: squeezed ? found.quotaCpus : undefined }
  }

  /** Reads back what the kernel enforces now; costs a dozen reads for the tier and two for each borrower. */
  inForce(): TierInForce {
    const cgroups = this.#cgroups
    const parents = cgroups.layout === 'none' ? [] : cgroups.parents('lent')
    const settings = parents.map((path) => cgroups.settings(path))
    const frozen = parents.flatMap((parent) =>
      [parent, ...cgroups.children(parent)].filter((path) => cgroups.settings(path).frozen === true),
    )
    const classes = settings.map(classOf)
    const weakest =
      (['none', 'shares', 'weight', 'idle'] as const).find((one) => classes.includes(one)) ?? 'none'
    const quotas = settings.flatMap(({ quotaCpus }) => quotaCpus ?? [])
    const finite = quotas.filter((quota) => Number.isFinite(quota))
    return {
      class: weakest,
      text: textOf(weakest, parents, settings),
      // Groups without a quota of their own are empty ones: the squeezed ones hold the borrowers.
      quotaCpus:
        quotas.length === 0
          ? undefined
          : finite.length === 0
            ? Number.POSITIVE_INFINITY
            : finite.reduce((sum, quota) => sum + quota, 0),
      periodMs: settings.find(({ periodMs }) => periodMs !== undefined)?.periodMs,
      frozen,
      ioWeight: settings.find(({ ioWeight }) => ioWeight !== undefined)?.ioWeight,
      canSqueeze: cgroups.can('cpu quota'),
      canFreeze: cgroups.can('freeze'),
    }
  }

  #isRaised(path: string): boolean {
    return classOf(this.#cgroups.rank(path)) === 'none'
  }

  #squeezeAgain(): readonly string[] {
    const ordered = this.#ordered
    if (ordered === undefined) return []
    const loose = this.#inhabited().filter(
      (path) => this.#cgroups.quota(path).quotaCpus !== this.#inKernel.get(path),
    )
    if (loose.length > 0) this.#limit(ordered.quotaCpus, ordered.periodMs)
    return loose
  }

  #limit(quotaCpus: number, periodMs: number): void {
    const parents = this.#inhabited()
    this.#act(() => {
      for (const parent of parents) {
        const quota = quotaCpus / parents.length
        cutQuotasBelow(this.#cgroups, parent, quota)
        this.#cgroups.setQuota(parent, quota, periodMs)
      }
      giveQuotasBack(this.#cgroups, this.#cgroups.parents('lent'))
    })
    this.#ordered = { quotaCpus, periodMs }
    this.#inKernel.clear()
    for (const parent of parents) this.#inKernel.set(parent, this.#cgroups.quota(parent).quotaCpus)
  }

  #lift(): void {
    this.#act(() => {
      for (const parent of this.#cgroups.parents('lent'))
        this.#cgroups.setQuota(parent, Number.POSITIVE_INFINITY, DEFAULT_PERIOD_MS)
      giveQuotasBack(this.#cgroups, this.#cgroups.parents('lent'))
    })
    this.#ordered = undefined
    this.#inKernel.clear()
  }

  /** The groups with borrowers below; the tier's own when there are none. */
  #inhabited(): readonly string[] {
    const parents = this.#cgroups.parents('lent')
    const inhabited = parents.filter((parent) => this.#cgroups.children(parent).length > 0)
    return inhabited.length > 0 ? inhabited : [this.#cgroups.tier('lent')]
  }

  #each(paths: readonly string[], order: (path: string) => boolean): readonly string[] {
    return this.#act(() => paths.filter((path) => !order(path)))
  }

  #act<T>(order: () => T): T {
    try {
      return order()
    } catch (error) {
      this.counts.failures++
      if (error instanceof OperatingError) throw error
      throw new OperatingError('ISOLATION', `The lent tier did not take an order: ${reasonOf(error)}`, {
        cause: error,
      })
    }
  }
}

function classOf({ idle, weight, shares }: GroupRank): TierClass {
  if (idle === true) return 'idle'
  if (weight !== undefined) return weight <= 1 ? 'weight' : 'none'
  return shares !== undefined && shares <= 2 ? 'shares' : 'none'
}

function textOf(found: TierClass, parents: readonly string[], settings: readonly GroupSettings[]): string {
  const where = parents.join(' and ')
  switch (found) {
    case 'idle':
      return `Borrowers run in the idle class (${where}): any owner's thread goes first`
    case 'weight':
      return `Borrowers run with weight 1 (${where}): the kernel has no idle class, 5.15 or newer does`
    case 'shares':
      return `Borrowers run with 2 shares (${where}): the kernel has no idle class, 5.15 or newer does`
    case 'none': {
      const weak = settings.find((one) => classOf(one) === 'none')
      const why =
        weak === undefined
          ? 'there are no control groups'
          : `the kernel says idle ${weak.idle ?? 'unknown'}, weight ${weak.weight ?? weak.shares ?? 'unknown'}`
      return `Nothing holds borrowers back (${why}): no cpu may be lent`
    }
  }
}
