// Measures the sandboxes of running containers in the background, one after the other, and remembers their sizes.
import { every, type Clock } from '../base/clock.ts'
import { reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { diskUsage, type DiskUsage } from './disk-usage.ts'

export interface Sandbox {
  readonly containerId: string
  /** Absolute. */
  readonly directory: string
}

export interface SandboxMeterDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Of the containers that run now. */
  readonly sandboxes: () => readonly Sandbox[]
  /** Hears of every measurement, for whoever holds sandboxes to a quota. */
  readonly onMeasured?: (containerId: string, usage: DiskUsage) => void
}

/** Of one core: a folder that took a second to measure is followed by as many seconds of rest as this leaves. */
const SHARE = 0.05

const MEASURED = 'tepui/sandboxes_measured'
const SECONDS = 'tepui/sandboxes_measure_secs'

export class SandboxMeter {
  readonly #deps: SandboxMeterDeps
  readonly #intervalMs: number
  readonly #newest = new Map<string, DiskUsage>()

  /** `intervalMs` (`--container_disk_watch_interval`) lies between two rounds, which never overlap. */
  constructor(deps: SandboxMeterDeps, intervalMs: number) {
    this.#deps = deps
    this.#intervalMs = intervalMs
    deps.metrics.declare(MEASURED, SECONDS)
    deps.metrics.gauge('tepui/sandboxes_used_bytes', () =>
      [...this.#newest.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    )
  }

  /** As of the last round; undefined before the first. */
  usageOf(containerId: string): DiskUsage | undefined {
    return this.#newest.get(containerId)
  }

  /** Rounds until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    const onFailure = (error: unknown): void =>
      log.warn({ reason: reasonOf(error) }, 'the sandboxes could not be measured')
    const rounds = { ms: this.#intervalMs, name: 'measure sandboxes', immediately: true, onFailure }
    return every(clock, rounds, () => this.#round(signal), signal)
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { clock, metrics, sandboxes, onMeasured } = this.#deps
    const round = sandboxes()
    const live = new Set(round.map(({ containerId }) => containerId))
    for (const containerId of this.#newest.keys())
      if (!live.has(containerId)) this.#newest.delete(containerId)
    for (const { containerId, directory } of round) {
      const begin = clock.monotonic()
      const usage = await diskUsage(directory, { clock, signal })
      const took = clock.monotonic() - begin
      this.#newest.set(containerId, usage)
      metrics.count(MEASURED)
      metrics.count(SECONDS, took / 1000)
      onMeasured?.(containerId, usage)
      await clock.sleep((took * (1 - SHARE)) / SHARE, signal)
    }
  }
}
