// Hears of the ends of commands whose shims are not our children: an earlier life of the agent started them.
import { type FSWatcher, watch } from 'node:fs'
import { type Clock, every } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Scope } from '../../base/scope.ts'
import type { ContainerState } from './state.ts'

/** The kernel tells of a record at once; that a shim was killed is only seen by looking. */
const LOOK_MS = 1000

interface Awaited {
  readonly state: ContainerState
  readonly isAlive: () => boolean
  readonly watcher: FSWatcher | undefined
  readonly resolve: () => void
}

export interface EndsOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly scope: Scope
}

export class ShimEnds {
  readonly #options: EndsOptions
  readonly #awaited = new Set<Awaited>()
  #looks = false

  constructor(options: EndsOptions) {
    this.#options = options
    options.scope.defer(() => {
      for (const { watcher } of this.#awaited) watcher?.close()
    })
  }

  /**
   * Resolves when the record of the end is there, or when nobody is alive who could still write one.
   *
   * @param isAlive one or two reads; called once a second
   */
  of(state: ContainerState, isAlive: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => void this.#read(one)
    const one: Awaited = { state, isAlive, resolve, watcher: this.#watch(state.directory, look) }
    this.#awaited.add(one)
    this.#lookOften()
    look()
    return promise
  }

  async #read(one: Awaited): Promise<void> {
    // Asked before the record is read: who is alive now may write it right after the read.
    const alive = one.isAlive()
    const isOver = (await one.state.exit()) !== undefined || !alive
    if (!isOver || !this.#awaited.delete(one)) return
    one.watcher?.close()
    one.resolve()
  }

  async #lookAtAll(): Promise<void> {
    const unsure = [...this.#awaited].filter((one) => one.watcher === undefined || !one.isAlive())
    await Promise.all(unsure.map((one) => this.#read(one)))
  }

  /** Undefined where the kernel has no more watches for us: then the look once a second must do. */
  #watch(folder: string, onChange: () => void): FSWatcher | undefined {
    const { log } = this.#options
    try {
      const watcher = watch(folder, { persistent: false }, onChange)
      watcher.on('error', (error) =>
        log.warn({ folder, reason: reasonOf(error) }, 'a watch of a folder failed'),
      )
      return watcher
    } catch (error) {
      log.info(
        { folder, reason: reasonOf(error) },
        'a folder cannot be watched: it is looked at once a second',
      )
      return undefined
    }
  }

  #lookOften(): void {
    if (this.#looks) return
    this.#looks = true
    const { clock, log, scope } = this.#options
    const onFailure = (error: unknown): void =>
      log.error({ reason: reasonOf(error) }, 'the ends of host containers could not be looked for')
    scope.spawn(
      'look for ends',
      (signal) =>
        every(clock, { ms: LOOK_MS, name: 'look for ends', onFailure }, () => this.#lookAtAll(), signal),
      (_name, error) => onFailure(error),
    )
  }
}
