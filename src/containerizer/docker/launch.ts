// The way of a task from its description to a running engine container, with as few requests as it takes.
import { OperatingError, type Rejection, reasonOf } from '../../base/errors.ts'
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { CgroupDriver, Cgroups } from '../cgroups.ts'
import type { ContainerSpec, LaunchObserver } from '../containerizer.ts'
import type { ImageUse } from '../keeping.ts'
import { humanDuration } from '../../base/units.ts'
import { setQuotaAfterStart, setsQuotasItself } from '../own-quota.ts'
import type { Made } from './as-made.ts'
import type { HostConfig } from './body.ts'
import { type ContainerGroup, type ContainerParts, DockerContainer } from './container.ts'
import { credentialsFor, sandboxConfig } from './credentials.ts'
import { copyOn } from './catch-up.ts'
import { changedDemand } from './demand.ts'
import type { Ends, Listening } from './ends.ts'
import { EngineError } from './engine-errors.ts'
import type { Engine } from './engine.ts'
import type { Images } from './image.ts'
import type { KernelLog } from './kernel-log.ts'
import { type OptionSettings, type Translation, translate } from './options.ts'
import { SandboxOutput } from './output.ts'
import type { Removals } from './removals.ts'
import type { Turns } from './turns.ts'

/** What every launch of one containerizer shares. */
export interface LaunchDeps {
  readonly engine: Engine
  readonly ends: Ends
  readonly images: Images
  readonly removals: Removals
  readonly kernelLog: KernelLog
  readonly cgroups: Cgroups
  readonly cgroupDriver: CgroupDriver
  readonly clock: Clock
  readonly log: Logger
  readonly settings: OptionSettings
  /** Text of a Docker configuration with credentials. */
  readonly registryConfig: string | undefined
  readonly indexServer: string | undefined
  readonly outputMaxBytes: number
  readonly outputHeadBytes: number
  /** For reading the engine's logs. */
  readonly logTurns: Turns
  readonly engineLossMs: number
  readonly closed: AbortSignal
  /** Called with the engine's id as soon as a container exists. */
  readonly onCreated: (dockerId: string) => void
  /** Called when a task's image is there. */
  readonly onImage: (use: ImageUse) => void
}

interface Attempt {
  readonly deps: LaunchDeps
  readonly spec: ContainerSpec
  readonly translation: Translation
  readonly observer: LaunchObserver
  readonly signal: AbortSignal
}

/**
 * Resolves with the running container. When it throws, nothing is left.
 *
 * @throws OperatingError LAUNCH, IMAGE, ENGINE, FILE; or the signal's reason
 */
export async function launchContainer(
  deps: LaunchDeps,
  spec: ContainerSpec,
  observer: LaunchObserver,
  signal: AbortSignal,
): Promise<DockerContainer> {
  signal.throwIfAborted()
  const translation = translate(spec, deps.settings, cgroupParent(deps, spec))
  if ('rejected' in translation) throw refusal(translation)
  for (const note of translation.notes) deps.log.info({ container: spec.containerId }, note)
  const attempt: Attempt = { deps, spec, translation, observer, signal }
  if (spec.container?.docker?.force_pull_image === true) await pull(attempt)
  const output = SandboxOutput.open({
    sandbox: spec.sandbox,
    maxBytes: deps.outputMaxBytes,
    headBytes: deps.outputHeadBytes,
    onTrouble: (error) =>
      deps.log.warn(
        { container: spec.containerId, reason: reasonOf(error) },
        'Could not keep output of a container',
      ),
  })
  let dockerId: string
  try {
    dockerId = await create(attempt)
  } catch (error) {
    output[Symbol.dispose]()
    throw error
  }
  return start(attempt, dockerId, output)
}

function cgroupParent(deps: LaunchDeps, spec: ContainerSpec): string | undefined {
  if (deps.cgroups.layout === 'none') return undefined
  const tier = spec.revocable ? 'lent' : 'owners'
  deps.cgroups.ensureTier(tier)
  return deps.cgroups.dockerParent(tier, deps.cgroupDriver)
}

/** Creates the container; pulls the image only when the engine says that it is missing, as it mostly is there. */
async function create(attempt: Attempt): Promise<string> {
  const { deps, translation, signal } = attempt
  for (const isLast of [false, true]) {
    const answer = await request(attempt, 'create')
    if (answer.id !== undefined) {
      deps.onCreated(answer.id)
      deps.onImage({ reference: translation.image, pulled: false })
      return answer.id
    }
    signal.throwIfAborted()
    // The engine also answers "not found" for other things that a container can name.
    if (isLast || (await deps.engine.hasImage(translation.image))) throw cannot('create', answer.missing)
    await pull(attempt)
    signal.throwIfAborted()
  }
  throw new Error('Invariant broken: the second attempt returns or throws')
}

async function request(
  { deps, spec, translation }: Attempt,
  doing: string,
): Promise<{ id: string } | { id: undefined; missing: string }> {
  try {
    const { body } = translation
    const hasLate = quotaAfterStart(deps, spec, body.HostConfig) !== undefined
    const HostConfig = hasLate ? withoutQuota(body.HostConfig) : body.HostConfig
    return await deps.engine.create(translation.name, { ...body, HostConfig })
  } catch (error) {
    if (error instanceof EngineError && error.status !== undefined) throw cannot(doing, error.words)
    // No answer is no proof that there is no container.
    throw await accountedFor(deps, translation.name, error)
  }
}

/**
 * Before a launch fails because the engine did not answer: waits until it has confirmed that nothing of it is there, as
 * whoever hears of the failure starts another one. Returns what to throw.
 */
async function accountedFor(
  { removals, engineLossMs, log }: LaunchDeps,
  id: string,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof EngineError) || error.status !== undefined || error.isUnsent) {
    await removals.now(id)
    return error
  }
  log.warn(
    { container: id, reason: error.message },
    'Waiting for the engine to confirm that nothing was started',
  )
  if (await removals.confirmed(id, engineLossMs)) return error
  const time = humanDuration(engineLossMs)
  const doubt = `; in ${time} it did not confirm that nothing of it runs`
  const hint = error.hint === undefined ? {} : { hint: error.hint }
  return new EngineError(`${error.message}${doubt}`, undefined, '', { cause: error, ...hint })
}

/** The cores that a lent container may use, where it is for us and not for the engine to tell the kernel. */
export function quotaAfterStart(
  { cgroups }: LaunchDeps,
  { revocable }: ContainerSpec,
  { CpuPeriod = 100_000, CpuQuota = 0 }: Partial<HostConfig>,
): number | undefined {
  if (!revocable || CpuQuota === 0 || !setsQuotasItself(cgroups)) return undefined
  return CpuQuota < 0 ? Number.POSITIVE_INFINITY : CpuQuota / CpuPeriod
}

function withoutQuota<H extends Partial<HostConfig>>(host: H): Omit<H, 'CpuPeriod' | 'CpuQuota'> {
  const { CpuPeriod: _period, CpuQuota: _quota, ...rest } = host
  return rest
}

async function pull({ deps, spec, translation, observer, signal }: Attempt): Promise<void> {
  const config = (await sandboxConfig(spec.sandbox)) ?? deps.registryConfig
  const auth = credentialsFor(translation.image, config, deps.indexServer)
  const progress = (sentence: string): void => observer.progress(sentence)
  const reference = translation.image
  await deps.images.pull({ reference, auth, progress }, signal)
  deps.onImage({ reference, pulled: true })
}

async function start(attempt: Attempt, dockerId: string, output: SandboxOutput): Promise<DockerContainer> {
  const { deps, spec, translation, signal } = attempt
  const { engine } = deps
  const raw = translation.body.Tty
  const detach = new AbortController()
  let copied = Promise.resolve()
  let listening: Listening | undefined
  try {
    signal.throwIfAborted()
    const group = groupOf(deps, spec, dockerId)
    const createdAt = deps.clock.now()
    // Attached before the start, or the first lines would be lost.
    copied = output.follow(await engine.attach(dockerId, detach.signal), raw)
    signal.throwIfAborted()
    listening = deps.ends.expect(dockerId)
    await startWithWords(engine, dockerId)
    const quota = quotaAfterStart(deps, spec, translation.body.HostConfig)
    if (group !== undefined && quota !== undefined) setQuotaAfterStart(deps.cgroups, group.path, quota)
    const container = new DockerContainer({
      ...deps,
      containerId: spec.containerId,
      taskId: spec.taskId,
      dockerId,
      group,
      memoryLimitBytes: translation.body.HostConfig.Memory,
      demand: demandOf(deps, spec, group),
      output,
      copied,
      attachAgain: () =>
        copyOn({ ...deps, containerId: spec.containerId, dockerId, output, raw, signal: detach.signal }),
      listening,
      detach,
      made: group === undefined ? undefined : asMade(attempt, dockerId, createdAt),
    })
    if (spec.revocable && group !== undefined) deps.cgroups.ensureSlice('lent')
    await container.look()
    if (!signal.aborted) return container
    container.kill(0)
    await container.exit
  } catch (error) {
    listening?.[Symbol.dispose]()
    detach.abort()
    await copied
    output[Symbol.dispose]()
    throw await accountedFor(deps, dockerId, error)
  }
  await deps.removals.now(dockerId)
  throw signal.reason
}

/** What a new reservation changes; a quota that is for us to tell the kernel is told at once. */
export function demandOf(
  deps: LaunchDeps,
  spec: ContainerSpec,
  group: ContainerGroup | undefined,
): ContainerParts['demand'] {
  return (resources, limits, memoryBytes) => {
    const changes = changedDemand({ ...spec, resources, limits }, deps.settings, memoryBytes)
    if ('rejected' in changes) throw refusal(changes)
    const later = quotaAfterStart(deps, spec, changes)
    if (group === undefined || later === undefined) return changes
    setQuotaAfterStart(deps.cgroups, group.path, later)
    return withoutQuota(changes)
  }
}

async function startWithWords(engine: Engine, dockerId: string): Promise<void> {
  try {
    await engine.start(dockerId)
  } catch (error) {
    if (error instanceof EngineError && error.status !== undefined) throw cannot('start', error.words)
    throw error
  }
}

/** Undefined with other networks: they give the container addresses, which only the engine knows. */
function asMade({ translation: { name, body } }: Attempt, id: string, createdAt: number): Made | undefined {
  return ['host', 'none'].includes(body.HostConfig.NetworkMode) ? { id, name, body, createdAt } : undefined
}

export function groupOf(deps: LaunchDeps, spec: ContainerSpec, dockerId: string): ContainerGroup | undefined {
  const { cgroups, cgroupDriver } = deps
  if (cgroups.layout === 'none') return undefined
  const tier = spec.revocable ? 'lent' : 'owners'
  const path = cgroups.dockerPath(tier, dockerId, cgroupDriver)
  return { cgroups, tier, path, marks: cgroups.memoryMarks(tier) }
}

function cannot(doing: string, words: string): OperatingError {
  return new OperatingError('LAUNCH', `The Docker Engine could not ${doing} the container: ${words}`)
}

function refusal(problem: Rejection): OperatingError {
  return new OperatingError('LAUNCH', problem.message, { hint: 'Correct the task; nothing was started.' })
}
