// Counts what a controller would have done, and keeps in force what it decided, as the agent does.
import type { Action } from '../qos/controller.ts'

export interface Decided {
  readonly squeezes: number
  readonly freezes: number
  readonly evictions: number
  readonly notOurs: number
}

export class Force {
  quotaCpus = Number.POSITIVE_INFINITY
  readonly frozen = new Set<string>()
  readonly evicted = new Set<string>()
  #squeezes = 0
  #freezes = 0
  #evictions = 0
  #notOurs = 0

  get isFree(): boolean {
    return this.quotaCpus === Number.POSITIVE_INFINITY && this.frozen.size === 0
  }

  get decided(): Decided {
    return {
      squeezes: this.#squeezes,
      freezes: this.#freezes,
      evictions: this.#evictions,
      notOurs: this.#notOurs,
    }
  }

  /** @returns after how many ms the controller wants to look again, if it does */
  apply(actions: readonly Action[]): number | undefined {
    let probeMs: number | undefined
    for (const action of actions) {
      switch (action.kind) {
        case 'squeeze':
          // Tightened while it lasts, it is still one squeeze.
          if (this.quotaCpus === Number.POSITIVE_INFINITY) this.#squeezes++
          this.quotaCpus = action.quotaCpus
          break
        case 'relax':
          this.quotaCpus = action.quotaCpus
          break
        case 'freeze':
          this.#freezes++
          for (const id of action.containerIds) this.frozen.add(id)
          probeMs = action.probeMs
          break
        case 'thaw':
          for (const id of action.containerIds) this.frozen.delete(id)
          break
        case 'evict':
          if (!this.evicted.has(action.containerId)) this.#evictions++
          this.evicted.add(action.containerId)
          this.frozen.delete(action.containerId)
          break
        case 'not-ours':
          this.#notOurs++
          break
        case 'unlend':
          break
      }
    }
    return probeMs
  }

  /** Forgets who is gone. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const set of [this.frozen, this.evicted]) for (const id of set) if (!ids.has(id)) set.delete(id)
  }
}
