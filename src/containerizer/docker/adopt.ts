// What an earlier life of the agent left on the engine: which containers live on, which have ended, which have to go.
import { parseIsoTime } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Container, ContainerSpec, Recovered } from '../containerizer.ts'
import { setQuotaAfterStart } from '../own-quota.ts'
import { copyOn, copyRest } from './catch-up.ts'
import { DockerContainer } from './container.ts'
import { applyDemand } from './demand.ts'
import type { Inspection, ListedContainer } from './engine-answers.ts'
import { EngineError } from './engine-errors.ts'
import { demandOf, groupOf, type LaunchDeps, quotaAfterStart } from './launch.ts'
import { LABELS } from './options.ts'
import { SandboxOutput } from './output.ts'
import { Turns } from './turns.ts'

export interface AdoptDeps extends LaunchDeps {
  /** Containers of this life, which are left alone. */
  readonly mine: ReadonlySet<string>
  /** `--docker_kill_orphans`. */
  readonly killOrphans: boolean
}

const WIDTH = 8
const RETRY_MS = 500
/** How long the engine may take to begin to tell ends; without that it is asked about each container. */
const ENDS_MS = 2000
const RUNS = new Set(['running', 'paused', 'restarting'])

/** With one list for all and one look at each: see `Containerizer.recover`. */
export async function recoverContainers(
  deps: AdoptDeps,
  known: readonly ContainerSpec[],
): Promise<Recovered> {
  const { engine, ends, mine, settings } = deps
  // From before the list on, so that no end falls between the list and the listening.
  using _heard = await ends.remember(ENDS_MS)
  const listed = await insist(deps, () => engine.list(LABELS.agent, settings.agentTag))
  // The engine filters; a container that is not ours must survive even an engine that does not.
  const left = listed.filter(({ Id, Labels }) => Labels[LABELS.agent] === settings.agentTag && !mine.has(Id))
  const specs = new Map(known.map((spec) => [spec.containerId, spec]))
  const containers = new Map<string, Container>()
  const turns = new Turns(WIDTH)
  let removed = 0
  await Promise.all(
    left.map((one) =>
      turns.take(async () => {
        const spec = specs.get(one.Labels[LABELS.container] ?? '')
        const isOrphan = spec === undefined
        if (spec !== undefined && one.State !== 'created') {
          const container = await adopt(deps, spec, one)
          if (container !== undefined) containers.set(spec.containerId, container)
        } else if (isOrphan && one.State === 'exited') {
          if (!(await keep(deps, one))) removed += 1
        } else if (!isOrphan || deps.killOrphans || !RUNS.has(one.State)) {
          await remove(deps, one)
          if (isOrphan) removed += 1
        } else
          deps.log.warn(about(one), 'Left a running container that nobody knows (--no-docker_kill_orphans)')
      }),
    ),
  )
  return { containers, removed }
}

/** One whose end was told in an earlier life is kept for the rest of its time; false when that is over. */
async function keep(deps: AdoptDeps, one: ListedContainer): Promise<boolean> {
  const { clock, engine, onCreated, removals } = deps
  const found = await insist(deps, () => engine.inspect(one.Id))
  const endedAt = parseIsoTime(found?.description.State.FinishedAt ?? '') ?? 0
  onCreated(one.Id)
  const taskId = one.Labels[LABELS.task]
  const ended = {
    containerId: one.Labels[LABELS.container] ?? '',
    taskId,
    endedAt: Math.min(endedAt, clock.now()),
  }
  await removals.schedule(one.Id, ended)
  return removals.kept.some(({ engineId }) => engineId === one.Id)
}

async function remove(deps: AdoptDeps, one: ListedContainer): Promise<void> {
  deps.log.info(about(one), 'Removing a container of an earlier life')
  await deps.removals.now(one.Id)
}

/**
 * An engine that is just starting again, or hangs, is waited for: whoever takes its containers for gone would start
 * them a second time.
 */
async function insist<T>({ clock, log, engineLossMs, closed }: AdoptDeps, ask: () => Promise<T>): Promise<T> {
  const end = clock.monotonic() + engineLossMs
  for (let isNoted = false; ; isNoted = true) {
    try {
      return await ask()
    } catch (error) {
      const isNo = error instanceof EngineError && error.status !== undefined && error.status < 500
      if (!(error instanceof EngineError) || isNo || clock.monotonic() >= end) throw error
      if (!isNoted)
        log.warn({ reason: reasonOf(error) }, 'Waiting for the Docker Engine to find containers again')
      await clock.sleep(RETRY_MS, closed)
    }
  }
}

function about({ Labels, State }: ListedContainer): Readonly<Record<string, unknown>> {
  return { container: Labels[LABELS.container], task: Labels[LABELS.task], state: State }
}

/** Undefined when somebody removed it since it was listed. */
async function adopt(
  deps: AdoptDeps,
  spec: ContainerSpec,
  { Id }: ListedContainer,
): Promise<Container | undefined> {
  const { engine, ends, cgroups, log, onCreated } = deps
  const listening = ends.expect(Id)
  let inspection: Inspection | undefined
  try {
    inspection = await insist(deps, () => engine.inspect(Id))
  } catch (error) {
    listening?.[Symbol.dispose]()
    throw error
  }
  if (inspection === undefined) {
    listening?.[Symbol.dispose]()
    return undefined
  }
  onCreated(Id)
  const { State, Config, HostConfig } = inspection.description
  const group = groupOf(deps, spec, Id)
  const detach = new AbortController()
  const output = openOutput(deps, spec)
  const copy = {
    ...deps,
    containerId: spec.containerId,
    dockerId: Id,
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
    'Found a container of an earlier life again',
  )
  const memory = HostConfig.Memory ?? 0
  return new DockerContainer({
    ...deps,
    containerId: spec.containerId,
    taskId: spec.taskId,
    dockerId: Id,
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
  { outputHeadBytes, outputMaxBytes, log }: AdoptDeps,
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
function giveQuotaBack(deps: AdoptDeps, spec: ContainerSpec, path: string): void {
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
