// The way of a task from its description to a running engine container, with as few requests as it takes.
import { OperatingError, reasonOf } from '../../base/errors.ts'
import { humanDuration } from '../../base/units.ts'
import { type ContainerSpec, type LaunchObserver, Leaving } from '../containerizer.ts'
import { setQuotaAfterStart } from '../own-quota.ts'
import type { Made } from './as-made.ts'
import { copyOn } from './catch-up.ts'
import { DockerContainer } from './container.ts'
import { credentialsFor, sandboxConfig } from './credentials.ts'
import type { Listening } from './ends.ts'
import { EngineError } from './engine-errors.ts'
import type { Engine } from './engine.ts'
import { findStarted } from './found.ts'
import { LABELS, type Translation, translate } from './options.ts'
import { SandboxOutput } from './output.ts'
import { demandOf, groupOf, type LaunchDeps, quotaAfterStart, refusal, withoutQuota } from './parts.ts'

/** HTTP status of a create request whose name another container has. */
const NAME_TAKEN = 409
/** Between two questions to an engine that does not answer. */
const ASK_MS = 500

interface Attempt {
  readonly deps: LaunchDeps
  readonly spec: ContainerSpec
  readonly translation: Translation
  readonly observer: LaunchObserver
  readonly signal: AbortSignal
}

/**
 * Resolves with the running container. When it throws, nothing is left, unless the agent leaves.
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
  let made: string | DockerContainer
  try {
    made = await create(attempt)
  } catch (error) {
    output[Symbol.dispose]()
    throw error
  }
  if (typeof made === 'string') return start(attempt, made, output)
  output[Symbol.dispose]()
  return made
}

function cgroupParent(deps: LaunchDeps, spec: ContainerSpec): string | undefined {
  if (deps.cgroups.layout === 'none') return undefined
  const tier = spec.revocable ? 'lent' : 'owners'
  deps.cgroups.ensureTier(tier)
  return deps.cgroups.dockerParent(tier, deps.cgroupDriver)
}

/**
 * Creates the container and returns the engine's id, or finds the one that an earlier attempt has started. Pulls the
 * image only when the engine says that it is missing, as it mostly is there.
 */
async function create(attempt: Attempt): Promise<string | DockerContainer> {
  const { deps, translation, signal } = attempt
  for (const isLast of [false, true]) {
    const answer = await request(attempt)
    if (answer instanceof DockerContainer) return answer
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
  attempt: Attempt,
  isAgain = false,
): Promise<{ id: string } | { id: undefined; missing: string } | DockerContainer> {
  const { deps, spec, translation, signal } = attempt
  const { body, name } = translation
  const hasLate = quotaAfterStart(deps, spec, body.HostConfig) !== undefined
  const HostConfig = hasLate ? withoutQuota(body.HostConfig) : body.HostConfig
  try {
    return await unlessLeaving(signal, deps.engine.create(name, { ...body, HostConfig }))
  } catch (error) {
    if (isLeaving(signal)) throw error
    if (error instanceof EngineError && error.status === NAME_TAKEN && !isAgain) {
      const earlier = await settled(attempt, error, () => holderOfName(attempt, error.words))
      return earlier ?? request(attempt, true)
    }
    if (error instanceof EngineError && error.status !== undefined) throw cannot('create', error.words)
    // No answer is no proof that there is no container.
    throw await unlessLeaving(signal, accountedFor(deps, name, error))
  }
}

/**
 * Who has the name: the very container that was asked for, left by a life or a request that broke off. One that was
 * started goes on; one that was not is removed. A foreign one is not touched.
 */
async function holderOfName(
  { deps, spec, translation }: Attempt,
  words: string,
): Promise<DockerContainer | undefined> {
  const holder = await deps.engine.inspect(translation.name)
  if (holder === undefined) return undefined
  const { Id, Config } = holder.description
  const isOurs =
    Config.Labels?.[LABELS.agent] === deps.settings.agentTag &&
    Config.Labels[LABELS.container] === spec.containerId
  if (!isOurs) throw cannot('create', words)
  deps.log.info({ container: spec.containerId }, 'A container of this name is there already')
  return findStarted(deps, spec, Id)
}

/**
 * Asks until the engine says what became of a request that it did not answer.
 *
 * @throws EngineError when it stays away, or the signal's reason when the agent leaves
 */
async function settled<T>(
  { deps, spec, signal }: Attempt,
  error: EngineError,
  ask: () => Promise<T>,
): Promise<T> {
  const { clock, engineLossMs, log } = deps
  const end = clock.monotonic() + engineLossMs
  for (let isNoted = false; ; isNoted = true) {
    try {
      return await unlessLeaving(signal, ask())
    } catch (trouble) {
      if (!(trouble instanceof EngineError)) throw trouble
      if (clock.monotonic() >= end) throw doubtful(error, engineLossMs)
      if (!isNoted)
        log.warn(
          { container: spec.containerId, reason: trouble.message },
          'Waiting for the engine to say whether a container was started',
        )
    }
    await unlessLeaving(signal, clock.sleep(ASK_MS))
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
  if (!isUnanswered(error)) {
    await removals.now(id)
    return error
  }
  log.warn(
    { container: id, reason: error.message },
    'Waiting for the engine to confirm that nothing was started',
  )
  return (await removals.confirmed(id, engineLossMs)) ? error : doubtful(error, engineLossMs)
}

/** It may have been carried out. */
function isUnanswered(error: unknown): error is EngineError {
  return error instanceof EngineError && error.status === undefined && !error.isUnsent
}

function doubtful(error: EngineError, waitedMs: number): EngineError {
  const doubt = `; in ${humanDuration(waitedMs)} it did not confirm that nothing of it runs`
  const hint = error.hint === undefined ? {} : { hint: error.hint }
  return new EngineError(`${error.message}${doubt}`, undefined, '', { cause: error, ...hint })
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
  let isAsked = false
  try {
    signal.throwIfAborted()
    const group = groupOf(deps, spec, dockerId)
    const createdAt = deps.clock.now()
    // Attached before the start, or the first lines would be lost.
    copied = output.follow(await unlessLeaving(signal, engine.attach(dockerId, detach.signal)), raw)
    signal.throwIfAborted()
    listening = deps.ends.expect(dockerId)
    isAsked = true
    await unlessLeaving(signal, startWithWords(engine, dockerId))
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
    if (!signal.aborted) await container.look()
    return container
  } catch (error) {
    listening?.[Symbol.dispose]()
    detach.abort()
    await copied
    output[Symbol.dispose]()
    if (isAsked && isLeaving(signal)) throw signal.reason
    if (isAsked && isUnanswered(error)) return outOfDoubt(attempt, dockerId, error)
    throw await accountedFor(deps, dockerId, error)
  }
}

/** The engine was asked to start it and did not answer: it may run, may have ended, may be started later. */
async function outOfDoubt(attempt: Attempt, dockerId: string, error: EngineError): Promise<DockerContainer> {
  const { deps, spec, signal } = attempt
  let started: DockerContainer | undefined
  try {
    started = await settled(attempt, error, () => findStarted(deps, spec, dockerId))
  } catch (trouble) {
    // Whoever hears of the failure starts another one.
    if (!isLeaving(signal)) deps.removals.later(dockerId)
    throw trouble
  }
  if (started === undefined) throw error
  return started
}

const isLeaving = (signal: AbortSignal): boolean => signal.reason instanceof Leaving

/** An agent that leaves does not wait for the engine; what was asked for goes on unheard. */
async function unlessLeaving<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise: left, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => {
    if (isLeaving(signal)) reject(signal.reason)
  }
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, left])
  } finally {
    signal.removeEventListener('abort', onAbort)
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

function cannot(doing: string, words: string): OperatingError {
  return new OperatingError('LAUNCH', `The Docker Engine could not ${doing} the container: ${words}`)
}
