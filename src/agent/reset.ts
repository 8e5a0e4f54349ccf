// `tepui agent reset`: ends what an agent left running and removes what it wrote down; sandboxes and logs stay.
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'
import type { Logger } from '../base/log.ts'
import { Scope } from '../base/scope.ts'
import { cgroupTag, openCgroups } from '../containerizer/cgroups/open.ts'
import { openContainerizers } from './containerizers.ts'
import type { AgentFlags } from './flags.ts'
import { thawLeftovers } from './ground.ts'
import { readHardware } from './hardware.ts'
import { lockFolder } from './lock.ts'
import { checkpointFile } from './paths.ts'

export interface Reset {
  /** Containers that were ended. */
  readonly removed: number
  /** The folder of what was written down. */
  readonly path: string
}

/**
 * Needs the flags that the agent had, because the names of its containers come from them (`--port`, `--docker_socket`,
 * `--cgroups_root`). Works whatever the checkpoint looks like.
 * @throws OperatingError USAGE without a work folder, FILE when an agent runs there
 */
export async function resetAgent(
  flags: AgentFlags,
  deps: { readonly clock: Clock; readonly log: Logger },
): Promise<Reset> {
  const { clock, log } = deps
  if (flags.work_dir === undefined) throw usageError("Flag '--work_dir' is required: --work_dir=PATH")
  const workDir = resolve(flags.work_dir)
  if (!existsSync(workDir)) throw new OperatingError('FILE', `There is no folder ${workDir}`)
  const scope = new Scope()
  try {
    scope.use(await lockFolder(workDir))
    const hardware = await readHardware(workDir, clock, () => undefined)
    const tag = cgroupTag(flags.port, workDir)
    const cgroups = openCgroups({
      mount: flags.cgroups_hierarchy,
      root: flags.cgroups_root,
      tag,
      cpus: hardware.cpus,
      clock,
    })
    scope.defer(() => cgroups.close())
    thawLeftovers(cgroups, log)
    const runtimeDir = resolve(flags.runtime_dir ?? join(workDir, 'runtime'))
    const { signal } = new AbortController()
    const needs = { clock, log, cgroups, tag, memoryBytes: hardware.memoryBytes, runtimeDir, kept: 0, signal }
    const { all } = await openContainerizers(flags, needs)
    for (const containerizer of all) scope.defer(() => containerizer.close())
    let removed = 0
    for (const containerizer of all) removed += (await containerizer.recover([])).removed
    const path = dirname(checkpointFile(workDir))
    await rm(path, { recursive: true, force: true })
    return { removed, path }
  } finally {
    await scope[Symbol.asyncDispose]()
  }
}
