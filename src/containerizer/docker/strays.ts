/**
 * Control groups of containers that the engine no longer knows. An engine that dies between making a container's first
 * process and letting it begin forgets both: the process waits for ever, in a group below our tiers.
 */
import { type Clock, every } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { CgroupDriver, Cgroups } from '../cgroups.ts'
import type { Engine } from './engine.ts'

export interface StraysOptions {
  readonly engine: Pick<Engine, 'inspect'>
  readonly cgroups: Pick<Cgroups, 'dockerGroups' | 'kill' | 'remove'>
  readonly cgroupDriver: CgroupDriver
  readonly clock: Clock
  readonly log: Logger
  /** Engine ids of the containers of this life that have not been removed: they need no question to the engine. */
  readonly mine: ReadonlySet<string>
}

/** A look reads one folder for each tier and hierarchy. */
const LOOK_MS = 5000

export class Strays {
  readonly #options: StraysOptions

  constructor(options: StraysOptions) {
    this.#options = options
  }

  /** Looks now and then until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    const onFailure = (error: unknown): void =>
      log.warn({ reason: reasonOf(error) }, 'could not look for control groups that the engine forgot')
    return every(clock, { ms: LOOK_MS, name: 'strays', onFailure }, () => this.sweep(), signal)
  }

  /**
   * Ends and removes them.
   *
   * @throws OperatingError ENGINE when there may be some and the engine does not say what it knows
   */
  async sweep(): Promise<void> {
    const { engine, cgroups, cgroupDriver, mine } = this.#options
    const seen = [...cgroups.dockerGroups(cgroupDriver)].filter(([id]) => !mine.has(id))
    const looks = seen.map(async ([id, path]) => {
      // Asked after the look: what had a group then is known now, unless it was removed. Asked by id and not by our
      // labels, because anybody may have put a container below our tiers: it is not ours to end.
      const known = await engine.inspect(id)
      if (known === undefined && !mine.has(id)) await this.#end(id, path)
    })
    await Promise.all(looks)
  }

  async #end(id: string, path: string): Promise<void> {
    const { cgroups, log } = this.#options
    try {
      await cgroups.kill(path)
      await cgroups.remove(path)
      log.warn({ container: id, group: path }, 'Ended what was left of a container that the engine forgot')
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      log.warn(
        { container: id, group: path, reason: reasonOf(error) },
        'Could not end what was left of a container',
      )
    }
  }
}
