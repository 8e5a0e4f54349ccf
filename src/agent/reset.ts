// `tepui agent reset`: ends what an agent left running and removes what it wrote down; sandboxes and logs stay.
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'
import type { Logger } from '../base/log.ts'
import { Scope } from '../base/scope.ts'
import { counted } from '../base/words.ts'
import { openCgroups } from '../containerizer/cgroups/open.ts'
import type { Containerizer } from '../containerizer/containerizer.ts'
import { Checkpoint } from '../store/checkpoint.ts'
import { keptOnEngine, openContainerizers, type OpenedContainerizers } from './containerizers.ts'
import { restore } from './core/restore.ts'
import type { AgentFlags } from './flags.ts'
import { thawLeftovers } from './ground.ts'
import { readHardware } from './hardware.ts'
import { lockFolder } from './lock.ts'
import { AGENTS_FOLDER, checkpointFile } from './paths.ts'
import { agentTag } from './tag.ts'

export interface Reset {
  /** Containers that were ended. */
  readonly removed: number
  /** The folder of what was written down. */
  readonly path: string
}

/**
 * Needs the flags that the agent had, because the names of its containers come from them (`--port`, `--docker_socket`,
 * `--cgroups_root`). Works whatever the checkpoint looks like.
 * @throws OperatingError USAGE without a work folder, FILE when an agent runs there, ENGINE when containers may be
 * left: then what was written down stays too
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
    const tag = agentTag(flags.port, workDir)
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
    const opened = await openContainerizers(flags, needs)
    for (const containerizer of opened.all) scope.defer(() => containerizer.close())
    const removed = await endAll(opened.all, { flags, tag, workDir })
    requireEngine(opened, removed, { flags, tag, workDir })
    const path = dirname(checkpointFile(workDir))
    await rm(path, { recursive: true, force: true })
    return { removed, path }
  } finally {
    await scope[Symbol.asyncDispose]()
  }
}

interface Place {
  readonly flags: AgentFlags
  /** Of its containers on the engine. */
  readonly tag: string
  readonly workDir: string
}

/** Returns how many there were. @throws OperatingError ENGINE when some are left */
async function endAll(containerizers: readonly Containerizer[], place: Place): Promise<number> {
  let removed = 0
  let left = 0
  for (const containerizer of containerizers) {
    removed += (await containerizer.recover([])).removed
    // Those that had ended before are kept for a while, for an agent that removes them then.
    await containerizer.keeping?.removeContainers(0)
    left += (await containerizer.count?.()) ?? 0
  }
  if (left > 0) throw unfinished(removed, `the Docker Engine still has ${left} of this agent`, place)
  return removed
}

/** @throws OperatingError ENGINE when the engine does not say whether it has containers of this agent, and may */
function requireEngine(
  { laterEngine }: Pick<OpenedContainerizers, 'laterEngine'>,
  removed: number,
  place: Place,
): void {
  if (laterEngine === undefined || !mayHaveUsedEngine(place.workDir)) return
  const why = `the Docker Engine does not answer at ${place.flags.docker_socket}, and may have more of this agent`
  throw unfinished(removed, why, place)
}

function unfinished(removed: number, why: string, { flags, tag, workDir }: Place): OperatingError {
  const path = dirname(checkpointFile(workDir))
  const rest = `docker ps --all --filter label=tepui.agent=${tag}`
  return new OperatingError(
    'ENGINE',
    `Ended ${counted(removed, 'container')}, but ${why}; ${path} was not removed`,
    {
      hint:
        `Start the engine (${flags.docker_socket}) and run this again; to give up what is there, run it with ` +
        `--containerizers=mesos, and look for the rest when the engine is back: '${rest}'`,
    },
  )
}

/** The agent says in its attributes which engine it has; what cannot be read may say anything. */
function mayHaveUsedEngine(workDir: string): boolean {
  const path = checkpointFile(workDir)
  if (!existsSync(path)) return existsSync(join(workDir, AGENTS_FOLDER))
  try {
    using checkpoint = Checkpoint.open(path)
    const { agent, problems, state } = restore(checkpoint.read())
    const hasEngine = agent?.info.attributes?.some(({ name }) => name === 'docker') === true
    return problems.length > 0 || hasEngine || keptOnEngine(state) > 0
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    return true
  }
}
