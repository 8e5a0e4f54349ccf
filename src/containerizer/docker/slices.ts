/**
 * Tells systemd what the slices of the tiers weigh, where it makes the groups of the engine's containers. It keeps its
 * own book of every slice and writes the kernel's files from it again, at the latest with the next
 * `systemctl daemon-reload`: a setting that is only in the kernel's files would not last.
 */
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import { type CommandResult, runCommand } from '../../base/exec.ts'
import type { Logger } from '../../base/log.ts'
import type { Cgroups, Tier } from '../cgroups.ts'
import { TIERS } from '../cgroups/tiers.ts'

export interface SlicesDeps {
  readonly cgroups: Cgroups
  readonly clock: Clock
  readonly log: Logger
  /** Runs `systemctl` with these words; fails as `runCommand` does. */
  readonly systemctl?: (words: readonly string[], signal: AbortSignal) => Promise<CommandResult>
}

/** It answers in a tenth of a second as a rule; a systemd that hangs does not keep the agent from starting. */
const PATIENCE_MS = 10_000

export class Slices {
  readonly #deps: SlicesDeps

  constructor(deps: SlicesDeps) {
    this.#deps = deps
  }

  /** Idempotent; the slices are there afterwards. What fails is told, and mended in the kernel's files as it shows. */
  async settle(): Promise<void> {
    // Beside each other: the agent's start waits for them.
    await Promise.all(TIERS.map((tier) => this.#settle(tier)))
  }

  /** Slices without containers go, and systemd's book forgets them. */
  async release(): Promise<void> {
    const { cgroups, log } = this.#deps
    for (const tier of TIERS) {
      const name = this.#name(tier)
      if (cgroups.children(`/${name}`).length > 0) continue
      const trouble = (await this.#ask(['stop', name])) ?? (await this.#ask(['revert', name]))
      if (trouble !== undefined) log.info({ slice: name, trouble }, 'An empty slice may be left with systemd')
    }
  }

  async #settle(tier: Tier): Promise<void> {
    const { cgroups, log } = this.#deps
    const slice = this.#name(tier)
    let trouble: string | undefined
    for (const properties of cgroups.sliceProperties(tier)) {
      trouble = await this.#ask(['set-property', '--runtime', slice, ...properties])
      if (trouble === undefined) return
    }
    log.warn(
      { slice, trouble },
      'systemd was not told what a slice weighs: its reloads take that from it, until the agent notices',
    )
  }

  #name(tier: Tier): string {
    return this.#deps.cgroups.dockerParent(tier, 'systemd')
  }

  /** Undefined when it was done, or why not. */
  async #ask(words: readonly string[]): Promise<string | undefined> {
    const { clock, systemctl = run } = this.#deps
    const patience = new AbortController()
    using _ = clock.after(PATIENCE_MS, () => patience.abort())
    try {
      const { exitCode, stderr } = await systemctl(words, patience.signal)
      if (exitCode === 0) return undefined
      const silent = patience.signal.aborted
        ? `no answer in ${PATIENCE_MS / 1000} s`
        : `exit status ${exitCode}`
      return stderr.trim().split('\n')[0] || silent
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      return reasonOf(error)
    }
  }
}

const run = (words: readonly string[], signal: AbortSignal): Promise<CommandResult> =>
  runCommand('systemctl', words, { signal })
