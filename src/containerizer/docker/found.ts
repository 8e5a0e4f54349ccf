// A container that somebody started unwatched: an earlier life of the agent, or an engine that did not answer.
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { ContainerSpec } from '../containerizer.ts'
import { setQuotaAfterStart } from '../own-quota.ts'
import { copyOn, copyRest } from './catch-up.ts'
import { DockerContainer } from './container.ts'
import { applyDemand } from './demand.ts'
import type { Listening } from './ends.ts'
import type { Inspection } from './engine-answers.ts'
import { fateOf } from './fate.ts'
import { demandOf, groupOf, type LaunchDeps, quotaAfterStart } from './parts.ts'
import { SandboxOutput } from './output.ts'

/**
 * Goes on with it, whether it runs or has ended. Undefined when it was never started, and then it is removed, or is not
 * there (any more).
 *
 * @throws OperatingError ENGINE when the engine does not say
 */
export async function findStarted(
  deps: LaunchDeps,
  spec: ContainerSpec,
  dockerId: string,
): Promise<DockerContainer | undefined> {
  // Before the look, so that no end falls between the look and the listening.
  const listening = deps.ends.expect(dockerId)
  let inspection: Inspection | undefined
  try {
    inspection = await fateOf(deps, dockerId)
  } catch (error) {
    listening?.[Symbol.dispose]()
    throw error
  }
  if (inspection !== undefined) return takeUp(deps, spec, { dockerId, inspection, listening })
  listening?.[Symbol.dispose]()
  return undefined
}

interface Found {
  readonly dockerId: string
  readonly inspection: Inspection
  readonly listening: Listening | undefined
}

function takeUp(
  deps: LaunchDeps,
  spec: ContainerSpec,
  { dockerId, inspection, listening }: Found,
): DockerContainer {
  const { cgroups, log, onCreated } = deps
  onCreated(dockerId)
  const { State, Config, HostConfig } = inspection.description
  const group = groupOf(deps, spec, dockerId)
  const detach = new AbortController()
  const output = openOutput(deps, spec)
  const copy = {
    ...deps,
    containerId: spec.containerId,
    dockerId,
    output,
    raw: Config.Tty,
    signal: detach.signal,
  }
  if (!State.Running) listening?.[Symbol.dispose]()
  else if (spec.revocable && group !== undefined) {
    cgroups.ensureSlice('lent')
    giveQuotaBack(deps, spec, group.path)
  }
  log.info(
    { container: spec.containerId, running: State.Running },
    'Found a container that was started before',
  )
  const memory = HostConfig.Memory ?? 0
  return new DockerContainer({
    ...deps,
    containerId: spec.containerId,
    taskId: spec.taskId,
    dockerId,
    group,
    memoryLimitBytes: memory > 0 ? memory : undefined,
    demand: demandOf(deps, spec, group),
    output,
    copied: State.Running ? copyOn(copy) : copyRest(copy),
    attachAgain: () => copyOn(copy),
    listening,
    detach,
    made: undefined,
    adopted: inspection,
  })
}

/** The task's own doings with its files do not end it: then its output is dropped, as when a disk is full. */
function openOutput(
  { outputHeadBytes, outputMaxBytes, log }: LaunchDeps,
  { sandbox, containerId }: ContainerSpec,
): SandboxOutput {
  const onTrouble = (error: unknown): void =>
    log.warn({ container: containerId, reason: reasonOf(error) }, 'Could not keep output of a container')
  const options = { sandbox, maxBytes: outputMaxBytes, headBytes: outputHeadBytes, onTrouble }
  try {
    return SandboxOutput.open(options)
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    onTrouble(error)
    return SandboxOutput.nowhere(options)
  }
}

/** A life that ended while borrowers were squeezed took with it which quotas of single ones it had cut. */
function giveQuotaBack(deps: LaunchDeps, spec: ContainerSpec, path: string): void {
  const host = { NetworkMode: '' }
  const quota =
    applyDemand(host, spec, deps.settings) === undefined ? quotaAfterStart(deps, spec, host) : undefined
  if (quota === undefined) return
  try {
    setQuotaAfterStart(deps.cgroups, path, quota)
  } catch (error) {
    const fields = { container: spec.containerId, reason: reasonOf(error) }
    deps.log.warn(fields, 'the quota of a borrower of an earlier life could not be set')
  }
}
