// A sum that remembers every line, so that what is lent can be opened into the terms that lead to it.
import type { Term } from '../resources/decision.ts'
import type { ContainerUsage } from '../resources/usage.ts'

const MACHINE = 'the machine'

/** Adds up in one unit; the terms always add up to `total`. */
export class Sum {
  readonly unit: Term['unit']
  readonly terms: Term[] = []
  total = 0

  constructor(unit: Term['unit']) {
    this.unit = unit
  }

  add(name: string, value: number, why: string, of: string | undefined = MACHINE): void {
    this.total += value
    this.terms.push({ name, value, unit: this.unit, of, why })
  }

  /** Adds the difference to `value`; nothing when it is there already. `why` is only put together when it is needed. */
  bringTo(name: string, value: number, why: () => string): void {
    if (value === this.total) return
    this.terms.push({ name, value: value - this.total, unit: this.unit, of: MACHINE, why: why() })
    this.total = value
  }
}

/** The name that people know a container by. */
export function labelOf(container: ContainerUsage): string {
  return container.taskIds[0] ?? container.executorId
}
