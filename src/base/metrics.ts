// Counters and gauges under Mesos' metric names, read by /metrics/snapshot.

export class Metrics {
  readonly #counters = new Map<string, number>()
  readonly #gauges = new Map<string, () => number>()

  /** Declares counters so that they are shown as 0 before their first event. */
  declare(...names: readonly string[]): void {
    for (const name of names) if (!this.#counters.has(name)) this.#counters.set(name, 0)
  }

  count(name: string, by = 1): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + by)
  }

  /** A value computed when somebody looks. */
  gauge(name: string, read: () => number): void {
    this.#gauges.set(name, read)
  }

  value(name: string): number {
    return this.#counters.get(name) ?? this.#gauges.get(name)?.() ?? 0
  }

  /** All values, sorted by name. */
  snapshot(): Record<string, number> {
    const pairs: [string, number][] = [...this.#counters]
    for (const [name, read] of this.#gauges) pairs.push([name, read()])
    return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
