/** What frameworks refused on one agent, and until when they are not to be asked again (spec/mesos.md 12.6). */
import type { Resources } from '../resources/resources.ts'

interface Refusal {
  readonly role: string
  /** Without allocation. */
  readonly resources: Resources
  /** Milliseconds on the caller's clock. */
  readonly until: number
}

/** Refusals kept per framework and agent: the oldest makes room, which costs the framework one needless offer. */
const MAX_REFUSALS = 64

export class Filters {
  readonly #byFramework = new Map<string, readonly Refusal[]>()
  #nextEnd = Number.POSITIVE_INFINITY
  // Most frameworks refuse the same thing, the whole agent: it is kept once, and whether it covers what is now
  // available is found out once. Otherwise thousands of refusals would cost more memory and time than all else.
  #refused: Resources | undefined
  #candidate: Resources | undefined
  #covered = false

  add(frameworkId: string, refused: Refusal): void {
    const refusal = { ...refused, resources: this.#shared(refused.resources) }
    // A refusal that the new one covers in amount and time says nothing any more.
    const others = (this.#byFramework.get(frameworkId) ?? []).filter(
      (old) =>
        old.role !== refusal.role || old.until > refusal.until || !refusal.resources.contains(old.resources),
    )
    this.#byFramework.set(frameworkId, [...others, refusal].slice(-MAX_REFUSALS))
    this.#nextEnd = Math.min(this.#nextEnd, refusal.until)
  }

  /** Whether the framework refused all of this for the role before: more than it refused is worth a new offer. */
  refuses(frameworkId: string, role: string, candidate: Resources): boolean {
    const refusals = this.#byFramework.get(frameworkId)
    if (refusals === undefined) return false
    for (const refusal of refusals) {
      if (refusal.role === role && this.#covers(refusal.resources, candidate)) return true
    }
    return false
  }

  /** Drops those that have ended by now; says whether there may have been some. */
  prune(now: number): boolean {
    if (now < this.#nextEnd) return false
    this.#keep((refusal) => refusal.until > now)
    return true
  }

  dropFramework(frameworkId: string): void {
    this.#byFramework.delete(frameworkId)
  }

  dropRole(frameworkId: string, role: string): void {
    const refusals = this.#byFramework.get(frameworkId)
    if (refusals === undefined) return
    const kept = refusals.filter((refusal) => refusal.role !== role)
    if (kept.length === 0) this.#byFramework.delete(frameworkId)
    else this.#byFramework.set(frameworkId, kept)
  }

  /** The role of each one that is kept. */
  *roles(): Generator<string> {
    for (const refusals of this.#byFramework.values()) for (const { role } of refusals) yield role
  }

  #shared(resources: Resources): Resources {
    if (this.#refused?.equals(resources) === true) return this.#refused
    this.#refused = resources
    this.#candidate = undefined
    return resources
  }

  #covers(refused: Resources, candidate: Resources): boolean {
    if (refused !== this.#refused) return refused.contains(candidate)
    if (candidate !== this.#candidate) {
      this.#candidate = candidate
      this.#covered = refused.contains(candidate)
    }
    return this.#covered
  }

  #keep(keep: (refusal: Refusal) => boolean): void {
    this.#nextEnd = Number.POSITIVE_INFINITY
    for (const [frameworkId, refusals] of this.#byFramework) {
      const kept = refusals.filter(keep)
      if (kept.length === 0) this.#byFramework.delete(frameworkId)
      else this.#byFramework.set(frameworkId, kept)
      for (const { until } of kept) this.#nextEnd = Math.min(this.#nextEnd, until)
    }
  }
}
