/**
 * What the master is told to be lent: falls at once, rises as often as the flag allows, nothing while lending is not
 * wanted or was just taken back. Each change is a record whose terms add up to it.
 */
import { withUnit } from '../../base/words.ts'
import type { Clock } from '../../base/clock.ts'
import type { Estimate } from '../../estimator/estimator.ts'
import type { LendDecision, Term } from '../../resources/decision.ts'
import { Resources } from '../../resources/resources.ts'
import type { ResourceUsage } from '../../resources/usage.ts'

export interface PublisherDeps {
  readonly clock: Clock
  readonly onTotal: (lent: Resources) => void
  readonly onDecision: (decision: LendDecision, heldBack: string | undefined) => void
  /** `--oversubscribed_resources_interval`, ms: a rise waits so long, a fall is told at once. */
  readonly reportMs: number
}

/** Why nothing more is lent, and whether that is only an observation of what would be. */
export interface Closed {
  readonly reason: string
  readonly observing: boolean
}

const UNITS = [
  { name: 'cpus', unit: 'cpus' },
  { name: 'mem', unit: 'MB' },
] as const

/** After the agent was stopped or late, its rates say too little for a rise (spec/lending.md 3.6). */
const BLIND_FOR_MS = 3000

export class Publisher {
  readonly #deps: PublisherDeps
  /** Containers that are being ended: what they held is not lent any more, though they may take a while to go. */
  readonly #condemned = new Set<string>()
  #lent = Resources.empty
  #wouldLend = Resources.empty
  #reportedAt = Number.NEGATIVE_INFINITY
  #observedAt = Number.NEGATIVE_INFINITY
  #blindUntil = Number.NEGATIVE_INFINITY
  #heldUntil = Number.NEGATIVE_INFINITY

  constructor(deps: PublisherDeps) {
    this.#deps = deps
  }

  /** What was last told: borrowed already and additional. */
  get lent(): Resources {
    return this.#lent
  }

  /** What would be lent if the mode were not `observe`. */
  get wouldLend(): Resources {
    return this.#wouldLend
  }

  /** Nothing more is lent until this monotonic time, because something was taken back. */
  get heldUntil(): number {
    return this.#heldUntil
  }

  /** Somebody asked for a change: the next rise does not wait for its turn. */
  hurry(): void {
    this.#reportedAt = Number.NEGATIVE_INFINITY
  }

  /** Samples are missing: nothing rises for a while. */
  blind(): void {
    this.#blindUntil = this.#deps.clock.monotonic() + BLIND_FOR_MS
  }

  /** Something is taken back: a later call extends it. */
  hold(forMs: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.#deps.clock.monotonic() + forMs)
  }

  /** These are about to be ended; call it before, so that what they give back is not offered to the next borrower. */
  condemn(containerIds: readonly string[]): void {
    for (const id of containerIds) this.#condemned.add(id)
  }

  /** Told with every estimate, and when what is wanted changes. */
  report(usage: ResourceUsage, estimate: Estimate, closed: Closed | undefined): void {
    const now = this.#deps.clock.monotonic()
    const here = new Set(usage.containers.map(({ containerId }) => containerId))
    for (const id of this.#condemned) if (!here.has(id)) this.#condemned.delete(id)
    const borrowed = borrowedIn(usage, this.#condemned)
    const additional = estimate.kind === 'known' ? estimate.additional : Resources.empty
    const open = borrowed.plus(additional)
    if (closed?.observing === true) this.#observe(usage, estimate, { open, borrowed }, closed.reason)
    else this.#wouldLend = Resources.empty
    const reason =
      closed?.reason ??
      (now < this.#heldUntil
        ? `something was just taken back: not before ${secondsTo(this.#heldUntil, now)} s`
        : undefined)
    const wanted = reason === undefined ? open : borrowed
    const before = this.#lent
    if (wanted.equals(before)) return
    // Each report makes the master rescind offers: more may wait, less may not.
    const falls = !wanted.contains(before)
    const early = now - this.#reportedAt < this.#deps.reportMs || now < this.#blindUntil
    if (!falls && early) return
    this.#reportedAt = now
    this.#lent = wanted
    // The master first: the record costs a write to the disk.
    this.#deps.onTotal(wanted)
    this.#record(usage, estimate, { before, after: wanted, borrowed, closed: reason }, undefined)
  }

  #observe(
    usage: ResourceUsage,
    estimate: Estimate,
    { borrowed, open }: { readonly open: Resources; readonly borrowed: Resources },
    heldBack: string,
  ): void {
    const before = this.#wouldLend
    if (open.equals(before)) return
    const now = this.#deps.clock.monotonic()
    if (open.contains(before) && now - this.#observedAt < this.#deps.reportMs) return
    this.#observedAt = now
    this.#wouldLend = open
    this.#record(usage, estimate, { before, after: open, borrowed, closed: undefined }, heldBack)
  }

  #record(
    usage: ResourceUsage,
    estimate: Estimate,
    change: {
      readonly before: Resources
      readonly after: Resources
      readonly borrowed: Resources
      readonly closed: string | undefined
    },
    heldBack: string | undefined,
  ): void {
    for (const { name, unit } of UNITS) {
      const [before, after] = [change.before.scalar(name), change.after.scalar(name)]
      if (before === after) continue
      const terms = termsTo(after, estimate, {
        unit,
        borrowed: change.borrowed.scalar(name),
        closed: change.closed,
      })
      this.#deps.onDecision(lendDecision(usage.at, { before, after, unit, terms }, change.closed), heldBack)
    }
  }
}

/** The revocable resources that borrowers hold now, without their roles and without those that are being ended. */
function borrowedIn(usage: ResourceUsage, condemned: ReadonlySet<string>): Resources {
  return Resources.sum(
    usage.containers
      .filter(({ containerId, revocable }) => revocable && !condemned.has(containerId))
      .map(({ allocated }) => allocated.revocable().unallocated()),
  )
}

/** The estimate's own sum, what is borrowed already, and where lending is not wanted what is left out for that. */
function termsTo(
  after: number,
  estimate: Estimate,
  of: { readonly unit: Term['unit']; readonly borrowed: number; readonly closed: string | undefined },
): readonly Term[] {
  const { borrowed, closed, unit } = of
  const terms: Term[] =
    estimate.kind === 'known' && closed === undefined
      ? estimate.terms.filter((term) => term.unit === unit)
      : []
  if (borrowed > 0)
    terms.push({ name: 'borrowed already', value: borrowed, unit, of: undefined, why: 'borrowers hold it' })
  const reason = closed ?? (estimate.kind === 'unknown' ? estimate.reason : undefined)
  if (reason !== undefined) terms.push({ name: 'nothing more', value: 0, unit, of: undefined, why: reason })
  const rest = after - terms.reduce((sum, { value }) => sum + value, 0)
  // Resources hold thousandths; what the sum has beyond them is named too.
  if (Math.abs(rest) > 1e-9)
    terms.push({
      name: 'thousandths',
      value: rest,
      unit,
      of: undefined,
      why: 'resources have three decimals',
    })
  return terms
}

function lendDecision(
  at: number,
  change: {
    readonly before: number
    readonly after: number
    readonly unit: Term['unit']
    readonly terms: readonly Term[]
  },
  closed: string | undefined,
): LendDecision {
  const { after, before, terms, unit } = change
  const more = after > before
  const because = closed === undefined ? '' : `: ${closed}`
  const isLent = `${withUnit(amount(after), unit)} ${amount(after) === '1' ? 'is' : 'are'}`
  return {
    kind: more ? 'lend' : 'unlend',
    at,
    owner: 'the machine',
    signal: 'what can be lent',
    value: after,
    threshold: before,
    comparison: more ? 'above' : 'below',
    unit,
    forMs: 0,
    borrowers: [],
    terms,
    before: { value: before, unit },
    after: { value: after, unit },
    why: `${isLent} lent, ${more ? 'more' : 'less'} than the ${amount(before)} before${because}`,
    effect: {},
  }
}

const amount = (value: number): string => String(Math.round(value * 100) / 100)
const secondsTo = (then: number, now: number): number => Math.ceil((then - now) / 1000)
