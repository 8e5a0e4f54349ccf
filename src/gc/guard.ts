/**
 * Watches that the disk does not fill up: asks for a collection when it is nearly full, gives the reserve back when it
 * is full, and says why nothing new may start meanwhile.
 */
import { reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { humanBytes } from '../base/units.ts'
import type { DiskUse } from './disk.ts'
import type { Reserve } from './reserve.ts'

export interface GuardDeps {
  readonly log: Logger
  readonly metrics: Metrics
  readonly disk: () => DiskUse
  readonly reserve: Reserve
  /** Removes what may go. */
  readonly collect: () => Promise<unknown>
  /** What holds the room, for people: a half sentence with figures. */
  readonly holders: () => string
}

/** Parts of the reserve: nothing new starts below the first, and it is given back below the second. */
const REFUSE_PART = 1 / 4
const RELEASE_PART = 1 / 8
/** It is taken again when so many times of it are free. */
const REFILL_TIMES = 2

export class DiskGuard {
  readonly #deps: GuardDeps
  #isLow = false

  constructor(deps: GuardDeps) {
    this.#deps = deps
    const { disk, metrics, reserve } = deps
    metrics.declare('tepui/disk_launches_refused')
    metrics.gauge('tepui/disk_free_bytes', () => disk().freeBytes)
    metrics.gauge('tepui/disk_used_ratio', () => disk().usage)
    metrics.gauge('tepui/disk_reserve_bytes', () => reserve.heldBytes)
    metrics.gauge('tepui/disk_full', () => Number(this.#isLow))
  }

  get isLow(): boolean {
    return this.#isLow
  }

  /** To be called every second. */
  async look(): Promise<void> {
    const { collect, disk, log, reserve } = this.#deps
    const { freeBytes } = disk()
    const wasLow = this.#isLow
    this.#isLow = this.#lacks(freeBytes)
    if (freeBytes < reserve.wantedBytes * RELEASE_PART) {
      const bytes = reserve.release()
      if (bytes > 0)
        log.error({ free: freeBytes, bytes }, 'the disk is full: a part of the reserve was given back')
    }
    if (this.#isLow) {
      if (!wasLow) log.error({ free: freeBytes }, `the disk is nearly full: ${this.#deps.holders()}`)
      await collect()
      this.#isLow = this.#lacks(disk().freeBytes)
    }
    if (wasLow && !this.#isLow) log.info({ free: disk().freeBytes }, 'the disk has room again')
    if (freeBytes > reserve.wantedBytes * REFILL_TIMES) await reserve.fill()
  }

  /** The sentence for a launch that must not begin now, when collecting made no room; undefined when there is room. */
  async refusal(): Promise<string | undefined> {
    const { collect, disk, log, metrics } = this.#deps
    if (!this.#lacks(disk().freeBytes)) return undefined
    try {
      await collect()
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'sandboxes could not be collected')
    }
    const { freeBytes, totalBytes } = disk()
    if (!this.#lacks(freeBytes)) return undefined
    this.#isLow = true
    metrics.count('tepui/disk_launches_refused')
    const room = `${humanBytes(freeBytes)} of ${humanBytes(totalBytes)} are free in the agent's work folder`
    return `The disk is full: ${room}; ${this.#deps.holders()}`
  }

  /** What would be free if the reserve were whole decides: giving it back makes no room for others. */
  #lacks(freeBytes: number): boolean {
    const { heldBytes, wantedBytes } = this.#deps.reserve
    return freeBytes - Math.max(0, wantedBytes - heldBytes) < wantedBytes * REFUSE_PART
  }
}
