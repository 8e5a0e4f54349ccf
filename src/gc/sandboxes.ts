/**
 * Removes sandboxes of ended containers that are older than `--gc_delay` (spec/mesos.md 10, first form): by the time
 * of their last change, so that a restart of the agent does not start the clock again.
 */
import { lstat, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'

export interface CollectorDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Containers that are being prepared, run, or are being released. */
  readonly isLive: (containerId: string) => boolean
}

export interface Sweep {
  readonly removed: number
  readonly failed: number
  /** Sandboxes of ended containers that stay for now. */
  readonly kept: number
}

const SUCCEEDED = 'gc/path_removals_succeeded'
const FAILED = 'gc/path_removals_failed'

export class SandboxCollector {
  readonly #deps: CollectorDeps
  readonly #root: string
  readonly #delayMs: number
  #kept = 0

  /** `root` is the folder that holds `<agent>/frameworks/<framework>/executors/<executor>/runs/<container>`. */
  constructor(deps: CollectorDeps, root: string, delayMs: number) {
    this.#deps = deps
    this.#root = root
    this.#delayMs = delayMs
    deps.metrics.declare(SUCCEEDED, FAILED)
    deps.metrics.gauge('gc/path_removals_pending', () => this.#kept)
  }

  /** Looks at every sandbox and removes those that are due, with the folders that become empty. */
  async sweep(): Promise<Sweep> {
    let removed = 0
    let failed = 0
    let kept = 0
    for (const executor of await this.#executors()) {
      const runs = join(executor, 'runs')
      for (const run of await entries(runs)) {
        if (run === 'latest' || this.#deps.isLive(run)) continue
        const outcome = await this.#consider(join(runs, run))
        if (outcome === 'removed') removed++
        else if (outcome === 'failed') failed++
        else kept++
      }
      await this.#removeEmpty(executor)
    }
    this.#kept = kept
    if (removed + failed > 0) this.#deps.log.info({ removed, failed, kept }, 'sandboxes collected')
    return { removed, failed, kept }
  }

  async #executors(): Promise<string[]> {
    const found: string[] = []
    for (const agent of await entries(this.#root)) {
      const frameworks = join(this.#root, agent, 'frameworks')
      for (const framework of await entries(frameworks)) {
        const executors = join(frameworks, framework, 'executors')
        for (const executor of await entries(executors)) found.push(join(executors, executor))
      }
    }
    return found
  }

  async #consider(path: string): Promise<'removed' | 'failed' | 'kept'> {
    try {
      if ((await lastChange(path)) + this.#delayMs > this.#deps.clock.now()) return 'kept'
      // Links are removed, not followed.
      await rm(path, { recursive: true, force: true })
      this.#deps.metrics.count(SUCCEEDED)
      return 'removed'
    } catch (error) {
      this.#deps.metrics.count(FAILED)
      this.#deps.log.warn({ path, reason: reasonOf(error) }, 'sandbox not removed')
      return 'failed'
    }
  }

  /** An executor's folder without runs goes, and with it the framework's and agent's when they hold nothing else. */
  async #removeEmpty(executor: string): Promise<void> {
    const runs = join(executor, 'runs')
    const left = await entries(runs)
    if (left.some((name) => name !== 'latest')) return
    // A container may be asked for at this moment: only a link that leads nowhere is old.
    if (left.length > 0 && (await leadsSomewhere(join(runs, 'latest')))) return
    await rm(join(runs, 'latest'), { force: true })
    const agent = join(executor, '..', '..', '..', '..')
    for (const folder of [
      runs,
      executor,
      join(executor, '..'),
      join(executor, '../..'),
      join(agent, 'frameworks'),
      agent,
    ]) {
      if (!(await removeIfEmpty(folder))) return
    }
  }
}

/**
 * Wall time in ms of the last sign of life. The agent sets the folder's time when the container ends; after a crash of
 * the agent the output tells how long it ran on.
 */
async function lastChange(path: string): Promise<number> {
  // A link itself, not what it leads to.
  let { mtimeMs: newest } = await lstat(path)
  for (const name of ['stdout', 'stderr']) {
    try {
      newest = Math.max(newest, (await lstat(join(path, name))).mtimeMs)
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  return newest
}

async function leadsSomewhere(link: string): Promise<boolean> {
  try {
    await stat(link)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
}

async function entries(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

async function removeIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder)
    return true
  } catch (error) {
    if (['ENOTEMPTY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}
