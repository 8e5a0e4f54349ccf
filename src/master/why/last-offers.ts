// The last offer of each agent to each framework and what became of it, for those who ask why a task waits.
import type { Occurrence, OfferOutcome } from '../core/occurrences.ts'
import type { OutstandingOffer } from '../core/cluster.ts'

export interface LastOffer {
  /** Wall time, ms. */
  readonly madeAt: number
  /** `held`: the framework has it. */
  readonly how: OfferOutcome | 'held'
  readonly endedAt: number | undefined
  /** The framework does not want it again before then. */
  readonly refusedUntil: number | undefined
  readonly cpus: number
  readonly mem: number
  readonly lentCpus: number
}

const MOST = 100_000

export class LastOffers {
  readonly #last = new Map<string, LastOffer>()
  /** By framework: offers that it was made. */
  readonly #seen = new Map<string, number>()

  readonly watch = (what: Occurrence, at: number): void => {
    if (what.kind === 'offer-made') {
      this.#set(what.offer, { ...amountsOf(what.offer), madeAt: at, how: 'held' })
      const { frameworkId } = what.offer
      this.#seen.set(frameworkId, (this.#seen.get(frameworkId) ?? 0) + 1)
    } else if (what.kind === 'offer-ended') {
      const { how, offer, refuseMs } = what
      const madeAt = this.of(offer.frameworkId, offer.agentId)?.madeAt ?? at
      const refusedUntil = refuseMs === undefined ? undefined : at + refuseMs
      this.#set(offer, { ...amountsOf(offer), madeAt, how, endedAt: at, refusedUntil })
    } else if (what.kind === 'framework-removed') this.#seen.delete(what.framework.id)
  }

  of(frameworkId: string, agentId: string): LastOffer | undefined {
    return this.#last.get(`${frameworkId} ${agentId}`)
  }

  seenBy(frameworkId: string): number {
    return this.#seen.get(frameworkId) ?? 0
  }

  #set(
    offer: OutstandingOffer,
    last: Partial<LastOffer> & Pick<LastOffer, 'madeAt' | 'how' | 'cpus' | 'mem' | 'lentCpus'>,
  ): void {
    if (this.#last.size >= MOST) this.#last.clear()
    this.#last.set(`${offer.frameworkId} ${offer.agentId}`, {
      endedAt: undefined,
      refusedUntil: undefined,
      ...last,
    })
  }
}

function amountsOf({ resources }: OutstandingOffer): Pick<LastOffer, 'cpus' | 'mem' | 'lentCpus'> {
  const quantities = resources.quantities()
  const lentCpus = resources.entries.reduce(
    (sum, { amount, copies, identity }) =>
      identity.revocable && identity.name === 'cpus' && amount.kind === 'scalar'
        ? sum + (amount.milli * copies) / 1000
        : sum,
    0,
  )
  const cpus = (quantities.get('cpus') ?? 0) / 1000 - lentCpus
  return { cpus, mem: (quantities.get('mem') ?? 0) / 1000, lentCpus }
}
