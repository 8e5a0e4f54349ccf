/**
 * Keeps the checkpoint up with the core: every step's changes in one transaction, tried again while the disk refuses,
 * and brought to the disk so that a power cut takes little, and nothing of what others rely on.
 */
import type { Clock } from '../base/clock.ts'
import { reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Checkpoint, CheckpointRow } from '../store/checkpoint.ts'

export interface KeeperDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly checkpoint: Checkpoint
  /** What the core changed since it was asked last. */
  readonly takeRows: () => readonly CheckpointRow[]
}

const FAILURES = 'tepui/checkpoint_failures'
const SYNCS = 'tepui/checkpoint_syncs'
const TRY_AGAIN_MS = 1000
/** What nobody waits for is on the disk after so long. */
const SYNC_WITHIN_MS = 1000

export class Keeper implements Disposable {
  readonly #deps: KeeperDeps
  /** Rows of the earlier life that the first write does not renew: they go with it. */
  #stale: readonly CheckpointRow[]
  #again: Disposable | undefined
  #syncLater: Disposable | undefined
  #over = false

  constructor(deps: KeeperDeps, found: readonly CheckpointRow[]) {
    this.#deps = deps
    this.#stale = found
    deps.metrics.declare(FAILURES, SYNCS)
    deps.metrics.gauge('tepui/checkpoint_owed_rows', () => deps.checkpoint.owed)
  }

  /**
   * Writes what changed. A disk that is full stops nobody's tasks: the rows wait, and what an agent that dies in that
   * time did not write is settled with the master as if it had happened while it was away.
   */
  commit(): void {
    if (this.#over) return
    const rows = this.#deps.takeRows()
    const renewed = new Set(rows.map(({ key, kind }) => `${kind}\n${key}`))
    const gone = this.#stale.filter(({ key, kind }) => !renewed.has(`${kind}\n${key}`))
    this.#stale = []
    this.#write([...gone.map(({ key, kind }) => ({ kind, key, value: undefined })), ...rows])
    if (!this.#deps.checkpoint.unsynced) return
    this.#syncLater ??= this.#deps.clock.after(SYNC_WITHIN_MS, () => void this.#sync())
  }

  /**
   * Undefined when a power cut would take nothing of what was written; else it resolves when that is so, or when the
   * disk will not have it: nobody waits for a broken disk for ever.
   */
  safe(): Promise<void> | undefined {
    return this.#over || !this.#deps.checkpoint.unsynced ? undefined : this.#sync()
  }

  /** The agent's next life is another agent. */
  forget(): void {
    this.#over = true
    try {
      this.#deps.checkpoint.clear()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Nothing is written any more; the checkpoint itself is its opener's to close. */
  [Symbol.dispose](): void {
    this.#over = true
    this.#again?.[Symbol.dispose]()
    this.#syncLater?.[Symbol.dispose]()
  }

  async #sync(): Promise<void> {
    const { checkpoint, metrics } = this.#deps
    this.#syncLater?.[Symbol.dispose]()
    this.#syncLater = undefined
    if (this.#over || !checkpoint.unsynced) return
    metrics.count(SYNCS)
    try {
      await checkpoint.flush()
    } catch (error) {
      if (!this.#over) this.#fail(error)
    }
  }

  #write(rows: readonly CheckpointRow[]): void {
    const { checkpoint, clock, log } = this.#deps
    const owed = checkpoint.owed
    try {
      checkpoint.write(rows)
      if (owed > 0) log.info({ rows: owed }, 'the checkpoint is complete again')
    } catch (error) {
      if (owed === 0) this.#fail(error)
      this.#again?.[Symbol.dispose]()
      this.#again = clock.after(TRY_AGAIN_MS, () => this.#write([]))
    }
  }

  #fail(error: unknown): void {
    const { checkpoint, log, metrics } = this.#deps
    metrics.count(FAILURES)
    log.warn(
      { path: checkpoint.path, reason: reasonOf(error) },
      'the checkpoint cannot be written; trying again',
    )
  }
}
